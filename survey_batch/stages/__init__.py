"""Stages: one thin module per product, which binds kernels to the product."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from survey_batch.config.job import Job
from survey_batch.config.sections.base import Section
from survey_batch.config.stage_kind import StageKind
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import resolve
from survey_batch.planning.kept_frames import as_it_began
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context, Origin
from survey_batch.stages.kinds import CUSTOM, DETECTIONS
from survey_batch.store.schema import Variable

__all__ = [
    "Block",
    "Context",
    "Coordinates",
    "Cost",
    "Plan",
    "Rows",
    "Section",
    "Stage",
    "StageKind",
    "Variable",
    "make_stage",
    "make_stages",
]


@dataclass(frozen=True)
class StagesOf:
    """The stages of a job, by name."""

    job: Job

    def __call__(self, name: str) -> Stage:
        """Return a stage."""
        return make_stage(self.job, name)


def make_stage(job: Job, name: str) -> Stage:
    """Give a stage its settings and its context."""
    job = as_it_began(job)
    kind = CUSTOM if name in job.custom else DETECTIONS if name == "detections" else job.kinds[name]
    stages = job.stages
    context = Context(
        name=name,
        tables=tuple(_tables(job, name, kind)),
        stages=StagesOf(job),
        output=job.output,
        source=Origin(job.survey, job.archive),
        shard_rows=job.shards.objects,
        keep=name == "detections" or job.keeps(name),
        before=stages[: stages.index(name)] if name in stages else stages,
        possible=(*job.kinds, *job.custom),
    )
    stage: Stage = resolve(kind.make)(context)
    return stage


def make_stages(job: Job) -> list[Stage]:
    """Make the job's stages in order, the search for objects first; include `frames` only if frames are stored."""
    job = as_it_began(job)
    names = ("detections", *job.stages) if job.catalog.detect is not None else job.stages
    return [make_stage(job, name) for name in names if name != "frames" or job.frames.keep]


def _without_table(name: str, section: type[Section]) -> Section:
    try:
        return section()
    except ValidationError as error:
        needed = [field for field, info in section.model_fields.items() if info.is_required()]
        raise ConfigurationError(f"stage {name!r} needs a table: write [{name}] with {' and '.join(needed)}") from error


def _tables(job: Job, name: str, kind: StageKind) -> Iterator[Section]:
    """Yield the tables that a kind of stage reads; of `cluster.gpu`, for example, both tables."""
    if name in job.custom:
        yield job.custom[name]
    elif kind.section is not None:
        yield job.tables[name] if name in job.tables else _without_table(name, kind.section)
    for entry in kind.reads:
        table: object = job
        for part in entry.split("."):
            table = getattr(table, part, None)
            if isinstance(table, Section):
                yield table
