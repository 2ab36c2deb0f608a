"""`survey-batch evaluate`: score a trained classifier on a job's labelled objects."""

from typing import Annotated

import typer

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json

Split = Annotated[str, typer.Option(metavar="NAME", help="The split to score: test, validation, train, …")]
Prior = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        help="Class shares for which scores are stated: as_found, equal, or STAR=0.9,GALAXY=0.1. "
        "By default train.prior.",
    ),
]


def evaluate(
    job: JobFile, overrides: Overrides = None, split: Split = "test", prior: Prior = None, as_json: AsJson = False
) -> None:
    """Score the classifier of the job's train or predictions table on labelled objects of one split.

    Example: survey-batch evaluate jobs/lamost-types.toml --prior equal
    """
    from survey_batch.config.jobfile import load_job
    from survey_batch.models.describe import describe
    from survey_batch.models.prior import parse_prior
    from survey_batch.training.evaluation import evaluate as evaluate_classifier

    stated = None if prior is None else parse_prior(prior)
    scores = evaluate_classifier(load_job(job, overrides or ()), split=split, prior=stated)
    if as_json:
        print_json(scores)
    else:
        console.print(describe(scores), soft_wrap=True)
