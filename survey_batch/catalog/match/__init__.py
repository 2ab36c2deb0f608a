"""A catalogue matched with a second list, by position or by identifier: `[catalog.match]`."""

from survey_batch.catalog.match.join import joined

__all__ = ["joined"]
