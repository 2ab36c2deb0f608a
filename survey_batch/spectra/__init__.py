"""Kernels on spectra: pure numpy functions on blocks of (object, wavelength)."""
