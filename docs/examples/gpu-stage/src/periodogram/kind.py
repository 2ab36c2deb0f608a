"""The kind of stage: its class, its table, and what else it reads of the job file. Checking a job imports no Keras."""

from pydantic import PositiveInt

from survey_batch.stages import Section, StageKind


class PeriodogramSection(Section):
    """The table `[periodogram]`."""

    bins: PositiveInt = 64
    """Bins of frequency, equally wide."""
    keep: bool = True
    """False: handed on to the next stages and not stored."""


PERIODOGRAM = StageKind("periodogram.stage:PeriodogramStage", reads=("cluster.gpu",), section=PeriodogramSection)
