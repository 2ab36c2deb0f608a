"""SDSS imaging: objects are cut from the frames of the fields that hold them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from survey_batch.config.key_columns import CatalogRows, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.core.redaction import check_address
from survey_batch.stages.kinds import COMPOSITES, CUTOUTS, FRAMES, IMAGE_FEATURES
from survey_batch.surveys.sdss.by_position import find_fields
from survey_batch.surveys.sdss.columns import COLUMNS, FIELD, fibre, field_columns, substitute_ids

RERUN = 301
"""Rerun of nearly all imaging since DR8; used only if the catalogue has no such column."""


Release = Literal["dr8", "dr9", "dr10", "dr11", "dr12", "dr13", "dr14", "dr15", "dr16", "dr17", "dr18", "dr19"]


class SdssArchive(ArchiveSection):
    """The table `[archive]` of SDSS imaging."""

    beside = frozenset({"fields"})

    release: Release = "dr17"
    """Decides where frames are below the root: `eboss/photoObj` from DR13 to DR17, `boss/photoObj` before, and
    `prior-surveys/sdss4-dr17-eboss/photoObj` after."""
    fields: Annotated[str | None, Field(examples=["window_flist.fits"])] = None
    """List of the survey's fields, which finds the field of a position where the catalogue names none: SDSS's
    `window_flist.fits`, or a table with its columns `run`, `camcol`, `field`, `mu_start`, `mu_end`, `nu_start`,
    `nu_end`, `node` and `incl`."""

    @field_validator("fields")
    @classmethod
    def _address(cls, fields: str | None) -> str | None:
        return fields and check_address(fields)


class Sdss(Survey):
    """SDSS imaging, DR8 and later."""

    name = "sdss"
    archive = SdssArchive
    key = field_columns(needed=True)
    order = FIELD
    columns = COLUMNS
    stages: ClassVar = {"frames": FRAMES, "cutouts": CUTOUTS, "composites": COMPOSITES, "features": IMAGE_FEATURES}
    field = FIELD
    reads = ("catalog.detect",)
    file = "frame"
    image_reader = "survey_batch.surveys.sdss.reader:SdssFrames"
    simulator = "survey_batch.simulate:simulate_sdss"

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that are needed and not among those found; a list of fields stands for run to field."""
        lacking = super().missing(found, archive)
        return [name for name in lacking if name not in FIELD] if _list_of_fields(archive) else lacking

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for, and where a user gets them."""
        return PURPOSE

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, I8]:
        """Read rerun, run, camcol and field, -1 where missing; a row without its frame cannot be used."""
        if "rerun" not in rows.names and not _list_of_fields(archive):
            rows.notes.append(f"no column for rerun: {RERUN} is assumed, the rerun of SDSS imaging since DR8")
        key = {name: rows.whole_number(name) for name in FIELD}
        if "rerun" not in rows.names:
            key["rerun"] = np.full(len(rows), RERUN)
        if fields := _list_of_fields(archive):
            find_fields(rows, key, fields)
        for name, values in key.items():
            rows.reject(values < 0, f"{name} is missing: no frame can be found without it", name)
        rows.reject((key["camcol"] < 1) | (key["camcol"] > 6), "camcol must lie from 1 to 6", "camcol")
        return {**key, **fibre(rows)}

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made from the spectrum, and of the field with the position."""
        return substitute_ids(rows)

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


def _list_of_fields(archive: ArchiveSection) -> str | None:
    return cast("SdssArchive", archive).fields


PURPOSE = """\
survey "sdss" cuts objects out of frames, and finds an object's frame by the columns run, camcol and field (and rerun,
if it is not 301) besides ra and dec. The SDSS tables PhotoObj and PhotoPrimary have them. For a list of positions:
  - here: [archive] fields = "window_flist.fits", SDSS's list of its fields
    (data.sdss.org/sas/dr9/env/PHOTO_RESOLVE/window_flist.fits); then ra and dec are enough
  - in a browser: SkyServer (skyserver.sdss.org), Object CrossID, or an upload to CasJobs, with
    SELECT p.objID, p.ra, p.dec, p.run, p.rerun, p.camcol, p.field
  - in Python: astroquery.sdss.SDSS.query_crossid(SkyCoord(ra, dec, unit="deg"),
    photoobj_fields=["objID", "ra", "dec", "run", "rerun", "camcol", "field"])
Join the result to your list, and name that file in catalog.path. Survey "skyserver" needs only ra and dec: it
fetches colour images drawn by SkyServer, without fluxes."""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["frames", "cutouts"]              # and "predictions", with its tables at the end

[catalog]
path = "catalog.csv"                        # CSV, Parquet, FITS, VOTable, ECSV, HATS, …; any fsspec URL
# id = "specobjid"                          # columns of known releases are found by name; name the others
# label = "mk_class"                        # to train: a column, or "mk_class": O B A F G K M, from class and subclass
# split = { train = 0.7, test = 0.3, group = "field" }

[archive]
survey = "sdss"
root = "https://data.sdss.org/sas/dr17"     # or a folder, or s3://...
# fields = "window_flist.fits"              # finds fields by position if the catalogue has no run, camcol and field
connections = 8                             # for the whole run

[frames]
bands = "ugriz"
# keep = true                               # store frames? By default, if a field holds many objects of the catalogue

[cutouts]
size = 64

[shards]
objects = 1024

# [train]
# kind = "stellar-image"                    # or table, of features; docs/classifiers names all
# classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains it first if it does not exist
# classifier = "models/{name}"
"""

SDSS = Sdss()
