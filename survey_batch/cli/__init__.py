"""The command line: one module per verb, each calling the function that a notebook would call."""

import atexit
import gc
import logging
import os
import sys
import traceback
from types import TracebackType
from typing import Annotated

import typer

from survey_batch.cli import completion
from survey_batch.cli.arguments import VerbCommand
from survey_batch.cli.frame import USAGE_ERROR, framed
from survey_batch.cli.output import answer
from survey_batch.core import interrupt
from survey_batch.core.environment import compute_like_a_worker
from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.core.redaction import redacted

EXIT_INCOMPLETE, EXIT_CONFIGURATION, EXIT_MISMATCH, EXIT_INTERRUPTED = 1, 2, 3, interrupt.EXIT_CODE
EXIT_CODES = {
    0: "done",
    EXIT_INCOMPLETE: "it ended, but some rows are `unreachable` or `failed` (the same command tries them again), "
    "`doctor` found what would fail, `verify` found what is wrong, or there was another error of the package",
    EXIT_CONFIGURATION: "the job, the command line or the machine is at fault; the message says what to change",
    EXIT_MISMATCH: "a product is of another job, or does not suit the classifier; it was left alone",
    EXIT_INTERRUPTED: "interrupted by Ctrl-C or SIGTERM; what is finished is kept, and the same command goes on",
}
"""What the exit code of every verb says."""

QUIET = ("distributed", "tornado", "asyncio", "stamina")
"""Loggers whose messages on dead workers, lost connections and retries go only to the log; we report what matters."""


def _show_version(asked: bool) -> None:
    if asked:
        from survey_batch.core.versions import own_version

        typer.echo(f"survey-batch {own_version()}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """Put the verbs together; imported here so that `--help` of one verb does not wait for all."""
    from survey_batch.cli import (  # each is light: what a verb needs is imported when it runs
        adopt,
        catalog,
        doctor,
        evaluate,
        export,
        export_model,
        init,
        plan,
        psf_stars,
        report,
        run,
        similar,
        simulate,
        status,
        train,
        verify,
    )

    app = typer.Typer(
        name="survey-batch",
        no_args_is_help=True,
        epilog="Ends with " + "; ".join(f"{code}: {text}" for code, text in EXIT_CODES.items()).replace("`", "") + ".",
        pretty_exceptions_enable=False,
    )
    work = (init, simulate, catalog, plan, doctor, run, status, report, export, verify)
    for verb in (*work, train, evaluate, export_model, adopt, similar, psf_stars):
        name = verb.__name__.rsplit(".", 1)[-1]
        app.command(name.replace("_", "-"), cls=VerbCommand)(framed(getattr(verb, name)))
    app.callback()(_common)
    return app


def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Survey archives into Zarr, and Zarr into classified catalogues."""


def main() -> None:
    """Run the command line; a user's mistake ends with a message and an exit code, never with a traceback."""
    _collect_less()
    sys.excepthook = _show_defect
    _warnings_to_terminal()
    compute_like_a_worker()  # training, which happens in this process
    completion.teach_bash()
    asked_by_program = "--json" in sys.argv[1:]
    try:  # typer itself shows a person how a command is to be written
        interrupt.listen()
        with completion.bash_words(os.environ), completion.zsh_words(os.environ):
            app = typer.main.get_command(make_app())
            sys.exit(app.main(prog_name="survey-batch", standalone_mode=not asked_by_program) or 0)
    except SurveyBatchError as error:
        sys.stderr.write(f"survey-batch: {error}\n")
        sys.exit(exit_code(error))
    except USAGE_ERROR as error:
        answer.begin(as_json=True)
        answer.fail("UsageError", error.format_message())
        answer.end()
        sys.exit(EXIT_CONFIGURATION)
    except KeyboardInterrupt:  # before a verb has begun
        interrupt.ignore()
        sys.exit(EXIT_INTERRUPTED)


def _collect_less() -> None:
    """Search for garbage seldom, and not at the end: what libraries put into memory when imported is none.

    Otherwise the searches take a fifth of the time that a short command takes.
    """
    gc.set_threshold(50_000, 10, 10)
    atexit.register(gc.freeze)


def _show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an error that nobody foresaw, without credentials."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def exit_code(error: SurveyBatchError) -> int:
    """Return the exit code of a verb that ends with an error."""
    if isinstance(error, PlanMismatchError):
        return EXIT_MISMATCH
    return EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_INCOMPLETE


def _warnings_to_terminal() -> None:
    """Show warnings; lesser messages go only to the run's log, whatever level a library sets for its loggers."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_ForTerminal("%(levelname)s %(message)s"))
    handler.addFilter(_is_for_users)
    logging.getLogger().addHandler(handler)
    # Python's tracker of the workers' semaphores, a separate process, warns about each worker that was killed.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")


class _ForTerminal(logging.Formatter):
    """Formatter for a person: no credentials, and no tracebacks, which are in the run's log."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(self.formatMessage(logging.makeLogRecord({**vars(record), "message": record.getMessage()})))


def _is_for_users(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] not in QUIET
