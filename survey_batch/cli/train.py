"""`survey-batch train`: make a classifier from a job's products."""

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json, say


def train(job: JobFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Train the classifier of the job's train table, and test it on objects it has not seen.

    Run the stage of its product first, such as `spectra` for kind "spectral-type". After Ctrl-C, the same command
    continues from the network's last checkpoint; finished networks and folds are not trained again.

    Example: survey-batch train jobs/lamost-types.toml
    """
    from survey_batch.config.jobfile import load_job
    from survey_batch.models.describe import describe
    from survey_batch.training.train import train as train_classifier

    scores = train_classifier(load_job(job, overrides or ()), progress=say)
    if as_json:
        print_json(scores)
    else:
        console.print(describe(scores), soft_wrap=True)
