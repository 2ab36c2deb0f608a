"""Worker jobs and steps as SLURM's commands start, list and end them."""

import os
from types import SimpleNamespace

import pytest

from survey_batch.cluster import launch
from survey_batch.cluster.launch import JobState, Launcher, LaunchError, Sbatch, Srun, WorkerJob, request_of
from survey_batch.cluster.words import End
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError
from tests.patience import PATIENCE


def test_a_step_that_failed_is_told_by_what_it_wrote_not_by_its_script(tmp_path):
    for name, text in (("worker-step0.log", "no such module"), ("worker-step0.sh", "exec dask worker")):
        (tmp_path / name).write_text(text)
    assert Launcher.log_of(SimpleNamespace(folder=tmp_path), "step0") == "no such module"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Put a command of SLURM's name on the path, as a shell script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(name, script="true"):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


def job(script, **keys):
    return WorkerJob(ClusterSection(kind="srun", workers=1, **keys), "sb-test-cpu", script)


@pytest.fixture
def sbatch(command, tmp_path):
    for name in Sbatch.commands:
        command(name)
    return Sbatch(tmp_path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"memory": "2 GB"}, "1 core and 2.0 GB"),
        ({"memory": "4 GB", "processes": 16}, "16 cores and 64.0 GB for 16 workers"),
        ({"memory": "4 GB", "threads": 2, "processes": 4, "cores": 16}, "16 cores and 16.0 GB for 4 workers"),
    ],
)
def test_a_job_asks_for_the_cores_and_the_memory_of_all_its_workers(keys, said):
    assert str(request_of(ClusterSection(kind="slurm", workers=16, **keys))) == said


def test_a_command_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="SLURM's command sbatch is not on the path .*kind = .local"):
        Sbatch(tmp_path)


def test_a_job_has_the_number_that_sbatch_prints_with_or_without_a_cluster(sbatch, command, tmp_path):
    command("sbatch", 'echo "$@" > "$(dirname "$0")/asked"; echo "123;north"')
    assert sbatch.submit(job("#!/bin/sh\nexit\n")) == "123"
    assert (tmp_path / "bin" / "asked").read_text() == f"--parsable {tmp_path}/worker.sh\n"
    assert (tmp_path / "worker.sh").read_text() == "#!/bin/sh\nexit\n"
    command("sbatch", "echo 124")
    assert sbatch.submit(job("")) == "124"


def test_what_slurm_says_against_a_job_is_the_error(sbatch, command):
    command("sbatch", "echo 'sbatch: error: Invalid qos' >&2; exit 1")
    with pytest.raises(LaunchError, match="^sbatch: error: Invalid qos$"):
        sbatch.submit(job(""))
    command("sbatch", "exit 3")
    with pytest.raises(LaunchError, match="sbatch ended with 3"):
        sbatch.submit(job(""))


def test_slurm_is_asked_whether_it_would_take_a_script(sbatch, command):
    command("sbatch", '[ "$1" = --test-only ] && echo "sbatch: Job 7 to start at noon" >&2')
    assert sbatch.test("") == "sbatch: Job 7 to start at noon"


def test_states_are_those_of_the_jobs_that_have_not_ended(sbatch, command):
    command("squeue", "printf '12|PENDING|Resources\\n 13 |RUNNING|None\\nsomething else\\n'")
    assert sbatch.states() == {"12": JobState("PENDING", "Resources"), "13": JobState("RUNNING", "None")}
    command("squeue", "true")
    assert sbatch.states() == {}
    command("squeue", "echo Unable to contact slurm controller >&2; exit 1")
    with pytest.raises(LaunchError, match="Unable to contact slurm controller"):
        sbatch.states()


def test_a_controller_that_does_not_answer_is_no_answer(sbatch, command, monkeypatch):
    monkeypatch.setattr(launch, "COMMAND_SECONDS", 0.1)
    command("squeue", "exec sleep 60")
    with pytest.raises(LaunchError, match="squeue did not answer in 0 s"):
        sbatch.states()


def test_jobs_are_cancelled_together_and_nothing_is_asked_where_there_are_none(sbatch, command, tmp_path):
    command("scancel", 'echo "$@" >> "$(dirname "$0")/cancelled"')
    sbatch.cancel(iter([]))
    sbatch.cancel(["12", "13"])
    assert (tmp_path / "bin" / "cancelled").read_text() == "12 13\n"


def test_a_command_that_vanished_is_named(sbatch, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="squeue is no longer on the path"):
        sbatch.states()


def test_the_end_of_a_log_is_told_from_all_of_a_job_s_files(sbatch, tmp_path):
    (tmp_path / "worker-12.out").write_text("\n".join(f"line {number}" for number in range(9)) + "\n\n")
    (tmp_path / "worker-12.err").write_bytes(b"caf\xe9\n")
    (tmp_path / "worker-123.err").write_text("of another job")
    assert sbatch.log_of("12").splitlines() == [f"line {number}" for number in range(4, 9)]
    (tmp_path / "worker-12.out").unlink()
    assert sbatch.log_of("12") == "caf\ufffd"
    (tmp_path / "worker-7.out").touch()
    assert sbatch.log_of("7") == ""
    assert sbatch.log_of("8") is None


