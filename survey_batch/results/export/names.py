"""Column names that a format can hold, each used once."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from survey_batch.results.export.changes import Changes

FITS_LENGTH = 68
"""Characters of a text value on one card of a FITS header, with each quote doubled (FITS 4.0, section 4.2.1)."""


def parquet_names(names: Sequence[str], changes: Changes) -> list[str]:
    """Name columns that have no name, and number columns that share a name."""
    wanted = [name or _numbered(number) for number, name in enumerate(names, 1)]
    return _told_apart(names, wanted, str, lambda name, suffix: name + suffix, changes)


def fits_names(names: Sequence[str], changes: Changes) -> list[str]:
    """Make names of printable ASCII that fit on a card and differ by more than case.

    Accents are dropped and Greek letters spelled out (`µ_colour` is `mu_colour`); other characters become `_`.
    """
    wanted = [_shortened(_ascii(name)) or _numbered(number) for number, name in enumerate(names, 1)]
    return _told_apart(names, wanted, str.lower, _shortened, changes)


def plain_names(names: Sequence[str], nameless: Callable[[str], str] | None = None) -> list[str]:
    """Make names of letters, digits and underscores that differ by more than case: TOPCAT and SQL need no quotes.

    `O8e (188001)` is `O8e_188001`; the second of two that are alike gets a number. `nameless` says what to call one of
    which nothing is left, such as one in another script; by default it gets its number.
    """
    plain = [re.sub(r"\W+", "_", _ascii(name), flags=re.ASCII).strip("_") for name in names]
    wanted = [
        short or (nameless(name) if nameless else _numbered(number))
        for number, (name, short) in enumerate(zip(names, plain, strict=True), 1)
    ]
    return _told_apart(names, wanted, str.lower, lambda name, suffix: name + suffix, Changes())


def _told_apart(
    names: Sequence[str],
    wanted: Sequence[str],
    key: Callable[[str], str],
    join: Callable[[str, str], str],
    changes: Changes,
) -> list[str]:
    """Number names that are taken; columns that keep their name come first, and numbered names never clash."""
    own, taken = {key(name) for name in wanted}, set[str]()
    unique = list(wanted)
    for index in sorted(range(len(names)), key=lambda index: names[index] != wanted[index]):
        number = 1
        while key(unique[index]) in taken or (number > 1 and key(unique[index]) in own):
            number += 1
            unique[index] = join(wanted[index], f"_{number}")
        taken.add(key(unique[index]))
    for name, new in zip(names, unique, strict=True):
        if name != new:
            changes.note(f"named {new!r}", name)
    return unique


def _numbered(number: int) -> str:
    return f"column_{number}"


def _shortened(name: str, suffix: str = "") -> str:
    while len((name + suffix).replace("'", "''")) > FITS_LENGTH:
        name = name[:-1]
    return (name + suffix).strip()


def _ascii(name: str) -> str:
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else _spelled(letter) for letter in letters)


def _spelled(letter: str) -> str:
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)", unicodedata.name(letter, ""))
    if greek is None:
        return "_"
    return greek[2].lower() if greek[1] == "SMALL" else greek[2].title()
