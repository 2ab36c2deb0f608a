"""LAMOST's files for the stage `spectra`: one spectrum each."""

from collections.abc import Sequence
from typing import ClassVar, cast

from survey_batch.archive.decompress import LAMOST_CEILING
from survey_batch.core.errors import InvalidError, ObjectError
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.surveys.lamost.files import MASK_BITS, Mode, read_spectrum, spectrum_path
from survey_batch.surveys.lamost.survey import LamostArchive


class LamostSpectra(SpectrumReader):
    """Reader of low-resolution spectra in any of the archive's layouts."""

    mask_bits = MASK_BITS
    mode: ClassVar[Mode] = "spec"
    """What names of files begin with."""
    read_file = staticmethod(read_spectrum)
    ceiling = LAMOST_CEILING
    file_bytes = 74_000
    """Mean of 312 real files, some compressed."""
    read_seconds = 3.3e-4
    """Time to read and store one spectrum on a core of a 2-core cloud machine (AMD EPYC; `python -m benchmarks`)."""

    def path(self, row: Row) -> str:
        """Return the path of a row's file."""
        layout = cast("LamostArchive", self.archive).layout
        path = spectrum_path(layout, row, self.mode)
        if path is None:
            raise InvalidError(f"the row lacks what layout {layout!r} needs to name a file")
        return path

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read a file, and check for each row that it holds its spectrum; usually there is one."""
        if len(rows) == 1:
            return [self.read_file(raw, rows[0])]
        return [self._read(raw, row) for row in rows]

    def _read(self, raw: bytes, row: Row) -> Spectrum | ObjectError:
        """Return an error that concerns one of several rows alone."""
        try:
            return self.read_file(raw, row)
        except ObjectError as error:
            return error
