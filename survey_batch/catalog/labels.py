"""Class labels and luminosity, from the class and subclass that a pipeline gave."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.guesses import matching, plain
from survey_batch.catalog.identifiers import without_point
from survey_batch.catalog.values import SENTINEL, says_nothing, to_text, trimmed

SPECTRAL_TYPES = ("A", "F", "G", "K", "M", "non-stellar")
"""Classes that LAMOST's low-resolution pipeline gives often enough for training."""

MK_CLASSES = ("O", "B", "A", "F", "G", "K", "M", "OB", "carbon", "WD", "CV")
"""Letters of the MK system, and kinds of star outside its main classes."""

CLASS_COLUMNS = ("class", "subclass", "spectraltype", "spectype", "sptype", "objtype", "objclass", "morphology", "type")
"""Names of columns that usually hold a class, in the spelling of `KeyColumn.names`."""


def class_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that look like classes by their names: the usual names first, then `my_type` and the like."""
    usual = matching(CLASS_COLUMNS, names)
    return usual + [name for name in names if name not in usual and plain(name).endswith(("class", "type", "label"))]


def can_be_made(label: str, columns: Sequence[str]) -> bool:
    """Tell whether a catalogue has the column of a label, or all columns that the label is made of."""
    needed = ("class", "subclass") if label in MADE_LABELS else (plain(label),)
    return all(matching((name,), columns) for name in needed)


_STELLAR = re.compile(r"^(?P<prefix>e?sd|usd|d|g)?(?P<letter>OB|[OBAFGKM])(?:\d|$|[ (IV])")
"""Prefix (sd, esd, usd: subdwarf; d: dwarf; g: giant), letter, then a digit, a luminosity class or nothing."""

_NUMERAL = re.compile(r"(?<![IV])(III|II|IV|I|VI|V)(?:ab|a|b)?(?![IVX])")
"""Luminosity class of the MK system, Ia to VI."""
_LUMINOSITY = {"I": "giant", "II": "giant", "III": "giant", "IV": "", "V": "dwarf", "VI": "subdwarf"}
_PREFIX = {"sd": "subdwarf", "esd": "subdwarf", "usd": "subdwarf", "d": "dwarf", "g": "giant"}

_WHITE_DWARF = re.compile(r"^(?:WD|CarbonWD|D[ABCOQZ]+(?:[HPVe]|\d|:|$))")
"""SDSS `WD`, `WDhotter`, `CarbonWD` (a white dwarf with carbon bands), and spectral types `DA`, `DB`, …."""


def read_labels(column: pa.Array | pa.ChunkedArray, kept: Sequence[str] = ()) -> tuple[pa.Array, Counter[str], bool]:
    """Read the classes in a column.

    Parameters
    ----------
    column
        Column of any type that converts to text.
    kept
        Words that are classes even if they usually mean "no value".

    Returns
    -------
    labels : pyarrow.Array
        Text, "" where there is no class: empty, a word that means "no value", or the number -9999.
        Whole numbers are written without a decimal point, as for columns of floats.
    nothing : Counter
        The words for "no value" that were found, and how often each.
    pointed : bool
        Whether any number has lost its decimal point.
    """
    encoded = trimmed(column).dictionary_encode()
    text = encoded.dictionary  # classes are few, and rows are many
    labels = without_point(text)
    nothing = pc.or_(says_nothing(labels), pc.equal(labels, f"{SENTINEL:.0f}"))
    nothing = pc.and_(nothing, pc.invert(pc.is_in(labels, value_set=pa.array(kept, pa.string()))))
    pointed = pc.any(pc.not_equal(text, labels)).as_py()
    rows = np.bincount(encoded.indices.drop_null(), minlength=len(text)).tolist()
    words = Counter[str]()
    for word, count in zip(labels.filter(nothing).to_pylist(), compress(rows, nothing.to_pylist()), strict=True):
        if word:
            words[word] += count
    return pc.fill_null(pc.if_else(nothing, "", labels).take(encoded.indices), ""), words, bool(pointed)


def spectral_type(class_: pa.Array, subclass: pa.Array) -> pa.Array:
    """Return the spectral letter of stars, `non-stellar` for galaxies and quasars, else "" (O, B, carbon, …).

    Parameters
    ----------
    class_
        `STAR`, `GALAXY`, `QSO` or `Unknown`, as in the catalogues of LAMOST and SDSS.
    subclass
        For example `G7`, `A5V`, `dM3`, `gM0`, `sdM1`.

    Returns
    -------
    pyarrow.Array
        One of `SPECTRAL_TYPES` or "".
    """
    return _each_pair(_type_of, class_, subclass)


def mk_class(class_: pa.Array, subclass: pa.Array) -> pa.Array:
    """Return a star's MK class, or its kind if it has none; else "" (galaxies, double stars, L, …).

    The letter is the first of the subclass (`O8/O9` is O). SDSS and LAMOST give `OB` to hot stars that they cannot
    place; it is a class of its own, because such a star may be O or B.

    Parameters
    ----------
    class_, subclass
        As for `spectral_type`; SDSS adds the template star in brackets, as in `A0 (63501)`.

    Returns
    -------
    pyarrow.Array
        One of `MK_CLASSES` or "".
    """
    return _each_pair(_mk_class_of, class_, subclass)


def by_class(name: str) -> tuple[bool, int, str]:
    """Sort key: classes from hot to cool, then others by name, then rows without a class."""
    return name == "", MK_CLASSES.index(name) if name in MK_CLASSES else len(MK_CLASSES), name


def luminosity(subclass: pa.Array) -> pa.Array:
    """Return `giant` (Ia to III, prefix g), `dwarf` (V, prefix d), `subdwarf` (VI, prefix sd), or "" if not stated.

    Subgiants (IV) and types that name two kinds (`IV/V`) give "".
    """
    return _each_pair(lambda _, text: _luminosity_of(text), pa.nulls(len(subclass), pa.string()), subclass)


def _each_pair(function: Callable[[str, str], str], class_: pa.Array, subclass: pa.Array) -> pa.Array:
    """Apply a function to each distinct pair of texts."""
    pair = pc.binary_join_element_wise(
        pc.utf8_upper(to_text(class_)), to_text(subclass), "|", null_handling="replace", null_replacement=""
    )
    encoded = pc.dictionary_encode(pair)
    values = pa.array([function(*text.split("|", 1)) for text in encoded.dictionary.to_pylist()], pa.string())
    return values.take(encoded.indices)


def _type_of(class_: str, subclass: str) -> str:
    if class_ in ("GALAXY", "QSO"):
        return "non-stellar"
    letter = _mk_class_of(class_, subclass)
    return letter if letter in SPECTRAL_TYPES else ""


def _mk_class_of(class_: str, subclass: str) -> str:
    if class_ != "STAR":
        return ""
    if match := _STELLAR.match(subclass):
        return match["letter"]
    if _WHITE_DWARF.match(subclass):
        return "WD"
    if subclass.startswith("Carbon"):
        return "carbon"
    return "CV" if subclass == "CV" else ""


def _luminosity_of(subclass: str) -> str:
    match = _STELLAR.match(subclass)
    if match is None:
        return ""
    if match["prefix"]:
        return _PREFIX[match["prefix"]]
    numerals = _NUMERAL.findall(subclass.partition("(")[0])
    kinds = {_LUMINOSITY[numeral] for numeral in numerals}
    return kinds.pop() if len(kinds) == 1 else ""


MADE_LABELS: Mapping[str | None, Callable[[pa.Array, pa.Array], pa.Array]] = {
    "spectral_type": spectral_type,
    "mk_class": mk_class,
}
"""Values of `catalog.label` that are not a column."""


def possible_labels(column: str | None) -> tuple[str, ...] | None:
    """Return the classes that a made label can have, or None for a catalogue column, which may hold anything."""
    return {"spectral_type": SPECTRAL_TYPES, "mk_class": MK_CLASSES}.get(column or "")
