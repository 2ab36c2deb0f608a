"""The final status of an object, and its encoding in the products."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy is imported where it is used: the command line shows its first line before
    from survey_batch.core.arrays import Flags, Statuses


class Status(IntEnum):
    """The result for one object (or one band of a frame) in one stage."""

    PENDING = 0
    """Not done yet; a shard without pending rows is committed."""
    OK = 1
    """Complete."""
    PARTIAL = 2
    """Usable, but some pixels or a band are missing."""
    NOT_FOUND = 3
    """The archive says that it has no such file."""
    UNREADABLE = 4
    """The file came whole and is wrong: damaged, or not what it claims to be."""
    OUTSIDE = 5
    """The position is not on the frame, or not on any frame of the survey; or the survey has no spectrum there."""
    INVALID = 6
    """The catalogue row cannot be used."""
    UNREACHABLE = 7
    """The file could not be had now, whatever the server said instead; the next run tries again."""
    FAILED = 8
    """An error of this package or of a survey's reader; the next run tries again."""


UNFINISHED = (Status.PENDING, Status.UNREACHABLE, Status.FAILED)
"""Statuses that a new run works on."""

RETRIABLE = (
    Status.PARTIAL,
    Status.NOT_FOUND,
    Status.UNREADABLE,
    Status.OUTSIDE,
    Status.UNREACHABLE,
    Status.FAILED,
)
"""Statuses that a run works on again if it is told so; the last two it works on anyway."""

OFF_FOOTPRINT = "the survey has no image there"
"""How the problem of a catalogue's row begins that is `outside`, not `invalid`."""

NOT_IN_LIST = "the survey's list has no object there"
"""The same for a row without a partner in the list that it is matched with."""

OUTSIDE = (OFF_FOOTPRINT, NOT_IN_LIST)

USABLE = (Status.OK, Status.PARTIAL)
"""Statuses whose data a later stage can use."""


COUNTED_ROWS = 1 << 20
"""Statuses counted at a time."""


def usable(status: "Statuses") -> "Flags":
    """Mark the rows that hold data."""
    import numpy as np

    return np.isin(status, USABLE)


def unfinished(status: "Statuses") -> "Flags":
    """Mark the rows that a new run works on."""
    import numpy as np

    return np.isin(status, UNFINISHED)


def final_status(statuses: Sequence["Statuses"]) -> "Statuses":
    """Return each object's status from those in all products, (n,) each: the worst, or `pending` if any is pending.

    In a product that has fewer rows than others, as the catalogue has grown, the others are pending.
    """
    import numpy as np

    rows = max(map(len, statuses))
    statuses = [np.pad(status, (0, rows - len(status))) if len(status) < rows else status for status in statuses]
    worst: Statuses = np.maximum.reduce(statuses)
    return np.where(np.minimum.reduce(statuses) == Status.PENDING, np.uint8(Status.PENDING), worst)


def count_statuses(status: "Statuses") -> dict[str, int]:
    """Count rows by status name, leaving out the statuses that do not occur."""
    import numpy as np

    rows = np.ravel(status)
    counts = np.zeros(len(Status), np.int64)
    for first in range(0, rows.size, COUNTED_ROWS):  # numpy counts in a copy of eight bytes a row
        counts += np.bincount(rows[first : first + COUNTED_ROWS], minlength=len(Status))[: len(Status)]
    return {member.name.lower(): int(counts[member]) for member in Status if counts[member]}


def flag_attributes(of: str = "object") -> dict[str, object]:
    """Return CF attributes that let a reader decode the array with the status of each object, or of something else."""
    return {
        "long_name": f"status of each {of} in this product",
        "standard_name": "status_flag",
        "flag_values": [int(member) for member in Status],
        "flag_meanings": " ".join(member.name.lower() for member in Status),
    }
