"""`survey-batch evaluate`: score a trained classifier on a job's test split."""

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json


def evaluate(job: JobFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Score the classifier of the job's train or predictions table on labelled objects of the test split.

    Example: survey-batch evaluate jobs/lamost-types.toml
    """
    from survey_batch.classifiers.train import describe
    from survey_batch.classifiers.train import evaluate as evaluate_classifier
    from survey_batch.jobfile import load_job

    scores = evaluate_classifier(load_job(job, overrides or ()))
    if as_json:
        print_json(scores)
    else:
        console.print(describe(scores), highlight=False)
