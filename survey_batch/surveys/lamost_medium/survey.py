"""LAMOST medium-resolution spectra: one file for each object and night."""

from typing import ClassVar

from survey_batch.surveys.lamost.survey import Lamost

PURPOSE = """\
survey "{survey}" with layout "{layout}" finds a spectrum's file by the columns {columns}.
The medium-resolution catalogues of each release (www.lamost.org, MRS General Catalog) have them. They may have a row
for each exposure and arm: keep one for each obsid. For a list of positions or of obsids:
  [catalog] match = {{ path = "<catalogue of the release>", best = "snr" }}   (by position, within 3 arcsec)
  [catalog] match = {{ path = "<catalogue of the release>", by = "id" }}"""


class LamostMedium(Lamost):
    """LAMOST medium-resolution spectra (R = 7500), coadded, of both arms; catalogues are as for low resolution."""

    name = "lamost-medium"
    spectrum_reader = "survey_batch.surveys.lamost_medium.reader:LamostMediumSpectra"
    simulator = "survey_batch.simulate:simulate_lamost_medium"
    advice: ClassVar[str] = PURPOSE

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # and "predictions", with its table at the end

[catalog]
path = "catalog.csv"
# match = { path = "dr9_MRS_general.csv", best = "snr" }   # if catalog.csv has ra and dec alone: a release's list
# split = { train = 0.7, test = 0.3 }       # by star, so that none is in both

[archive]
survey = "lamost-medium"
root = "spectra"                            # a folder, https://... or s3://...
layout = "flat"                             # flat | plan | obsid
connections = 4

[spectra]
wavelength_min = 4950.0                     # the blue arm ends near 5350, the red one begins near 6300
wavelength_max = 6800.0
step = 2e-5                                 # 13.8 km/s, a third of what the spectrograph resolves

# [train]
# kind = "quantities"                       # or spectrum-embedding, table
# columns = ["teff"]                        # columns of the catalogue to learn
# classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains it first if it does not exist
# classifier = "models/{name}"
"""

LAMOST_MEDIUM = LamostMedium()
