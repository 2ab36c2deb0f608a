"""Batches of rows that fit the memory of the device."""

import logging
from collections.abc import Callable

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted

log = logging.getLogger(__name__)

OUT_OF_MEMORY = (
    *("resourceexhausted", "resource_exhausted", "outofmemory", "out of memory", "oom when allocating"),
    "failed to allocate memory",
)
"""How TensorFlow, JAX, torch and ONNX Runtime report it, in lower case."""


def in_batches(rows: int, batch: int, ask: Callable[[slice, int], None]) -> int:
    """Process rows in batches; when memory is too small, halve the batch and continue with that size.

    Parameters
    ----------
    rows
        Total number of rows.
    batch
        Rows per batch at the start.
    ask
        Called with the rows of a batch, and the number of rows to pad it to.

    Returns
    -------
    int
        Rows per batch that fitted.

    Raises
    ------
    ConfigurationError
        There is too little memory for one row.
    """
    start = 0
    while start < rows:
        span = slice(start, min(start + batch, rows))
        try:
            ask(span, batch)
        except Exception as error:  # noqa: BLE001 - each framework has its own
            batch = _half(batch, error)
        else:
            start = span.stop
    return batch


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error from a framework or numpy means too little memory."""
    said = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY)


def _half(batch: int, error: Exception) -> int:
    if not is_out_of_memory(error):
        raise error
    if batch == 1:
        raise ConfigurationError(
            "not even one object fits the memory of the device that the classifier runs on: stop other programs that "
            f"use it, or choose a device with more memory ({error})"
        ) from error
    log.warning("too little memory to classify %s at a time: trying %d", counted(batch, "object"), batch // 2)
    return batch // 2
