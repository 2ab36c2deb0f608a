"""Optical spectra of SDSS, BOSS, eBOSS and SDSS-V (BOSS spectrograph)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from survey_batch.catalog.values import joined, padded
from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.stages.kinds import SPECTRA, SPECTRAL_FEATURES
from survey_batch.surveys.sdss.columns import COLUMNS, spectrum_names
from survey_batch.surveys.sdss.survey import Release
from survey_batch.surveys.sdss_spectra.paths import NO_RUN, SDSS5_RELEASES, Files, not_of

PLATE, FIELD = ("plate", "mjd", "fiberid"), ("fieldid", "mjd", "catalogid")
"""Columns that name a spectrum: of a plate, or of SDSS-V."""


class SdssSpectraArchive(ArchiveSection):
    """The table `[archive]` of SDSS spectra."""

    release: Release = "dr17"
    """Decides where spectra are below the root; plates up to `dr17`, SDSS-V from `dr18` on."""
    files: Files = "lite"
    """`lite` has the coadded spectrum, `full` all exposures besides: ten times the bytes for the same product."""
    run2d: Annotated[str | None, Field(examples=["v5_13_2"])] = None
    """Version of the reduction (`run2d`) of rows that name none."""
    layout: Literal["archive", "flat"] = "archive"
    """Folders as on the Science Archive Server, or all files in the root."""


class SdssSpectra(Survey):
    """Coadded spectra, DR8 to DR19."""

    name = "sdss-spectra"
    archive = SdssSpectraArchive
    key = (
        KeyColumn("run2d", "text", ("run2d",), needed=False, meaning="version of the reduction; a folder"),
        KeyColumn("plate", "integer", ("plate", "plateid"), needed=False, meaning="plate of a spectrum up to DR17"),
        KeyColumn("fieldid", "integer", ("fieldid", "field"), needed=False, meaning="field of a spectrum of SDSS-V"),
        KeyColumn("mjd", "integer", ("mjd",), needed=False, meaning="modified Julian day of the observation"),
        KeyColumn("fiberid", "integer", ("fiberid", "fiber"), needed=False, meaning="fibre, 1 to 1000"),
        KeyColumn("catalogid", "text", ("catalogid",), needed=False, meaning="number of the object in SDSS-V"),
    )
    order = ("run2d", "plate", "fieldid", "mjd", "fiberid")
    columns: ClassVar = {name: names for name, names in COLUMNS.items() if name not in PLATE}
    stages: ClassVar = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_position = False
    file = "spectrum"
    spectrum_reader = "survey_batch.surveys.sdss_spectra.reader:SdssSpectraFiles"
    simulator = "survey_batch.simulate:simulate_sdss_spectra"

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:  # noqa: ARG002
        """Return the columns that are needed and were not found: those of a plate or those of SDSS-V."""
        lacking = [[name for name in names if name not in found] for names in (PLATE, FIELD)]
        return min(lacking, key=len)

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for, and where a user gets them."""
        return PURPOSE

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array | I8]:
        """Read what names a spectrum, and reject rows that name none."""
        key: dict[str, pa.Array | I8] = {
            column.name: pc.fill_null(rows.text(column.name), "")
            if column.kind == "text"
            else rows.whole_number(column.name)
            for column in self.key
        }
        # Where some rows lack a number, programs write the others as 26.0.
        key["run2d"] = pc.replace_substring_regex(pc.utf8_trim_whitespace(key["run2d"]), r"^([0-9]+)\.0*$", r"\1")
        key["catalogid"] = pc.replace_substring_regex(key["catalogid"], r"\.0*$", "")
        known = {name: np.asarray(values) >= 0 for name, values in key.items() if not isinstance(values, pa.Array)}
        known["catalogid"] = np.asarray(pc.match_substring_regex(key["catalogid"], r"^[0-9]+$"))
        named = [np.logical_and.reduce([known[name] for name in names]) for names in (PLATE, FIELD)]
        reason = "neither plate, mjd and fiberid nor fieldid, mjd and catalogid: no spectrum can be found"
        rows.reject(~(named[0] | named[1]), reason, *dict.fromkeys((*PLATE, *FIELD)))
        if not cast("SdssSpectraArchive", archive).run2d and _needs_run(archive):
            lacks = np.asarray(pc.equal(key["run2d"], ""))
            rows.reject(lacks, NO_RUN, "run2d")
        if _needs_run(archive):
            release = cast("SdssSpectraArchive", archive).release
            held, other = reversed(named) if release in SDSS5_RELEASES else named
            rows.reject(other & ~held, not_of(release))
        return key

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made of what names a spectrum."""
        plates = spectrum_names(*(rows.numbers(name) for name in PLATE))
        field, mjd = (padded(rows.numbers(name), width) for name, width in (("fieldid", 6), ("mjd", 5)))
        number = rows.text("catalogid")
        fields = joined(field, "-", mjd, "-", pc.if_else(pc.equal(number, ""), pa.scalar(None, pa.string()), number))
        yield "plate-mjd-fiberid or fieldid-mjd-catalogid", pc.coalesce(plates, fields)

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


def _needs_run(archive: ArchiveSection) -> bool:
    """Tell whether a file's path has the version of the reduction in it."""
    return cast("SdssSpectraArchive", archive).layout == "archive"


PURPOSE = """\
survey "sdss-spectra" finds a spectrum's file by the columns plate, mjd and fiberid (up to DR17) or fieldid, mjd and
catalogid (SDSS-V), and by run2d. The SDSS tables SpecObj and spAll have them. For a list of positions:
  - here: [catalog] match = { path = "specObj-dr17.fits", best = "snr" }, SDSS's list of its spectra
    (data.sdss.org/sas/dr17/sdss/spectro/redux/specObj-dr17.fits); then ra and dec are enough
  - in a browser: SkyServer (skyserver.sdss.org), Object CrossID, or an upload to CasJobs, with
    SELECT s.specObjID, s.ra, s.dec, s.run2d, s.plate, s.mjd, s.fiberID, s.class, s.subclass, s.z
  - in Python: astroquery.sdss.SDSS.query_crossid(SkyCoord(ra, dec, unit="deg"),
    specobj_fields=["specobjid", "ra", "dec", "run2d", "plate", "mjd", "fiberid", "class", "subclass", "z"])
Join the result to your list, and name that file in catalog.path."""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # and "predictions", with its table at the end

[catalog]
path = "catalog.csv"                        # plate, mjd, fiberid and run2d; or fieldid, mjd, catalogid and run2d
# match = { path = "specObj-dr17.fits", best = "snr" }     # if catalog.csv has ra and dec alone
label = "spectral_type"                     # a column, or "spectral_type": A F G K M or non-stellar
split = { train = 0.7, test = 0.3 }

[archive]
survey = "sdss-spectra"
root = "https://data.sdss.org/sas/dr17"     # or a folder, or s3://...
release = "dr17"                            # dr8 to dr19: where files are below the root
# run2d = "v5_13_2"                         # for rows without run2d
connections = 8

# [predictions]                             # a classifier of LAMOST spectra works on the same range of wavelengths
# classifier = "models/{name}"
"""

SDSS_SPECTRA = SdssSpectra()
