"""Names of files below a root, made of a catalogue's columns by a template: `{brick:.3}/{brick}-{band}.fits.fz`."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from string import Formatter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.guesses import plain
from survey_batch.catalog.identifiers import without_point

_PADDED, _FIRST = re.compile(r"0(\d{1,2})d?"), re.compile(r"\.(\d{1,2})")
"""Ways to write a column: `:04`, a whole number in so many digits; `:.3`, its first characters."""


@dataclass(frozen=True)
class Template:
    """A text with columns in braces.

    Parameters
    ----------
    text
        The template.
    later
        Names in braces that stay as they are: they are no columns.

    Raises
    ------
    ValueError
        What is wrong with the text.
    """

    text: str
    later: Collection[str] = ()

    def __post_init__(self) -> None:
        for _, name, spec, conversion in self._parts():
            if name is None:
                continue
            if not name or conversion or not plain(name):
                raise ValueError(f"{self.text!r} has braces without the name of a column")
            if spec and (name in self.later or not (_PADDED.fullmatch(spec) or _FIRST.fullmatch(spec))):
                raise ValueError(
                    f"{{{name}:{spec}}} is not understood: write {{{name}}}, {{{name}:06d}} for a number in six "
                    f"digits, or {{{name}:.3}} for the first three characters"
                )

    def _parts(self) -> list[tuple[str, Any, Any, Any]]:
        return list(Formatter().parse(self.text))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(name for _, name, _, _ in self._parts() if name and name not in self.later))

    def fill(self, column: Callable[[str], pa.Array], rows: int) -> pa.Array:
        """Put the columns' values in.

        Parameters
        ----------
        column
            Returns a column as text, null where missing.
        rows
            Their number.

        Returns
        -------
        pyarrow.Array
            Text; null where a column is, and where a number is asked for and there is none.
        """
        pieces: list[Any] = [pa.array([""] * rows, pa.string())]
        for literal, name, spec, _ in self._parts():
            pieces.append(literal)
            if name in self.later:
                pieces.append(f"{{{name}}}")
            elif name:
                pieces.append(_written(column(name), spec))
        return pc.binary_join_element_wise(*pieces, "")


def _written(values: pa.Array, spec: str) -> pa.Array:
    if padded := _PADDED.fullmatch(spec):
        values = without_point(values)  # 7.0, as floating point prints a 7
        number = pc.if_else(pc.match_substring_regex(values, r"^\d+$"), values, pa.scalar(None, pa.string()))
        return pc.utf8_lpad(pc.utf8_ltrim(number, "0"), int(padded[1]), "0")
    if first := _FIRST.fullmatch(spec):
        return pc.utf8_slice_codeunits(values, 0, int(first[1]))
    return values


def below(root: str, files: pa.Array) -> pa.Array:
    """Return files by their paths below a root; a path that begins with the root loses it, any other stays."""
    beginning = root.rstrip("/") + "/"
    shorter = pc.utf8_slice_codeunits(files, len(beginning))
    return pc.if_else(pc.starts_with(files, beginning), shorter, files)
