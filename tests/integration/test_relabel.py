"""Labels and splits that change in the catalogue reach the products in place, and nothing is done again."""

from pathlib import Path

import numpy as np
import pytest
import zarr

import survey_batch as sb
from survey_batch.config.sections.catalog import SplitSection
from survey_batch.execution.runner import run
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import stored_table
from survey_batch.preflight.relabel import find_relabelling
from survey_batch.simulate import simulate_sdss
from survey_batch.stages import make_stages
from survey_batch.store import products
from survey_batch.store.products import read_rows
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive

OBJECTS = 20
LABELS = {"label": "spectral_type", "split": {"train": 0.5, "test": 0.5}}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    keys = make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)
    return {**keys, "catalog": {"path": keys["catalog"]["path"]}}


def labelled(archive, job):
    """The same job with labels and a split."""
    return lamost_job({**archive, "catalog": {**archive["catalog"], **LABELS}}, job.output)


def bytes_of(job):
    """All files of the products but those of labels and splits, and the product's own metadata with its history."""
    changed = ("label", "split")
    return {
        path: path.read_bytes()
        for product in ("spectra", "features")
        for path in sorted(Path(job.output).glob(f"{product}.zarr/**/*"))
        if path.is_file() and not set(changed) & set(path.parts) and path.parts[-2:] != (f"{product}.zarr", "zarr.json")
    }


def test_new_labels_and_splits_are_written_into_all_products_and_nothing_is_done_again(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    before = bytes_of(job)
    again = labelled(archive, job)
    assert "the label of 20 rows and the split of 20 rows changed" in str(find_relabelling(make_plan(again)))
    assert not run(again, client=cluster).worked
    assert bytes_of(job) == before
    plan = make_plan(again)
    for product in ("spectra", "features"):
        found = sb.open_product(again, product)
        assert found.label.values.tolist() == plan.objects["label"].to_pylist()
        assert found.split.values.tolist() == plan.objects["split"].to_pylist()
    assert set(found.split.values) == {"train", "test"}
    assert find_relabelling(plan) is None


def test_products_of_frames_have_no_labels_of_objects_and_stay(cluster, tmp_path):
    root = tmp_path / "archive"
    simulate_sdss(root, fields=1, objects=60, seed=3, bands="r")
    job = sdss_job(root / "sources.csv", root, tmp_path / "out", frames={"bands": "r"})
    run(job, client=cluster)
    again = job.model_copy(
        update={"catalog": job.catalog.model_copy(update={"label": "class", "split": SplitSection()})}
    )
    assert not run(again, client=cluster).worked
    found = sb.open_product(again, "cutouts")
    assert found.label.values.tolist() == make_plan(again).objects["label"].to_pylist()
    assert set(found.split.values) == {"train", "test"}
    assert not {"label", "split"} & set(sb.open_product(again, "frames").variables)
    assert not run(again, client=cluster).worked


def test_shards_that_are_still_to_be_done_get_the_new_labels_when_they_are_done(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    plan = make_plan(job)
    for product in ("spectra", "features"):
        products.mark_pending(job.output, product, plan.shards("object")[:1])
    summary = run(labelled(archive, job), client=cluster)
    assert summary.worked
    assert summary.counts == {"ok": OBJECTS}
    found = read_rows(job.output, "features", slice(0, OBJECTS), ["label", "split"])
    now = make_plan(labelled(archive, job)).objects
    assert found["label"].tolist() == now["label"].to_pylist()
    assert found["split"].tolist() == now["split"].to_pylist()


def test_a_relabelling_that_was_interrupted_is_done_again(archive, cluster, tmp_path, monkeypatch):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    again, write = labelled(archive, job), products.write_coordinates

    def break_off(output, product, shard, values):
        if product == "features":
            raise KeyboardInterrupt
        write(output, product, shard, values)

    monkeypatch.setattr("survey_batch.preflight.relabel.write_coordinates", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(again, client=cluster)
    assert set(stored_table(job.output, "object")["label"].to_pylist()) == {""}
    monkeypatch.undo()
    run(job, client=cluster)  # the change is taken back
    for product in ("spectra", "features"):
        assert set(read_rows(job.output, product, slice(0, OBJECTS), ["label"])["label"].tolist()) == {""}
    run(again, client=cluster)
    assert "" not in read_rows(job.output, "features", slice(0, OBJECTS), ["label"])["label"].tolist()


def test_a_run_of_fewer_stages_relabels_the_products_of_all(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    again = labelled(archive, job)
    run(again.model_copy(update={"stages": ("spectra",)}), client=cluster)
    assert "" not in read_rows(job.output, "features", slice(0, OBJECTS), ["label"])["label"].tolist()
    assert find_relabelling(make_plan(again)) is None


def test_a_user_s_function_sees_no_labels_so_its_product_depends_on_none(archive, cluster, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def seen(block):\n"
        "    return block.flux.mean('wavelength').rename('mean').to_dataset().assign_attrs()\n"
        "def labels(block):\n"
        "    return (block.label == 'M').rename('m').to_dataset()\n"
    )
    custom = {"function": f"{path}:seen", "input": "spectra", "variables": ["flux"]}
    job = lamost_job(archive, tmp_path / "out", ("spectra", "mine"), custom={"mine": custom})
    assert run(job, client=cluster).complete
    other = {**custom, "function": f"{path}:labels"}
    with pytest.raises(sb.ConfigurationError, match="no attribute 'label'"):
        run(lamost_job(archive, tmp_path / "other", ("spectra", "mine"), custom={"mine": other}), client=cluster)


def test_without_the_stored_plan_the_labels_of_a_product_are_compared(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    (tmp_path / "out" / "plan" / "objects.parquet").unlink()
    assert find_relabelling(make_plan(job)) is None
    assert "the label of 20 rows" in str(find_relabelling(make_plan(labelled(archive, job))))


def test_what_was_learnt_from_the_old_split_is_named(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    again = labelled(archive, job)
    said = str(find_relabelling(make_plan(again), make_stages(again)))
    assert "what features.zarr learnt from the old training split stays" in said


def test_a_run_goes_on_from_a_mirror_of_the_archive(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=cluster)
    plan = make_plan(job)
    status = zarr.open_array(f"{job.output}/spectra.zarr/status", mode="r+")
    status[:8] = 0
    mirror = tmp_path / "mirror"
    mirror.symlink_to(archive["archive"]["root"])
    moved = job.model_copy(update={"archive": job.archive.model_copy(update={"root": str(mirror)})})
    assert run(moved, client=cluster).counts == {"ok": plan.size("object")}
    assert np.all(np.asarray(status[:]) == 1)
