"""Jobs on a private SLURM: the same products as on this machine, whatever happens to worker jobs and driver."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.training.train import train
from tests.compare import assert_equal_products, rows_done
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.patience import PATIENCE
from tests.processes import command, complete, kill, write_job
from tests.servers import http_server
from tests.slurm import SETTINGS, jobs, private_slurm, resume, scontrol, wait_for_jobs

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
OBJECTS, SHARD = 60, 4
SLURM = {**SETTINGS, "pending_seconds": 2}


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory):
    with private_slurm(tmp_path_factory.mktemp("slurm")) as folder:
        yield folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of spectra, and the job's keys that point to it."""
    folder = tmp_path_factory.mktemp("archive")
    return folder, make_archive(folder, OBJECTS)


@contextmanager
def slow_archive(files, delay, connections):
    """Serve the folder so slowly that there is a middle in which things happen."""
    folder, keys = files
    with http_server(folder, delay=delay) as server:
        yield {**keys, "archive": {**keys["archive"], "root": server.url, "connections": connections}}


@pytest.fixture(scope="module")
def archive(files):
    with slow_archive(files, delay=0.5, connections=2) as served:
        yield served


def slow_job(archive, output, **cluster):
    spectra = {"wavelength_min": 4000, "wavelength_max": 5000}
    shards = {"objects": SHARD}
    section = {**SLURM, **cluster}
    if section["kind"] == "srun":  # an allocation has a walltime of its own, so the key is refused
        del section["walltime"]
    return lamost_job(archive, output, ("spectra",), shards=shards, cluster=section, spectra=spectra)


