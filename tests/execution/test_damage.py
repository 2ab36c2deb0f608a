"""A run that meets damaged data makes it again, and what was made from it; no damaged shard enters a result."""

import shutil
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.status import Status
from survey_batch.execution.accounts import Accounts
from survey_batch.execution.runner import run
from survey_batch.monitor.progress import LineProgress
from survey_batch.store.damage import Damage, DamagedError
from survey_batch.store.products import open_group, read_status
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS = 24


class Told(LineProgress):
    def __init__(self):
        super().__init__()
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)


@pytest.fixture
def job(keys, tmp_path, client):
    made = lamost_job(keys, tmp_path / "out", spectra={"wavelength_min": 4000, "wavelength_max": 4100})
    run(made, client=client)
    return made


def chunks(job, product):
    """Hash each file of a product, as it was written."""
    folder = Path(job.output) / f"{product}.zarr"
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def values(files):
    """The files of a product without its metadata, which say when it was created."""
    return {name: content for name, content in files.items() if "/c/" in name}


def set_pending(job, product):
    for path in (Path(job.output) / f"{product}.zarr" / "status" / "c").iterdir():
        path.unlink()


def flip(path, byte):
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 4
    path.write_bytes(bytes(raw))


def test_damaged_shards_are_made_again_with_what_depends_on_them_bit_for_bit(job, client):
    spectra = Path(job.output) / "spectra.zarr"
    before = chunks(job, "spectra"), chunks(job, "features")
    set_pending(job, "features")
    (spectra / "flux/c/0/0").unlink()
    flip(spectra / "ivar/c/2/0", 10)
    told = Told()
    done = run(job, told, client=client)
    assert done.counts == {"ok": OBJECTS}
    assert (chunks(job, "spectra"), chunks(job, "features")) == before
    lines = "\n".join(told.lines)
    assert "spectra.zarr: flux of shard 0 (rows 0 to 7): its file is missing" in lines
    assert "ivar of shard 2" in lines
    assert "features.zarr, made from spectra: rows 0 to 7, rows 16 to 23 are pending" in lines


def test_components_are_not_fitted_to_a_damaged_shard(job, client):
    before = chunks(job, "features")
    shutil.rmtree(Path(job.output) / "features.zarr")
    (Path(job.output) / "spectra.zarr/flux/c/1/0").unlink()
    flip(Path(job.output) / "spectra.zarr/mask/c/2/0", -3)
    run(job, client=client)
    assert values(chunks(job, "features")) == values(before)


def test_damaged_statuses_make_the_shard_again(job, client):
    before = chunks(job, "spectra"), chunks(job, "features")
    flip(Path(job.output) / "spectra.zarr/status/c/1", 20)
    done = run(job, client=client)
    assert done.worked
    assert (chunks(job, "spectra"), chunks(job, "features")) == before


def test_components_that_are_damaged_are_fitted_again(job, client):
    features = Path(job.output) / "features.zarr"
    before = chunks(job, "features")
    flip(next((features / "pca_mean/c").iterdir()), 5)
    set_pending(job, "features")
    told = Told()
    run(job, told, client=client)
    assert any("features.zarr is deleted" in line for line in told.lines)
    assert values(chunks(job, "features")) == values(before)


def test_rows_to_try_again_are_tried_once_though_damage_is_met_after_that(keys, tmp_path, client):
    job = lamost_job(keys, tmp_path / "out", spectra={"wavelength_min": 4000, "wavelength_max": 4100})
    first = next(Path(job.archive.root).glob("*-001.fits"))
    lost = first.rename(tmp_path / first.name)
    try:
        run(job, client=client)
        set_pending(job, "features")
        (Path(job.output) / "spectra.zarr/flux/c/1/0").unlink()
        told = Told()
        done = run(job, told, client=client, retry="not_found")
    finally:
        lost.rename(first)
    assert any(line.startswith("damaged: ") for line in told.lines)
    assert sum(line.startswith("trying again: 1 row of spectra") for line in told.lines) == 1
    assert done.retried["spectra"] == 1


def test_the_time_of_a_stage_is_that_of_all_its_beginnings():
    accounts = Accounts(SimpleNamespace(job=SimpleNamespace(output="")), [])
    stage = SimpleNamespace(name="spectra")
    for _ in range(2):
        with suppress(DamagedError), accounts.timed([stage]):
            time.sleep(0.01)
            raise DamagedError("out", [Damage("spectra", "flux", 0)])
    assert accounts.timing["spectra"]["wall_seconds"] >= 0.02


def test_damaged_metadata_is_restored_from_its_copy(job, client):
    before = chunks(job, "spectra")
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b""), lambda path: flip(path, 300)):
        damage(Path(job.output) / "spectra.zarr/zarr.json")
        told = Told()
        assert run(job, told, client=client).counts == {"ok": OBJECTS}
        assert told.lines == ["spectra.zarr/zarr.json was damaged, and is restored from its copy"]
        assert chunks(job, "spectra") == before


def test_data_that_is_damaged_again_after_it_was_made_ends_the_run(job, client, monkeypatch):
    monkeypatch.setattr(
        "survey_batch.execution.plan_runner.mark_damaged", lambda *_: []
    )  # as if the disk damaged it again
    set_pending(job, "features")
    (Path(job.output) / "spectra.zarr/flux/c/0/0").unlink()
    with pytest.raises(DamagedError, match="flux of shard 0"):
        run(job, client=client)
    status = read_status(job.output, "features")
    assert (status[:8] == Status.PENDING).all()
    assert (status[8:] == Status.OK).all()
    assert np.isfinite(np.asarray(open_group(job.output, "features")["value"][8:])).any()
