"""The public names of the package, each with its docstring."""

import inspect
from collections.abc import Iterator
from importlib import import_module

from pydantic import BaseModel

import survey_batch

RETURNED = {
    "Run": ("survey_batch.notebook.run", "what `open` returns"),
    "Accessor": ("survey_batch.notebook.accessor", "what every dataset has as `ds.sb`"),
    "Adoption": ("survey_batch.training.adoption", "what `adopt` returns"),
    "Batches": ("survey_batch.notebook.batches", "what `batches` returns"),
}
"""Classes that are met without being named: where each is, and how a person comes by it."""


def names() -> Iterator[tuple[str, str]]:
    """Yield each public name and what it is: `function`, `class` or `data`."""
    for name in survey_batch.__all__:
        value = getattr(survey_batch, name)
        kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "data"
        yield name, kind


def text(name: str) -> str:
    """Return the docstring of a public name; a version has one here."""
    value = getattr(survey_batch, name)
    return "The version of the package." if isinstance(value, str) else inspect.getdoc(value) or ""


def page() -> str:
    """Write the reference of the public names: functions, then classes, then errors."""
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": [], "Other names": []}
    for name, kind in names():
        value = getattr(survey_batch, name)
        error = kind == "class" and issubclass(value, Exception)
        title = "Errors" if error else {"class": "Classes", "function": "Functions"}.get(kind, "Other names")
        kinds[title].append(_entry(name, kind))
    kinds["What functions return"] = [_returned(name, module, met) for name, (module, met) in RETURNED.items()]
    return "\n".join(part for title, parts in kinds.items() if parts for part in (f"## {title}\n", *parts))


def methods(name: str) -> dict[str, str]:
    """Return the public methods and properties of a class of `RETURNED`, with their docstrings."""
    value = getattr(import_module(RETURNED[name][0]), name)
    return {key: inspect.getdoc(part) or "" for key, part in vars(value).items() if not key.startswith("_")}


def _returned(name: str, module: str, met: str) -> str:
    heading = f"(api-class-{name.lower()})=\n### `{name}`: {met}\n\n"
    return f"{heading}```{{eval-rst}}\n.. autoclass:: {module}.{name}\n   :members:\n```\n"


def _entry(name: str, kind: str) -> str:
    heading = f"(api-{name.strip('_').lower()})=\n### `{name}`\n\n"
    if kind == "data":
        return f"{heading}{text(name)}\n"
    return f"{heading}```{{eval-rst}}\n.. auto{kind}:: survey_batch.{name}\n{_members(name, kind)}```\n"


def _members(name: str, kind: str) -> str:
    """Show the methods of classes that are no model of a table; the job's keys have a page of their own."""
    value = getattr(survey_batch, name)
    if kind != "class" or issubclass(value, BaseModel | Exception):
        return ""
    return "   :members:\n   :undoc-members:\n" if issubclass(value, int) else "   :members:\n"
