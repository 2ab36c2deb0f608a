"""LAMOST low-resolution spectra: one file for each spectrum."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.identifiers import without_point
from survey_batch.catalog.values import joined, padded, to_integer
from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.stages.kinds import SPECTRA, SPECTRAL_FEATURES

NUMBERS = ("lmjd", "spid", "fiberid")

FILE_NAME = (
    r"^(?:.*/)?(?:spec|med)-(?P<lmjd>\d+)-(?P<planid>.+)_sp(?P<spid>\d+)-(?P<fiberid>\d+)(?:\.fits(?:\.gz|\.bz2)?)?$"
)


COLUMNS_OF = {
    "flat": "filename, or lmjd, planid, spid and fiberid",
    "plan": "obsdate and planid, and either filename or lmjd, spid and fiberid",
    "obsid": "obsid",
}
PURPOSE = """\
survey "{survey}" with layout "{layout}" finds a spectrum's file by the columns {columns}.
The catalogues of each release (www.lamost.org, LRS General Catalog) have them. For a list of positions or of obsids:
  [catalog] match = {{ path = "<catalogue of the release>", best = "snr" }}   (by position, within 3 arcsec)
  [catalog] match = {{ path = "<catalogue of the release>", by = "id" }}"""


class LamostArchive(ArchiveSection):
    """The table `[archive]` of LAMOST."""

    layout: Literal["flat", "plan", "obsid"] = "flat"
    """All files in the root, `<obsdate>/<planid>/`, or `spectrum/fits/<obsid>`."""


class Lamost(Survey):
    """LAMOST low-resolution spectra of all releases."""

    name = "lamost"
    archive = LamostArchive
    key = (
        KeyColumn("obsid", "text", ("obsid",), needed=False, meaning="number of the observation"),
        KeyColumn("lmjd", "integer", ("lmjd",), needed=False, meaning="local modified Julian day"),
        KeyColumn("planid", "text", ("planid",), needed=False, meaning="plan, which names a plate"),
        KeyColumn("spid", "integer", ("spid",), needed=False, meaning="spectrograph, 1 to 16"),
        KeyColumn("fiberid", "integer", ("fiberid", "fiber"), needed=False, meaning="fibre, 1 to 250"),
        KeyColumn(
            "obsdate", "text", ("obsdate",), needed=False, meaning="date of the observation; a folder of the archive"
        ),
        KeyColumn("filename", "text", ("filename", "fitsname"), needed=False, meaning="name of the spectrum's file"),
    )
    order = ("obsdate", "planid", "lmjd", "spid", "fiberid")
    columns: ClassVar = {
        "object_id": ("objectid", "obsid"),
        **{f"snr{band}": (f"snr{band}",) for band in "rgizu"},
        **{f"mag_{band}": (f"magps{band}", f"mag{band}") for band in "griz"},  # Pan-STARRS, since DR6
    }
    stages: ClassVar = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_position = False
    file = "spectrum"
    spectrum_reader = "survey_batch.surveys.lamost.reader:LamostSpectra"
    simulator = "survey_batch.simulate:simulate_lamost"
    advice: ClassVar[str] = PURPOSE
    """What its catalogues are, where a user asks for them."""

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that the layout needs and that were not found."""
        layout = cast("LamostArchive", archive).layout
        folder = {"flat": (), "plan": ("obsdate", "planid"), "obsid": ("obsid",)}[layout]
        file = () if layout == "obsid" or "filename" in found else ("lmjd", "planid", "spid", "fiberid")
        return [name for name in dict.fromkeys((*folder, *file)) if name not in found]

    def purpose(self, archive: ArchiveSection) -> str:
        """Say what the columns are needed for, and where a user gets them."""
        layout = cast("LamostArchive", archive).layout
        return self.advice.format(survey=self.name, layout=layout, columns=COLUMNS_OF[layout])

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array | I8]:
        """Read the parts of a spectrum's file name, "" or -1 where missing; a row needs enough to name its file."""
        filename = rows.text("filename")
        parts = pc.extract_regex(pc.fill_null(filename, ""), FILE_NAME)
        key: dict[str, pa.Array | I8] = {"obsid": _known(without_point(rows.text("obsid")))}
        for name in NUMBERS:
            values = rows.whole_number(name)
            key[name] = np.where(values >= 0, values, to_integer(pc.struct_field(parts, name))[0])
        key["planid"] = _known(pc.coalesce(rows.text("planid"), pc.struct_field(parts, "planid")))
        key |= {"obsdate": _known(rows.text("obsdate")), "filename": _known(filename)}
        _reject_unnamed(rows, key, cast("LamostArchive", archive).layout)
        return key

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made from the fibre, and of the file's name."""
        planid, filename = (_or_null(rows.text(name)) for name in ("planid", "filename"))
        lmjd, spid, fiberid = (rows.numbers(name) for name in NUMBERS)
        yield "lmjd-planid-spid-fiberid", fibre_names(lmjd, planid, spid, fiberid)
        yield "the file's name", filename

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


def _known(values: pa.Array) -> pa.Array:
    return pc.fill_null(values, "")


def _or_null(text: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _reject_unnamed(rows: CatalogRows, key: Mapping[str, pa.Array | I8], layout: str) -> None:
    """Reject rows whose file cannot be named in this layout of the archive."""
    empty = {name: np.asarray(pc.equal(key[name], "")) for name in ("obsid", "planid", "obsdate", "filename")}
    unnamed = empty["planid"] | np.any([np.asarray(key[name]) < 0 for name in NUMBERS], axis=0)
    if layout == "obsid":
        rows.reject(empty["obsid"], 'obsid is missing, and layout = "obsid" finds files by it', "obsid")
        return
    if layout == "plan":
        for name in ("obsdate", "planid"):
            rows.reject(empty[name], f'{name} is missing, and layout = "plan" finds folders by it', name)
    reason = "neither a filename nor all of lmjd, planid, spid and fiberid: the file cannot be named"
    rows.reject(empty["filename"] & unnamed, reason, "filename", "lmjd", "planid", "spid", "fiberid")


def fibre_names(lmjd: I8, planid: pa.Array, spid: I8, fiberid: I8) -> pa.Array:
    """Return names of LAMOST spectra, `<lmjd>-<planid>-sp<spid>-<fiberid>`; null where a part is missing."""
    return joined(padded(lmjd, 5), "-", planid, "-sp", padded(spid, 2), "-", padded(fiberid, 3))


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # and "predictions", with its table at the end

[catalog]
path = "catalog.csv"
# match = { path = "dr9_LRS_stellar.csv", best = "snr" }   # if catalog.csv has ra and dec alone: a release's list
label = "spectral_type"                     # a column, or "spectral_type": A F G K M or non-stellar
split = { train = 0.7, test = 0.3 }         # by star, so that none is in both

[archive]
survey = "lamost"
root = "spectra"                            # a folder, https://... or s3://...
layout = "flat"                             # flat | plan | obsid
connections = 4

[train]
kind = "spectral-type"                      # or galaxy-quasar-star, table; docs/classifiers names all
classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains it first if it does not exist
# classifier = "models/{name}"
"""

LAMOST = Lamost()
