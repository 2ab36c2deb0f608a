"""What a check found. A check that breaks does not stop the others."""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar

from survey_batch.core.errors import SurveyBatchError

T = TypeVar("T")


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """A run would work, but not as well as it could, or perhaps not to the end."""
    FAILED = "failed"
    """A run would fail."""
    SKIPPED = "skipped"
    """Not checked, because something that the check needs is not there."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    check : str
        What was looked at.
    where : str
        On which machine: this one, or the worker of a table.
    state : State
        How it ended: ok, warning, failed or skipped.
    found : str
        What was found, with numbers.
    advice : str
        What to do next; empty if nothing has to be done.
    """

    check: str
    where: str
    state: State
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Everything, for `--json`."""
        return asdict(self)


Findings = Generator[Finding, None, T]
"""Findings as they come, and finally the value that later checks use."""


@dataclass(frozen=True)
class Site:
    """Where checks are made, such as this machine or a worker; it makes their findings."""

    where: str

    def ok(self, check: str, found: str) -> Finding:
        """Make a finding after which nothing has to be done."""
        return Finding(check, self.where, State.OK, found)

    def warning(self, check: str, found: str, advice: str) -> Finding:
        """Make a finding after which something should be done."""
        return Finding(check, self.where, State.WARNING, found, advice)

    def failed(self, check: str, found: str, advice: str) -> Finding:
        """Make a finding after which something must be done."""
        return Finding(check, self.where, State.FAILED, found, advice)

    def skipped(self, check: str, why: str) -> Finding:
        """Make a finding of a check that was not made."""
        return Finding(check, self.where, State.SKIPPED, why)

    def look(self, check: str, advice: str, steps: Findings[T]) -> Findings[T | None]:
        """Pass on a check's findings; if the check breaks, that is the finding.

        Parameters
        ----------
        check
            Name of the check.
        advice
            What to do if it breaks; empty if its errors say so.
        steps
            The check.

        Returns
        -------
        What the check returns; None if it broke.
        """
        try:
            return (yield from steps)
        except SurveyBatchError as error:
            yield self.failed(check, str(error), advice)
        except Exception as error:  # noqa: BLE001 - whatever the error, the other checks are still made
            yield self.failed(check, f"{type(error).__name__}: {error}".strip(), advice)
        return None
