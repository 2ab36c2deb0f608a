"""A survey, as the rest of the package sees it.

A survey is one object, offered under the entry point group `survey_batch.surveys`. It says which columns lead to an
object's data, in which order objects share files, which stages can be made of it, and how its files are read.
"""

import json
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import SerializeAsAny, ValidatorFunctionWrapHandler, WrapValidator

from survey_batch.config.key_columns import OTHER_COLUMNS, POSITION, CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Section
from survey_batch.config.stage_kind import StageKind
from survey_batch.core.arrays import I8
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import STAGES, SURVEYS, load, offered, undefined

if TYPE_CHECKING:
    import pyarrow as pa


class Survey(ABC):
    """A survey's catalogues, files and products.

    Attributes
    ----------
    name : str
        Value of `archive.survey`.
    archive : type
        Model of the table `[archive]`; keys that it adds to `ArchiveSection` decide where files are, unless `beside`
        names them.
    key : sequence of KeyColumn
        Columns that lead to an object's data.
    order : sequence of str
        Columns by which objects are sorted, so that neighbours share files.
    columns : mapping
        Names in catalogues of columns beside the key, where they differ from `OTHER_COLUMNS`.
    stages : mapping
        What can be made of the archive: product to kind of stage, in order. Stages of the entry point group
        `survey_batch.stages` can be added to any survey.
    field : tuple of str
        Columns of the key that name a field, if objects are cut from its frames; `[archive]` may leave some out.
    needs_id : bool
        Whether the catalogue must have ids, because the archive finds objects by them.
    needs_position : bool
        Whether a row without a position is unusable.
    reads : tuple of str
        Tables of the job file that the survey reads beside `[archive]`.
    file : str
        What a file of the archive is called.
    spectrum_reader, image_reader : str or None
        `module:Class` of a `survey_batch.spectra.reader.SpectrumReader`, and of a
        `survey_batch.images.reader.ImageReader`: how its files are read.
    simulator : str or None
        `module:function` that makes an archive to try things on. It takes a folder and named options, and returns the
        path of the catalogue.
    """

    name: ClassVar[str]
    archive: ClassVar[type[ArchiveSection]] = ArchiveSection
    key: ClassVar[Sequence[KeyColumn]] = ()
    order: ClassVar[Sequence[str]]
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    stages: ClassVar[Mapping[str, StageKind]]
    field: ClassVar[tuple[str, ...]] = ()
    needs_id: ClassVar[bool] = False
    needs_position: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()
    file: ClassVar[str] = "file"
    spectrum_reader: ClassVar[str | None] = None
    image_reader: ClassVar[str | None] = None
    simulator: ClassVar[str | None] = None

    @classmethod
    def known_columns(cls) -> dict[str, tuple[str, ...]]:
        """Return all columns that a catalogue may have, each with its names in files."""
        return {**POSITION, **OTHER_COLUMNS, **cls.columns, **{column.name: column.names for column in cls.key}}

    def columns_of_job(self, archive: ArchiveSection) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the columns that this job's `[archive]` names: our name of each, and its names in catalogues."""
        return {}

    def key_of(self, archive: ArchiveSection) -> tuple[KeyColumn, ...]:  # noqa: ARG002
        """Return the columns of the key that lead to an object's data in this job."""
        return tuple(self.key)

    def field_of(self, archive: ArchiveSection) -> tuple[str, ...]:
        """Return the columns that name a field in this job."""
        names = {column.name for column in self.key_of(archive)}
        return tuple(name for name in self.field if name in names)

    @classmethod
    def archive_keys(cls) -> tuple[str, ...]:
        """Return the keys that the survey adds to `[archive]`."""
        return tuple(name for name in cls.archive.model_fields if name not in ArchiveSection.model_fields)

    @classmethod
    def place_keys(cls) -> tuple[str, ...]:
        """Return the keys that, with the root, decide where files are."""
        return tuple(name for name in cls.archive_keys() if name not in cls.archive.beside)

    def settings(self, archive: ArchiveSection) -> dict[str, object]:
        """Return the keys of `[archive]` that affect values, by full name; those of the requests are left out."""
        return {f"archive.{key}": getattr(archive, key) for key in ("survey", "root", *self.place_keys())}

    @classmethod
    def located_by(cls) -> str:
        """Name the keys that decide where to look for files."""
        *first, last = [f"archive.{key}" for key in ("root", *cls.place_keys())]
        return f"{', '.join(first)} and {last}" if first else last

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:  # noqa: ARG002
        """Return the columns that are needed and not among those found; `archive` may decide which."""
        return [name for name in self._needed() if name not in found]

    def _needed(self) -> list[str]:
        own = ["object_id"] * self.needs_id + list(POSITION) * self.needs_position
        return [*own, *(column.name for column in self.key if column.needed)]

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for, and where a user gets them."""
        return f'survey "{self.name}" finds the {self.file} of an object by the columns {", ".join(self._needed())}.'

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> Mapping[str, "pa.Array | I8"]:  # noqa: ARG002
        """Read the key of each row, and reject rows whose data cannot be found; several threads may do so at once.

        Returns
        -------
        mapping
            The columns of `key`, -1 or "" where missing; other columns that `substitute_ids` uses.
        """
        import pyarrow.compute as pc

        key: dict[str, Any] = {}
        for column in self.key:
            if column.kind == "text":
                key[column.name] = pc.fill_null(rows.text(column.name), "")
                absent = pc.equal(key[column.name], "").to_numpy(zero_copy_only=False)
            else:
                key[column.name] = rows.whole_number(column.name)
                absent = key[column.name] < 0
            if column.needed:
                rows.reject(absent, f"{column.name} is missing: no {self.file} can be found without it", column.name)
        return key

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, "pa.Array"]]:  # noqa: ARG002
        """Yield ids for rows that lack one: what they are made of, and the ids, null where none can be made."""
        return iter(())

    def example(self) -> str:
        """Return a commented job file to start from; `{name}` stands for the job's name."""
        stages, columns = json.dumps(list(self.stages)), ", ".join(self._needed())
        return EXAMPLE.format(name="{name}", stages=stages, columns=columns, survey=self.name)


EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = {stages}

[catalog]
path = "catalog.csv"                        # needed columns: {columns}

[archive]
survey = "{survey}"
root = "archive"                            # a folder, https://... or s3://...
"""
"""The job file to start from, of a survey that has no example of its own."""


@cache
def find_survey(name: str) -> Survey:
    """Return an installed survey.

    Raises
    ------
    ConfigurationError
        No such survey is installed.
    """
    survey = load(SURVEYS, name)
    if not isinstance(survey, Survey):
        made = f"; name an object of the class, made by {survey.__name__}()" if isinstance(survey, type) else ""
        raise ConfigurationError(f"the entry point {name!r} of {SURVEYS} must be a Survey, but is {survey!r}{made}")
    if missing := undefined(survey, Survey):
        raise ConfigurationError(
            f"the survey {name!r} does not define {', '.join(missing)}: add what is missing to the class; the "
            "docstring of Survey says what it means"
        )
    if survey.name != name:
        raise ConfigurationError(
            f"the entry point {name!r} of {SURVEYS} is the survey {survey.name!r}: give both the same name"
        )
    return survey


def survey_names() -> list[str]:
    """Return the names of the installed surveys."""
    return list(offered(SURVEYS))


def possible_stages(survey: str) -> dict[str, StageKind]:
    """Return the stages that a job of a survey can have: the survey's own, in order, then those for any survey."""
    return {**find_survey(survey).stages, **{name: kind for name in offered(STAGES) if (kind := _usable_stage(name))}}


def find_stage(name: str) -> StageKind:
    """Return a stage that works on any survey.

    Raises
    ------
    ConfigurationError
        No package offers it, or what is offered cannot be used.
    """
    kind = load(STAGES, name)
    if not isinstance(kind, StageKind):
        raise ConfigurationError(f"the entry point {name!r} of {STAGES} must be a StageKind, but is {kind!r}")
    return kind


def section_of(stage: str) -> type[Section] | None:
    """Return the model of the table of another package's stage; None if it has none, or there is no such stage."""
    kind = _usable_stage(stage) if stage in offered(STAGES) else None
    return kind.section if kind else None


def _usable_stage(name: str) -> StageKind | None:
    """Return a stage, or None if its package is broken: that stops only jobs that name it."""
    with suppress(ConfigurationError):
        return find_stage(name)
    return None


def installed_surveys() -> list[Survey]:
    """Return the surveys that can be loaded; a broken package stops only jobs that name its survey."""
    found = []
    for name in survey_names():
        with suppress(ConfigurationError):
            found.append(find_survey(name))
    return found


def _by_survey(given: Any, validate: ValidatorFunctionWrapHandler) -> ArchiveSection:
    """Validate the table by the model of its survey; leave out other surveys' keys, which `config.unread` refuses."""
    name = given.get("survey") if isinstance(given, dict) else getattr(given, "survey", None)
    if not isinstance(name, str) or name not in offered(SURVEYS):
        section: ArchiveSection = validate(given)
        return section
    model = find_survey(name).archive
    if isinstance(given, dict) and (strange := given.keys() - model.model_fields):
        foreign = {key for survey in installed_surveys() for key in survey.archive_keys()}
        given = {key: value for key, value in given.items() if key not in strange & foreign}
    return model.model_validate(given)


AnyArchive = Annotated[SerializeAsAny[ArchiveSection], WrapValidator(_by_survey)]
"""The table `[archive]` of any survey."""
