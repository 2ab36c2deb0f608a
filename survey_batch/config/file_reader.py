"""What the readers of a survey's spectra and frames have in common."""

from abc import ABC
from typing import ClassVar

from survey_batch.config.sections.archive import ArchiveSection


class FileReader(ABC):
    """Reader of a survey's files; it is opened with the job's table `[archive]`, on every worker.

    Attributes
    ----------
    fits : bool
        Whether its files are FITS; anything else that comes is then refused. If not, `read` gets whatever comes,
        unpacked.
    ceiling : int
        Most bytes of a decompressed file; a larger one is refused.
    file_bytes : int
        Mean size of a file, for estimates.
    read_seconds : float
        Time on one core to read a spectrum, or to decompress and read a frame, for estimates.
    """

    fits: ClassVar[bool] = True
    ceiling: ClassVar[int] = 2_000_000_000
    file_bytes: ClassVar[int]
    read_seconds: ClassVar[float] = 1e-3

    def __init__(self, archive: ArchiveSection) -> None:
        self.archive = archive
