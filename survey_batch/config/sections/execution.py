"""The table of the job file that sets the unit of work."""

from pydantic import PositiveInt

from survey_batch.config.sections.base import Section


class ShardsSection(Section):
    """The unit of work, retry and resume."""

    objects: PositiveInt = 1024
    """Objects per shard."""
