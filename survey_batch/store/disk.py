"""A disk that is full, over its quota or read-only: one sentence for the user instead of an error of the system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import exists, join
from survey_batch.store.lock import LOCK

UNWRITABLE = {
    errno.ENOSPC: "no space, or no inodes, are left",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "it is read-only",
}
"""Errors that every other write meets too, until a person does something; what is wrong with the disk."""


@contextmanager
def telling_of_the_disk(output: str) -> Iterator[None]:
    """Say what is wrong with the disk if a write fails because of it.

    Raises
    ------
    ConfigurationError
        The disk cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        where = f" (writing {error.filename})" if error.filename else ""
        raise ConfigurationError(
            f"cannot write to the disk of {output}: {UNWRITABLE[error.errno]}{where}. Mend this, then run the same "
            "command again to continue; what is finished is kept."
        ) from error


@contextmanager
def telling_if_vanished(output: str) -> Iterator[None]:
    """Say that an output that this process holds has gone if a file is missing because of it.

    Raises
    ------
    ConfigurationError
        Says so.
    """
    try:
        yield
    except FileNotFoundError:
        refuse_if_vanished(output)
        raise


def has_vanished(output: str) -> bool:
    """Tell whether an output that this process holds has gone with its lock.

    A folder by its name proves nothing: it may be the empty place where a disk was mounted, or made anew by a write.
    A store that does not answer has not gone.
    """
    try:
        return not exists(join(output, LOCK))
    except Exception:  # noqa: BLE001 - every kind of store has errors of its own
        return False


def refuse_if_vanished(output: str) -> None:
    """Raise an error if an output that this process holds has gone, so that no node is blamed for it.

    Raises
    ------
    ConfigurationError
        Says so.
    """
    if has_vanished(output):
        raise _vanished(output)


def _vanished(output: str) -> ConfigurationError:
    return ConfigurationError(
        f"{output} is not there any more: its disk was unmounted, or somebody moved or deleted it. Bring it back, then "
        "run the same command again to continue; what is finished is kept."
    )
