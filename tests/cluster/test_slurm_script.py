"""The script of a worker job: what a job adds to it stands beside what it needs anyway."""

import pytest

from survey_batch.cluster import connect
from survey_batch.cluster.drain import END
from survey_batch.cluster.launch import Sbatch
from survey_batch.cluster.slurm import scheduler_options
from survey_batch.cluster.slurm_script import job_of, name_of, worker_job
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


@pytest.fixture
def script(tmp_path):
    pytest.importorskip("dask_jobqueue")

    def make(**keys):
        section = ClusterSection(kind="slurm", workers=1, **keys)
        return worker_job(section, Sbatch, "my job", tmp_path, "tls://host:1", None).script

    return make


@pytest.mark.parametrize(
    ("job", "keys", "name"),
    [
        ("lamost-dr9", {}, "sb-lamost-dr9-cpu"),
        ("Sterne (März), 2. Lauf/α", {"gres": "gpu:1"}, "sb-Sterne-M-rz-2-Lauf-gpu"),
        ("x" * 99, {}, f"sb-{'x' * 40}-cpu"),
        ("☉", {}, "sb-job-cpu"),
    ],
)
def test_worker_jobs_are_named_after_the_job_in_characters_that_slurm_takes(job, keys, name):
    assert name_of(job, ClusterSection(kind="slurm", **keys)) == name


@pytest.mark.parametrize("worker", ["survey-batch_12", "survey-batch_12-0"])
def test_a_worker_s_name_tells_its_job(worker):
    assert job_of(worker) == "12"


def test_an_option_that_is_unknown_is_named(script):
    with pytest.raises(ConfigurationError, match="unexpected keyword argument 'colour'"):
        script(options={"colour": "red"})


def test_options_are_added_to_what_is_set(script):
    text = script(
        gres="gpu:1",
        qos="debug",
        prologue=["module load python"],
        options={
            "worker_extra_args": ["--lifetime", "55m"],
            "job_script_prologue": ["module load cuda"],
            "job_extra_directives": ["--exclusive"],
            "job_directives_skip": ["--mem="],
        },
    )
    for wanted in (
        "--resources GPU=1",
        "--lifetime 55m",
        "module load python",
        "module load cuda",
        END,
        "--no-requeue",
    ):
        assert wanted in text
    assert "#SBATCH --qos=debug" in text
    assert "#SBATCH --exclusive" in text
    assert "#SBATCH --mem=" not in text
    assert "#SBATCH -J sb-my-job-gpu" in text
    assert "--name survey-batch_$SLURM_JOB_ID" in text


def test_options_of_the_scheduler_are_added_to_ours():
    section = ClusterSection(kind="slurm", interface="ib0", options={"scheduler_options": {"port": 8800}})
    made = scheduler_options(section, None)
    assert (made["port"], made["dashboard_address"], made["interface"]) == (8800, "127.0.0.1:0", "ib0")


def test_a_job_without_a_time_limit_never_drains(script):
    text = script(walltime="UNLIMITED")
    assert "#SBATCH -t UNLIMITED" in text
    assert END not in text


def test_the_word_gpu_in_a_directive_gives_a_worker_no_gpu(script):
    text = script(directives=["--exclude=gpu01", "--constraint=nogpu"])
    assert "GPU=1" not in text
    assert "#SBATCH --exclude=gpu01" in text


def test_without_tls_a_network_must_be_named():
    section = ClusterSection(kind="slurm", workers=1, tls=False)
    with pytest.raises(ConfigurationError, match=r"would listen on all networks.* such as \"ib0\""), connect(section):
        pass
