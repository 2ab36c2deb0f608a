"""Paths that may be local or an fsspec URL: join, read and write small files whole."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.config import conf
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from survey_batch.core.errors import ConfigurationError

# What we keep in buckets is small and read whole. With more than one request at a time for an object, s3fs first asks
# for its length, which doubles the requests. A user's own fsspec configuration goes before this.
conf.setdefault("s3", {}).setdefault("max_concurrency", 1)


def is_url(path: str) -> bool:
    """Tell an fsspec URL (`s3://…`) from a local path."""
    return "://" in path


def join(base: str, *parts: str) -> str:
    """Join a path or URL and names below it."""
    return "/".join([base.rstrip("/"), *parts])


def exists(path: str) -> bool:
    """Tell whether a file or folder is there."""
    filesystem, inside = url_to_fs(path)
    filesystem.invalidate_cache()
    return bool(filesystem.exists(inside))


def same_or_within(path: str, other: str) -> bool:
    """Tell whether two paths or URLs name one file, or the first a file below a folder that the second names.

    Links are followed, and `file://` URLs are paths. What no file system of fsspec knows is neither.
    """
    try:
        (filesystem, inside), (others, place) = url_to_fs(path), url_to_fs(other)
    except (ImportError, ValueError):
        return False
    if isinstance(filesystem, LocalFileSystem) and isinstance(others, LocalFileSystem):
        file, there = Path(inside), Path(place)
        if file.exists() and there.exists() and file.samefile(there):
            return True
        return file.resolve().is_relative_to(there.resolve())
    return filesystem == others and PurePosixPath(inside).is_relative_to(place)


def files_in(folder: str, suffix: str) -> list[str]:
    """List, sorted, what lies in a folder under names of this ending, in full; nothing where there is no folder.

    No pattern is matched: a folder may be called `runs[1]`.
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

    A local file is written under a temporary name and renamed; an object store's put is atomic by itself.
    """
    if is_url(path):
        filesystem, path = url_to_fs(path)
        if not isinstance(filesystem, LocalFileSystem):
            filesystem.pipe_file(path, data)
            return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    temporary.write_bytes(data)
    temporary.replace(target)


def write_where_asked(path: str, data: bytes) -> None:
    """Write a whole file to where `--to` says.

    Raises
    ------
    ConfigurationError
        It cannot be written there.
    """
    try:
        write_bytes(path, data)
    except Exception as error:  # each fsspec backend has errors of its own
        raise ConfigurationError(
            f"--to {path}: cannot be written ({type(error).__name__}: {error}): check the address and your access to it"
        ) from error


def read_bytes(path: str) -> bytes:
    """Read a whole file; raises FileNotFoundError where there is none."""
    if is_url(path):
        filesystem, inside = url_to_fs(path)
        return bytes(filesystem.cat_file(inside))  # opening it would ask a cache how long it is
    return Path(path).read_bytes()


def write_json(path: str, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=2, default=str) + "\n").encode())


def read_json(path: str) -> Any:
    """Read a JSON file."""
    return json.loads(read_bytes(path))
