"""Power spectra of spectra, as a stage for survey-batch."""
