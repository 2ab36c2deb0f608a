"""Local paths or fsspec URLs: join them, and read and write small files whole."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from fsspec.config import conf
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from survey_batch.core.errors import ConfigurationError

# Our objects in buckets are small and read whole. If s3fs may send several requests at a time for an object, it first
# asks for the length, which doubles the requests. A user's own fsspec configuration takes precedence.
conf.setdefault("s3", {}).setdefault("max_concurrency", 1)
for protocol in ("http", "https"):  # logins from ~/.netrc and proxies from the environment, as curl takes them
    conf.setdefault(protocol, {}).setdefault("client_kwargs", {}).setdefault("trust_env", True)

OUTSIDE_ROOT = r"^/|(^|/)\.\.(/|$)"
"""Pattern of a name, given by a catalogue, that leads out of the archive's root."""


def is_url(path: str) -> bool:
    """Tell whether a path is an fsspec URL (`s3://…`) and not a local path."""
    return "://" in path


def absolute(path: str) -> str:
    """Return a local path from the root, which a later change of folder does not touch; URLs stay as they are."""
    return path if is_url(path) else str(Path(path).absolute())


def join(base: str, *parts: str) -> str:
    """Join a path or URL with names below it."""
    return "/".join([base.rstrip("/"), *parts])


def exists(path: str) -> bool:
    """Tell whether a file or folder exists."""
    filesystem, inside = url_to_fs(path)
    filesystem.invalidate_cache()
    return bool(filesystem.exists(inside))


def same_or_within(path: str, other: str) -> bool:
    """Tell whether two paths or URLs name the same file, or the first lies inside the folder named by the second.

    Links are followed, and `file://` URLs count as paths. For a URL unknown to fsspec the result is False.
    """
    try:
        (filesystem, inside), (others, folder) = url_to_fs(path), url_to_fs(other)
    except (ImportError, ValueError):
        return False
    if isinstance(filesystem, LocalFileSystem) and isinstance(others, LocalFileSystem):
        file, there = Path(inside), Path(folder)
        if file.exists() and there.exists() and file.samefile(there):
            return True
        return file.resolve().is_relative_to(there.resolve())
    return filesystem == others and PurePosixPath(inside).is_relative_to(folder)


def files_in(folder: str, suffix: str) -> list[str]:
    """List the full paths in a folder that end with a suffix, sorted; the list is empty if there is no folder.

    The folder's name is not a pattern: it may be `runs[1]`.
    """
    filesystem, inside = url_to_fs(folder)
    filesystem.invalidate_cache()
    try:
        found = filesystem.ls(inside, detail=False)
    except FileNotFoundError:
        return []
    return sorted(path for path in (str(name).rstrip("/") for name in found) if path.endswith(suffix))


