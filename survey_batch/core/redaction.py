"""Passwords, tokens and keys: found in a job before anything is written, and struck out of all text that leaves.

Addresses are written into products, logs and reports, which are published. So a job must not hold credentials: they
come from the environment (docs/how-to/credentials.md). Messages of servers and libraries may repeat them all the same.
"""

import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
"""Stands for what was struck out."""

_PART = (
    "password|passwd|passphrase|secret|token|api[._-]?key|access[_-]?key|secret[_-]?key|account[_-]?key"
    "|private[_-]?key|storage[_-]?key|credentials?|authorization|signature|cookie"
)
_NAME = rf"(?:(?:[\w.-]*[_.-])?(?:{_PART})(?:[_-](?:id|key|value))?|[\w.-]*[_.-]pwd|pgpassword)"
"""Names of settings and variables that hold a secret; `PWD` is the current folder."""
_IN_ADDRESS = rf"(?:{_NAME}|key|sig|sas|auth|jwt|code|pw|pwd|pass|session(?:id)?)"
"""Names of a query's parts that hold one; alone in an address, shorter words do."""
_OF_VARIABLE = rf"(?:{_NAME}|\w+_(?:jwt|pass|pat)|sshpass)"
"""Names of variables of the environment that hold one; in other texts, `band_pass` is none."""

_LOGIN = re.compile(
    r"""(?<=://)(?!(?:[\w.-]+:\d+|\[[^\]\s]*\](?::\d+)?)(?:[/?#,\s]|$))[^\s/?#@:"'<>]*:(?:[^\s"'<>]|(?<=\w)["'](?=\w))*@"""
)
"""User and password before a host; the password may hold signs that should be written otherwise. A quote that does not
stand inside a word ends the address, and what looks like a host with its port is one."""
_LOGIN_WITH_BLANKS = re.compile(r"[a-z][\w+.:-]*://(?!\[|[\w.-]+:\d+[/?#])[^/?#@:]*:[^/?#]*@", re.IGNORECASE)
"""The same at the start of a text that is nothing but an address."""
_LOGIN_NAME = re.compile(r"""(?<=\bhttp://)[^\s/?#@:"'<>]+@|(?<=\bhttps://)[^\s/?#@:"'<>]+@""", re.IGNORECASE)
"""The part before the host of a web server is often a token."""
_QUERY = re.compile(rf"""(?:(?<=[?&;#])|(?<=%3F)|(?<=%26))({_IN_ADDRESS}(?:=|%3D))([^\s&"'<>;#]+)""", re.IGNORECASE)
_HEADER = re.compile(r"""(\bauthorization["']?\s*[:=]\s*["']?(?:basic|bearer|token)\s+)([\w+/=.~-]+)""", re.IGNORECASE)
_NETRC = re.compile(r"""(\bbad (?:follower|toplevel) token )('[^']*'|"[^"]*")""")
"""What Python says of a `~/.netrc` that it cannot read; it may be a part of a password with a blank."""
_SETTING = re.compile(
    rf"""(?<![\w?&;#.-])(["']?{_NAME}["']?\s*(?:[:=]\s*(?=["'])|=(?=[^\s"'])))("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"',;]+)""",
    re.IGNORECASE,
)
"""A name and its value, as in a shell, in TOML or in the text of a dictionary."""
_PARSED = "(?:unexpected|expected|next|bad|invalid|unknown)"
_PROSE = re.compile(
    rf"""(?<![\w?&;#.-])((?:{_PARSED}\s+)?(?:{_NAME}|(?:api|access|secret) key)"""
    r"""[^\S\n]*[:=][^\S\n]*)((?![/~])[^\s"',;(){}\[\]<>]+)(?![^\s,;)}\]])(?=([^\S\n]*(?:[,;)}\]\n]|$))?)""",
    re.IGNORECASE,
)
"""The same in a sentence, without quotes: `password: abc`; and whether the clause ends there."""
_EXPLAINED = re.compile(rf"{_PARSED}\s|.*(?:signature|credentials?|cookie|authorization)\W*$", re.IGNORECASE)
"""Beginnings of such sentences in which a plain word is an explanation."""
_NO_SECRET = re.compile(
    r"(?:str|string|int|bool|bytes|any|none|null|true|false|missing|required|expired|optional)$", re.IGNORECASE
)
"""Words that say what is wrong with a secret, or what it must be."""
_OPTION = re.compile(rf"(?<![\w-])(--{_NAME}\s+)([^\s-]\S*)", re.IGNORECASE)
"""An option of a command and its value."""
_HARMLESS = re.compile(r"""["']?(?:\$|`|\*\*\*|["']?$)""")
"""Values that are none: variables, commands, nothing, or what is hidden already."""
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_SECRET_VARIABLE = re.compile(_OF_VARIABLE, re.IGNORECASE)
_SHORTEST_MIXED = 6
"""Characters of the shortest word of letters and digits that is a secret wherever it stands in a sentence."""
_SHORTEST = 8
"""Characters of the shortest secret of the environment that is looked for; shorter ones could be any word."""


