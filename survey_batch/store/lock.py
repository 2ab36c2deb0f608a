"""One run at a time per output: a lock file that names its holder, and a clear way to take over a dead lock.

Each step that changes a lock is atomic. A lock is created only where there is none. Whoever replaces or removes one
first takes a lock on just this holder's lock, and then looks whether it is still there. So a dead lock is taken over by
one of all who find it, and nobody removes what another has taken meanwhile. `core.paths.create_bytes` says what a store
must be able to do. With one that cannot, two runs that start at the same moment may both begin; `survey-batch doctor`
warns of it.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import create_bytes, join, make_folder, read_bytes, remove, write_bytes
from survey_batch.store.holder import Holder, is_dead, this_process

LOCK = "lock.json"

LOOKS = 20
"""Most times that a lock may be found and be gone at the next look, before it is given up."""

UNKNOWN = {"started": 0.0, "user": "?", "since": "?"}
"""What a lock that does not say them has in place of these."""


@contextmanager
def telling_if_unwritable(output: str) -> Iterator[None]:
    """Say so if an output cannot be made or written into.

    Raises
    ------
    ConfigurationError
        Says why, and what to do.
    """
    try:
        yield
    except (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"cannot write into {output} ({error.strerror or error}): name another output, or get leave to write there"
        ) from error


@contextmanager
def locked(output: str, *, force: bool = False, what: str = "run") -> Iterator[None]:
    """Hold an output's lock; messages name the holder as `what`.

    A lock is taken over if its process ran on this machine and has ended, or if its SLURM job has ended. Any other
    lock from another machine may still be in use, so only `force` takes it over.

    Raises
    ------
    ConfigurationError
        Another run holds the lock, or the output cannot be made or written into.
    """
    path, me = join(output, LOCK), this_process()
    with telling_if_unwritable(output):
        make_folder(output)
        _take(path, me, what, force=force)
    try:
        yield
    finally:
        _release(path, me)


def _take(path: str, me: bytes, what: str, *, force: bool = False) -> None:
    for _ in range(LOOKS):
        if _create(path, me):
            return
        found = _content(path)
        if found is None:
            continue
        holder = _holder(found)
        if holder and not force and not is_dead(holder):
            raise ConfigurationError(
                f"{path}: another {what} holds this output: process {holder['pid']} of {holder['user']} on "
                f"{holder['host']}, since {holder['since']}. Wait for it; if you know that it is dead, "
                + ("run again with --break-lock." if what == "run" else "remove this file.")
            )
        force = False  # it was about this holder
        if _replace(path, found, me):
            return
    raise ConfigurationError(f"{path}: another {what} has just taken this output; wait for it and try again")


def _create(path: str, me: bytes) -> bool:
    """Take a lock that nobody holds; what lies there afterwards says whether it is ours."""
    if _content(path) is not None:  # a store without conditions would overwrite it
        return False
    with suppress(FileExistsError):
        create_bytes(path, me)
    return _content(path) == me


def _replace(path: str, found: bytes, me: bytes | None) -> bool:
    """Put our lock in place of the one that was found, or nothing; tell whether it was still there."""
    guard, key = _guard(path, found), this_process()
    try:
        _take(guard, key, "process")
    except ConfigurationError:  # another one is doing the same
        return False
    try:
        still = _content(path) == found
        if still and me is None:
            remove(path)
        elif still and me is not None:
            write_bytes(path, me)
    finally:
        remove(guard)
    return still


def _guard(path: str, found: bytes) -> str:
    """Return the lock that must be held to change a lock; it is another one for each holder."""
    folder, _, name = path.rpartition("/")
    return join(folder, f".{LOCK}.{hashlib.sha256(name.encode() + found).hexdigest()[:32]}")


def _release(path: str, me: bytes) -> None:
    """Remove our lock, unless another run has broken it and put its own in its place."""
    try:
        _replace(path, me, None)
    except OSError:  # the disk is full, or the whole folder is gone
        if _content(path) == me:
            remove(path)


def _content(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def _holder(content: bytes | None) -> Holder | None:
    """Return what a lock says of its holder; None if there is no lock, or one that is damaged: it is written whole."""
    try:
        holder = json.loads(content or b"")
    except ValueError:
        return None
    known = isinstance(holder, dict) and isinstance(holder.get("host"), str) and isinstance(holder.get("pid"), int)
    return cast("Holder", {**UNKNOWN, **holder}) if known else None


def holder_of(output: str) -> Holder | None:
    """Return the holder of an output's lock, dead or alive; None if nobody holds it."""
    return _holder(_content(join(output, LOCK)))
