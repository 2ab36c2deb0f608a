"""SDSS's files for the stage `spectra`: one spectrum each."""

from collections.abc import Sequence
from typing import ClassVar, cast

from survey_batch.core.errors import ObjectError
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.surveys.sdss_spectra.files import MASK_BITS, read_spectrum
from survey_batch.surveys.sdss_spectra.paths import file_name, spectrum_path
from survey_batch.surveys.sdss_spectra.survey import SdssSpectraArchive


class SdssSpectraFiles(SpectrumReader):
    """Reader of spec and spec-lite files."""

    mask_bits = MASK_BITS
    flux: ClassVar = {"long_name": "flux density", "units": "1e-17 erg / (angstrom s cm2)"}
    has_dispersion = True
    ceiling = 200_000_000
    """Bytes; a whole file has some megabytes, with tens of exposures some tens."""
    file_bytes = 210_000
    """Of a file `lite`."""
    read_seconds = 4e-4

    def path(self, row: Row) -> str:
        """Return the path of a row's file."""
        archive = cast("SdssSpectraArchive", self.archive)
        if archive.layout == "flat":
            return file_name(row, str(row["run2d"]) or archive.run2d or "")
        return spectrum_path(row, archive.release, archive.files, archive.run2d)

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read a file, and check for each row that it holds its spectrum; usually there is one.

        The reduction is compared where the path does not name it.
        """
        archive = cast("SdssSpectraArchive", self.archive)
        flat = archive.layout == "flat"
        runs = [str(row["run2d"]) or archive.run2d or "" if flat else "" for row in rows]
        return [_read(raw, {**row, "run2d": run}) for row, run in zip(rows, runs, strict=True)]


def _read(raw: bytes, row: Row) -> Spectrum | ObjectError:
    try:
        return read_spectrum(raw, row)
    except ObjectError as error:
        return error
