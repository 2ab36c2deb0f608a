"""The job file's contents: one pydantic model per table of the TOML file.

Reading a file, `--set` overrides and errors that name a line live in `survey_batch.jobfile`.
"""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

StageName = Literal["frames", "cutouts", "spectra", "features", "predictions"]
SDSS_STAGES: tuple[StageName, ...] = ("frames", "cutouts")
LAMOST_STAGES: tuple[StageName, ...] = ("spectra", "features", "predictions")


class Section(BaseModel):
    """A table of the job file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSection(Section):
    """How objects are told apart into training, validation and test, where the catalogue does not say."""

    train: Annotated[float, Field(ge=0, le=1)] = 0.7
    validation: Annotated[float, Field(ge=0, le=1)] = 0.0
    test: Annotated[float, Field(ge=0, le=1)] = 0.3
    radius_arcsec: PositiveFloat = 3.0
    """Objects closer than this are one star and share a split."""
    seed: int = 1

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "SplitSection":
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train, validation and test must sum to 1")
        return self


class CatalogSection(Section):
    """Where the list of objects is and what its columns mean."""

    path: str
    id: str | None = None
    """Column of the object's identifier; guessed for known releases."""
    columns: dict[str, str] = {}
    """Our name = the file's name, for columns that are not guessed: `{ra = "RAJ2000"}`."""
    label: str | None = None
    """Column of the class; or `"spectral_type"`: A, F, G, K, M or non-stellar from class and subclass."""
    split: SplitSection | None = None


class ArchiveSection(Section):
    """Where the survey's files are and how hard they may be asked for."""

    survey: Literal["sdss", "lamost"]
    root: str
    release: Literal["dr17", "dr12"] = "dr17"
    """SDSS: where frames lie below the root (`eboss/photoObj` or `boss/photoObj`)."""
    layout: Literal["flat", "plan", "obsid"] = "flat"
    """LAMOST: all files in the root, `<obsdate>/<planid>/`, or `spectrum/fits/<obsid>`."""
    connections: PositiveInt = 8
    """Downloads at one time in the whole run, not per worker."""
    attempts: PositiveInt = 5
    timeout: PositiveFloat = 60.0
    """Seconds without an answer after which a request is tried again."""
    cache: str | None = None
    """Folder in which raw files are kept; nothing is kept where this is not set."""


class FramesSection(Section):
    """The `frames` product, or the frames behind cutouts."""

    bands: Annotated[str, Field(pattern="^[ugriz]{1,5}$")] = "ugriz"
    keep: bool = True
    """False: cutouts come straight from the archive and no frame is stored."""

    @field_validator("bands")
    @classmethod
    def _each_band_once(cls, bands: str) -> str:
        if len(set(bands)) != len(bands):
            raise ValueError("each band once")
        return bands


class CutoutsSection(Section):
    """The `cutouts` product."""

    size: Annotated[int, Field(ge=1, le=1024)] = 64
    """Pixels on a side, even or odd."""


class SpectraSection(Section):
    """The `spectra` product: a log10 wavelength grid with a step of 1e-4, in vacuum."""

    wavelength_min: PositiveFloat = 3699.9
    """Just below the first pixel (10^3.5682) of most LAMOST files."""
    wavelength_max: PositiveFloat = 9100.0

    @model_validator(mode="after")
    def _ordered(self) -> "SpectraSection":
        if self.wavelength_max <= self.wavelength_min:
            raise ValueError("wavelength_max must be greater than wavelength_min")
        return self


class FeaturesSection(Section):
    """The `features` product of spectra."""

    normalization: Literal["l2", "flux", "minmax", "robust", "continuum"] = "continuum"
    smoothing_window: Annotated[int, Field(ge=1)] = 1
    """Savitzky-Golay window in pixels; odd, as an even one shifts a spectrum by half a pixel; 1 is none."""
    smoothing_order: Annotated[int, Field(ge=0)] = 3
    blocks: Annotated[int, Field(ge=0)] = 50
    """Wavelength blocks for which mean, scatter, minimum and maximum are kept; 0 is none."""
    components: Annotated[int, Field(ge=0)] = 20
    """Principal components, fitted on the training split alone; 0 is none."""

    @model_validator(mode="after")
    def _odd_window(self) -> "FeaturesSection":
        if self.smoothing_window % 2 == 0:
            raise ValueError("smoothing_window must be odd: an even window shifts spectra by half a pixel")
        if self.smoothing_window > 1 and self.smoothing_order >= self.smoothing_window:
            raise ValueError("smoothing_order must be less than smoothing_window")
        return self


class PredictionsSection(Section):
    """The `predictions` product."""

    classifier: str
    """Folder of a trained classifier."""
    batch: PositiveInt = 256
    """Objects per call of the model; the tail is padded to it."""


class TrainSection(Section):
    """What `survey-batch train` makes."""

    classifier: str
    """Folder to write the trained classifier to."""
    kind: Literal["spectral-type"] = "spectral-type"
    epochs: PositiveInt = 40
    members: PositiveInt = 8
    """Networks in the ensemble whose probabilities are averaged."""
    folds: Annotated[int, Field(ge=0)] = 0
    """Cross-validation folds over all labelled objects, grouped by star, beside the held-out test; 0 is none."""
    seed: int = 1
    templates: str | None = None
    """PyHammer template file for the chi-square baseline."""


class ShardsSection(Section):
    """The unit of work, of retry and of resume."""

    objects: PositiveInt = 1024
    """Objects per shard."""


class ClusterSection(Section):
    """Where the work runs; no result depends on it."""

    kind: str = "local"
    """`local`, or the address of a running scheduler (`tcp://…`, `tls://…`)."""
    workers: PositiveInt | None = None
    """Worker processes; one per core where this is not set."""
    threads: PositiveInt = 1
    memory: str = "4 GB"
    """Memory limit per worker."""
    dashboard: str = "127.0.0.1:0"


class Job(Section):
    """A whole job file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    output: str
    stages: Annotated[tuple[StageName, ...], Field(min_length=1)]
    catalog: CatalogSection
    archive: ArchiveSection
    frames: FramesSection = FramesSection()
    cutouts: CutoutsSection = CutoutsSection()
    spectra: SpectraSection = SpectraSection()
    features: FeaturesSection = FeaturesSection()
    predictions: PredictionsSection | None = None
    train: TrainSection | None = None
    shards: ShardsSection = ShardsSection()
    cluster: ClusterSection = ClusterSection()

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Job":
        possible = SDSS_STAGES if self.archive.survey == "sdss" else LAMOST_STAGES
        if wrong := [stage for stage in self.stages if stage not in possible]:
            raise ValueError(
                f"stages {wrong} do not exist for survey {self.archive.survey!r}; possible: {list(possible)}"
            )
        if list(self.stages) != sorted(set(self.stages), key=possible.index):
            raise ValueError(f"stages must stand once each and in this order: {list(possible)}")
        if self.archive.survey == "lamost" and self.stages[0] != "spectra":
            raise ValueError("stages must start with 'spectra': the others work on its product")
        if "predictions" in self.stages and self.predictions is None:
            raise ValueError("stage 'predictions' needs a table [predictions] with the key 'classifier'")
        return self
