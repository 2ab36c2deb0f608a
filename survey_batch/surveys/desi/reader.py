"""DESI's coadds for the stage `spectra`: hundreds of spectra in each file."""

from collections.abc import Sequence
from typing import ClassVar, cast

from survey_batch.core.errors import ObjectError
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.surveys.desi.files import MASK_BITS, UNIT, read_coadd
from survey_batch.surveys.desi.paths import coadd_path
from survey_batch.surveys.desi.survey import DesiArchive


class DesiCoadds(SpectrumReader):
    """Reader of coadds of HEALPix pixels and of tiles."""

    mask_bits = MASK_BITS
    flux: ClassVar = {"long_name": "flux density", "units": UNIT}
    file_bytes = 215_000_000
    """Of a file of 500 targets, after the data model."""
    read_seconds = 2e-3

    def path(self, row: Row) -> str:
        """Return the path of a row's coadd."""
        archive = cast("DesiArchive", self.archive)
        return coadd_path(row, archive.of_production(), archive.layout)

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read the spectra of some targets, each found by its TARGETID."""
        return read_coadd(raw, [int(row["targetid"]) for row in rows])
