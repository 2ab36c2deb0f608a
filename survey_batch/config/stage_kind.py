"""A kind of stage: the module that makes a product, and what it reads of the job file."""

from dataclasses import dataclass

from survey_batch.config.sections.base import Section


@dataclass(frozen=True)
class StageKind:
    """How a product can be made.

    Attributes
    ----------
    make
        `module:Class` of the stage; imported when it is used, because some take seconds to import.
    reads
        Tables and keys of the job file that it reads, such as `cutouts` or `cutouts.ivar`.
    table
        The table whose key `keep` says whether its product is stored; None if it always is.
    starts
        Whether it reads the archive, so that a job can start with it.
    section
        Model of the table that is named like the stage; only for stages of other packages.
    """

    make: str
    reads: tuple[str, ...] = ()
    table: str | None = None
    starts: bool = False
    section: type[Section] | None = None
