"""Raw files kept from a remote archive: `<cache>/<host>/<path of the root>/<path>`."""

import logging
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from survey_batch.archive.content import Content
from survey_batch.archive.decompress import describe

logger = logging.getLogger(__name__)


class FileCache:
    """The files of one archive, shared by all processes that see the folder.

    Parameters
    ----------
    folder
        Above the files of all archives; None keeps nothing.
    root
        The archive's address.
    content
        What its files hold; anything else in the cache is damaged.
    """

    def __init__(self, folder: str | None, root: str, content: Content) -> None:
        parts = urlsplit(root)
        self._folder = None if folder is None else Path(folder).expanduser() / parts.netloc / parts.path.strip("/")
        self._content = content

    def read(self, path: str) -> bytes | None:
        """Return a file; None if it is not kept or is damaged."""
        if self._folder is None:
            return None
        try:
            raw = (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("cannot read %s in the cache: %s", self._folder / path, error)
            return None
        if not self._content.allows(raw):
            logger.warning("%s is damaged in the cache (%s); downloading it again", self._folder / path, describe(raw))
            return None
        return raw

    def write(self, path: str, raw: bytes) -> None:
        """Write under a temporary name first, so that a file under its own name is always whole."""
        if self._folder is None:
            return
        cached = self._folder / path
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            temporary = cached.with_name(f".{cached.name}.{uuid.uuid4().hex}")
            try:
                temporary.write_bytes(raw)
                temporary.replace(cached)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("cannot keep %s in the cache: %s", cached, error)

    def forget(self, path: str) -> None:
        """Remove a file, if it is there."""
        if self._folder is not None:
            (self._folder / path).unlink(missing_ok=True)
