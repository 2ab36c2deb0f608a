"""The table of the job file that says what the unit of work is."""

from pydantic import PositiveInt

from survey_batch.config.sections.base import Section


class ShardsSection(Section):
    """The unit of work, of retry and of resume."""

    objects: PositiveInt = 1024
    """Objects per shard."""