def make_folder(path: str) -> None:
    """Create a local folder with its parents; object stores need none."""
    if not is_url(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def write_bytes(path: str, data: bytes) -> None:
    """Write a whole file so that no reader ever sees half of it.

    A local file is written under a temporary name and then renamed; an object store's put is atomic.
    """
    if is_url(path):
        filesystem, path = url_to_fs(path)
        if not isinstance(filesystem, LocalFileSystem):
            filesystem.pipe_file(path, data)
            return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")  # threads may write the same file
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    except BaseException:  # Ctrl-C too, which must leave nothing behind
        temporary.unlink(missing_ok=True)
        raise


def create_bytes(path: str, data: bytes) -> None:
    """Write a whole file that must not exist yet; of several who try at once, one succeeds.

    A local file is linked into place, so that no reader ever sees half of it. An object store is asked to write only if
    there is no such object, which S3 and compatible stores do in one step. A store that cannot may let two succeed, and
    a request that was sent twice may fail although the first one succeeded: read the file to know whose it is.

    Raises
    ------
    FileExistsError
        There is such a file.
    """
    filesystem, inside = url_to_fs(path)
    if not isinstance(filesystem, LocalFileSystem):
        _create_object(filesystem, inside, data)
        return
    target = Path(inside)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(data)
        target.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _create_object(filesystem: Any, path: str, data: bytes) -> None:
    try:
        filesystem.pipe_file(path, data, mode="create")
    except OSError as error:
        # s3fs has no separate error for a condition that fails.
        code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
        if code in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise FileExistsError(path) from error
        raise


def remove(path: str) -> None:
    """Remove a file, if it exists."""
    filesystem, inside = url_to_fs(path)
    with suppress(FileNotFoundError):
        filesystem.rm_file(inside)


def write_where_asked(path: str, data: bytes) -> None:
    """Write a whole file to the path given by `--to`; raise errors as `make_where_asked` does."""

    def make(file: Path) -> None:
        file.write_bytes(data)

    make_where_asked(path, make)


def make_where_asked(path: str, make: Callable[[Path], None]) -> None:
    """Make a file or a folder at the path given by `--to`, so that no reader ever sees half of it.

    Parameters
    ----------
    path
        Local, or an fsspec URL. What is there is replaced.
    make
        Makes the file or folder under a local, temporary name. It is then renamed or, for a URL, uploaded.

    Raises
    ------
    ConfigurationError
        It cannot be written there.
    """
    with _told(path, Exception):
        filesystem, inside = url_to_fs(path)
    if isinstance(filesystem, LocalFileSystem):
        with _told(path, OSError):
            _make_local(Path(inside), make)
        return
    with TemporaryDirectory(prefix="survey-batch-") as folder:
        made = Path(folder) / PurePosixPath(inside).name
        make(made)
        with _told(path, Exception):  # each fsspec backend has its own errors
            if filesystem.isdir(inside):
                filesystem.rm(inside, recursive=True)
            filesystem.put(f"{made}/" if made.is_dir() else str(made), inside, recursive=made.is_dir())


@contextmanager
def _told(path: str, errors: type[Exception]) -> Iterator[None]:
    """Say that the path given by `--to` cannot be written."""
    try:
        yield
    except errors as error:
        raise ConfigurationError(
            f"--to {path}: cannot be written ({type(error).__name__}: {error}): check the address and your access to it"
        ) from error


def _make_local(target: Path, make: Callable[[Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        make(temporary)
        if target.is_dir():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def remove_folder(path: str) -> None:
    """Delete a folder with all that is in it, if there is one."""
    filesystem, inside = url_to_fs(path)
    with suppress(FileNotFoundError):
        filesystem.rm(inside, recursive=True)


def read_bytes(path: str, start: int | None = None, stop: int | None = None) -> bytes:
    """Read a file, whole or the bytes from `start` to before `stop`; raise FileNotFoundError if there is none."""
    if is_url(path):
        filesystem, inside = url_to_fs(path)
        return bytes(filesystem.cat_file(inside, start=start, end=stop))  # opening it would ask a cache for its length
    if start is None and stop is None:
        return Path(path).read_bytes()
    with Path(path).open("rb") as stream:
        stream.seek(start or 0)
        return stream.read(-1 if stop is None else stop - stream.tell())


AT_A_TIME = 1000
"""Small files asked of an object store at a time; as many of them as botocore opens connections are under way."""


def read_all(paths: Sequence[str]) -> Iterator[bytes | None]:
    """Read small files of one folder whole, many at a time from an object store; None is for a file that is not there.

    Yields
    ------
    bytes or None
        The content of each file, in the order of the paths.
    """
    if not paths or not is_url(paths[0]):
        yield from map(_read_if_there, paths)
        return
    filesystem, _ = url_to_fs(paths[0])
    for first in range(0, len(paths), AT_A_TIME):
        names = [url_to_fs(path)[1] for path in paths[first : first + AT_A_TIME]]
        for found in filesystem.cat_ranges(names, None, None, on_error="return"):  # `cat` would take names as patterns
            if isinstance(found, Exception) and not isinstance(found, FileNotFoundError):
                raise found
            yield None if isinstance(found, FileNotFoundError) else bytes(found)


def _read_if_there(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def write_json(path: str, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=2, default=str) + "\n").encode())


def read_json(path: str) -> Any:
    """Read a JSON file."""
    return json.loads(read_bytes(path))
