"""The query status in a VOTable: whether the query failed, or the answer was cut off."""

from collections.abc import Iterator
from typing import Any

from survey_batch.core.errors import ConfigurationError


def check_query_status(document: Any, accept_overflow: bool, url: str) -> tuple[str, ...]:
    """Read the INFO elements of a VOTable, named `QUERY_STATUS` (IVOA DALI 1.1, 4.4) or `Error` (cone searches).

    Parameters
    ----------
    document
        VOTable as parsed by astropy.
    accept_overflow
        Whether the job accepts an answer that was cut off.
    url
        For messages.

    Returns
    -------
    tuple of str
        A note if the answer was cut off.

    Raises
    ------
    ConfigurationError
        The query failed, or its answer was cut off and the job does not accept that.
    """
    status = {(info.name or info.ID or "").upper(): info for info in _infos(document)}
    if (error := status.get("ERROR")) is not None:
        raise _failed(url, error.content or error.value)
    told = status.get("QUERY_STATUS")
    if told is None or (value := (told.value or "").strip().upper()) == "OK":
        return ()
    words = " ".join((told.content or "").split())
    if value == "ERROR":
        raise _failed(url, words)
    if value != "OVERFLOW":
        return ()
    cut_off = (
        f"{url} is not the whole result: the server cut it off (QUERY_STATUS OVERFLOW{f': {words}' * bool(words)})"
    )
    if not accept_overflow:
        raise ConfigurationError(
            f"catalog.path: {cut_off}. Ask again with a higher limit (MAXREC, TOP or 'all rows'), or in parts; if "
            "these rows are enough, say so: [catalog] accept_overflow = true"
        )
    return (f"{cut_off}; catalog.accept_overflow accepts this",)


def _failed(url: str, words: str | None) -> ConfigurationError:
    said = " ".join((words or "").split()) or "it does not say why"
    return ConfigurationError(
        f"catalog.path: {url} holds a server's error, not a result: {said}. Correct the query and save its result again"
    )


def _infos(document: Any) -> Iterator[Any]:
    """Yield the INFO elements of the file, its resources (which may be nested) and tables."""
    yield from document.infos
    waiting = list(document.resources)
    while waiting:
        resource = waiting.pop(0)
        yield from resource.infos
        for table in resource.tables:
            yield from table.infos
        waiting.extend(resource.resources)
