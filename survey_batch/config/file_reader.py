"""What the readers of a survey's spectra and frames have in common."""

import inspect
import traceback
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.errors import ConfigurationError, ReaderError, SurveyBatchError
from survey_batch.core.plugins import resolve, undefined

PACKAGE = Path(__file__).parents[1]
SURVEYS = PACKAGE / "surveys"
"""What is in the package but not in this folder calls readers, and is none."""


@contextmanager
def reader_of(survey: str, what: str) -> Iterator[None]:
    """Raise a `ReaderError` for an unforeseen error of a reader: it says which reader failed, and on what.

    Parameters
    ----------
    survey
        Whose reader works inside the `with` block.
    what
        The file or the row that it reads.

    Raises
    ------
    ReaderError
        The reader is at fault.
    """
    try:
        yield
    except (SurveyBatchError, MemoryError):  # a lack of memory is no fault of the reader
        raise
    except Exception as error:
        raise ReaderError(
            f"the reader of survey {survey!r} failed on {what} with {type(error).__name__}: {error}{_place(error)}; "
            "this is a fault of the reader, and its authors need the traceback, which a run writes to its log",
            traceback.format_exc(),
        ) from error


def _place(error: Exception) -> str:
    """Say in which line of the reader an error arose, even if a library raised it; "" if not in the reader."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    folder = next((path.parent for path, _ in frames if PACKAGE not in path.parents or SURVEYS in path.parents), None)
    own = [f" ({path.parent.name}/{path.name}, line {line})" for path, line in frames if folder in path.parents]
    return own[-1] if own else ""


def as_text(path: object) -> str:
    """Return what a reader's `path` returned, which must be text; `reader_of` tells of the error."""
    if not isinstance(path, str):
        raise TypeError(f"path returned {path!r} and must return text")
    return path


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


def open_reader(reference: str, base: type, archive: ArchiveSection) -> Any:
    """Open the reader that a survey names.

    Parameters
    ----------
    reference
        `module:Class` of the reader.
    base
        What kind of reader it must be.
    archive
        The job's table.

    Raises
    ------
    ConfigurationError
        It cannot be imported, or is no such reader.
    """
    reader = resolve(reference)
    derived = inspect.isclass(reader) and issubclass(reader, base)
    if not derived:
        raise ConfigurationError(
            f"{reference}, which survey {archive.survey!r} names as a reader, must be a subclass of {base.__name__}, "
            f"but is {reader!r}: correct the survey"
        )
    opened = reader if inspect.isabstract(reader) else reader(archive)  # which may set attributes
    if missing := undefined(opened, base):
        raise ConfigurationError(
            f"the reader {reference} of survey {archive.survey!r} does not define {', '.join(missing)}: add what is "
            f"missing to the class; the docstring of {base.__name__} says what it means"
        )
    return opened
