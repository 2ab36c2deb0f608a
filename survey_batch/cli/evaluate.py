"""`survey-batch evaluate`: score a trained classifier on a job's labelled objects."""

from typing import Annotated

import typer

from survey_batch.cli.completion import complete_split
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer

Split = Annotated[
    str,
    typer.Option(metavar="NAME", help="The split to score: test, validation, train, …", autocompletion=complete_split),
]
Prior = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        help="Class shares for which scores are stated: as_found, equal, or STAR=0.9,GALAXY=0.1. "
        "By default train.prior.",
    ),
]


def evaluate(job: JobFile, overrides: Overrides = None, split: Split = "test", prior: Prior = None) -> None:
    """Score the classifier of the job's train or predictions table on labelled objects of one split.

    An embedding is scored by how often an object's nearest neighbours have its label.

    Example: survey-batch evaluate jobs/lamost-types.toml --prior equal
    """
    wanted = open_job(job, overrides)
    from survey_batch.models.describe import describe
    from survey_batch.models.prior import parse_prior
    from survey_batch.training.evaluation import evaluate as evaluate_classifier

    stated = None if prior is None else parse_prior(prior)
    scores = evaluate_classifier(wanted, split=split, prior=stated)
    answer.tell(scores)
    answer.show(describe(scores))
