"""Arguments of public functions: one of a wrong type is told in the package's own words before anything is done."""

import inspect
import operator
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from survey_batch.core.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Kind:
    """What an argument must be.

    Attributes
    ----------
    words : str
        As in "must be a path".
    fits : callable
        Tells whether a value is such.
    """

    words: str
    fits: Callable[[Any], bool]


def _is_path(value: Any) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and bool(value))


def _is_dataset(value: Any) -> bool:
    """Tell without an import of xarray, which takes seconds: whoever has a dataset has imported it."""
    return isinstance(value, getattr(sys.modules.get("xarray"), "Dataset", ()))


def _is_whole(value: Any) -> bool:
    with suppress(TypeError):
        operator.index(value)
        return not isinstance(value, bool)
    return False


def _are_texts(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str) and all(isinstance(part, str) for part in value)


PATH = Kind("a path", _is_path)
DATASET = Kind("an xarray.Dataset, as open_product returns", _is_dataset)
WHOLE = Kind("a whole number", _is_whole)
TEXT = Kind("text", lambda value: isinstance(value, str))
TEXTS = Kind("several texts, as in a list", _are_texts)
NAMES = Kind("text, or several texts", lambda value: isinstance(value, str) or _are_texts(value))


def takes(**kinds: Kind) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check arguments of a function before it is called; those left out, or given as the default, are right.

    Raises
    ------
    ConfigurationError
        By the function, with the name of the argument and what it must be.
    """

    def checked(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        positional = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]

        @wraps(function)
        def within(*args: P.args, **kwargs: P.kwargs) -> R:
            for name, value in {**dict(zip(positional, args, strict=False)), **kwargs}.items():
                if (kind := kinds.get(name)) and value is not parameters[name].default and not kind.fits(value):
                    given = repr(value) if isinstance(value, str | None) else f"of type {type(value).__name__}"
                    raise ConfigurationError(f"{function.__name__}: {name} is {given}, but must be {kind.words}")
            return function(*args, **kwargs)

        return within

    return checked
