"""What `verify` finds wrong with an output, where, and what it leaves to a run after `--repair`."""

import json
import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import survey_batch as sb
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.execution.runner import run
from survey_batch.integrity.faults import Kind
from survey_batch.integrity.verify import verify
from survey_batch.store.lock import locked
from survey_batch.store.products import forget_products
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS = 20


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS, missing=[3])


@pytest.fixture(scope="module")
def made(keys, client, tmp_path_factory):
    """An output as a run left it; the law below damages it and puts it back."""
    job = lamost_job(
        keys, tmp_path_factory.mktemp("made") / "out", spectra={"wavelength_min": 4000, "wavelength_max": 4100}
    )
    run(job, client=client)
    return job


@pytest.fixture
def job(made, keys, tmp_path):
    """A copy of it for a test of its own."""
    shutil.copytree(made.output, tmp_path / "out")
    forget_products()
    return made.model_copy(update={"output": str(tmp_path / "out")})


def product_files(job):
    return sorted(path for path in Path(job.output).glob("*.zarr/**/*") if path.is_file())


def contents(job):
    return {str(path.relative_to(job.output)): sha256(path.read_bytes()).hexdigest() for path in product_files(job)}


def flipped(raw, bit):
    return raw[: bit // 8] + bytes([raw[bit // 8] ^ (1 << bit % 8)]) + raw[bit // 8 + 1 :]


def faults(job, **how):
    return verify(job, **how).faults


def test_nothing_is_wrong_with_what_a_run_left(job):
    said = []
    found = verify(job, deep=True, say=said.append)
    assert (found.ok, found.faults, found.notes, said) == (True, [], [], [])
    assert found.counts == {"spectra": {"ok": 19, "not_found": 1}, "features": {"ok": 19, "not_found": 1}}
    assert found.nbytes > 10_000
    assert "nothing is wrong" in str(found)
    assert sb.open(job.output).verify(deep=True).ok


def test_what_a_killed_writer_left_is_named_and_is_no_fault_and_a_run_or_a_repair_removes_it(job, client):
    part = Path(job.output, "spectra.zarr", "flux", "c", f"0.{'a' * 32}.partial")
    part.write_bytes(b"half")
    found = verify(job)
    assert (found.ok, found.notes) == (
        True,
        [f"spectra.zarr/flux/c/{part.name}: left by a process that was killed; the next run removes it"],
    )
    run(job, client=client)
    assert not part.exists()
    part.write_bytes(b"half")
    assert verify(job, repair=True).mended == ["unfinished files of killed processes are removed: 1"]
    assert not part.exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10**9))
def test_any_flipped_bit_of_a_product_is_found_where_it_is(made, where):
    files = product_files(made)
    path = files[where % len(files)]
    raw = path.read_bytes()
    path.write_bytes(flipped(raw, where % (8 * len(raw))))
    try:
        found = faults(made, deep=True)
    finally:
        path.write_bytes(raw)
    product, array, *_ = path.relative_to(made.output).parts
    told = [fault for fault in found if fault.file.startswith(product)]
    assert told
    assert any(array in str(fault) for fault in told)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(product=st.sampled_from(["spectra", "features"]), where=st.integers(0, 10**9))
def test_a_flipped_bit_of_what_a_product_says_of_itself_is_that_file_s_fault_alone(made, product, where):
    path = Path(made.output, f"{product}.zarr", "zarr.json")
    raw = path.read_bytes()
    first, stop = raw.index(b'"attributes"'), raw.index(b'"consolidated_metadata"')
    path.write_bytes(flipped(raw, 8 * first + where % (8 * (stop - first))))
    forget_products()
    try:
        found = faults(made)
        job = sb.open(made.output).job
    finally:
        path.write_bytes(raw)
    assert {(fault.kind, fault.file) for fault in found} - {(Kind.DATA, f"{product}.zarr")} == {
        (Kind.METADATA, f"{product}.zarr/zarr.json")
    }
    assert job.name == made.name


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10**9), how=st.sampled_from(["flip", "lose", "cut", "empty"]))
def test_what_is_repaired_and_made_again_equals_what_was_there(made, client, where, how):
    before, files = contents(made), product_files(made)
    path = files[where % len(files)]
    raw = path.read_bytes()
    cut = raw[: where % len(raw)]
    path.unlink() if how == "lose" else path.write_bytes(
        {"flip": flipped(raw, where % (8 * len(raw))), "cut": cut, "empty": b""}[how]
    )
    assert faults(made, deep=True, repair=True)
    run(made, client=client)
    after = contents(made)
    fitted = "features.zarr" if "pca_" in str(path) or "features.zarr/wavelength" in str(path) else None
    if fitted:  # made anew: its history says when
        before, after = ({name: file for name, file in files.items() if "/c/" in name} for files in (before, after))
    assert after == before
    assert not faults(made, deep=True)


