"""The `spectra` product: LAMOST low-resolution spectra on one wavelength grid."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.lamost import read_spectrum, spectrum_path
from survey_batch.archive.spellings import spellings
from survey_batch.core.errors import ObjectError, TransientError
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.planning.plan import Plan, Rows
from survey_batch.spectra.grid import NOT_MEASURED, Spectrum, log_grid, mask_attributes, to_grid
from survey_batch.stages.base import Block, Coordinates, Cost, Stage, archive_settings
from survey_batch.store.products import Array, Variable

SPECTRUM_FILE_BYTES = 74_000
"""Mean size of 312 real files, some compressed."""

SPECTRUM_CPU_SECONDS = 4e-4
"""Time to read and store one spectrum on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

FILES_AT_ONCE = 64
"""Spectra in memory before they are put on the grid."""

FLUX = {"long_name": "flux density, relative", "units": "1"}
IVAR = {"long_name": "inverse variance of the flux; 0 where there is no measurement", "units": "1"}


class SpectraStage(Stage):
    """Stage that fetches spectra and puts them on the common grid."""

    name = "spectra"
    phase = "ingest"

    def settings(self) -> dict[str, Any]:
        """Return the archive and the grid."""
        section = self.job.spectra
        return {
            **archive_settings(self.job),
            "spectra.wavelength_min": section.wavelength_min,
            "spectra.wavelength_max": section.wavelength_max,
        }

    def wavelength(self) -> Array:
        """The common grid [Angstrom, vacuum]."""
        return log_grid(self.job.spectra.wavelength_min, self.job.spectra.wavelength_max)

    def sizes(self) -> dict[str, int]:
        """Return the number of pixels."""
        return {"wavelength": self.wavelength().size}

    def variables(self) -> tuple[Variable, ...]:
        """Return flux, inverse variance and mask, and the catalogue's redshift and S/N."""
        dims = ("object", "wavelength")
        return (
            Variable("flux", dims, "f4", FLUX),
            Variable("ivar", dims, "f4", IVAR),
            Variable("mask", dims, "i4", mask_attributes()),
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
        attrs = {"long_name": "vacuum wavelength", "units": "Angstrom"}
        return {"wavelength": (("wavelength",), self.wavelength(), attrs)}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Read the file of each object; set aside a file that cannot be read, with the reason."""
        block = self.empty_block(len(rows["ra"]))
        block.data["redshift"][:], block.data["snr"][:] = rows["redshift"], rows["snr"]
        reader = SpectrumReader(self.job.archive)
        with ThreadPoolExecutor(self.job.archive.connections) as pool:
            run = pool.map if is_url(self.job.archive.root) else map
            for start in range(0, len(rows["ra"]), FILES_AT_ONCE):
                span = range(start, min(start + FILES_AT_ONCE, len(rows["ra"])))
                one_each = [{name: values[row] for name, values in rows.items()} for row in span]
                self._store(block, start, list(run(reader.read, one_each)), [reader.url(row) for row in one_each])
        return block

    def _store(self, block: Block, start: int, results: list["Spectrum | Failure"], urls: Sequence[str]) -> None:
        good = np.flatnonzero([isinstance(result, Spectrum) for result in results])
        flux, ivar, mask = to_grid([results[place] for place in good], self.wavelength())  # type: ignore[misc]
        for name, values in {"flux": flux, "ivar": ivar, "mask": mask}.items():
            block.data[name][start + good] = values
        for place in good[((mask & NOT_MEASURED) != 0).all(axis=1)]:
            results[place] = Failure(Status.UNREADABLE, f"{urls[place]}: {self._nothing_measured()}", urls[place])
        for place, result in enumerate(results):
            if isinstance(result, Failure):
                block.fail(start + place, *result.verdict)
                for values in block.data.values():
                    values[start + place] = np.nan if values.dtype.kind == "f" else 0

    def _nothing_measured(self) -> str:
        low, high = self.job.spectra.wavelength_min, self.job.spectra.wavelength_max
        return (
            f"no pixel from {low:g} to {high:g} Angstrom has a flux other than 0 and an inverse variance above 0, so "
            "there is nothing to use; take it out of the catalogue, or change the range in [spectra]"
        )

    def cost(self, plan: Plan) -> Cost:
        """Estimate one file per object."""
        usable = plan.size("object") - plan.invalid
        shard = min(self.job.shards.objects, plan.size("object")) * self.schema(1).row_nbytes
        files = FILES_AT_ONCE * 20 * SPECTRUM_FILE_BYTES // 10
        return Cost(
            usable,
            usable * SPECTRUM_FILE_BYTES,
            2 * shard + files,
            usable * SPECTRUM_CPU_SECONDS,
            at_once=min(self.job.archive.connections, FILES_AT_ONCE),
        )


class Failure:
    """Why one spectrum could not be loaded."""

    def __init__(self, status: Status, message: str, source: str) -> None:
        self.verdict = (status, message, source)


class SpectrumReader:
    """Reader of single spectra from the archive."""

    def __init__(self, section: Any) -> None:
        self.archive = Archive(section)
        self.layout = section.layout

    def url(self, row: Mapping[str, Any]) -> str:
        """Return the address of the file named by a catalogue row; "" if the row names none."""
        path = spectrum_path(self.layout, row)
        return "" if path is None else self.archive.locate(path)

    def read(self, row: Mapping[str, Any]) -> Spectrum | Failure:
        """Fetch and read a file; return failures as values, so that one cannot stop the others."""
        path = spectrum_path(self.layout, row)
        if path is None:
            return Failure(Status.INVALID, f"the row lacks what layout {self.layout!r} needs to name a file", "")
        try:
            return self.archive.read(
                path, lambda raw: read_spectrum(decompress(raw, LAMOST_CEILING), row), spellings(path)[1:]
            )
        except (ObjectError, TransientError) as error:
            return Failure(error.status, str(error), self.url(row))
