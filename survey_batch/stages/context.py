"""What a stage is given: its tables of settings, and where it works. No stage sees the whole job."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from survey_batch.config.file_reader import open_reader
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Section
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.survey import Survey
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.reader import ImageReader
from survey_batch.spectra.reader import SpectrumReader

if TYPE_CHECKING:
    from survey_batch.models.manifest import Framework

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Origin:
    """The archive of a job, and the survey that reads it."""

    survey: Survey
    archive: ArchiveSection

    @property
    def field(self) -> tuple[str, ...]:
        """The columns that name a field."""
        return self.survey.field_of(self.archive)

    def images(self) -> ImageReader:
        """Open the reader of the survey's frames."""
        if self.survey.image_reader is None:
            raise ConfigurationError(f"survey {self.survey.name!r} has no frames: its image_reader is not set")
        reader: ImageReader = open_reader(self.survey.image_reader, ImageReader, self.archive)
        return reader

    def spectra(self) -> SpectrumReader:
        """Open the reader of the survey's spectra."""
        if self.survey.spectrum_reader is None:
            raise ConfigurationError(f"survey {self.survey.name!r} has no spectra: its spectrum_reader is not set")
        reader: SpectrumReader = open_reader(self.survey.spectrum_reader, SpectrumReader, self.archive)
        return reader

    def settings(self) -> dict[str, object]:
        """Return the settings that affect values; those of the requests are left out."""
        return self.survey.settings(self.archive)


@dataclass(frozen=True)
class Context:
    """Where a stage works.

    Attributes
    ----------
    name : str
        Name of the stage and of its product.
    tables : tuple of Section
        The tables of settings that its `StageKind` says it reads.
    output : str
        Folder or URL of the products; "" for a dataset in a notebook.
    source : Origin or None
        Where raw data come from; None in a notebook.
    stages : callable
        Gives a stage of the job by its name; `Stage.other` asks it.
    shard_rows : int
        Objects in a shard.
    keep : bool
        Whether the product is stored.
    before : tuple of str
        Names of the job's stages before this one.
    possible : collection of str
        Names of the stages that the job could have.
    """

    name: str
    tables: tuple[Section, ...]
    stages: Callable[[str], object]
    output: str = ""
    source: Origin | None = None
    shard_rows: int = 1
    keep: bool = True
    before: tuple[str, ...] = ()
    possible: Collection[str] = ()

    def table(self, kind: type[S]) -> S:
        """Return the table of a kind.

        Raises
        ------
        LookupError
            The stage's kind does not say that it reads such a table.
        """
        if (found := self.find(kind)) is None:
            raise LookupError(f"the kind of stage {self.name!r} does not name {kind.__name__} in `reads`")
        return found

    def find(self, kind: type[S]) -> S | None:
        """Return the table of a kind, or None if the job has none."""
        return next((table for table in self.tables if isinstance(table, kind)), None)

    def source_settings(self) -> dict[str, object]:
        """Return the settings of the archive that affect values; none in a notebook."""
        return self.source.settings() if self.source else {}

    def prepare_gpu(self, framework: "Framework" = "keras") -> None:
        """Prepare the worker's GPU, before the first use of the framework.

        Raises
        ------
        ConfigurationError
            The job asks for a GPU, and the worker sees none.
        """
        from survey_batch.models.devices import prepare_gpu

        prepare_gpu(self.table(ClusterSection), framework)

    @property
    def origin(self) -> Origin:
        """Where raw data come from.

        Raises
        ------
        LookupError
            There is no archive behind a dataset in a notebook.
        """
        if self.source is None:
            raise LookupError(f"stage {self.name!r} was made without an archive")
        return self.source
