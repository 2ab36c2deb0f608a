"""What `--with` asks for beside status and predictions."""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from survey_batch.core.errors import ConfigurationError

COLUMNS = ("label", "split", "reason", "outlier", "neighbours")
"""Words for columns that belong to no product."""
NAMES_SHOWN = 120
"""Most names that an error lists."""


@dataclass(frozen=True)
class Asked:
    """What an export holds beside status and predictions.

    Attributes
    ----------
    columns : tuple of str
        Of `COLUMNS`.
    patterns : dict of str to list of str
        For each product, patterns of the names of its columns.
    """

    columns: tuple[str, ...]
    patterns: dict[str, list[str]]


def parse(words: Sequence[str], products: Collection[str]) -> Asked:
    """Read the values of `--with`: `label,split`, `features`, `features=psf_*,colour_*`.

    Parameters
    ----------
    words
        Each is a list of columns and products, of which the last may have a list of patterns after `=`.
    products
        Products whose columns can be asked for.

    Raises
    ------
    ConfigurationError
        A word is neither a column nor a product.
    """
    columns: list[str] = []
    patterns: dict[str, list[str]] = {}
    for word in words:
        before, equals, after = word.partition("=")
        names = [part.strip() for part in before.split(",")]
        last = names[-1]
        of_last = [part.strip() for part in after.split(",") if part.strip()] or ["*"]
        for place, name in enumerate(names, 1):
            if not name:
                continue
            _refuse_unknown(name, products, word)
            if name in COLUMNS:
                columns.append(name)
            else:
                patterns.setdefault(name, []).extend(of_last if place == len(names) else ["*"])
        if equals and last not in products:
            raise ConfigurationError(f"--with {word}: patterns choose columns of a product, and {last!r} is none")
    return Asked(tuple(name for name in COLUMNS if name in columns), patterns)


def chosen(patterns: Sequence[str], names: Sequence[str], product: str) -> list[str]:
    """Return the names that match a pattern, in their order.

    Raises
    ------
    ConfigurationError
        A pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            more = f", and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            there = ", ".join(names[:NAMES_SHOWN]) or "no column with one value for each object"
            raise ConfigurationError(
                f"--with {product}={pattern}: no column of the product {product!r} matches{_near(pattern, names)}; "
                f"it has {there}{more}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _refuse_unknown(name: str, products: Collection[str], word: str) -> None:
    known = (*COLUMNS, *products)
    if name not in known:
        raise ConfigurationError(
            f"--with {word}: {name!r} is neither a column nor a product that this run has made"
            f"{_near(name, known)}; there are {', '.join(known)}"
        )


def _near(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name.strip("*?"), names, n=3)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
