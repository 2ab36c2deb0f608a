"""Optical spectra of SDSS, BOSS, eBOSS and SDSS-V."""
