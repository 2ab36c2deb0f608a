"""Changes that an export had to make, for the terminal and for the file itself."""

from collections.abc import Iterator, Sequence

SHOWN = 8
"""Most columns that a line on the terminal names."""


class Changes:
    """The reasons why columns changed, each with its columns."""

    def __init__(self) -> None:
        self._columns: dict[str, list[str]] = {}

    def note(self, reason: str, column: str) -> None:
        """Note that a column changed, and how."""
        columns = self._columns.setdefault(reason, [])
        if column not in columns:
            columns.append(column)

    def lines(self) -> list[str]:
        """Return one line per reason, with all its columns."""
        return [f"{_listed(columns)}: {reason}" for reason, columns in self._columns.items()]

    def short_lines(self) -> Iterator[str]:
        """Yield one line per reason, with its first columns."""
        for reason, columns in self._columns.items():
            more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
            yield f"{_listed(columns[:SHOWN])}{more}: {reason}"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(_shown, columns))


def _shown(column: str) -> str:
    return column if column.strip() else "(a column without a name)"
