"""SkyServer: the service draws a colour image of the SDSS sky around each position."""

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
from pydantic import PositiveInt

from survey_batch.catalog.identifiers import position_names
from survey_batch.config.key_columns import CatalogRows, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.surveys.sdss.columns import COLUMNS, FIELD, fibre, field_columns, substitute_ids

SKY_IMAGES = StageKind(
    "survey_batch.surveys.skyserver.stage:SkyImagesStage",
    reads=("composites.size", "composites.scale", "composites.keep"),
    table="composites",
    starts=True,
)


class SkyServerArchive(ArchiveSection):
    """The table `[archive]` of SkyServer."""

    connections: PositiveInt = 4
    """Downloads at a time in the whole run; few by default, because the service draws each image on request."""


class SkyServer(Survey):
    """SkyServer's ImgCutout service; the columns of a field serve only to name objects."""

    name = "skyserver"
    archive = SkyServerArchive
    key = field_columns(needed=False)
    order = ("ra", "dec")
    columns = COLUMNS
    stages: ClassVar = {"composites": SKY_IMAGES}
    file = "image"

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for."""
        return 'survey "skyserver" draws the sky around ra and dec, in degrees: it needs these two columns.'

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, I8]:  # noqa: ARG002
        """Read what names an object; the position alone leads to its image."""
        return {**{name: rows.integer(name) for name in FIELD}, **fibre(rows)}

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made from the spectrum, of the field with the position, and of the position alone."""
        yield from substitute_ids(rows)
        yield "the position", position_names(rows.numbers("ra"), rows.numbers("dec"))

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["composites"]                     # and "predictions", with its tables at the end

[catalog]
path = "catalog.csv"                        # ra and dec [deg] are enough
# id = "specobjid"
# label = "mk_class"                        # to train: a column, or "mk_class": O B A F G K M, from class and subclass
# split = { train = 0.7, test = 0.3 }

[archive]
survey = "skyserver"
root = "https://skyserver.sdss.org/dr18/SkyServerWS/ImgCutout"
connections = 2                             # for the whole run; each image is drawn on request
# pause = 0.5                               # seconds for which a connection rests after each image
# cache = "runs/cache"                      # so that no image is requested twice

[composites]
size = 64                                   # pixels on a side, 64 to 1024
scale = 0.396                               # arcsec per pixel; a pixel of SDSS

[shards]
objects = 256

# [train]
# kind = "stellar-image"
# product = "composites"
# classifier = "models/{name}"

# [predictions]
# classifier = "models/{name}"
"""

SKYSERVER = SkyServer()
