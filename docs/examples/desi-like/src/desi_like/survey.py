"""The survey: what its catalogues look like, and what can be made of its files."""

from survey_batch.surveys import SPECTRA, SPECTRAL_FEATURES, ArchiveSection, KeyColumn, Survey


class DesiArchive(ArchiveSection):
    """The table `[archive]`: the keys of every survey, and one of our own."""

    production: str = "iron"
    """Name of the reduction, which is a folder below the root: `iron` for DR1, `fuji` for the early release."""


class Desi(Survey):
    """Coadds by HEALPix pixel: a file holds all objects of one pixel, survey and program."""

    name = "desi-like"
    archive = DesiArchive
    key = (
        KeyColumn("survey", "text", ("survey",)),
        KeyColumn("program", "text", ("program",)),
        KeyColumn("healpix", "integer", ("healpix", "hpxpixel")),
    )
    order = ("survey", "program", "healpix")
    columns = {
        "object_id": ("targetid",),
        "ra": ("targetra", "meanfibra", "ra"),
        "dec": ("targetdec", "meanfibdec", "dec"),
        "primary": ("zcatprimary",),
    }
    stages = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_id = True
    needs_position = False
    file = "coadd"
    spectrum_reader = "desi_like.reader:DesiCoadds"
    simulator = "desi_like.simulate:simulate"

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]

[catalog]
path = "zall-pix.fits"                      # the redshift catalogue, or rows of it
label = "SPECTYPE"
split = { train = 0.7, test = 0.3 }

[archive]
survey = "desi-like"
root = "https://data.desi.lbl.gov/public/dr1"
production = "iron"
connections = 4

[spectra]
wavelength_min = 3601.0
wavelength_max = 9823.0

[train]
kind = "spectral-type"
classifier = "models/{name}"
"""

DESI = Desi()
