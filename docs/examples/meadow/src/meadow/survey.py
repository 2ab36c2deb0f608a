"""The survey: what its catalogues look like, and what can be made of its files."""

from survey_batch.surveys import SPECTRA, SPECTRAL_FEATURES, ArchiveSection, KeyColumn, Survey


class MeadowArchive(ArchiveSection):
    """The table `[archive]`: the keys of every survey, and one of our own."""

    version: str = "v2"
    """Version of the reduction, which is a folder below the root."""


class Meadow(Survey):
    """Spectra of stars by field: a file holds all stars of one field."""

    name = "meadow"
    archive = MeadowArchive
    key = (KeyColumn("field", "text", ("field", "fieldname")),)
    order = ("field",)
    columns = {"object_id": ("star", "starname")}
    stages = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_id = True
    needs_position = False
    file = "field"
    spectrum_reader = "meadow.reader:MeadowFields"
    simulator = "meadow.simulate:simulate"

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]

[catalog]
path = "stars.fits"                         # the survey's list of stars, or rows of it
label = "TYPE"
split = { train = 0.7, test = 0.3 }

[archive]
survey = "meadow"
root = "archive"                            # a folder, https://... or s3://...
version = "v2"
connections = 4

[spectra]
wavelength_min = 3805.0
wavelength_max = 8798.0

[train]
kind = "spectral-type"
classifier = "models/{name}"
"""

MEADOW = Meadow()
