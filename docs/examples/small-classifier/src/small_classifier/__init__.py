"""A small network for spectra, as a kind of classifier for survey-batch."""
