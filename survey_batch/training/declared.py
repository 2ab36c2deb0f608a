"""What a model answers with, as the user declares it, and which of its outputs that is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.manifest import Quantity

WAYS = "classes:A,F,G, values:z,teff[K] or embedding"

QUANTITY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\[([^\]]{,100})\])?")
"""A quantity, with its unit in brackets."""

CODE = re.compile(r"-?[0-9.]+|True|False")
"""A label that stands for a name."""

LONGEST_NAME = {"classes": 200, "values": 100}
"""Most characters in a name; a manifest has no longer ones."""


def declared(text: str, *, errors: bool, names: Sequence[str] = ()) -> dict[str, Any]:
    """Read what a model answers with, as keys of its manifest.

    Parameters
    ----------
    text
        `classes:A,F,G`, `values:z,teff[K]` or `embedding`.
    errors
        Whether each value has an error.
    names
        The model's own names of its classes, for `classes` alone.

    Raises
    ------
    ConfigurationError
        The text is not understood.
    """
    kind, _, rest = text.strip().partition(":")
    words = tuple(word.strip() for word in rest.split(",") if word.strip())
    if kind not in ("classes", "values", "embedding") or (kind == "embedding" and words):
        raise ConfigurationError(f"outputs {text!r} are not understood; write {WAYS}")
    named = [word.partition("[")[0] for word in words] if kind == "values" else list(words)
    if twice := [name for i, name in enumerate(named) if name in named[:i]]:
        raise ConfigurationError(f"outputs {text!r} name {twice[0]!r} twice; each output has a name of its own")
    if long := [name for name in named if len(name) > LONGEST_NAME[kind]]:
        raise ConfigurationError(f"outputs name {long[0][:20]!r}…, which has more than {LONGEST_NAME[kind]} characters")
    if errors and kind != "values":
        raise ConfigurationError(f"errors belong to values, and the model answers with {kind}; leave them out")
    if kind == "embedding":
        return {"outputs": kind}
    if kind == "values":
        return {"outputs": kind, "quantities": _quantities(text, words), "errors": errors}
    if not all(names):
        raise ConfigurationError(
            "one of the model's own classes has an empty name, as objects without a label have: fit it without these"
        )
    if words and names and list(words) != list(names) and not _named_anew(names, words):
        raise ConfigurationError(
            f"the model's own classes are {', '.join(names)}, in this order, and outputs name {', '.join(words)}; "
            'write "classes" alone to take its own'
        )
    if len(words or names) < 2:
        raise ConfigurationError(f"outputs {text!r} name fewer than two classes; write classes:A,F,G")
    return {"outputs": kind, "classes": words or tuple(names)}


def _named_anew(codes: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether words are names for codes, such as 0 and 1, and not the codes themselves in another order."""
    return all(CODE.fullmatch(code) for code in codes) and set(words).isdisjoint(codes)


def _quantities(text: str, words: Sequence[str]) -> tuple[Quantity, ...]:
    found = [QUANTITY.fullmatch(word) for word in words]
    if not found or not all(found):
        raise ConfigurationError(f"outputs {text!r} are not understood; write values:z,teff[K], names in plain letters")
    return tuple(Quantity(name=match[1], units=match[2] or "1") for match in found if match)


def chosen_outputs(
    found: Mapping[str, npt.NDArray[Any]], rows: int, columns: int | None, wanted: Sequence[str] = ()
) -> tuple[list[str], int]:
    """Choose the outputs of a model that make its answer, and count their columns.

    Parameters
    ----------
    found
        Each output for some rows, (object, …).
    rows
        Number of these rows.
    columns
        Columns that the answer must have; None for any number. A single column will do for two.
    wanted
        Names of the outputs, if the user gives them.

    Raises
    ------
    ConfigurationError
        The outputs do not fit, or several do.
    """
    widths = {
        name: int(np.prod(values.shape[1:]))
        for name, values in found.items()
        if values.ndim and len(values) == rows and (wanted or values.dtype.kind == "f")
    }
    listed = ", ".join(f"{name} {values.shape}" for name, values in found.items())
    if missing := [name for name in wanted if name not in widths]:
        raise ConfigurationError(
            f"the model has no output {missing[0]!r} with a row for each object; for {counted(rows, 'object')} it "
            f"answers with {listed}"
        )
    fits = {columns, 1} if columns == 2 else {columns}
    ways = [list(wanted)] if wanted else [list(widths), *([name] for name in widths)]
    ways = [way for way in ways if way and (columns is None or sum(widths[name] for name in way) in fits)]
    alone = [way for i, way in enumerate(ways) if way not in ways[:i]]
    if columns is None and not wanted:
        alone = [way for way in alone if len(way) == 1]
    if len(alone) == 1:
        return alone[0], sum(widths[name] for name in alone[0])
    needs = "any number of columns" if columns is None else counted(columns, "column")
    why = "several fit; name the ones to use" if alone else "none fits"
    raise ConfigurationError(
        f"the answer needs {needs}, and for {counted(rows, 'object')} the model answers with {listed}: {why}"
    )


def check_order(used: Sequence[str], words: Sequence[str]) -> None:
    """Refuse outputs that bear the names of classes or quantities, but in another order than these are declared.

    Raises
    ------
    ConfigurationError
        Says how to take them in order.
    """
    if len(used) >= len(words) and any(name in words and words.index(name) != at for at, name in enumerate(used)):
        raise ConfigurationError(
            f"the model's outputs are {', '.join(used)}, in this order, and you declare {', '.join(words)}: declare "
            f"them in that order, or take the outputs in yours (--take {','.join(words)})"
        )
