"""What SLURM says, and what it means for a run: the rows of one table."""

import pytest

from survey_batch.cluster.words import (
    End,
    Meaning,
    answer_of,
    end_in_sacct,
    end_in_scontrol,
    is_guilty,
    job_words,
    never_starts,
)

GUILTY = (Meaning.MEMORY, Meaning.CRASHED, Meaning.TIME)

STATES = {
    Meaning.OUTSIDE: (
        *("PREEMPTED", "CANCELLED", "CANCELLED by 1000", "DEADLINE", "NODE_FAIL", "BOOT_FAIL", "REQUEUED"),
        *("REQUEUE_HOLD", "SPECIAL_EXIT", "REVOKED"),
    ),
    Meaning.TIME: ("TIMEOUT",),
    Meaning.MEMORY: ("OUT_OF_MEMORY",),
    Meaning.CRASHED: ("FAILED",),
    Meaning.FINISHED: ("COMPLETED",),
    Meaning.PAUSED: ("SUSPENDED", "STOPPED"),
    Meaning.WAITS: ("PENDING", "CONFIGURING"),
    Meaning.RUNS: ("RUNNING", "COMPLETING", "STAGE_OUT", "RESIZING", "SIGNALING"),
    Meaning.UNKNOWN: ("", "SOMETHING_NEW"),
}


@pytest.mark.parametrize(("meaning", "state"), [(what, state) for what, states in STATES.items() for state in states])
def test_every_state_of_a_job_has_its_meaning(meaning, state):
    assert job_words(state).meaning is meaning
    assert is_guilty(End(state)) == (meaning in GUILTY)


ANSWERS = {
    Meaning.AWAY: (
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
        "squeue: error: slurm_receive_msg: Connection refused",
        "sbatch: error: Slurm controller not responding, sleeping and retrying.",
        "sbatch did not answer in 60 s",
        "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
        "error: If munged is up, restart with --num-threads=10\nsbatch: error: Munge encode failed: Failed to access "
        '"/run/munge/munge.socket.2": No such file or directory',
    ),
    Meaning.FULL: (
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting",
        "sbatch: error: AssocGrpSubmitJobsLimit",
        "sbatch: error: QOSGrpSubmitJobsLimit",
        "sbatch: error: MaxSubmitJobsPerAccount\nsbatch: error: Batch job submission failed: Job violates accounting",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying.",
        "sbatch: error: Batch job submission failed: Resource temporarily unavailable",
        "sbatch: error: Batch job submission failed: Required partition not available (inactive or drain)",
    ),
    Meaning.REFUSED: (
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
        "sbatch: error: invalid partition specified: gold\nsbatch: error: Batch job submission failed: Invalid "
        "partition name specified",
        "sbatch: error: Batch job submission failed: Invalid qos specification",
        "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
        "sbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: QOSMaxCpuPerJobLimit",
        "a word of a site's own plug-in",
    ),
}


@pytest.mark.parametrize(("meaning", "said"), [(what, said) for what, all_ in ANSWERS.items() for said in all_])
def test_every_answer_of_a_command_is_waited_for_or_final(meaning, said):
    assert answer_of(said) is meaning


WROTE = {
    Meaning.OUTSIDE: (
        "slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-11-28T06:00:00 DUE TO PREEMPTION ***",
        "slurmstepd: error: *** STEP 5.1 ON n1 CANCELLED AT 2026-11-28T06:00:00 DUE TO NODE FAILURE ***",
    ),
    Meaning.TIME: ("slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-11-28T06:00:00 DUE TO TIME LIMIT ***",),
    Meaning.MEMORY: (
        "slurmstepd: error: Detected 1 oom_kill event in StepId=5.batch. Some of the step tasks have been OOM Killed.",
        "slurmstepd-n1: error: StepId=5.batch exceeded memory limit (900 > 500), being killed",
        "slurmstepd: error: Job 5 exceeded memory limit (900 > 500), being killed\n"
        "slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-11-28T06:00:00 ***",
        "srun: error: n1: task 0: Out Of Memory",
    ),
    Meaning.CRASHED: ("srun: error: n1: task 0: Exited with exit code 1",),
    Meaning.UNKNOWN: ("distributed.worker - ERROR - my task was PREEMPTED, CANCELLED and FAILED",),
}


@pytest.mark.parametrize(("meaning", "log"), [(what, log) for what, logs in WROTE.items() for log in logs])
def test_a_job_that_slurm_no_longer_knows_is_judged_by_what_slurm_wrote_into_its_log(meaning, log):
    end = End(log=f"distributed.nanny - INFO - start\n{log}\n")
    assert end.words.meaning is meaning
    assert is_guilty(end) == (meaning in GUILTY)


@pytest.mark.parametrize(
    ("state", "meaning"),
    [("CANCELLED", Meaning.MEMORY), ("FAILED", Meaning.MEMORY), ("PREEMPTED", Meaning.OUTSIDE)],
)
def test_memory_named_in_the_log_alone_counts_unless_the_state_has_its_own_reason(state, meaning):
    assert End(state, log="slurmstepd: error: Detected 1 oom-kill event(s) in StepId=5.").words.meaning is meaning


def test_an_end_is_read_from_what_scontrol_and_sacct_print():
    said = (
        "JobId=12 JobName=sb-a-cpu JobState=FAILED Reason=NonZeroExitCode Dependency=(null) Requeue=0 ExitCode=1:0 "
        "DerivedExitCode=0:0 ReqNodeList=(null) ExcNodeList=n9 NodeList=n2 BatchHost=n2"
    )
    end = end_in_scontrol(said)
    assert end == End("FAILED", "1:0", "n2")
    assert str(end) == "failed on n2 (exit 1, FAILED)"
    assert end_in_scontrol("JobState=CANCELLED ExitCode=0:0 NodeList=(null)").node == ""
    assert end_in_scontrol("slurm_load_jobs error: Invalid job id specified") == End()
    preempted = end_in_sacct("PREEMPTED|0:15|n1\n")
    assert str(preempted) == "was preempted on n1 (exit 0, signal 15, PREEMPTED)"
    assert end_in_sacct("CANCELLED by 0|0:0|None assigned\n") == End("CANCELLED by 0", "0:0")
    assert end_in_sacct("") == End()
    assert str(End()) == "ended, and SLURM no longer knows it"


FOR_EVER = (
    *("PartitionConfig", "PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit", "AssocMaxCpuPerJobLimit"),
    *("AssocMaxCpuMinutesPerJobLimit", "AssocMaxCpuPerNode", "QOSMaxCpuPerNode", "QOSMaxMemoryPerJob"),
    *("QOSMinCpuNotSatisfied", "MaxMemPerLimit", "DependencyNeverSatisfied", "AssociationTimeLimit"),
)
FOR_A_WHILE = (
    *("Resources", "Priority", "AssocMaxJobsLimit", "AssocGrpJobsLimit", "AssocGrpCpuLimit", "AssocGrpMemLimit"),
    *("AssocGrpCPURunMinutesLimit", "QOSMaxJobsPerUserLimit", "MaxJobsPerAccount", "QOSMaxCpuPerUserLimit"),
)


@pytest.mark.parametrize("reason", FOR_EVER)
def test_some_reasons_never_pass(reason):
    assert never_starts(reason)


@pytest.mark.parametrize("reason", FOR_A_WHILE)
def test_limits_of_how_many_jobs_there_may_be_pass(reason):
    assert not never_starts(reason)
