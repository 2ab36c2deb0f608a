"""The script of a worker job: what a job adds to it stands beside what it needs anyway."""

import pytest

from survey_batch.cluster import connect
from survey_batch.cluster.drain import END
from survey_batch.cluster.launch import Sbatch
from survey_batch.cluster.slurm import make_cluster, script_of
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


@pytest.fixture
def script(tmp_path):
    pytest.importorskip("dask_jobqueue")
    pytest.importorskip("cryptography")

    def make(**keys):
        section = ClusterSection(kind="slurm", workers=1, **keys)
        cluster = make_cluster(section, Sbatch, tmp_path)
        try:
            return script_of(cluster, Sbatch), str(cluster.scheduler_spec["options"])
        finally:
            cluster.close()

    return make


def test_options_are_added_to_what_is_set(script):
    text, scheduler = script(
        gres="gpu:1",
        qos="debug",
        prologue=["module load python"],
        options={
            "worker_extra_args": ["--lifetime", "55m"],
            "job_script_prologue": ["module load cuda"],
            "job_extra_directives": ["--exclusive"],
            "scheduler_options": {"allowed_failures": 7},
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
    assert "127.0.0.1:0" in scheduler
    assert "allowed_failures" in scheduler


def test_a_job_without_a_time_limit_never_drains(script):
    text, _ = script(walltime="UNLIMITED")
    assert "#SBATCH -t UNLIMITED" in text
    assert END not in text


def test_the_word_gpu_in_a_directive_gives_a_worker_no_gpu(script):
    text, _ = script(directives=["--exclude=gpu01", "--constraint=nogpu"])
    assert "GPU=1" not in text
    assert "#SBATCH --exclude=gpu01" in text


def test_without_tls_a_network_must_be_named():
    section = ClusterSection(kind="slurm", workers=1, tls=False)
    with pytest.raises(ConfigurationError, match=r"would listen on all networks.* such as \"ib0\""), connect(section):
        pass
