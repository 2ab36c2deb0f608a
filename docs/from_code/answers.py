"""What each verb prints with `--json`: every key, from the types of the answers."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, get_type_hints, is_typeddict

from pydantic import TypeAdapter

from docs.from_code.attribute_texts import attribute_texts
from docs.from_code.markdown import code, table
from docs.from_code.types import type_in_words
from survey_batch.catalog.output import CatalogSummary
from survey_batch.cli import facts
from survey_batch.core.findings import Finding
from survey_batch.core.pace import Pace
from survey_batch.execution.runfile import RunRecord
from survey_batch.integrity.faults import FaultFacts
from survey_batch.integrity.verify import Verification
from survey_batch.preflight.estimate import Estimate, StageEstimate, totals
from survey_batch.preflight.footprint import Footprint
from survey_batch.report.stage_status import StageStatus
from survey_batch.report.summary import COMPUTED, RunStatus
from survey_batch.store.holder import Holder
from survey_batch.store.problems import ProblemCount
from survey_batch.training.adoption import Adoption

COMMON = "every verb"
SCORES = ("train", "evaluate")
"""Verbs that print the figures of a classifier, which have a page of their own."""


@dataclass(frozen=True)
class Part:
    """An object in an answer.

    Attributes
    ----------
    kind
        The class that says what it holds.
    path
        Where it is in the answer, as `jq` writes it; "" for the answer itself.
    computed
        Properties that stand beside its attributes.
    """

    kind: type
    path: str = ""
    computed: tuple[str, ...] = ()


ANSWERS: Mapping[str, tuple[Part, ...]] = {
    COMMON: (Part(facts.CommonFacts), Part(facts.ErrorFacts, "error")),
    "init": (Part(facts.InitFacts),),
    "simulate": (Part(facts.SimulateFacts),),
    "catalog": (Part(CatalogSummary), Part(facts.CatalogFiles)),
    "plan": (
        Part(Estimate, computed=tuple(totals())),
        Part(StageEstimate, "stages[]"),
        Part(Footprint, "stages[].written"),
    ),
    "doctor": (Part(facts.DoctorFacts), Part(Finding, "findings[]")),
    "run": (Part(facts.RunFacts), Part(facts.StageFacts, "stages.NAME")),
    "status": (
        Part(RunStatus, computed=COMPUTED),
        Part(StageStatus, "stages[]", ("seconds_left",)),
        Part(Pace, "stages[].pace"),
        Part(Holder, "holder"),
        Part(ProblemCount, "problems[]"),
        Part(RunRecord, "runs[]"),
    ),
    "verify": (Part(Verification, computed=("ok",)), Part(FaultFacts, "faults[]")),
    "report": (Part(facts.ReportFacts),),
    "export": (Part(facts.ExportFacts),),
    "adopt": (Part(Adoption),),
    "similar": (Part(facts.SimilarFacts), Part(facts.NeighbourFacts, "neighbours[]")),
    "export-model": (Part(facts.ExportModelFacts),),
    "psf-stars": (Part(facts.PsfStarsFacts),),
}
"""What each verb answers."""


def keys(part: Part) -> Iterator[tuple[str, str, str]]:
    """Yield each key of an object with its path, its type in words, and what it holds."""
    texts = {**_texts(part.kind), **{name: inspect.getdoc(getattr(part.kind, name)) for name in part.computed}}
    hints = get_type_hints(part.kind)
    hints |= {name: get_type_hints(getattr(part.kind, name).fget)["return"] for name in part.computed}
    for name, hint in hints.items():
        path = f"{part.path}.{name}" if part.path else name
        yield path, _type(hint), re.sub(r"\bNone\b", "null", " ".join((texts.get(name) or "").split()))


def page() -> str:
    """Write the reference of the answers."""
    parts = []
    for verb, objects in ANSWERS.items():
        title = f"`{verb}`" if verb != COMMON else "Every verb"
        rows = [(code(path), words, text) for part in objects for path, words, text in keys(part)]
        parts += [f"(answer-{verb.replace(' ', '-')})=", f"## {title}\n"]
        parts.append(table(("key", "type", "what it holds"), rows))
    return "\n".join(parts)


def _texts(kind: type) -> dict[str, str]:
    """Return the texts of attributes, from below them or from the docstring of the class."""
    texts = dict(attribute_texts(kind))
    listed = (inspect.getdoc(kind) or "").partition("Attributes\n----------\n")[2]
    for block in re.split(r"\n(?=\S)", listed):
        names, _, text = block.partition("\n")
        texts |= dict.fromkeys(names.partition(" : ")[0].split(", "), text)
    return texts


def _type(hint: Any) -> str:
    """Say in words what type a value has in JSON."""
    if is_dataclass(hint) or is_typeddict(hint):
        return "object"
    schema = TypeAdapter(hint).json_schema()
    words = type_in_words(schema).replace("any value", "object").replace("table", "object")
    words = re.sub(r"\bof (object|whole number|number)\b", r"of \1s", words)
    return f"{words} or null" * any(one.get("type") == "null" for one in schema.get("anyOf", ())) or words
