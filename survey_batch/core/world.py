"""What every machine of a run must see: a file that the client wrote into the output, and some files of the archive.

A node whose archive is not mounted finds nothing and reports every object as `not_found`; a node that does not see the
output fails each shard at once, and takes the next one. Each worker process is told here what to expect.
"""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from survey_batch.core.errors import StrangeNodeError
from survey_batch.core.paths import is_url, read_bytes

PATIENCE_SECONDS = 15.0
"""Time after which what is not seen is not there. Shared file systems show a new file to other nodes with a delay."""

PAUSE_SECONDS = 0.5

CLOCK_SECONDS = 300.0
"""Difference of clocks from which on logins fail: Kerberos allows five minutes, S3 fifteen."""

LANDMARKS = 3
"""Files of the archive that a worker looks for."""

NODE = "survey_batch_node"
"""Attribute of an error: the node where it was raised."""

LISTED = 1000
"""Entries of a folder that are looked at."""


@dataclass(frozen=True)
class World:
    """What a worker must see.

    Attributes
    ----------
    marker : str
        Path or URL of the file in the output.
    token : str
        The content of that file.
    landmarks : tuple of str
        Files of the archive that were seen elsewhere; none if the archive is on a server.
    output : str
        Of the run.
    """

    marker: str
    token: str
    landmarks: tuple[str, ...] = ()
    output: str = ""

    def fault(self, patience: float = PATIENCE_SECONDS) -> str:
        """Say what this machine does not see; empty if it sees everything.

        Parameters
        ----------
        patience
            Seconds to look again for the marker, which is new; the archive has been there before.
        """
        deadline = time.monotonic() + patience
        while (fault := self._marker_fault()) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        return fault or self._archive_fault()

    def _marker_fault(self) -> str:
        try:
            found = read_bytes(self.marker).decode(errors="replace")
        except Exception as error:  # noqa: BLE001 - each file system has its own errors
            return f"does not see the run's output: {self.marker} cannot be read ({type(error).__name__})"
        return "" if found == self.token else f"sees an old state of the run's output: {self.marker} is another run's"

    def _archive_fault(self) -> str:
        missing = next((path for path in self.landmarks if not Path(path).exists()), None)
        return f"does not see the archive: {missing} is missing there" if missing else ""


_expected: dict[str, World] = {}  # by the run's output: several runs may share a scheduler and its workers
_last_read = ""


def expect(world: World) -> None:
    """Set what this process must see of a run's world."""
    _expected[world.output] = world


def forget(world: World) -> None:
    """Expect nothing of a run any more."""
    _expected.pop(world.output, None)


def noticed(path: str) -> None:
    """Note that a file of an archive was read from a folder."""
    global _last_read
    _last_read = path


def last_read(root: str) -> str:
    """Return the file that this process read last from a folder, if it is of the archive at `root`; else ""."""
    return _last_read if _last_read.startswith(root.rstrip("/") + "/") else ""


def refuse_another_world(output: str, patience: float = 0.0) -> None:
    """Raise an error if this machine does not see what it must for the run that writes to `output`.

    Raises
    ------
    StrangeNodeError
        Names the node, and what it does not see.
    """
    world = _expected.get(output)
    if world is not None and (fault := world.fault(patience)):
        raise StrangeNodeError(node_name(), fault)


@contextmanager
def blaming_the_node(output: str) -> Iterator[None]:
    """Replace an error by a `StrangeNodeError` if this machine does not see what it must; else note where it was.

    Parameters
    ----------
    output
        Of the run.
    """
    try:
        yield
    except StrangeNodeError:
        raise
    except Exception as error:
        try:
            refuse_another_world(output)
        except StrangeNodeError as strange:
            raise strange from error
        error.__dict__[NODE] = node_name()
        raise


def node_of(error: BaseException | None) -> str:
    """Return the node where a task raised an error; empty if that is not known."""
    return str(vars(error).get(NODE, "")) if error is not None else ""


def node_name() -> str:
    """Return this machine's name, as SLURM knows it if SLURM started the process."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def landmarks_in(root: str) -> tuple[str, ...]:
    """Choose files of an archive in a folder: the first ones met on the way down; none if it is a URL or not here."""
    return () if is_url(root) else tuple(_first_files(Path(root), LANDMARKS))


def _first_files(folder: Path, number: int) -> Sequence[str]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted((entry for _, entry in zip(range(LISTED), entries, strict=False)), key=lambda e: e.name)
    except OSError:
        return []
    if files := [entry.path for entry in listed if entry.is_file() and not entry.name.startswith(".")]:
        return files[:number]
    return next((found for entry in listed if entry.is_dir() and (found := _first_files(Path(entry), number))), [])
