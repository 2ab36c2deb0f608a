"""Files that a process was writing when it was killed: their temporary names stay, and nothing reads them."""

import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from survey_batch.core.paths import is_url, join
from survey_batch.core.wording import counted
from survey_batch.store.lock import LOCK

log = logging.getLogger(__name__)

_PART = re.compile(r"\.[0-9a-f]{32}\.part(ial)?$")
"""How the temporary names of `core.paths.write_bytes` and of Zarr end."""

_FOLDERS = re.compile(r".*\.zarr|problems|plan|log")
"""Folders of an output into which only the holder of its lock and that one's workers write."""


def parts_left(output: str) -> list[str]:
    """List the unfinished files in the folders of an output; those of a live run are younger than its lock.

    An object store has no such files.

    Parameters
    ----------
    output
        Folder or URL of the products.
    """
    if is_url(output) or not Path(output).is_dir():
        return []
    before = math.inf
    with suppress(FileNotFoundError):
        before = Path(join(output, LOCK)).stat().st_mtime
    with os.scandir(output) as entries:
        folders = sorted(entry.path for entry in entries if _FOLDERS.fullmatch(entry.name) and entry.is_dir())
    found = []
    for path in (path for folder in folders for path in _parts(folder)):
        with suppress(FileNotFoundError):
            if Path(path).stat().st_mtime < before:
                found.append(path)
    return sorted(found)


def remove_parts(output: str) -> int:
    """Remove these files, and return how many there were; the caller holds the lock."""
    found = parts_left(output)
    for path in found:
        Path(path).unlink(missing_ok=True)
    if found:
        what = counted(len(found), "unfinished file")
        log.info("%s of killed processes removed", what, extra={"event": "parts removed"})
    return len(found)


def _parts(folder: str) -> Iterator[str]:
    """Find them by their names alone, as a product may have millions of files."""
    for parent, _, names in os.walk(folder):
        yield from (join(parent, name) for name in names if _PART.search(name))
