"""The `spectra` product: spectra of one survey on one wavelength grid."""

import math
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from survey_batch.archive.content import ANY, FITS
from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.spellings import spellings
from survey_batch.config.file_reader import as_text, reader_of
from survey_batch.config.sections.spectra import SpectraSection
from survey_batch.core.errors import (
    ConfigurationError,
    ObjectError,
    ReaderError,
    SurveyBatchError,
    TransientError,
    UnreadableError,
)
from survey_batch.core.paths import is_url
from survey_batch.core.pixel_mask import mask_attributes
from survey_batch.core.wording import counted
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.spectra.checks import fault_of, outside
from survey_batch.spectra.grid import (
    MASK_BITS,
    NOT_MEASURED,
    STEP,
    Spectrum,
    dispersion_on_grid,
    log_grid,
    to_grid,
)
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.file_count import count_files
from survey_batch.store.schema import Array, Variable

PIXELS = 3909
"""Pixels of the default grid, for which times were measured."""

SPECTRA_AT_ONCE = 64
"""Spectra in memory before they are put on the grid."""

IVAR = {"long_name": "inverse variance of the flux; 0 where there is no measurement"}

DISPERSION = {"long_name": "standard deviation of the line spread function", "units": "km s-1"}

Result = Spectrum | ObjectError | TransientError
"""A spectrum, or why there is none."""


@dataclass(frozen=True)
class SpectrumFile:
    """A file, and the rows of the block whose spectra it holds."""

    path: str
    indices: list[int]
    rows: list[Row]


class SpectraStage(Stage):
    """Stage that fetches spectra and puts them on the common grid."""

    name = "spectra"
    phase = "ingest"
    catalog_columns = ("redshift", "snr")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(SpectraSection)

    def settings(self) -> dict[str, Any]:
        """Return the archive and the grid."""
        return {
            **self.context.source_settings(),
            "spectra.wavelength_min": self.section.wavelength_min,
            "spectra.wavelength_max": self.section.wavelength_max,
            **({"spectra.step": self.section.step} if self.section.step != STEP else {}),
            **({"spectra.dispersion": True} if self.section.dispersion else {}),
        }

    def check(self) -> None:
        """Refuse to store a dispersion that the survey's files do not say."""
        if self.section.dispersion and not self.reader.has_dispersion:
            raise ConfigurationError(
                f"spectra.dispersion: of files of survey {self.context.origin.survey.name!r}, no dispersion is read: "
                "leave the key out"
            )

    def wavelength(self) -> Array:
        """The common grid [Angstrom, vacuum]."""
        return log_grid(self.section.wavelength_min, self.section.wavelength_max, self.section.step)

    def sizes(self) -> dict[str, int]:
        """Return the number of pixels."""
        return {"wavelength": self.wavelength().size}

    def variables(self) -> tuple[Variable, ...]:
        """Return flux, inverse variance, mask, the dispersion if asked for, and the catalogue's redshift and S/N."""
        dims = ("object", "wavelength")
        dispersion = (Variable("dispersion", dims, "f4", DISPERSION),) if self.section.dispersion else ()
        return (
            Variable("flux", dims, "f4", self.reader.flux),
            Variable("ivar", dims, "f4", {**IVAR, "units": ivar_units(self.reader.flux["units"])}),
            Variable("mask", dims, "i4", mask_attributes({**self.reader.mask_bits, **MASK_BITS})),
            *dispersion,
            Variable("redshift", ("object",), "f4", {"long_name": "redshift in the catalogue", "units": "1"}),
            Variable(
                "snr",
                ("object",),
                "f4",
                {"long_name": "signal-to-noise ratio in the catalogue", "units": "1"},
            ),
        )

    def coordinates(self) -> Coordinates:
        """Return the grid."""
        attrs = {"long_name": "vacuum wavelength", "units": "angstrom"}
        return {"wavelength": (("wavelength",), self.wavelength(), attrs)}

    @cached_property
    def reader(self) -> SpectrumReader:
        """The reader of the survey's files."""
        return self.context.origin.spectra()

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Read each file once; set aside a spectrum that cannot be had, with the reason."""
        block = self.empty_block(len(rows["ra"]))
        block.data["redshift"][:], block.data["snr"][:] = rows["redshift"], rows["snr"]
        archive = Archive(self.context.origin.archive, content=FITS if self.reader.fits else ANY)
        with ThreadPoolExecutor(self.context.origin.archive.connections) as pool:
            run = pool.map if is_url(self.context.origin.archive.root) else map
            for files in in_portions(self._files(block, rows)):
                self._store(block, archive, files, list(run(partial(read_file, archive, self.reader), files)))
        return block

    def _files(self, block: Block, rows: Rows) -> list[SpectrumFile]:
        """Find the file of each row; rows of one file come together."""
        files: dict[str, SpectrumFile] = {}
        columns = (values.tolist() if values.dtype.kind == "i" else values for values in rows.values())
        for index, values in enumerate(zip(*columns, strict=True)):
            row = dict(zip(rows, values, strict=True))
            try:
                path = self._path(row)
            except ObjectError as error:
                self._fail(block, index, error, "")
                continue
            file = files.setdefault(path, SpectrumFile(path, [], []))
            file.indices.append(index)
            file.rows.append(row)
        return list(files.values())

    def _path(self, row: Row) -> str:
        """Return the path of a row's file."""
        with reader_of(self.context.origin.survey.name, f"object {row['object_id']}"):
            return as_text(self.reader.path(row))

    def _store(
        self, block: Block, archive: Archive, files: Sequence[SpectrumFile], results: Sequence[Sequence[Result]]
    ) -> None:
        """Put spectra on the grid and into the block; note what could not be had."""
        paths = {index: file.path for file in files for index in file.indices}
        found = dict(zip(paths, (result for of_file in results for result in of_file), strict=True))
        spectra = {index: result for index, result in found.items() if isinstance(result, Spectrum)}
        flux, ivar, mask = to_grid(list(spectra.values()), self.wavelength())
        good = _rows(list(spectra))
        if self.section.dispersion:
            block.data["dispersion"][good] = dispersion_on_grid(list(spectra.values()), self.wavelength())
        for name, values in {"flux": flux, "ivar": ivar, "mask": mask}.items():
            block.data[name][good] = values
        nothing = ((mask & NOT_MEASURED) != 0).all(axis=1)
        for index in (row for row, empty in zip(spectra, nothing.tolist(), strict=True) if empty):
            found[index] = UnreadableError(f"{archive.locate(paths[index])}: {self._nothing_measured(spectra[index])}")
        for index, result in found.items():
            if not isinstance(result, Spectrum):
                self._fail(block, index, result, archive.locate(paths[index]))

    def _fail(self, block: Block, index: int, error: ObjectError | TransientError, url: str) -> None:
        block.fail(index, error.status, str(error), url, error.traceback)
        for values in block.data.values():
            values[index] = np.nan if values.dtype.kind == "f" else 0

    def _nothing_measured(self, spectrum: Spectrum) -> str:
        low, high = self.section.wavelength_min, self.section.wavelength_max
        return outside(spectrum, low, high) or (
            f"no pixel from {low:g} to {high:g} Angstrom has a flux other than 0 and an inverse variance above 0, so "
            "there is nothing to use; remove it from the catalogue, or change the range in [spectra]"
        )

    def cost(self, plan: Plan) -> Cost:
        """Estimate the files of all usable objects, and the memory of those that are read at a time."""
        usable, archive = plan.size("object") - plan.invalid, self.context.origin.archive
        shard = min(self.context.shard_rows, plan.size("object")) * self.schema(1).row_nbytes
        files = count_files(plan.objects, self._path)
        file_bytes = files.mean_bytes(archive.root) or self.reader.file_bytes
        at_once = min(archive.connections, math.ceil(SPECTRA_AT_ONCE * files.number / max(usable, 1)) or 1)
        return Cost(
            files.number,
            files.number * file_bytes,
            2 * (shard + file_bytes * (at_once if is_url(archive.root) else 1)),
            usable * self.reader.read_seconds * max(self.wavelength().size / PIXELS, 1.0),
            at_once=at_once,
        )


