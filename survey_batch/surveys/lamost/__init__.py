"""LAMOST low-resolution spectra."""
