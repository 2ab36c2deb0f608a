"""The preprocessing steps of one's own model, from their docstrings."""

import inspect

from docs.from_code.markdown import code, table
from survey_batch.models.input_pipeline import STEPS, usage


def page() -> str:
    """Write the table of the steps."""
    return table(("step", "what it does"), [(code(usage(name)), meaning(name)) for name in STEPS])


def meaning(name: str) -> str:
    """Return what a step does: its docstring up to the errors."""
    text = (inspect.getdoc(STEPS[name]) or "").partition("\nRaises\n")[0]
    return " ".join(text.split())
