"""What all verbs have in common: `--json`, the display of steps, and what is said after Ctrl-C."""

import inspect
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from survey_batch.cli.display import StepDisplay
from survey_batch.cli.output import answer, error_console, say
from survey_batch.core import interrupt, steps
from survey_batch.core.errors import CHECKSUM_DIFFERS, SurveyBatchError

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, for programs; progress goes to standard error.")
]

USAGE_ERROR: Any = typer.BadParameter.__base__
"""The error of a wrong option or argument: click's, or that of typer's own copy of click."""

_LINE_END = re.compile(r"(?<!\n)\n(?!\n)")
"""The end of a line within a paragraph."""

WITHOUT_LINES = ("doctor", "evaluate", "init", "status")
"""Verbs whose steps are shown on a terminal alone: their results come line by line, or at once."""

GO_ON = ("run", "train")
"""Verbs that go on where they were stopped."""


def framed(verb: Callable[..., None]) -> Callable[..., None]:
    """Put a verb into the frame that all share; the result is what typer gets."""

    @wraps(verb)
    def within(**given: Any) -> None:
        answer.begin(as_json=given.pop("as_json"))
        name = verb.__name__
        with StepDisplay(error_console, lines=name not in WITHOUT_LINES) as answer.display:
            steps.detail("starting")
            try:
                _call(verb, given)
            except KeyboardInterrupt:
                interrupt.ignore()  # another one would change the exit code
                answer.display.clear()
                _say_stopped(name, given)
                raise
            except Exception as error:
                if isinstance(error, ValueError) and CHECKSUM_DIFFERS in str(error) and "job" in given:
                    damaged = SurveyBatchError(
                        "stored data is not what was written (a checksum differs); this says where: "
                        + command("verify", given["job"], given.get("overrides"), "--deep")
                    )
                    answer.fail(type(damaged).__name__, str(damaged))
                    raise damaged from error
                if not isinstance(error, typer.Exit | USAGE_ERROR):  # `main` tells of wrong options
                    answer.fail(type(error).__name__, str(error))
                raise
            finally:
                answer.end()

    signature = inspect.signature(verb)
    json_option = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
    within.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), json_option]
    )
    within.__doc__ = _LINE_END.sub(" ", inspect.getdoc(verb) or "")  # typer keeps line ends of all but the first
    within.__annotations__ = {**verb.__annotations__, "as_json": AsJson}
    return within


def _call(verb: Callable[..., None], given: Mapping[str, Any]) -> None:
    """Call a verb; an error after Ctrl-C comes of it, as when the import of a library was cut short."""
    try:
        verb(**given)
    except Exception:
        interrupt.check()
        raise


def _say_stopped(verb: str, given: Mapping[str, Any]) -> None:
    """Say how far it was, and how to go on."""
    kept = verb in GO_ON
    message = "Stopped." + (" Finished work is kept: run the same command again to continue." if kept else "")
    again = shlex.join(["survey-batch", *sys.argv[1:]])
    answer.fail("Interrupted", message)
    counts = _counts(given) if kept else {}
    if counts:
        answer.tell({"counts": counts})
    answer.tell({"next": [again]})
    if answer.as_json:
        return
    from survey_batch.core.display import objects_in_words

    say(f"\n{message}")
    if counts:
        say(objects_in_words(counts))
    say(f"to {'continue' if kept else 'start again'}: {again}")


def _counts(given: Mapping[str, Any]) -> dict[str, int]:
    """Count the job's objects by status; none if there is no plan yet."""
    from survey_batch.config.jobfile import load_job
    from survey_batch.core.errors import SurveyBatchError
    from survey_batch.report.summary import summarize

    with suppress(SurveyBatchError):
        return dict(summarize(load_job(given["job"], given["overrides"] or ()).output).counts)
    return {}


def command(verb: str, job: Path | str, overrides: Sequence[str] | None = None, *words: str) -> str:
    """Write a command that works on the same job, ready to copy."""
    changes = [word for change in overrides or () for word in ("--set", change)]
    return shlex.join(["survey-batch", verb, str(job), *words, *changes])
