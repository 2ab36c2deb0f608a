"""Plug-ins: objects that this package and others offer under an entry point group."""

import difflib
import inspect
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from survey_batch.core.errors import ConfigurationError, SurveyBatchError

SURVEYS = "survey_batch.surveys"
STAGES = "survey_batch.stages"
CLASSIFIERS = "survey_batch.classifiers"
CLUSTERS = "survey_batch.clusters"
"""The groups of entry points."""


@cache
def offered(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name; the names that this package offers come first.

    Raises
    ------
    ConfigurationError
        Two packages offer the same name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: _package(entry) != "survey-batch"):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise ConfigurationError(
                f"the packages {_package(other)} and {_package(entry)} both offer {entry.name!r} as an entry point of "
                f"{group}: rename yours, or uninstall one of them"
            )
    return found


@cache
def load(group: str, name: str) -> Any:
    """Load the object that a name stands for.

    Raises
    ------
    ConfigurationError
        No installed package offers the name, or the package cannot be imported.
    """
    entry = offered(group).get(name)
    if entry is None:
        raise ConfigurationError(unknown(group, name))
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"the package {_package(entry)} offers {name!r} as an entry point of {group}, but {entry.value} cannot be "
            f"loaded ({type(error).__name__}: {error}): repair or uninstall the package"
        ) from error


def resolve(reference: str) -> Any:
    """Import what `module:name` stands for.

    Raises
    ------
    ConfigurationError
        It cannot be imported.
    """
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except SurveyBatchError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"{reference} cannot be loaded ({type(error).__name__}: {error}): repair or reinstall the package that it "
            "comes from"
        ) from error


def undefined(plugin: object, base: type) -> list[str]:
    """Return the names of methods and attributes that a base class asks for and a plug-in does not define."""
    methods = getattr(plugin, "__abstractmethods__", frozenset[str]())
    attributes = {name for of in base.__mro__ for name in inspect.get_annotations(of)}
    return sorted(methods | {name for name in attributes if not hasattr(plugin, name)})


def unknown(group: str, name: str) -> str:
    """Say that no package offers a name, and what there is instead."""
    names = list(offered(group))
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return (
        f"{name!r} is not known{hint}; there are {', '.join(names)}. Other packages can add to these (entry points of "
        f"{group})"
    )


def package(group: str, name: str) -> str | None:
    """Return the name of the package that offers a name; None if none does."""
    entry = offered(group).get(name)
    return entry.dist.name if entry and entry.dist else None


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "(unknown)"
