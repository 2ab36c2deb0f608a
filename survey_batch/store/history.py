"""The attribute `history` of a product, as CF has it: a line for each thing that was done to it, the newest last."""

from datetime import UTC, datetime

from survey_batch.core.versions import own_version
from survey_batch.store.products import open_group
from survey_batch.store.root import write_root


def history_line(done: str) -> str:
    """Say when and by which version something was done."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} survey-batch {own_version()} run: {done}"


def add_to_history(output: str, product: str, done: str) -> None:
    """Add a line to the history of a product."""
    attrs = open_group(output, product).attrs
    before = str(attrs.get("history", ""))
    attrs["history"] = "\n".join(filter(None, (before, history_line(done))))
    write_root(output, product)
