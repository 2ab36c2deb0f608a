"""`survey-batch status`: how far a job is, read from its products alone."""

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json


def status(job: JobFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say how far a job is: counts, rates, what is left, and problems by reason.

    Works from another terminal or node while the job runs.

    Example: survey-batch status jobs/lamost-types.toml
    """
    from survey_batch.jobfile import load_job
    from survey_batch.summary import render, summarize

    summary = summarize(load_job(job, overrides or ()).output)
    if as_json:
        print_json(summary.as_dict())
    else:
        console.print(render(summary))
