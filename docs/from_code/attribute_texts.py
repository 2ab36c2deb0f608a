"""The texts below the attributes of a class, which Python itself does not keep."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise


@cache
def attribute_texts(kind: type) -> dict[str, str]:
    """Return the text below each attribute of a class, inherited attributes included.

    Pydantic can do this itself (`use_attribute_docstrings`), but at each import, where it costs a tenth of a second.
    """
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("survey_batch"):
            texts |= _own(base)
    return texts


def _own(kind: type) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - for the type checker
    found = {}
    for statement, text in pairwise(body.body):
        target = _name(statement)
        if target and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[target] = inspect.cleandoc(str(text.value.value))
    return found


def _name(statement: ast.stmt) -> str | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    target = targets[0]
    return target.id if isinstance(target, ast.Name) else None
