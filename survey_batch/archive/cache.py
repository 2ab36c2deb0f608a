"""Raw files kept from a remote archive: `<cache>/<host>/<path of the root>/<path>`."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from survey_batch.archive.content import Content
from survey_batch.archive.decompress import describe
from survey_batch.core.paths import write_bytes

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
        """Keep a file; one under its own name is always whole."""
        if self._folder is None:
            return
        cached = self._folder / path
        try:
            write_bytes(str(cached), raw)
        except OSError as error:
            logger.warning("cannot keep %s in the cache: %s", cached, error)

    def forget(self, path: str) -> None:
        """Remove a file, if it is there."""
        if self._folder is not None:
            (self._folder / path).unlink(missing_ok=True)
