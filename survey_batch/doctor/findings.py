"""What a check has found, and how one that breaks is kept from stopping the others."""

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
    """A run would work, but not as well as it could, or perhaps not to its end."""
    FAILED = "failed"
    """A run would fail."""
    SKIPPED = "skipped"
    """Not looked at, because something that it needs is not there."""


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    Attributes
    ----------
    check : str
        What was looked at.
    where : str
        On which machine: this one, or the worker of a table.
    state : State
    found : str
        What was found, with numbers.
    advice : str
        What to do next; empty where nothing has to be done.
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
"""Findings as they come, and in the end what later checks work with."""


@dataclass(frozen=True)
class Place:
    """Where checks are made; makes their findings."""

    where: str

    def ok(self, check: str, found: str) -> Finding:
        """Nothing has to be done."""
        return Finding(check, self.where, State.OK, found)

    def warning(self, check: str, found: str, advice: str) -> Finding:
        """Something should be done."""
        return Finding(check, self.where, State.WARNING, found, advice)

    def failed(self, check: str, found: str, advice: str) -> Finding:
        """Something must be done."""
        return Finding(check, self.where, State.FAILED, found, advice)

    def skipped(self, check: str, why: str) -> Finding:
        """It was not looked at."""
        return Finding(check, self.where, State.SKIPPED, why)

    def look(self, check: str, advice: str, steps: Findings[T]) -> Findings[T | None]:
        """Pass on what a check finds; where it breaks, that is what was found.

        Parameters
        ----------
        check
            What is looked at.
        advice
            What to do where it breaks.
        steps
            The check.

        Returns
        -------
        What the check returns; None where it broke.
        """
        try:
            return (yield from steps)
        except SurveyBatchError as error:
            yield self.failed(check, str(error), advice)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made all the same
            yield self.failed(check, f"{type(error).__name__}: {error}".strip(), advice)
        return None