@pytest.fixture(scope="module")
def undisturbed(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    local = slow_job(archive, folder / "out").model_copy(update={"cluster": ClusterSection(workers=2, memory="1 GB")})
    complete(local, folder)
    return folder / "out"


def assert_same(undisturbed, output):
    assert_equal_products(undisturbed, output, "spectra")
    assert json.loads((output / "run.json").read_text())["counts"] == {"ok": OBJECTS}
    assert jobs() == [], "jobs are left"


def events(output, name):
    lines = [line for path in sorted((output / "log").glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [line for line in map(json.loads, lines) if line.get("event") == name]


def test_spectra_and_predictions_are_those_of_this_machine_and_gpus_are_asked_for_to_predict_alone(tmp_path):
    simulate_lamost(tmp_path / "archive", objects=60, seed=4)
    model = str(tmp_path / "model")
    keys = {
        "catalog": {"path": str(tmp_path / "archive" / "catalog.csv"), "label": "spectral_type", "split": {}},
        "archive": {"survey": "lamost", "root": str(tmp_path / "archive")},
        "train": {"classifier": model, "variant": "lines", "epochs": 2, "members": 1},
        "predictions": {"classifier": model, "batch": 32},
        "shards": {"objects": 16},
    }
    stages = ("spectra", "predictions")
    made = partial(lamost_job, keys)
    compare(made, stages, tmp_path, away=True)


def test_cutouts_features_and_predictions_of_images_are_too(tmp_path):
    root, model = tmp_path / "archive", str(tmp_path / "model")
    simulate_sdss(root, fields=1, objects=120, seed=3, bands="gr")
    keys = {
        "name": "test",
        "catalog": {"path": str(root / "sources.csv"), "label": "class", "split": {}},
        "archive": {"survey": "sdss", "root": str(root)},
        "frames": {"bands": "gr", "keep": True},
        "train": {"classifier": model, "kind": "table", "epochs": 2, "members": 1},
        "predictions": {"classifier": model, "batch": 32},
        "shards": {"objects": 64},
    }

    def made(output, stages, **tables):
        return Job.model_validate({**keys, "output": str(output), "stages": stages, **tables})

    compare(made, ("frames", "cutouts", "features", "predictions"), tmp_path)


def controller_away(running):
    """End SLURM's controller, and bring it back once the run has told of it.

    It is asked to end, as on a restart. If it is killed within seconds of the jobs' start, it has not yet written down
    that they run, starts them anew when it is back, and what they are called in the end is chance.
    """
    folder = Path(os.environ["SLURM_DIR"])
    controller = psutil.Process(int((folder / "slurmctld.pid").read_text()))
    controller.terminate()
    controller.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while "SLURM does not answer" not in running.messages:
        assert running.process.poll() is None, running.messages
        assert time.monotonic() < deadline, running.messages
        time.sleep(0.2)
    subprocess.run(["slurmctld"], check=True)


def compare(made, stages, folder, *, away=False):
    """Run a job here and on SLURM: the products are the same, and GPUs are asked for to predict alone."""
    here = made(folder / "here", stages[:-1], cluster={"workers": 2, "memory": "2 GB"})
    run(here)
    train(here)
    counts = run(here.model_copy(update={"stages": stages})).counts
    gpu = {"partition": "gpu", "gres": "gpu:1", "workers": 1, "cores": 2, "memory": "2 GB", "allow_cpu": True}
    there = made(folder / "there", stages, cluster={**SLURM, "memory": "2 GB", "gpu": gpu})
    before = set(jobs("%i", state="all"))
    with command(there, folder) as running:
        if away:
            running.wait_for(1, stages[-2])
            controller_away(running)
        ended, over = {}, False
        while not over:  # SLURM forgets a job a minute after its end
            over = running.process.poll() is not None
            ended |= {line.split()[0]: line.split()[1:] for line in jobs("%i %P %b %T %j", state="all")}
            time.sleep(0.3)
        assert running.wait() == 0, running.messages
    mine = [job for number, job in ended.items() if number not in before]
    assert {(partition, "gpu" in gres, state, name) for partition, gres, state, name in mine} == {
        ("cpu", False, "COMPLETED", "sb-test-cpu"),
        ("gpu", True, "COMPLETED", "sb-test-gpu"),
    }
    assert running.messages.count("Dask dashboard:") == 1, "a tunnel lives for the whole run"
    (logs,) = (folder / "there" / "log" / "slurm").iterdir()
    assert not [path for path in logs.iterdir() if path.is_dir()], "keys are left"
    assert json.loads((folder / "there" / "run.json").read_text())["counts"] == counts
    assert_equal_products(folder / "here", folder / "there", *stages)


def test_worker_jobs_that_are_cancelled_requeued_preempted_or_on_a_dead_node_are_replaced(
    archive, undisturbed, tmp_path
):
    try:
        with command(slow_job(archive, tmp_path / "out", cores=2), tmp_path) as running:
            subprocess.run(["scancel", wait_for_jobs(2)[0]], check=True)  # before it has connected
            running.wait_for(SHARD)
            subprocess.run(["scancel", wait_for_jobs(2)[0]], check=True)
            running.wait_for(2 * SHARD)
            worked = min(wait_for_jobs(2), key=int)
            scontrol("update", f"JobId={worked}", "Requeue=1")
            scontrol("requeue", worked)
            running.wait_for(3 * SHARD)
            assert set(wait_for_jobs(2, what="%N")) == {"n1", "n2"}
            scontrol("update", "NodeName=n2", "State=DOWN", "Reason=test")
            running.wait_for(5 * SHARD)
            resume("n2")
            urgent = ["sbatch", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wrap", "srun sleep 5"]
            subprocess.run(urgent, check=True)
            assert running.wait() == 0, running.messages
    finally:
        resume("n2")
    ended = [event["state"] for event in events(tmp_path / "out", "worker job ended")]
    assert len(ended) >= 5, "a cancelled one each, a requeued one, one of the node, and those that were preempted"
    assert "REQUEUED" in ended
    assert_same(undisturbed, tmp_path / "out")


def test_preemptions_of_a_shard_s_workers_are_no_fault_of_the_shard(files, undisturbed, tmp_path):
    with http_server(files[0], delay=1) as server:
        keys = {"root": server.url, "connections": 256, "when_nothing_found": "go_on"}  # no request but the shard's
        job = slow_job({**files[1], "archive": {**files[1]["archive"], **keys}}, tmp_path / "out", workers=1)
        job = job.model_copy(update={"shards": job.shards.model_copy(update={"objects": OBJECTS})})
        with command(job, tmp_path) as running:
            seen = 0
            for _ in range(3):
                wait_until(lambda: server.requests.total() > seen, running.messages_file)  # noqa: B023
                urgent = ["sbatch", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wait", "--wrap=true"]
                subprocess.run(urgent, check=True)
                seen = server.requests.total()
            assert running.wait() == 0, running.messages
    assert "was preempted" in running.messages
    assert not events(tmp_path / "out", "set aside")
    assert {event["state"] for event in events(tmp_path / "out", "worker job ended")} == {"PREEMPTED"}
    assert len(events(tmp_path / "out", "retry")) == 3
    assert_same(undisturbed, tmp_path / "out")


@pytest.mark.parametrize("hidden", ["archive", "output"])
def test_a_node_that_sees_no_archive_or_no_output_decides_nothing_and_is_named(files, undisturbed, tmp_path, hidden):
    folder, keys = files
    output = tmp_path / "out"
    output.mkdir()
    python = tmp_path / "python"
    hide = f'mount -t tmpfs none {folder if hidden == "archive" else output}; exec {sys.executable} "$@"'
    python.write_text(
        f"#!/bin/bash\n[ $SLURMD_NODENAME = n2 ] && exec unshare -m bash -c '{hide}' - \"$@\"\n"
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    job = slow_job(keys, output, python=str(python), directives=["--exclusive"])
    messages = complete(job, tmp_path)
    assert_same(undisturbed, output)
    told = [line for line in messages.splitlines() if "n2" in line]
    assert told, messages
    if hidden == "archive":
        assert re.match("node n2 does not see the archive: .* is left out of this run", told[0])
        assert [event["node"] for event in events(output, "node left out")] == ["n2"]


def test_workers_leave_before_their_walltime_and_lose_no_shard(files, undisturbed, tmp_path):
    """A worker works for 2 to 50 s, the archive needs 60; a busy machine has 190 s for the shard that is being done."""
    with slow_archive(files, delay=1.0, connections=1) as archive:
        job = slow_job(archive, tmp_path / "out", walltime="4", drain_seconds=190)
        with command(job, tmp_path) as running:
            assert running.wait() == 0, running.messages
    assert events(tmp_path / "out", "worker job ended"), "no walltime ended"
    assert not events(tmp_path / "out", "retry"), "a shard was lost"
    assert_same(undisturbed, tmp_path / "out")


def test_workers_that_share_a_job_are_replaced_together(archive, undisturbed, tmp_path):
    job = slow_job(archive, tmp_path / "out", processes=2)
    job = job.model_copy(update={"archive": job.archive.model_copy(update={"connections": 8})})  # for the dead, too
    with command(job, tmp_path) as running:
        running.wait_for(2 * SHARD)
        (number,) = wait_for_jobs(1)
        assert copies_in(number) == 3, "two workers and their original"
        subprocess.run(["scancel", number], check=True)
        assert running.wait() == 0, running.messages
    assert len(events(tmp_path / "out", "worker job submitted")) == 2
    assert_same(undisturbed, tmp_path / "out")


def copies_in(number):
    """Processes of a job, on the nodes that this machine is, that are made by copying."""
    found = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mine = process.environ().get("SLURM_JOB_ID") == number
            found += mine and "multiprocessing.forkserver" in " ".join(process.cmdline())
    return found


def test_a_job_that_does_not_start_is_explained_and_waited_for(archive, undisturbed, tmp_path):
    with command(slow_job(archive, tmp_path / "out", directives=["--hold"]), tmp_path) as running:
        held = wait_for_jobs(2, state="PENDING")
        while "SLURM says" not in running.messages:
            assert running.process.poll() is None, running.messages
        for number in held:
            scontrol("release", number)
        assert running.wait() == 0, running.messages
    assert re.search(r"page of this run: http://localhost:\d+/survey-batch", running.messages)
    assert re.search(r"no worker for \d+ s; SLURM says of the worker jobs: 2 PENDING \(JobHeldUser\)", running.messages)
    assert_same(undisturbed, tmp_path / "out")


def test_a_run_that_shall_not_wait_ends_with_the_reason(archive, tmp_path):
    job = slow_job(archive, tmp_path / "out", directives=["--hold"], when_pending="stop")
    with command(job, tmp_path) as running:
        assert running.wait() == 1, running.messages
    assert "JobHeldUser" in running.messages
    assert "Traceback" not in running.messages
    assert jobs() == []


def test_a_killed_driver_leaves_no_worker_for_long_and_the_same_command_goes_on(archive, undisturbed, tmp_path):
    job = slow_job(archive, tmp_path / "out")
    with command(job, tmp_path) as running:
        running.wait_for(SHARD)
        kill(running.process)
    complete(job, tmp_path)
    assert_same(undisturbed, tmp_path / "out")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cancels_its_jobs_however_often_it_is_interrupted(archive, tmp_path, by):
    with command(slow_job(archive, tmp_path / "out"), tmp_path) as running:
        running.wait_for(SHARD)
        while running.process.poll() is None:
            running.process.send_signal(by)
            time.sleep(0.3)
        assert running.wait() == 130, running.messages
        assert "Traceback" not in running.messages
    assert jobs() == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"partition": "gold"}, "invalid partition"),
        ({"prologue": ["exit 3"]}, "worker jobs in a row ended before their worker reached the scheduler"),
        ({"python": "/no/python"}, "/no/python"),
        ({"workers": None}, "cluster.workers is not set"),
        ({"options": {"colour": "red"}}, "unexpected keyword argument 'colour'"),
    ],
    ids=["partition", "prologue", "python", "no workers", "option"],
)
def test_a_table_that_cannot_work_ends_with_what_slurm_says(archive, tmp_path, keys, said):
    with command(slow_job(archive, tmp_path / "out", **keys), tmp_path) as running:
        assert running.wait() == 2, running.messages
    assert said in running.messages
    assert "Traceback" not in running.messages
    assert jobs() == []


def test_a_client_without_the_certificate_is_not_let_in_and_nothing_else_listens(tmp_path):
    from distributed import Client, Security

    with connect(ClusterSection(**{**SLURM, "workers": 1}), str(tmp_path)) as connection:
        connection.client.wait_for_workers(1, timeout=PATIENCE)
        address = connection.client.scheduler.address
        assert address.startswith("tls://")
        for other, security in ((address.replace("tls", "tcp"), None), (address, Security.temporary())):
            with pytest.raises((OSError, TypeError)):
                Client(other, security=security, timeout=3, set_as_default=False)
        listening = listeners()
        port = address.rpartition(":")[2]
        dashboard = re.search(r"127\.0\.0\.1:(\d+)", connection.dashboard)[1]
        assert listening[dashboard] == {"127.0.0.1"}
        assert port in listening
        (worker,) = connection.client.scheduler_info()["workers"].values()
        assert listening[str(worker["services"]["dashboard"])] == {"127.0.0.1"}


def listeners():
    """Addresses that are listened on, by port, as `ss -ltn` says."""
    found = {}
    for line in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.splitlines():
        host, _, port = line.split()[3].rpartition(":")
        found.setdefault(port, set()).add(host)
    return found


def test_outside_of_slurm_the_missing_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(ConfigurationError, match="SLURM's command sbatch is not on the path"),
        connect(ClusterSection(**SLURM), str(tmp_path)),
    ):
        pass


def test_steps_of_one_allocation_make_the_same_products(archive, undisturbed, tmp_path):
    job = slow_job(archive, tmp_path / "out", kind="srun")
    with pytest.raises(ConfigurationError, match="this process is not in one"):
        run(job)
    out = tmp_path / "messages.txt"
    options = ["--wait", "-N2", "--ntasks=2", "--cpus-per-task=2", "--mem-per-cpu=2500", f"--output={out}"]
    done = sbatch("deploy/slurm/one-allocation.sbatch", write_job(job, tmp_path), *options)
    assert done.returncode == 0, out.read_text()
    assert_same(undisturbed, tmp_path / "out")


def test_a_driver_that_is_a_batch_job_queues_itself_again_near_its_walltime_and_goes_on(archive, undisturbed, tmp_path):
    job, out = slow_job(archive, tmp_path / "out"), tmp_path / "messages.txt"
    options = ["--parsable", "--cpus-per-task=1", "--mem=2000", f"--output={out}"]
    driver = sbatch("jobs/driver.sbatch", write_job(job, tmp_path), *options).stdout.strip()
    wait_until(lambda: rows_done(job.output, "spectra") >= SHARD, out)
    subprocess.run(["scancel", "--batch", "--signal=USR1", driver], check=True)  # as SLURM does near the walltime
    wait_until(lambda: jobs("%i %T") == [f"{driver} PENDING"], out)
    assert SHARD <= rows_done(job.output, "spectra") < OBJECTS, "interrupted in the middle"
    wait_until((tmp_path / "out" / "run.json").exists, out)
    wait_until(lambda: not jobs(), out)
    assert_same(undisturbed, tmp_path / "out")


def test_a_driver_that_is_cancelled_takes_its_worker_jobs_with_it(archive, tmp_path):
    job, out = slow_job(archive, tmp_path / "out", directives=["--hold"]), tmp_path / "messages.txt"
    options = ["--parsable", "--cpus-per-task=1", "--mem=2000", f"--output={out}"]
    driver = sbatch("jobs/driver.sbatch", write_job(job, tmp_path), *options).stdout.strip()
    wait_until(lambda: len(jobs()) == 3, out)
    subprocess.run(["scancel", driver], check=True)
    wait_until(lambda: not jobs(), out)  # those that wait would not end by themselves


def sbatch(script, job_file, *options):
    """Submit one of the scripts that the project ships."""
    return subprocess.run(
        ["sbatch", *options, PROJECT / script, job_file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SURVEY_BATCH_ENVIRONMENT": sys.prefix},
    )


def wait_until(reached, messages):
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, messages.read_text()
        time.sleep(0.2)
