"""LAMOST medium-resolution spectra."""
