"""Spectra of Meadow, a survey that does not exist, for survey_batch."""
