"""Coadded spectra in the layout of DESI: a survey for survey_batch."""
