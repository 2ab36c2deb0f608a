"""What verbs tell programs with `--json`, where no other part of the package has a type for it."""

from typing import Any, NotRequired, TypedDict


class ErrorFacts(TypedDict):
    """Why a verb ended with an error."""

    kind: str
    """The class of the error, such as `ConfigurationError`; `UsageError` for a wrong option, `Interrupted` after
    Ctrl-C."""
    message: str
    """The message, as people see it."""


class CommonFacts(TypedDict, total=False):
    """What every verb may tell."""

    next: list[str]
    """The commands that come next, ready to run."""
    error: ErrorFacts
    """Only if the verb ended with an error; what was found before it stands beside it."""
    counts: dict[str, int]
    """After Ctrl-C during `run` or `train`: objects by status."""


class InitFacts(TypedDict):
    """What `init` wrote."""

    file: str
    """Path of the job file."""
    survey: str
    """The survey for which it is."""


class SimulateFacts(TypedDict):
    """What `simulate` made."""

    catalog: str
    """Path of the catalogue of the simulated objects."""


class CatalogFiles(TypedDict):
    """What `catalog` wrote."""

    files: list[str]
    """Paths of `objects.parquet`, `summary.csv`, `summary.json` and `catalog.png`."""


class DoctorFacts(TypedDict):
    """What `doctor` found."""

    output: str
    """Folder or URL of the output."""
    ok: bool
    """Whether no check failed."""
    findings: list[dict[str, str]]
    """One for each check, in the order of the checks."""


class StageFacts(TypedDict):
    """What a run did in one stage; the numbers are those of this run alone, and absent if it did nothing there."""

    counts: dict[str, int]
    """Rows by status, those of earlier runs included; empty if the product is not kept."""
    rows_done: NotRequired[int]
    """Rows worked on."""
    cpu_seconds: NotRequired[float]
    """CPU time on all workers."""
    nbytes: NotRequired[int]
    """Uncompressed bytes written."""
    wall_seconds: NotRequired[float]
    """Time that the stage took, with the stages that ran at the same time."""


class RunFacts(TypedDict):
    """The result of a run."""

    output: str
    """Folder or URL of the output."""
    counts: dict[str, int]
    """Objects by final status."""
    stages: dict[str, Any]
    """For each stage, by its name, what the run did."""
    retried: dict[str, int]
    """Rows that `--retry` had done again, by product."""


class ReportFacts(TypedDict):
    """What `report` wrote."""

    file: str
    """Path or URL of the page."""


class ExportFacts(TypedDict):
    """What `export` wrote."""

    notes: list[str]
    """What the format cannot hold unchanged, and how it is written instead."""
    file: NotRequired[str]
    """Path or URL of the catalogue."""
    rows: NotRequired[int]
    """Its rows."""
    folder: NotRequired[str]
    """With `--pictures`: the folder of the pictures, in place of `file`."""
    pictures: NotRequired[int]
    """With `--pictures`: how many there are, in place of `rows`."""


class ExportModelFacts(TypedDict):
    """What `export-model` wrote."""

    file: str
    """Path or URL of the ONNX file."""


class PsfStarsFacts(TypedDict):
    """What `psf-stars` wrote."""

    fields: dict[str, int]
    """Stars of each field, by its name."""
    files: list[str]
    """Paths of the lists."""


class NeighbourFacts(TypedDict):
    """One object that is like the one asked for."""

    object: str
    """The id asked for."""
    rank: int
    """1 for the nearest."""
    object_id: str
    """Id of the neighbour."""
    distance: float
    """Distance between both in the embedding."""
    label: str | None
    """Label of the neighbour in the catalogue; null if it has none."""
    ra: float | None
    """Its right ascension [deg]; null if unknown."""
    dec: float | None
    """Its declination [deg]; null if unknown."""
    status: str
    """Its final status."""


class SimilarFacts(TypedDict):
    """What `similar` found."""

    metric: str
    """`euclidean` or `cosine`."""
    neighbours: list[Any]
    """The neighbours of each object asked for, the nearest first."""
