"""LAMOST's medium-resolution files for the stage `spectra`: one object each."""

from collections.abc import Sequence
from typing import cast

from survey_batch.core.errors import InvalidError, ObjectError
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.surveys.lamost.files import MASK_BITS, spectrum_path
from survey_batch.surveys.lamost.survey import LamostArchive
from survey_batch.surveys.lamost_medium.files import read_spectrum


class LamostMediumSpectra(SpectrumReader):
    """Reader of the coadded spectra of both arms."""

    mask_bits = MASK_BITS
    ceiling = 64_000_000
    """A file has all exposures of a night besides: some 150 kB for each."""
    file_bytes = 500_000
    """From the layout, of three exposures; not measured."""
    read_seconds = 3.5e-3
    """Time to read, rebin and store a simulated spectrum on a core of a 2-core cloud machine."""

    def path(self, row: Row) -> str:
        """Return the path of a row's file."""
        layout = cast("LamostArchive", self.archive).layout
        path = spectrum_path(layout, row, "med")
        if path is None:
            raise InvalidError(f"the row lacks what layout {layout!r} needs to name a file")
        return path

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read a file, and check for each row that it holds its spectrum; usually there is one."""
        return [_read(raw, row) for row in rows]


def _read(raw: bytes, row: Row) -> Spectrum | ObjectError:
    try:
        return read_spectrum(raw, row)
    except ObjectError as error:
        return error
