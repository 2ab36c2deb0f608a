"""`survey-batch train`: make a classifier from a job's products."""

from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, say
from survey_batch.core import steps


def train(job: JobFile, overrides: Overrides = None) -> None:
    """Train the classifier of the job's train table, and test it on objects it has not seen.

    Run the stage of its product first, such as `spectra` for kind "spectral-type". After Ctrl-C, the same command
    continues from the network's last checkpoint; finished networks and folds are not trained again.

    Example: survey-batch train jobs/lamost-types.toml
    """
    wanted = open_job(job, overrides)
    from survey_batch.models.describe import describe
    from survey_batch.training.train import train as train_classifier

    scores = train_classifier(wanted, progress=say, report=steps.detail)
    answer.tell(scores)
    answer.show(describe(scores))
    predicts = "predictions" in wanted.stages
    labelled = "reconstruction" not in scores
    verbs = (*["evaluate"] * labelled, *["run"] * predicts)
    if verbs:
        answer.hint(*(command(verb, job, overrides) for verb in verbs))
