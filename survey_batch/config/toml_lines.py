"""TOML: its values, and the line of each key, which the standard library does not give."""

import re
import tomllib
from typing import Any

from survey_batch.core.errors import ConfigurationError

KeyPath = tuple[str | int, ...]


def parse(text: str) -> dict[str, Any]:
    """Parse TOML; what Python's parser gives up in another way is a `TOMLDecodeError` too, without a position."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has thousands of digits") from None
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables lie too deep within each other") from None


def locate_keys(text: str) -> dict[KeyPath, int]:
    """Find the line of each key and table header; the first line if there are several.

    Parameters
    ----------
    text
        Valid TOML.

    Returns
    -------
    dict
        Key path (list items and tables of an array as numbers) to line, from 1.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Scanner of valid TOML that reads keys and skips everything else."""

    _KEY = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)[ \t]*(\.?)""")
    _SPACE = re.compile(r"(?:[\s,]|#[^\n]*)*")
    _VALUE = re.compile(
        r""""{3}(?:[^\\]|\\.)*?"{3,5}(?!")|'{3}.*?'{3,5}(?!')|"(?:[^"\\]|\\.)*"|'[^']*'|[^,\]}#\n]+""", re.DOTALL
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.tables_in: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._next():
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _next(self) -> str:
        """Skip to the next significant character and return it; "" at the end."""
        self._skip(self._SPACE)
        return self.text[self.at : self.at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ConfigurationError(f"cannot understand the TOML near {self.text[self.at : self.at + 40]!r}")
        self.at = match.end()
        return match

    def _header(self) -> KeyPath:
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        table = self._keys(())
        self.at += brackets
        if brackets == 2:
            number = self.tables_in[table] = self.tables_in.get(table, -1) + 1
            table = (*table, number)
            self._note(table)
        return table

    def _pair(self, table: KeyPath) -> None:
        key = self._keys(table)
        self.at += 1  # the equals sign
        self._value(key)

    def _keys(self, path: KeyPath) -> KeyPath:
        """Read a dotted key below a path; below an array of tables, it belongs to the last table."""
        dot = "."
        while dot:
            name, dot = self._skip(self._KEY).groups()
            path = (*path, name.strip("\"'"))
            self._note(path)
            if dot and path in self.tables_in:
                path = (*path, self.tables_in[path])
        return path

    def _note(self, key: KeyPath) -> None:
        self.lines.setdefault(key, self.text.count("\n", 0, self.at) + 1)

    def _value(self, key: KeyPath) -> None:
        opening = self._next()
        if opening not in ("[", "{"):
            self._skip(self._VALUE)
            return
        self.at += 1
        closing, count = {"[": "]", "{": "}"}[opening], 0
        while self._next() != closing:
            if opening == "{":
                self._pair(key)
            else:
                self._value((*key, count))
                self._note((*key, count))
            count += 1
        self.at += 1
