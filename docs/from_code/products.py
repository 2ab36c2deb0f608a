"""Every product with its variables, from the stages that make them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from docs.from_code.columns import our_surveys
from docs.from_code.markdown import code, table
from survey_batch.config.job import Job
from survey_batch.config.survey import possible_stages
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.status import flag_attributes
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe
from survey_batch.stages import Stage, make_stage
from survey_batch.stages.answers import answers_of
from survey_batch.store.schema import OBJECT_COORDINATES, Variable

CLASSIFIED = {"predictions": {"classifier": "models/yours", "threshold": 0.5}}
DETECT = {"catalog": {"path": "fields.csv", "detect": {}}}
RULE = {"catalog": {"path": "fields.csv", "detect": {"rule": {}}}}
WITH: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "cutouts": ("`cutouts.ivar = true`", {"cutouts": {"ivar": True}}, {}),
    "fits-images cutouts": (
        "`cutouts.ivar = true` and `archive.noise`, or `archive.mask_bits`",
        {
            "cutouts": {"ivar": True},
            "archive": {"survey": "fits-images", "root": "archive", "noise": "ivar", "mask_bits": "all"},
        },
        {},
    ),
    "detections": ("a table `[catalog.detect.rule]`", RULE, DETECT),
}
"""Stages, of all surveys or one, that have more variables with certain keys: in words, and the job's tables with and
without these."""

_MODEL = {"kind": "any", "variant": "any", "recipe": Recipe(product="spectra", variables=("flux",), shape=(1,))}
MODELS = {
    "classes": Manifest(**_MODEL, classes=("a", "b")),
    "values": Manifest(**_MODEL, outputs="values", quantities=(Quantity(name="z"),), errors=True),
    "embedding": Manifest(**_MODEL, outputs="embedding", dimensions=1),
}
"""A model of each kind of answer."""

HEADER = ("variable", "dimensions", "type", "unit", "what it holds")
EVERYWHERE = (Variable("status", ("object, or frame and band",), "u1", flag_attributes()),)


def products() -> Iterator[tuple[str, str, Stage]]:
    """Yield each survey, product, and stage that makes it."""
    for survey in our_surveys():
        searched = ("detections",) if survey.image_reader else ()
        for name in (*searched, *(one for one in possible_stages(survey.name) if one != "predictions")):
            yield survey.name, name, make_stage(_job(survey.name, _with(survey.name, name)[1]), name)
    yield "any", "predictions", make_stage(_job("lamost", CLASSIFIED, "predictions"), "predictions")


def _with(survey: str, name: str) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    return WITH.get(f"{survey} {name}", WITH.get(name, ("", {}, {})))


def _job(survey: str, tables: Mapping[str, Any], *more: str) -> Job:
    stages = [one for one in possible_stages(survey) if one != "predictions"]
    own = {"name": "reference", "output": "runs/reference", "stages": [*stages, *more]}
    return Job.model_validate(
        {**own, "catalog": {"path": "catalog.csv"}, "archive": {"survey": survey, "root": "archive"}, **tables}
    )


def page() -> str:
    """Write the reference of the products."""
    of = [survey.name for survey in our_surveys()]
    parts = ["## In every product\n", table(HEADER, [_row(one, "") for one in EVERYWHERE])]
    parts += ["## In every product with one row per object\n"]
    parts += [table(HEADER, [_row(one, "") for one in OBJECT_COORDINATES])]
    for survey, name, stage in products():
        heading = f"## `{name}`" + (f", survey `{survey}`" if survey in of else "")
        parts += [f"(product-{survey}-{name})=", f"{heading}\n", _about(stage) + "\n"]
        parts += [table(HEADER, _rows(survey, name, stage))]
    return "\n".join(parts)


def _about(stage: Stage) -> str:
    try:
        upstream = stage.upstream
    except SurveyBatchError:  # the classifier says which
        upstream = "the product that the classifier was trained on"
    source = "the archive's files" if upstream is None else code(upstream) if " " not in upstream else upstream
    return f"One row per {'field' if stage.axis == 'frame' else 'object'}. Made from {source}."


def answers() -> Iterator[tuple[Variable, str]]:
    """Yield each variable and coordinate of the product `predictions`, and the kind of model whose answer it is."""
    for kind, manifest in MODELS.items():
        made = answers_of(manifest, threshold=0.5)
        yield from ((variable, kind) for variable in made.variables())
        for name, (dims, _, attrs) in made.coordinates().items():
            yield Variable(name, dims, "string", attrs), kind


def _rows(survey: str, name: str, stage: Stage) -> Iterator[tuple[str, ...]]:
    if name == "predictions":
        yield from (_row(variable, f" (models that answer with {kind})") for variable, kind in answers())
        return
    words, _, without = _with(survey, name)
    always = {one.name for one in make_stage(_job(survey, without), name).variables()} if words else set()
    for variable in stage.variables():
        also = f" (with {words})" if words and variable.name not in always else ""
        yield _row(variable, also)
    with suppress(SurveyBatchError, OSError):
        for coordinate, (dims, values, attrs) in stage.coordinates().items():
            kind = "string" if values.dtype.kind in "UTO" else values.dtype.str[1:]
            yield _row(Variable(coordinate, dims, kind, attrs), "")


def _row(variable: Variable, also: str) -> tuple[str, ...]:
    attrs = variable.attrs
    text = "; ".join(str(attrs[name]) for name in ("long_name", "comment") if name in attrs) or variable.name
    kind = "text" if variable.dtype == "string" else variable.dtype
    return code(variable.name), ", ".join(variable.dims), kind, str(attrs.get("units", "")), text + also
