"""The seam between the stage `spectra` and a survey's files."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from survey_batch.config.file_reader import FileReader
from survey_batch.core.errors import ObjectError
from survey_batch.spectra.grid import Spectrum

Row = Mapping[str, Any]
"""One row of the catalogue: `object_id`, `ra`, `dec` [deg], the survey's key and the other columns."""


class SpectrumReader(FileReader):
    """Where a survey's spectra are, and how they are read.

    Rows whose spectra are in one file are fetched and read together.

    Attributes
    ----------
    mask_bits : mapping
        Meaning of the survey's own bits in `Spectrum.mask`: name to bit, each below 2^16.
    flux : mapping
        Attributes of the product's flux: its `long_name` and `units`.
    has_dispersion : bool
        Whether its spectra have a `dispersion`.
    """

    mask_bits: ClassVar[Mapping[str, int]] = {}
    flux: ClassVar[Mapping[str, str]] = {"long_name": "flux density, relative", "units": "1"}
    has_dispersion: ClassVar[bool] = False

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
