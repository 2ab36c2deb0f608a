"""The statuses of objects."""

from docs.from_code.attribute_texts import attribute_texts
from docs.from_code.markdown import code, table
from survey_batch.core.status import UNFINISHED, USABLE, Status


def page() -> str:
    """Write the table of statuses."""
    texts = attribute_texts(Status)
    rows = [
        (
            str(status.value),
            code(status.name.lower()),
            texts[status.name],
            "yes" if status in USABLE else "",
            "yes" if status in UNFINISHED else "",
        )
        for status in Status
    ]
    return table(("value", "status", "meaning", "has data", "the next run tries again"), rows)