def _rows(indices: list[int]) -> slice | list[int]:
    """Return row numbers as a slice if they follow one another, as nearly always: then rows are copied in one piece."""
    first = indices[0] if indices else 0
    return slice(first, first + len(indices)) if indices == [*range(first, first + len(indices))] else indices


def read_file(archive: Archive, reader: SpectrumReader, file: SpectrumFile) -> Sequence[Result]:
    """Fetch and read a file; return failures as values, so that one cannot stop the others."""
    try:
        found = archive.read(
            file.path,
            lambda raw: list(reader.read(decompress(raw, reader.ceiling, plain=not reader.fits), file.rows)),
            spellings(file.path)[1:],
        )
    except (ObjectError, TransientError) as error:
        return [error] * len(file.rows)
    strange = [type(one).__name__ for one in found if not isinstance(one, Result)]
    if strange or len(found) != len(file.rows):
        among = f"{strange[0]} among " if strange else ""
        raise ConfigurationError(
            f"{type(reader).__name__}.read returned {among}{counted(len(found), 'result')} for "
            f"{counted(len(file.rows), 'row')} of {file.path}: it must return a Spectrum or an ObjectError for each row"
        )
    url, survey = archive.locate(file.path), archive.section.survey
    return [_checked(one, url, survey, row["object_id"]) for one, row in zip(found, file.rows, strict=True)]


def _checked(result: Result, url: str, survey: str, name: str) -> Result:
    """Name the file in an error, and put one in the place of a spectrum that cannot be used."""
    if isinstance(result, SurveyBatchError):
        return type(result)(f"{url}: {result}")
    if fault := fault_of(result):
        where = f"{url}: the reader of survey {survey!r} returned a wrong spectrum of object {name}"
        return ReaderError(f"{where}: {fault}")
    return result if result.mask.dtype == np.int32 else replace(result, mask=result.mask.astype(np.int32))


def in_portions(files: Sequence[SpectrumFile]) -> Iterator[list[SpectrumFile]]:
    """Divide files into portions with about `SPECTRA_AT_ONCE` spectra each, at least one file."""
    portion: list[SpectrumFile] = []
    for file in files:
        if portion and sum(len(one.rows) for one in (*portion, file)) > SPECTRA_AT_ONCE:
            yield portion
            portion = []
        portion.append(file)
    if portion:
        yield portion


def ivar_units(flux: str) -> str:
    """Return the units of an inverse variance from those of the flux."""
    if flux == "1":
        return "1"
    from astropy import units

    try:
        with warnings.catch_warnings(action="ignore"):  # of how the job spells it
            return str((units.Unit(flux) ** -2).to_string())
    except ValueError:  # a unit of the survey's own
        return f"({flux})-2"
