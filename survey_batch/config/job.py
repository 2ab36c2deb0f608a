"""The job file's contents: `Job`, whose tables are the models of `survey_batch.config.sections`.

Reading a file, `--set` overrides and errors that name a line live in `survey_batch.config.jobfile`.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Section
from survey_batch.config.sections.catalog import (
    CatalogSection,
    DuplicatesSection,
    SampleSection,
    SelectSection,
    SplitSection,
)
from survey_batch.config.sections.cluster import ClusterSection, GpuSection
from survey_batch.config.sections.custom import CustomSection
from survey_batch.config.sections.execution import ShardsSection
from survey_batch.config.sections.images import CompositesSection, CutoutsSection, FramesSection, ImageFeaturesSection
from survey_batch.config.sections.models import PredictionsSection
from survey_batch.config.sections.readers import STAGE_READS
from survey_batch.config.sections.spectra import FeaturesSection, SpectraSection
from survey_batch.config.sections.training import TrainSection
from survey_batch.core.display import html_table

__all__ = [
    "STAGES_OF",
    "ArchiveSection",
    "CatalogSection",
    "ClusterSection",
    "CompositesSection",
    "CustomSection",
    "CutoutsSection",
    "DuplicatesSection",
    "FeaturesSection",
    "FramesSection",
    "GpuSection",
    "ImageFeaturesSection",
    "Job",
    "PredictionsSection",
    "SampleSection",
    "Section",
    "SelectSection",
    "ShardsSection",
    "SpectraSection",
    "SplitSection",
    "TrainSection",
]

STAGES_OF: Mapping[str, tuple[str, ...]] = {survey: tuple(stages) for survey, stages in STAGE_READS.items()}
"""The stages of each survey in order; a job may leave out stages that no other stage needs."""


class Job(Section):
    """A whole job file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    output: str
    custom: Mapping[str, CustomSection] = {}
    """Stages made from the user's own functions."""
    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    catalog: CatalogSection
    archive: ArchiveSection
    frames: FramesSection = FramesSection()
    cutouts: CutoutsSection = CutoutsSection()
    composites: CompositesSection = CompositesSection()
    image_features: ImageFeaturesSection = ImageFeaturesSection()
    spectra: SpectraSection = SpectraSection()
    features: FeaturesSection = FeaturesSection()
    predictions: PredictionsSection | None = None
    train: TrainSection | None = None
    shards: ShardsSection = ShardsSection()
    cluster: ClusterSection = Field(default_factory=ClusterSection)

    def __repr__(self) -> str:
        return f"<Job {self.name}: {', '.join(self.stages)} of {self.archive.survey}, in {self.output}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        about = {
            "stages": ", ".join(self.stages),
            "catalogue": self.catalog.path,
            "archive": f"{self.archive.survey} at {self.archive.root}",
            "output": self.output,
        }
        return html_table(f"Job {self.name}", about)

    def keeps(self, stage: str) -> bool:
        """Tell whether a stage's product is stored."""
        if stage in ("predictions", "stamps"):
            return True
        if stage == "features" and self.archive.survey != "lamost":
            return self.image_features.keep
        section = self.custom.get(stage) or getattr(self, stage)
        return bool(section.keep)

    @field_validator("stages")
    @classmethod
    def _stages_exist(cls, stages: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = [*dict.fromkeys(name for names in STAGES_OF.values() for name in names), *info.data.get("custom", ())]
        for stage in stages if "custom" in info.data else ():
            if stage not in known:
                near = difflib.get_close_matches(stage, known, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise ValueError(f"{stage!r} is no stage{hint}; there are {', '.join(known)}")
        return stages

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Job":
        possible = STAGES_OF[self.archive.survey]
        if wrong := [stage for stage in self.stages if stage not in possible and stage not in self.custom]:
            raise ValueError(
                f"stages {wrong} do not exist for survey {self.archive.survey!r}; possible: {list(possible)}"
            )
        ours = [stage for stage in self.stages if stage in possible]
        if ours != sorted(set(ours), key=possible.index) or len(set(self.stages)) < len(self.stages):
            raise ValueError(f"stages must stand once each and in this order: {list(possible)}")
        starts = ("frames", "cutouts") if self.archive.survey == "sdss" else possible[:1]
        if self.stages[0] not in starts:
            raise ValueError(f"stages must start with {starts[-1]!r}: the others work on its product")
        if "predictions" in self.stages and self.predictions is None:
            raise ValueError("stage 'predictions' needs a table [predictions] with the key 'classifier'")
        return self

    @model_validator(mode="after")
    def _custom_stages_have_their_input(self) -> "Job":
        for name, section in self.custom.items():
            if name in STAGES_OF[self.archive.survey] or not name.isidentifier():
                raise ValueError(f"custom.{name}: choose another name; it must be a word, and no stage's of our own")
            before = self.stages[: self.stages.index(name)] if name in self.stages else ()
            if name in self.stages and (section.input not in before or section.input == "frames"):
                raise ValueError(f"custom.{name}: its input {section.input!r} must be a stage that stands before it")
        return self
