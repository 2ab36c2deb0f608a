"""DESI coadded spectra."""
