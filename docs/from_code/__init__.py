"""The reference, made from the code when the site is built.

A line ``_Made from the code by `make docs`: keys._`` in a page is replaced by what `MAKERS` makes under that name.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from docs.from_code import answers, api, columns, commands, features, keys, messages, products, statuses, steps

MAKERS: Mapping[str, Callable[[], str]] = {
    "answers": answers.page,
    "api": api.page,
    "columns": columns.page,
    "commands": commands.page,
    "exit codes": commands.codes,
    "features of images": partial(features.page, "images"),
    "features of spectra": partial(features.page, "spectra"),
    "keys": keys.page,
    "messages": messages.page,
    "preprocessing steps": steps.page,
    "products": products.page,
    "statuses": statuses.page,
}
"""What can be made, by the name that pages use."""

MARK = re.compile(r"_Made from the code by `make docs`: ([a-z ]+)\._")
"""Where a page has what is made; who reads the page where it is not built learns why nothing is there."""

ENTRY = re.compile(r"\]\([\w./-]+\.md(#(?:answer|api|columns|error|feature|key|product|table|verb)-[\w-]+)\)")
"""A link to an entry of the reference: the page, for who reads the files, and the entry, which only the site has."""


def made(text: str) -> str:
    """Put what is made from the code into the text of a page, and let links lead to it."""
    return MARK.sub(lambda found: MAKERS[found[1]](), ENTRY.sub(r"](\1)", text))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx; pages that are made from the code are read anew at each build."""

    def read(_app: Any, _page: str, source: list[str]) -> None:
        source[0] = made(source[0])

    def outdated(_app: Any, env: Any, *_changes: Any) -> list[str]:
        return [page for page in env.all_docs if MARK.search(Path(env.doc2path(page)).read_text(encoding="utf-8"))]

    app.connect("source-read", read)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True}