@pytest.mark.parametrize(
    ("file", "deep", "what"),
    [
        ("spectra.zarr/flux/c/1/0", False, r"spectra.zarr: flux of shard 1 \(rows 8 to 15\): its file is missing"),
        ("features.zarr/pca_mean/c/0", False, "features.zarr: pca_mean: its file is missing"),
        ("spectra.zarr/zarr.json", False, "spectra.zarr/zarr.json: it is not what was written"),
        ("spectra.zarr/flux/zarr.json", False, "spectra.zarr/flux/zarr.json: it is not what was written"),
        ("plan/objects.parquet", False, "plan/objects.parquet: it is missing"),
        ("spectra.zarr/status/c/0", False, "spectra.zarr: there are 8 pending.*the last run counted 19 ok"),
    ],
)
def test_a_lost_file_is_told(job, file, deep, what):
    (Path(job.output) / file).unlink()
    assert re.search(what, "\n".join(map(str, faults(job, deep=deep))))


def test_what_depends_on_a_damaged_shard_is_marked_with_it_and_nothing_else(job, client):
    before = contents(job)
    path = Path(job.output) / "spectra.zarr/flux/c/1/0"
    path.write_bytes(flipped(path.read_bytes(), 100))
    assert not faults(job)  # without reading values it is not seen
    found = verify(job, deep=True, repair=True)
    (fault,) = found.faults
    assert (fault.kind, fault.damage.shard, fault.damage.array) == (Kind.DATA, 1, "flux")
    assert fault.as_dict()["start"] == 8
    assert "spectra.zarr: rows 8 to 15 are pending" in found.mended
    assert "features.zarr, made from spectra: rows 8 to 15 are pending" in found.mended
    summary = run(job, client=client)
    assert summary.stages["spectra"]["rows_done"] == 8
    assert contents(job) == before


@pytest.mark.parametrize("bad", [b"", b"{", b"[1, 2]", b"null", b'{"runs": 5}', b'{"runs": [3]}', b"\xff\xfe"])
def test_a_broken_account_of_runs_is_told_and_written_again(job, client, bad, caplog):
    path = Path(job.output) / "run.json"
    path.write_bytes(bad)
    (fault,) = faults(job)
    assert (fault.kind, fault.file) == (Kind.ACCOUNTS, "run.json")
    assert sb.open(job.output).status().complete
    assert "run.json is damaged and cannot be read" in caplog.text
    run(job, client=client)
    assert json.loads(path.read_text())["counts"] == {"ok": 19, "not_found": 1}
    assert not faults(job)


@pytest.mark.parametrize("bad", [b"", b"PAR1", b"not a table"])
@pytest.mark.parametrize("file", ["plan/objects.parquet", "problems.parquet", "problems/spectra-000000.parquet"])
def test_broken_tables_are_told_in_a_sentence_and_written_again(job, client, file, bad):
    path = Path(job.output) / file
    before = sb.open(job.output).problems
    path.write_bytes(bad)
    assert any(fault.file == file for fault in faults(job))
    assert sb.open(job.output).status().complete
    verify(job, repair=True)
    run(job, client=client)
    assert not faults(job, deep=True)
    assert sb.open(job.output).problems.equals(before)


def test_a_broken_list_of_marks_is_told_and_removed(job):
    path = Path(job.output) / "progress.parquet"
    path.write_bytes(b"PAR1")
    (fault,) = faults(job)
    assert (fault.kind, fault.file) == (Kind.ACCOUNTS, "progress.parquet")
    verify(job, repair=True)
    assert not path.exists()
    assert not faults(job)


def test_a_plan_whose_values_changed_is_told(job):
    path = Path(job.output) / "plan/objects.parquet"
    raw = path.read_bytes()
    path.write_bytes(flipped(raw, 8 * 40))
    (fault,) = faults(job)
    assert fault.kind == Kind.PLAN


def test_a_classifier_s_files_are_compared_with_its_manifest(job, tmp_path):
    folder = tmp_path / "classifier"
    folder.mkdir()
    (folder / "manifest.json").write_text("{")
    train = {"classifier": str(folder), "kind": "spectral-type"}
    trained = Job.model_validate({**job.model_dump(exclude_defaults=True), "train": train})
    (fault,) = faults(trained)
    assert (fault.kind, fault.file) == (Kind.CLASSIFIER, str(folder))


def test_another_job_s_product_is_told_and_left_alone(job, keys):
    other = lamost_job(keys, job.output, spectra={"wavelength_min": 4000, "wavelength_max": 4200})
    before = contents(job)
    found = verify(other, repair=True)
    assert {fault.kind for fault in found.faults} == {Kind.SETTINGS}, found.faults
    assert [fault.file for fault in found.faults] == [f"{name}.zarr" for name in sorted(job.stages)]  # once each
    assert contents(job) == before


def test_an_output_that_is_held_is_not_repaired_and_one_without_products_is_refused(job, tmp_path):
    with locked(job.output):
        with pytest.raises(ConfigurationError, match="holds this output"):
            verify(job, repair=True)
        assert verify(job).notes == ["a run is under way: what it writes meanwhile may be told as damaged"]
    with pytest.raises(ConfigurationError, match="no product"):
        verify(job.model_copy(update={"output": str(tmp_path / "none")}))


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"host": 3}', b"{"])
def test_a_broken_lock_is_told_and_taken_over(job, client, bad):
    (Path(job.output) / "lock.json").write_bytes(bad)
    (fault,) = faults(job)
    assert fault.file == "lock.json"
    assert not sb.open(job.output).status().running
    run(job, client=client)
    assert not faults(job)
