"""Run a job: plan, and phases on a cluster."""

from collections.abc import Iterable
from os import PathLike

from distributed import Client

from survey_batch.config.job import Job
from survey_batch.config.jobfile import JOB, job_of
from survey_batch.core.arguments import takes
from survey_batch.core.status import Status
from survey_batch.execution.accounts import Summary
from survey_batch.execution.plan_runner import Runner
from survey_batch.execution.retry import statuses_to_retry
from survey_batch.execution.run_cluster import RunCluster
from survey_batch.execution.runlog import run_log
from survey_batch.execution.search import Search
from survey_batch.monitor.progress import LineProgress
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.phases import make_groups
from survey_batch.preflight.refusals import refuse_overlaps
from survey_batch.stages import Stage, make_stages
from survey_batch.stages.functions import pin_functions
from survey_batch.store.disk import telling_if_vanished, telling_of_the_disk
from survey_batch.store.lock import locked
from survey_batch.store.parts import remove_parts
from survey_batch.store.products import product_exists


@takes(job=JOB)
def run(
    job: Job | str | PathLike[str],
    progress: LineProgress | None = None,
    *,
    client: Client | None = None,
    retry: str | Status | Iterable[str | Status] = (),
    break_lock: bool = False,
    performance_report: bool = False,
) -> Summary:
    """Run a job from its current state to its end.

    Parameters
    ----------
    job : Job or str or path
        A job, or its file.
    progress : LineProgress, optional
        Shows the progress of the run; plain lines on standard error by default.
    client : distributed.Client, optional
        Work on this cluster and ignore the job's table `[cluster]`.
    retry : str or sequence of str, optional
        Statuses whose rows are tried again although they are final, with what was made from them: "not_found",
        "unreadable", "partial", "outside". Rows that are "unreachable" or "failed" are tried again anyway.
    break_lock : bool
        Take over the output from a run that is known to be dead.
    performance_report : bool
        Keep Dask's report of the run in the output's folder `log`.

    Raises
    ------
    ConfigurationError
        The job, the catalogue or the machine is at fault, or another run holds the output.
    PlanMismatchError
        The output holds the products of another job.
    LostSchedulerError
        The scheduler disappeared; the same command continues the run.
    SurveyBatchError
        The counts do not add up.
    """
    wanted, job = statuses_to_retry(retry), job_of(job)
    refuse_overlaps(job)
    job, progress = pin_functions(job), progress or LineProgress()
    search, rest = _search_and_rest(job)
    make_groups(rest)  # refuses a job that cannot work before the catalogue is read and any field is searched
    plan = make_plan(job)
    found = Summary(job.output)
    with (
        telling_of_the_disk(job.output),
        locked(job.output, force=break_lock),
        telling_if_vanished(job.output),
        run_log(job.output) as log_path,
    ):
        remove_parts(job.output)
        with RunCluster(job, progress, client, report=performance_report) as cluster:
            if search:
                begun = any(product_exists(job.output, stage.name) for stage in rest)
                if wanted and begun:
                    progress.say("fields are not searched again: the list of objects must stay as it is")
                first = Search(plan.job, search, progress, frozenset() if begun else wanted, begun=begun)
                first.run(cluster, log_path)
                found = first.accounts.account(log_path)
                if not found.complete:
                    return found
                plan = make_plan(job)
            _, rest = _search_and_rest(plan.job)  # which may not store frames
            runner = Runner(plan, rest, progress, wanted)
            runner.run(cluster, log_path)
        return runner.accounts.account(log_path).after(found)  # the workers have ended


def _search_and_rest(job: Job) -> tuple[list[Stage], list[Stage]]:
    """Divide the job's stages into the search for objects, and what is made of them."""
    stages = make_stages(job)
    return [stage for stage in stages if stage.from_fields], [stage for stage in stages if not stage.from_fields]