def redacted(text: str) -> str:
    """Strike out what a text says of credentials: logins and tokens in addresses, settings, and the environment's own.

    This is used wherever text leaves the program: errors, problems, logs, `run.json`, attributes of products, reports,
    the terminal and the display in notebooks.
    """
    for secret in _of_the_environment():
        text = text.replace(secret, HIDDEN)
    if "://" in text:
        text = _LOGIN_NAME.sub(f"{HIDDEN}@", _LOGIN.sub(f"{HIDDEN}@", text))
    if " token " in text:
        text = _NETRC.sub(_hide_setting, text)
    if "=" in text or ":" in text:
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
        text = _PROSE.sub(_hide_word, _SETTING.sub(_hide_setting, text))
    return _OPTION.sub(_hide_setting, text) if "--" in text else text


def redacted_values(value: Any) -> Any:
    """Strike out credentials in all texts of nested dictionaries and lists."""
    if isinstance(value, Mapping):
        return {
            redacted(key) if isinstance(key, str) else key: HIDDEN if _is_secret(key, inner) else redacted_values(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_values(inner) for inner in value]
    return redacted(value) if isinstance(value, str) else value


def secret_in(value: Any) -> str | None:
    """Say in words what credentials a text, or nested dictionaries and lists, hold; None if there are none."""
    if isinstance(value, Mapping):
        named = (f"a value of {key!r}" for key, inner in value.items() if _is_secret(key, inner))
        return next(named, None) or secret_in([*value, *value.values()])
    if isinstance(value, list | tuple):
        return next(filter(None, map(secret_in, value)), None)
    if not isinstance(value, str):
        return None
    if "://" in value and (_LOGIN.search(value) or _LOGIN_NAME.search(value) or _LOGIN_WITH_BLANKS.match(value)):
        return "a user name or password"
    found = _QUERY.search(value) or _HEADER.search(value)
    settings = (one for pattern in (_SETTING, _OPTION) for one in pattern.finditer(value))
    found = found or next((one for one in settings if not _HARMLESS.match(one[2])), None)
    found = found or next((one for one in _PROSE.finditer(value) if _is_secret_word(*one.groups())), None)
    return f"a value of {found[1].removesuffix('%3D').strip(_AROUND)!r}" if found else None


_AROUND = "\"' :=-"


def check_address(address: str) -> str:
    """Refuse an empty address, and one with a query: it is published with the products, and may hold a token.

    Raises
    ------
    ValueError
        Says what to do instead.
    """
    if not address.strip():
        raise ValueError("it is empty: name a path or an address")
    if "://" in address and (mark := next((sign for sign in "?#" if sign in address), None)):
        raise ValueError(
            f"the part of the address from {mark!r} on may hold a token, and addresses are written into every product: "
            "leave it out, download the file first, or give credentials by the environment"
        )
    return address


def without_query(text: str) -> str:
    """Strike out what `check_address` refuses."""
    return re.sub(r"""(://[^\s?#"']*[?#])[^\s"']+""", rf"\1{HIDDEN}", text)


def _hide_setting(found: re.Match[str]) -> str:
    name, value = found.groups()
    if _HARMLESS.match(value):
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{name}{quote}{HIDDEN}{quote}"


def _hide_word(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if _is_secret_word(*found.groups()) else found[0]


def _is_secret_word(name: str, value: str, end: str | None) -> bool:
    """Tell whether a word after the name of a secret is one: it ends the clause, or mixes letters and digits.

    In `token: 3 tokens` and `password: must be longer`, what follows is an explanation.
    """
    if "://" in value or _HARMLESS.match(value) or _NO_SECRET.match(value):
        return False
    mixed = len(value) >= _SHORTEST_MIXED and re.search(r"\d", value) and re.search(r"[^\W\d]", value)
    return bool(mixed) or (end is not None and not _EXPLAINED.match(name))


def _is_secret(name: object, value: object) -> bool:
    return isinstance(name, str) and _names_a_secret(name) and _says_something(value)


def _says_something(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_says_something, value))
    # A password may be a number.
    return not _HARMLESS.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else False


@lru_cache(maxsize=4096)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _of_variable(name: str, value: str) -> tuple[str, ...]:
    """Return the secret that a variable of the environment holds, as it is and as addresses write it.

    The path of a file is none. A key may begin like a path, but has no ending such as `.json`.
    """
    if len(value) < _SHORTEST or not _SECRET_VARIABLE.fullmatch(name):
        return ()
    with suppress(OSError, ValueError, RuntimeError):
        if value.startswith(("/", "~")) and (Path(value).suffix or Path(value).expanduser().exists()):
            return ()
    return tuple({value: None, quote(value, safe=""): None, quote(value): None})


def _of_the_environment() -> tuple[str, ...]:
    """Return the secrets of the environment; the longest first, as one may be a part of another."""
    # To decode all of the environment takes longer than to redact a message: that it is as before is seen at once.
    raw = getattr(os.environ, "_data", None)
    if not isinstance(raw, dict):
        return _secrets_of(os.environ)
    if raw != _environment.raw:
        _environment.raw, _environment.secrets = dict(raw), _secrets_of(os.environ)
    return _environment.secrets


def _secrets_of(variables: Mapping[str, str]) -> tuple[str, ...]:
    found = (one for item in variables.items() for one in _of_variable(*item))
    return tuple(sorted(found, key=len, reverse=True))


class _Environment(threading.local):
    """The environment in which a thread last looked for secrets, and what they were."""

    raw: Mapping[bytes, bytes] | None = None
    secrets: tuple[str, ...] = ()


_environment = _Environment()
