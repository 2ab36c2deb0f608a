"""Problems by kind: each reason is told once, with how many rows it has, one of them in full, and the way to all."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.core.paths import join
from survey_batch.report.page import Content, Html, Section, badge, section, table, tag
from survey_batch.report.reading import problems_so_far
from survey_batch.report.style import STATUS_COLORS, advice
from survey_batch.report.summary import RunStatus
from survey_batch.store.problems import pattern_of
from survey_batch.store.schema import PRODUCTS_OF_FRAMES

_COMMAND = re.compile(r"(run --retry \w+)")
"""What is not to be broken at the end of a line."""

MOST_LINKS = 6
"""Objects shown on the page to which a kind of problem has links."""


@dataclass(frozen=True)
class Kind:
    """Problems of one stage and status that differ only in numbers, names and files.

    Attributes
    ----------
    number : int
        Number in the page's table, from 1.
    reason : str
        What their messages share; "#" stands for what differs.
    object_id, row, message : str, int, str
        Of one of them.
    count : int
        How many there are.
    """

    number: int
    stage: str
    status: str
    reason: str
    object_id: str
    row: int
    message: str
    count: int

    @property
    def anchor(self) -> str:
        """Name of its row on the page."""
        return f"problem-{self.number}"


@dataclass(frozen=True)
class Problems:
    """The kinds, most frequent first, all noted problems, and how many each (stage, status) has."""

    kinds: tuple[Kind, ...]
    noted: pa.Table
    totals: Mapping[tuple[str, str], int]

    def of_rows(self, rows: Iterable[int]) -> dict[int, tuple[Kind, str]]:
        """Find the first problem of some objects, by their rows: its kind and the object's own message."""
        known = {(kind.stage, kind.status, kind.reason): kind for kind in self.kinds}
        here = pc.is_in(self.noted["row"], value_set=pa.array(np.asarray([*rows], np.int64)))
        found: dict[int, tuple[Kind, str]] = {}
        for note in self.noted.filter(here).to_pylist():
            kind = known.get((note["stage"], note["status"], pattern_of(note["message"])))
            if kind and note["stage"] not in PRODUCTS_OF_FRAMES:
                found.setdefault(note["row"], (kind, note["message"]))
        return found


def read_kinds(status: RunStatus) -> Problems:
    """Read the noted problems of an output, and tell their kinds apart."""
    noted, _ = problems_so_far(status.output, ended=status.ended)
    counted = noted.group_by(["stage", "status"]).aggregate([("message", "count")])
    totals = {(row["stage"], row["status"]): row["message_count"] for row in counted.to_pylist()}
    kinds = (_kind(number, noted, *found) for number, found in enumerate(status.problems, 1))
    return Problems(tuple(kinds), noted, totals)


def _kind(number: int, noted: pa.Table, stage: str, status: str, message: str, count: int) -> Kind:
    here = pc.and_(pc.equal(noted["stage"], stage), pc.equal(noted["status"], status))
    first = pc.index(pc.and_(here, pc.equal(noted["message"], message)), True).as_py()
    object_id, row = (noted[name][first].as_py() for name in ("object_id", "row"))
    return Kind(number, stage, status, pattern_of(message), object_id, row, message, count)


def problem_section(status: RunStatus, problems: Problems, shown: Mapping[int, tuple[str, str]]) -> Section:
    """Make the section.

    Parameters
    ----------
    status, problems
        Of the output.
    shown
        Anchor and name of each object that the page shows, by its row.
    """
    examples: dict[int, list[Html]] = {}
    for row, (kind, _) in problems.of_rows(shown).items():
        anchor, name = shown[row]
        examples.setdefault(kind.number, []).append(tag("a", name, href=f"#{anchor}", class_="id"))
    rows = [_row(kind, examples.get(kind.number, [])) for kind in problems.kinds]
    rest = sum(problems.totals.values()) - sum(kind.count for kind in problems.kinds)
    path = join(status.output, "problems.parquet")
    return section(
        "Problems",
        tag("h3", "What to do"),
        _what_to_do(status, problems),
        tag("h3", "Reasons"),
        table(
            ("how many", "stage", "status", "reason"), rows, numeric=(0,), label="Problems by reason", class_="stacked"
        ),
        *([tag("p", f"{rest:,} more with rarer reasons.")] if rest else []),
        tag("details", tag("summary", "See all of one kind"), *_how_to_see_all(path, problems.kinds[0])),
        note="Problems that differ only in numbers, names and files are told once; # stands for what differs.",
    )


def _what_to_do(status: RunStatus, problems: Problems) -> Html:
    items = []
    for (stage, name), total in sorted(problems.totals.items(), key=lambda item: -item[1]):
        what = badge(f"{total:,} {name}", STATUS_COLORS[name])
        to_do = advice(stage, name, status.job["archive"]["survey"])
        parts = (tag("span", part, class_="whole") if n % 2 else part for n, part in enumerate(_COMMAND.split(to_do)))
        items.append(tag("li", tag("b", stage), " ", what, *parts, id=_advice_anchor(stage, name)))
    return tag("ul", *items)


def _advice_anchor(stage: str, status: str) -> str:
    return f"to-do-{stage}-{status}"


def _row(kind: Kind, examples: list[Html]) -> tuple[Content, ...]:
    to_do = tag("a", badge(kind.status, STATUS_COLORS[kind.status]), href=f"#{_advice_anchor(kind.stage, kind.status)}")
    one = [tag("span", kind.object_id, class_="id"), f", row {kind.row}: {kind.message}"]
    parts = [tag("code", kind.reason), tag("p", *one, class_="note")]
    if examples:
        links = [part for link in examples[:MOST_LINKS] for part in (" ", link)]
        parts.append(tag("p", "Shown below:", *links))
    return f"{kind.count:,}", kind.stage, to_do, tag("div", *parts, class_="reason", id=kind.anchor)


def _how_to_see_all(path: str, kind: Kind) -> tuple[Html, Html]:
    lines = (
        "import pandas as pd",
        "from survey_batch.store.problems import pattern_of",
        "",
        f"problems = pd.read_parquet({json.dumps(path)})",
        'problems["reason"] = problems.message.map(pattern_of)',
        f"reason = {json.dumps(kind.reason, ensure_ascii=False)}",
        f'problems[(problems.stage == "{kind.stage}") & (problems.status == "{kind.status}")'
        " & (problems.reason == reason)]",
    )
    about = (
        "The file ", tag("code", "problems.parquet"), " holds each of them with object, row, source and time. "
        "It is written whenever a run ends. In Python, with any reason of the table:",
    )  # fmt: skip
    return tag("p", *about), tag("pre", "\n".join(lines))
