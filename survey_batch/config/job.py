"""The job file's contents: `Job`, whose tables are the models of `survey_batch.config.sections`.

Reading a file, `--set` overrides and errors that name a line live in `survey_batch.config.jobfile`.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Section, WrongKeyError
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
from survey_batch.config.sections.listed import ListSection
from survey_batch.config.sections.match import MatchSection
from survey_batch.config.sections.models import PredictionsSection
from survey_batch.config.sections.spectra import SpectralFeaturesSection, SpectraSection
from survey_batch.config.sections.training import TrainSection
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import (
    AnyArchive,
    Survey,
    find_stage,
    find_survey,
    installed_surveys,
    possible_stages,
    section_of,
)
from survey_batch.core.display import html_table
from survey_batch.core.plugins import STAGES, offered
from survey_batch.core.redaction import check_address

__all__ = [
    "ArchiveSection",
    "CatalogSection",
    "ClusterSection",
    "CompositesSection",
    "CustomSection",
    "CutoutsSection",
    "DuplicatesSection",
    "FramesSection",
    "GpuSection",
    "ImageFeaturesSection",
    "Job",
    "ListSection",
    "MatchSection",
    "PredictionsSection",
    "SampleSection",
    "Section",
    "SelectSection",
    "ShardsSection",
    "SpectraSection",
    "SpectralFeaturesSection",
    "SplitSection",
    "TrainSection",
]


class Job(Section):
    """A whole job file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", examples=["my-stars"])]
    """What the job is called in reports and messages: letters, digits, `.`, `_` and `-`."""
    output: Annotated[str, Field(examples=["runs/my-stars"])]
    """Folder or URL (such as `s3://bucket/my-stars`) for products, plan, problems, log and report."""
    custom: Mapping[str, CustomSection] = {}
    """Stages made from the user's own functions."""
    archive: AnyArchive
    stages: Annotated[tuple[str, ...], Field(min_length=1, examples=[["frames", "cutouts"]])]
    """The products to make, in the order of the survey; a custom stage stands after its input."""
    catalog: CatalogSection
    frames: FramesSection = FramesSection()
    cutouts: CutoutsSection = CutoutsSection()
    composites: CompositesSection = CompositesSection()
    image_features: ImageFeaturesSection = ImageFeaturesSection()
    spectra: SpectraSection = SpectraSection()
    spectral_features: SpectralFeaturesSection = SpectralFeaturesSection()
    predictions: PredictionsSection | None = None
    train: TrainSection | None = None
    tables: Mapping[str, SerializeAsAny[Section]] = {}
    """Tables of stages that other packages offer; in a job file each is a table at the top level, `[name]`."""
    shards: ShardsSection = ShardsSection()
    cluster: ClusterSection = Field(default_factory=ClusterSection)

    _output = field_validator("output")(check_address)

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

    @property
    def survey(self) -> Survey:
        """The job's survey."""
        return find_survey(self.archive.survey)

    @property
    def kinds(self) -> dict[str, StageKind]:
        """The stages that the job can have."""
        return possible_stages(self.archive.survey)

    def section(self, stage: str) -> Section | None:
        """Return the table that says whether a stage's product is stored; None if it always is."""
        if stage in self.custom:
            return self.custom[stage]
        kind = self.kinds[stage]
        return self.tables[stage] if kind.section else getattr(self, kind.table) if kind.table else None

    def keeps(self, stage: str) -> bool:
        """Tell whether a stage's product is stored; frames are, until `planning.kept_frames` decides otherwise."""
        return getattr(self.section(stage), "keep", True) is not False

    @model_validator(mode="before")
    @classmethod
    def _tables_of_stages(cls, given: Any) -> Any:
        """Put the tables of other packages' stages into `tables`, each validated by its stage's model."""
        if not isinstance(given, dict):
            return given
        names = [name for name in given if name not in cls.model_fields]
        tables = {name: given[name] for name in names if section_of(name) is not None}
        kept = {name: value for name, value in given.items() if name not in tables}
        return {**kept, "tables": {**tables, **given.get("tables", {})}} if tables else given

    @field_validator("tables", mode="before")
    @classmethod
    def _tables_are_valid(cls, tables: Any) -> Any:
        valid, wrong = {}, []
        for name, table in tables.items():
            try:
                section = section_of(name)
                valid[name] = section.model_validate(table) if section else table
            except ValidationError as error:
                details = error.errors(include_url=False)
                wrong += [InitErrorDetails(**{**detail, "loc": (name, *detail["loc"])}) for detail in details]  # type: ignore[typeddict-unknown-key]
        if wrong:
            raise ValidationError.from_exception_data("tables", wrong)
        return valid

    @field_validator("stages")
    @classmethod
    def _stages_fit_together(cls, stages: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "custom" not in info.data:
            return stages  # this table is wrong itself
        surveys = (
            [info.data["archive"].survey] if "archive" in info.data else [survey.name for survey in installed_surveys()]
        )
        known = [*dict.fromkeys(stage for name in surveys for stage in possible_stages(name)), *info.data["custom"]]
        for stage in stages:
            if stage not in known and stage in offered(STAGES):
                find_stage(stage)  # says why it cannot be used
            if stage not in known:
                near = difflib.get_close_matches(stage, known, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                whose = f" of survey {surveys[0]!r}" if len(surveys) == 1 else ""
                raise ValueError(f"{stage!r} is not a stage{whose}{hint}; allowed: {', '.join(known)}")
        if len(surveys) > 1:
            return stages
        of_survey = find_survey(surveys[0]).stages
        ours, order = [stage for stage in stages if stage in of_survey], list(of_survey)
        if ours != sorted(set(ours), key=order.index) or len(set(stages)) < len(stages):
            raise ValueError(f"stages must be named once each, in this order: {known}")
        starts = [name for name, kind in of_survey.items() if kind.starts]
        if stages[0] not in starts:
            raise ValueError(f"stages must start with {starts[-1]!r}: the others work on its product")
        return stages

    @model_validator(mode="after")
    def _predictions_have_a_table(self) -> "Job":
        if "predictions" in self.stages and self.predictions is None:
            reason = "predictions: the stage needs a table [predictions] with the key 'classifier'"
            raise WrongKeyError(reason, "predictions")
        return self

    @model_validator(mode="after")
    def _custom_stages_have_their_input(self) -> "Job":
        for name, section in self.custom.items():
            if name in (*self.kinds, "detections") or not name.isidentifier():
                reason = f"custom.{name}: choose another name; it must be a word, and not the name of another stage"
                raise WrongKeyError(reason, "custom", name)
            before = self.stages[: self.stages.index(name)] if name in self.stages else ()
            if name in self.stages and (section.input not in before or section.input == "frames"):
                reason = f"custom.{name}: its input {section.input!r} must be a stage that comes before it"
                raise WrongKeyError(reason, "custom", name)
        return self
