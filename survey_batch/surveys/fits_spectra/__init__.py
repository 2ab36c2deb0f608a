"""Spectra in FITS files of any origin."""
