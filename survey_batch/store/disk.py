"""A disk that is full, over its quota or read-only: one sentence for the user instead of an error of the system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from survey_batch.core.errors import ConfigurationError

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
