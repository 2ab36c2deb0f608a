"""`survey-batch report`: one HTML page about a job's results."""

from typing import Annotated

import typer

from survey_batch.cli.facts import ReportFacts
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer


def report(
    job: JobFile,
    overrides: Overrides = None,
    to: Annotated[str | None, typer.Option(help="Where to write it, path or URL; by default into the output.")] = None,
) -> None:
    """Write one self-contained HTML page: sky map, statuses, examples, confusion matrix, timing.

    Example: survey-batch report jobs/lamost-types.toml
    """
    wanted = open_job(job, overrides)
    from survey_batch.report import write_report

    path = write_report(wanted.output, to)
    answer.tell(ReportFacts(file=path))
    answer.show(path)
