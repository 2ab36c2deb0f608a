"""`survey-batch verify` as a user meets it: what it prints, its exit codes, and the command that comes next."""

import json
from pathlib import Path

import pytest

from survey_batch.config.jobfile import load_job
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import fingerprint, provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, forget_products


@pytest.fixture
def output(job):
    """Two shards of spectra, as a run makes them."""
    loaded = load_job(job, ())
    plan, stage = make_plan(loaded), make_stage(loaded, "spectra")
    plan.store()
    provenance = provenance_of(plan, stage)
    create_product(
        loaded.output,
        stage.schema(plan.size("object")),
        {"provenance": provenance, "fingerprint": fingerprint(provenance), "job": loaded.model_dump(mode="json")},
    )
    for shard in plan.shards("object"):
        run_shard(loaded, "spectra", shard)
    forget_products()
    return Path(loaded.output)


def flip(path):
    raw = path.read_bytes()
    path.write_bytes(bytes([raw[0] ^ 1]) + raw[1:])


def test_nothing_wrong_ends_with_0(command, job, output):
    code, out, _ = command("verify", job)
    assert (code, out) == (0, f"{output}: spectra, values not read: nothing is wrong\n")


def test_what_is_wrong_is_told_with_an_exit_code_and_the_command_that_mends_it(command, job, output):
    flip(output / "spectra.zarr/flux/c/1/0")
    assert command("verify", job)[0] == 0
    code, out, err = command("verify", job, "--deep")
    assert code == 1
    what = "spectra.zarr: flux of shard 1 (rows 4 to 7): its bytes are not what was written (checksum)"
    assert out.splitlines()[0] == f"wrong {what}"
    assert err.endswith(f"next: survey-batch verify {job} --repair --deep\n")
    code, out, err = command("verify", job, "--deep", "--repair")
    assert code == 1
    assert "spectra.zarr: rows 4 to 7 are pending" in out.splitlines()
    assert err.endswith(f"next: survey-batch run {job}\n")


def test_a_program_gets_every_fault(command, job, output):
    (output / "spectra.zarr/ivar/c/0/0").unlink()
    code, out, _ = command("verify", job, "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    (fault,) = told["faults"]
    assert (fault["kind"], fault["array"], fault["shard"], fault["start"], fault["stop"]) == ("data", "ivar", 0, 0, 4)
    assert told["next"] == [f"survey-batch verify {job} --repair"]


def test_many_faults_are_counted(command, job, output, monkeypatch):
    monkeypatch.setattr("survey_batch.cli.verify.SHOWN", 2)
    for path in (output / "spectra.zarr").glob("*/c/0/0"):
        path.unlink()
    code, out, _ = command("verify", job)
    assert code == 1
    assert out.count("wrong spectra") == 2
    assert "more (--json has all)" in out


def test_an_error_of_zarr_about_a_checksum_is_told_in_a_sentence_by_every_verb(command, job, monkeypatch):
    message = "Stored and computed checksum do not match. Stored: b'1'. Computed: b'2'."

    def fail(*_, **__):
        raise ValueError(message)

    monkeypatch.setattr("survey_batch.report.write_report", fail)
    code, _, err = command("report", job)
    assert code == 1
    assert "a checksum differs" in err
    assert f"survey-batch verify {job} --deep" in err
