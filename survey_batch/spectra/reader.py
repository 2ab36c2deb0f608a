"""The seam between the stage `spectra` and a survey's files."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.errors import ObjectError
from survey_batch.spectra.grid import Spectrum

Row = Mapping[str, Any]
"""One row of the catalogue: `object_id`, `ra`, `dec` [deg], the survey's key and the other columns."""


class SpectrumReader(ABC):
    """Where a survey's spectra are, and how they are read.

    A subclass is opened with the job's table `[archive]`, on every worker. Rows whose spectra are in one file are
    fetched and read together.

    Attributes
    ----------
    mask_bits : mapping
        Meaning of the survey's own bits in `Spectrum.mask`: name to bit, each below 2^16.
    flux : mapping
        Attributes of the product's flux: its `long_name` and `units`.
    fits : bool
        Whether its files are FITS; anything else that comes is then refused. If not, `read` gets whatever comes,
        unpacked.
    ceiling : int
        Most bytes of a decompressed file; a larger one is refused.
    file_bytes : int
        Mean size of a file, for estimates.
    rows_per_file : float
        Mean number of objects in a file, for estimates.
    read_seconds : float
        Time to read one spectrum on one core, for estimates.
    """

    mask_bits: ClassVar[Mapping[str, int]] = {}
    flux: ClassVar[Mapping[str, str]] = {"long_name": "flux density, relative", "units": "1"}
    fits: ClassVar[bool] = True
    ceiling: ClassVar[int] = 2_000_000_000
    file_bytes: ClassVar[int]
    rows_per_file: ClassVar[float] = 1.0
    read_seconds: ClassVar[float] = 1e-3

    def __init__(self, archive: ArchiveSection) -> None:
        self.archive = archive

    @abstractmethod
    def path(self, row: Row) -> str:
        """Return the path of the file that holds a row's spectrum, below the archive's root.

        Raises
        ------
        InvalidError
            The row does not say which file.
        """

    @abstractmethod
    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read the spectra of some rows from a decompressed file.

        Returns
        -------
        sequence
            For each row its spectrum, or the error that concerns this row alone.

        Raises
        ------
        UnreadableError
            The whole file cannot be used.
        """
