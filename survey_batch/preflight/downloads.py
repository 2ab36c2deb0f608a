"""How long an archive will take to hand over its files."""

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.paths import is_url

REQUEST_SECONDS = 0.3
"""From asking a public archive for a file to its first byte, and until the connection is free again: an assumption."""
BYTES_PER_SECOND = 50e6
"""Of all connections together: an assumption for a well connected institute."""


def download_seconds(archive: ArchiveSection, files: int, nbytes: int, at_once: int) -> float:
    """Estimate how long downloading takes; 0 from a folder.

    Parameters
    ----------
    archive
        `connections` ask at a time, and rest for `pause` after each request.
    files, nbytes
        What is asked for.
    at_once
        Files that all workers together ask for at a time, where that is fewer than the connections.

    Returns
    -------
    float
        Seconds: the requests one after the other in each connection, or what the line carries, whichever is longer.
    """
    if not is_url(archive.root) or archive.root.startswith("file://"):
        return 0.0
    requests = files * (REQUEST_SECONDS + archive.pause) / max(1, min(archive.connections, at_once))
    return max(requests, nbytes / BYTES_PER_SECOND)
