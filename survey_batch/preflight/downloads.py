"""Estimated download times of an archive's files."""

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.paths import is_url

REQUEST_SECONDS = 0.3
"""Time from a request to a public archive to the first byte, plus the time to free the connection: an assumption."""
BYTES_PER_SECOND = 50e6
"""Rate of all connections together: an assumption for an institute with a fast line."""


def download_seconds(archive: ArchiveSection, requests: int, nbytes: int, at_once: int) -> float:
    """Estimate how long downloads take; 0 if the archive is a folder.

    Parameters
    ----------
    archive
        Makes `connections` requests at a time; each connection waits for `pause` after a request.
    requests, nbytes
        Number of requests, and bytes that they bring in all.
    at_once
        Files that all workers together request at a time, if fewer than the connections.

    Returns
    -------
    float
        Seconds: the longer of the requests in sequence on each connection and the transfer time of the bytes.
    """
    if not is_url(archive.root) or archive.root.startswith("file://"):
        return 0.0
    waiting = requests * (REQUEST_SECONDS + archive.pause) / max(1, min(archive.connections, at_once))
    return max(waiting, nbytes / BYTES_PER_SECOND)