RUN = 'while [ "$1" != bash ]; do echo "$1"; shift; done; exec "$@"'
"""Print the options, then run the script."""


@pytest.fixture
def srun(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    command("srun", RUN)
    return Srun(tmp_path)


def test_outside_of_an_allocation_no_steps_can_be_started(command, tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    command("srun")
    with pytest.raises(ConfigurationError, match="starts workers inside an allocation, but this process is not in one"):
        Srun(tmp_path)


def test_a_step_asks_for_what_all_its_workers_need_and_knows_its_name(srun):
    asked = {"threads": 2, "processes": 3, "memory": "2 GiB", "gres": "gpu:1", "directives": ["--exclude=n1"]}
    step = srun.submit(job('echo "step $SURVEY_BATCH_STEP"', **asked))
    srun.steps[step].wait(timeout=PATIENCE)
    options = ["--exact", "--ntasks=1", "--job-name=sb-test-cpu", "--cpus-per-task=6", "--mem=6144M", "--gres=gpu:1"]
    wrote = [*options, "--exclude=n1", "step step0"]
    assert (srun.folder / "sb-test-cpu-step0.log").read_text().splitlines() == wrote


def test_a_step_runs_until_it_ends_or_is_cancelled(srun):
    first, second = srun.submit(job("exec sleep 60")), srun.submit(job("exec sleep 60"))
    assert (first, second) == ("step0", "step1")
    assert srun.states() == {"step0": JobState("RUNNING"), "step1": JobState("RUNNING")}
    srun.cancel(["step0", "unknown"])
    assert srun.states() == {"step1": JobState("RUNNING")}
    srun.cancel(["step1", "step0"])
    assert srun.states() == {}


def test_a_step_s_end_is_told_by_its_exit_code_and_by_slurm_s_words_in_its_log(srun):
    killed = "echo 'slurmstepd: error: *** STEP 9.1 ON n1 CANCELLED AT noon DUE TO PREEMPTION ***'; exit 1"
    ends = []
    for script in ("exit 0", "exit 3", killed):
        step = srun.submit(job(script))
        srun.steps[step].wait(timeout=PATIENCE)
        ends.append(srun.end_of(step))
    assert [end.words.told for end in ends] == ["ended by itself", "", "was preempted"]
    assert ends[1].exit == "3:0"


def test_an_ended_job_is_asked_for_at_scontrol_and_where_it_is_forgotten_at_sacct(sbatch, command, tmp_path):
    (tmp_path / "sb-test-cpu-7.err").write_text("last words\n")
    command("scontrol", "echo JobId=7 JobState=PREEMPTED ExitCode=0:15 NodeList=n1")
    assert sbatch.end_of("7") == End("PREEMPTED", "0:15", "n1", "last words")
    command("scontrol", "exit 1")
    command("sacct", "echo 'OUT_OF_MEMORY|0:125|n2'")
    assert sbatch.end_of("7") == End("OUT_OF_MEMORY", "0:125", "n2", "last words")
    command("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert sbatch.end_of("8") == End()


@pytest.mark.parametrize(
    ("directives", "asked"),
    [([], "n2"), (["--exclude=n7"], "n7,n2"), (["-x n7,n8"], "n7,n8,n2"), (["--exclusive", "-xn7"], "n7,n2")],
)
def test_nodes_left_out_are_added_to_those_that_the_user_leaves_out(sbatch, directives, asked):
    assert sbatch.exclusion(directives) == []
    for _ in range(2):
        sbatch.leave_out("n2")
    assert sbatch.exclusion(directives) == [f"--exclude={asked}"]


def test_nodes_that_the_user_lists_in_a_file_stay_left_out(sbatch, tmp_path):
    listed = tmp_path / "nodes"
    sbatch.leave_out("n2")
    with pytest.raises(LaunchError, match=f"the list of nodes {listed} in cluster.directives cannot be read"):
        sbatch.exclusion([f"--exclude={listed}"])
    listed.write_text("n7,n8\nn[10-12]\n")
    assert sbatch.exclusion([f"--exclude={listed}"]) == ["--exclude=n7,n8,n[10-12],n2"]


def test_sbatch_is_told_of_nodes_that_are_left_out_besides_those_of_the_script(command, tmp_path):
    for name in Sbatch.commands:
        command(name, 'echo "$@" >&2; echo 7')
    launcher = Sbatch(tmp_path)
    launcher.leave_out("n2")
    assert launcher.test("#!/bin/bash\n#SBATCH --exclude=n7\ntrue").startswith("--test-only --exclude=n7,n2 ")
