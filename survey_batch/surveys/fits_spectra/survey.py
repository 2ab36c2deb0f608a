"""Spectra in FITS files of any origin: a column of the catalogue, or a template, names each file."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field

from survey_batch.catalog.guesses import plain
from survey_batch.catalog.template import Template, below
from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.core.paths import OUTSIDE_ROOT
from survey_batch.stages.kinds import SPECTRA, SPECTRAL_FEATURES
from survey_batch.surveys.fits_spectra.flux_units import AS_IS, is_flux_density


def _template(text: str) -> str:
    if not Template(text).columns:
        raise ValueError("name columns of the catalogue in braces, such as {plate} or {plate:04d}, which adds zeros")
    return text


def _flux_unit(text: str) -> str:
    if text != AS_IS and not is_flux_density(text):
        raise ValueError(f'{text!r} is no unit of flux density that astropy knows, nor "{AS_IS}"')
    return text


PathTemplate = Annotated[str, AfterValidator(_template)]
FluxUnit = Annotated[str, AfterValidator(_flux_unit)]


class FitsSpectraArchive(ArchiveSection):
    """The table `[archive]` of spectra in files of any origin."""

    file: Annotated[PathTemplate | None, Field(examples=["{run2d}/spec-{plate:04d}-{mjd}.fits"])] = None
    """Name of a row's file below the root, made of the catalogue's columns in braces: `{plate:04d}` writes a number in
    four digits, `{name:.3}` the first three characters. Without it, a column names the file."""
    hdu: Annotated[str | None, Field(examples=["SPECTRUM"])] = None
    """Name or number of the only HDU to look at, if a file has several spectra; else the first that holds one."""
    wavelength_unit: Annotated[Literal["Angstrom", "nm", "um", "log10"] | None, Field(examples=["Angstrom"])] = None
    """Unit of wavelengths in files that do not say it; `log10` is log10(wavelength / Angstrom)."""
    medium: Annotated[Literal["air", "vacuum"] | None, Field(examples=["vacuum"])] = None
    """Medium of wavelengths in files that do not say it; those in air are converted."""
    flux_unit: Annotated[FluxUnit | None, Field(examples=["1e-17 erg / (s cm2 Angstrom)"])] = None
    """Unit of the product, to which fluxes are converted. Without it, a file that says a unit is set aside, so that
    units are not mixed; `as-is` keeps the numbers of each file, whatever their unit."""
    without_errors: Literal["refuse", "equal"] = "refuse"
    """What becomes of a spectrum without errors: it is set aside, or all its pixels get an inverse variance of 1."""

    def columns(self) -> list[str]:
        """Return the columns that the template names, in braces."""
        return [f"{{{name}}}" for name in Template(self.file or "").columns]


class FitsSpectra(Survey):
    """Spectra in FITS files of any origin; a column of the catalogue names each file."""

    name = "fits-spectra"
    archive = FitsSpectraArchive
    key = (
        KeyColumn(
            "file",
            "text",
            ("file", "filename", "path", "filepath", "specfile"),
            needed=False,
            meaning="the spectrum's file below the archive's root, unless `archive.file` makes it of other columns",
        ),
        KeyColumn(
            "spectrum",
            "integer",
            ("spectrum", "spectrumindex"),
            needed=False,
            meaning="spectrum in a file with several, from 0",
        ),
        KeyColumn("targetid", "text", ("targetid",), needed=False, meaning="target in a coadd of DESI"),
    )
    order = ("file", "spectrum")
    columns: ClassVar = {"object_id": ("objectid", "id", "name", "objid", "sourceid", "targetid", "specobjid")}
    stages: ClassVar = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_position = False
    file = "file"
    spectrum_reader = "survey_batch.surveys.fits_spectra.reader:FitsSpectra"
    simulator = "survey_batch.simulate:simulate_fits_spectra"

    @classmethod
    def located_by(cls) -> str:
        """Name the keys that decide where to look for files; the others say what is in them."""
        return "archive.root and archive.file"

    def settings(self, archive: ArchiveSection) -> dict[str, object]:
        """Return what affects values; `as-is` counts as no unit, as it says only which files are not set aside."""
        found = super().settings(archive)
        return {**found, "archive.flux_unit": None} if found["archive.flux_unit"] == AS_IS else found

    def columns_of_job(self, archive: ArchiveSection) -> Mapping[str, tuple[str, ...]]:
        """Return the columns that the template names."""
        return {name: (plain(name[1:-1]),) for name in cast("FitsSpectraArchive", archive).columns()}

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that name the file and were not found."""
        return [name for name in cast("FitsSpectraArchive", archive).columns() or ["file"] if name not in found]

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for."""
        return PURPOSE

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array | I8]:
        """Read or make the name of each row's file, and reject rows without one."""
        section = cast("FitsSpectraArchive", archive)
        made = Template(section.file).fill(lambda name: rows.text(f"{{{name}}}"), len(rows)) if section.file else None
        file = pc.fill_null(below(section.root, rows.text("file") if made is None else made), "")
        rows.reject(np.asarray(pc.equal(file, "")), "the row names no file", *(section.columns() or ["file"]))
        outside = np.asarray(pc.match_substring_regex(file, OUTSIDE_ROOT))
        rows.reject(outside, "the file is outside the archive's root", *(section.columns() or ["file"]))
        number = pc.fill_null(rows.identifier("targetid"), "")
        whole = pc.match_substring_regex(number, r"^-?[0-9]+$")
        target = pc.if_else(whole, number, pa.scalar("", pa.string()))
        return {"file": file, "spectrum": rows.whole_number("spectrum"), "targetid": target}

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made of the file's name, and of the place in it."""
        stem = pc.replace_substring_regex(rows.text("file"), r"^.*/|(\.fits?(\.gz|\.bz2)?)$", "")
        number = np.asarray(rows.numbers("spectrum"))
        suffix = pa.array([f"-{one}" if one >= 0 else "" for one in number.tolist()], pa.string())
        name = pc.binary_join_element_wise(stem, suffix, "")
        yield "the file's name", pc.if_else(pc.equal(stem, ""), pa.scalar(None, pa.string()), name)

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


PURPOSE = """\
survey "fits-spectra" finds a spectrum by the column file: the name of its FITS file below archive.root. If other
columns make up the name, give a template in archive.file: file = "{plate}/spec-{plate:04d}-{mjd}-{fiberid:04d}.fits".
A column spectrum, counted from 0, tells apart several spectra of one file; targetid does so in coadds of DESI."""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # and "predictions", with its table at the end

[catalog]
path = "catalog.csv"                        # a column file; spectrum, if files hold several; ra, dec if known

[archive]
survey = "fits-spectra"
root = "spectra"                            # a folder, https://... or s3://...
# file = "{plate}/spec-{plate:04d}.fits"    # where columns of the catalogue make up the name of the file
# wavelength_unit = "Angstrom"              # of files that do not say it: Angstrom | nm | um | log10
# medium = "vacuum"                         # of files that do not say it: air | vacuum
flux_unit = "1e-17 erg / (s cm2 Angstrom)"  # of the product; leave it out if the files say no unit
# without_errors = "equal"                  # give pixels of files without errors an inverse variance of 1

# [predictions]                             # of a classifier that was trained on spectra of this range
# classifier = "models/{name}"
"""

FITS_SPECTRA = FitsSpectra()
