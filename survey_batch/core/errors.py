"""Every error that the package raises on purpose.

One base class and four kinds, which differ in what happens next: try again (`TransientError`), set the object aside
(`ObjectError`), stop because the output belongs to another plan (`PlanMismatchError`), or ask the user to change the
job (`ConfigurationError`). Each message says what happened, where, and what to do; none shows credentials.
"""

from survey_batch.core.redaction import redacted
from survey_batch.core.status import Status


class SurveyBatchError(Exception):
    """Base class of the package's errors; the command line prints the message, never the traceback."""

    traceback = ""
    """Traceback of the error behind this one, for the run's log; empty if there is none."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redacted(part) if isinstance(part, str) else part for part in args))


CHECKSUM_DIFFERS = "computed checksum do not match"
"""What Zarr says of stored bytes that are not what was written."""


class ConfigurationError(SurveyBatchError):
    """The job file, the command line or the machine is at fault; a person must change something."""


class PlanMismatchError(SurveyBatchError):
    """The output holds the products of another plan."""


class TransientError(SurveyBatchError):
    """What was asked for did not come, or not whole, but a later attempt may succeed; in the end, `unreachable`."""

    status = Status.UNREACHABLE


class StrangeNodeError(TransientError):
    """A node does not see what the others see; its work is done elsewhere.

    Attributes
    ----------
    node : str
        Its name.
    fault : str
        What is wrong with it, as a predicate: "does not see the archive: …".
    """

    def __init__(self, node: str, fault: str) -> None:
        super().__init__(f"node {node} {fault}")
        self.node, self.fault = node, fault

    def __reduce__(self) -> tuple[type["StrangeNodeError"], tuple[str, str]]:
        return StrangeNodeError, (self.node, self.fault)


class ObjectError(SurveyBatchError):
    """One object, or one file, cannot be used; it is set aside with a status and the run goes on."""

    status = Status.FAILED


class NotFoundError(ObjectError):
    """The archive has no such file."""

    status = Status.NOT_FOUND


class UnreadableError(ObjectError):
    """The file came whole, but is corrupt or not what it claims to be."""

    status = Status.UNREADABLE


class CutShortError(UnreadableError):
    """The file ends before its own end."""


class OutsideError(ObjectError):
    """The archive has no data at the object's position."""

    status = Status.OUTSIDE


class InvalidError(ObjectError):
    """The catalogue's row does not say where its data are."""

    status = Status.INVALID


class ReaderError(ObjectError):
    """A survey's reader failed with an error that is none of ours: the reader is at fault."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = redacted(traceback)

    def __reduce__(self) -> tuple[object, ...]:
        return ReaderError, (str(self), self.traceback), vars(self)
