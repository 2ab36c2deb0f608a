"""Every error that the package raises on purpose.

One base, four kinds, told apart by what should happen next: try again (`TransientError`), set the object
aside (`ObjectError`), stop because the output belongs to another plan (`PlanMismatchError`), or ask the user to
change the job (`ConfigurationError`). Each message says what happened, where, and what to do.
"""

from survey_batch.core.status import Status


class SurveyBatchError(Exception):
    """Base of all errors of the package; the command line prints its message, never its traceback."""


class ConfigurationError(SurveyBatchError):
    """The job file, the command line or the machine is at fault: a person must change something."""


class PlanMismatchError(SurveyBatchError):
    """The output holds the products of another plan."""


class TransientError(SurveyBatchError):
    """The network or a server failed in a way that a later attempt may not; after retries, `unreachable`."""

    status = Status.UNREACHABLE


class ObjectError(SurveyBatchError):
    """One object, or one file, cannot be used; it is set aside with a status and the run goes on."""

    status = Status.FAILED


class NotFoundError(ObjectError):
    """The archive has no such file."""

    status = Status.NOT_FOUND


class UnreadableError(ObjectError):
    """The file is there, but corrupt or not what it claims to be."""

    status = Status.UNREADABLE


class OutsideError(ObjectError):
    """The archive has no data at the object's position."""

    status = Status.OUTSIDE
