"""Products whose labels or splits are no longer the catalogue's are found and written anew."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.paths import read_json
from survey_batch.core.status import Status
from survey_batch.models.manifest import MANIFEST
from survey_batch.planning.plan import LABELS, make_plan
from survey_batch.planning.stored import stored_table, to_numpy
from survey_batch.preflight import relabel as module
from survey_batch.preflight.provenance import provenance_of
from survey_batch.preflight.relabel import (
    Relabelling,
    find_relabelling,
    labels_hash,
    mark_labelled,
    refuse_old_labels,
    relabel,
)
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, open_group, read_rows, write_shard
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS = 12


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)


@pytest.fixture
def made(keys, tmp_path):
    """An output whose spectra have neither labels nor a split; the second of two shards is still to be done."""
    plan = plan_of(keys, tmp_path)
    plan.store()
    stage = make_stage(plan.job, "spectra")
    create_product(plan.job.output, stage.schema(OBJECTS), {"provenance": provenance_of(plan, stage)})
    first = plan.shards("object")[0]
    values = {name: to_numpy(plan.objects[name])[first.rows].astype(object) for name in LABELS}
    write_shard(plan.job.output, "spectra", first, values, np.full(len(first), Status.OK, np.uint8))
    mark_labelled(plan, "spectra")
    return plan


def plan_of(keys, folder, stages=("spectra",), tables=(), **catalog):
    catalog = {"path": keys["catalog"]["path"], **catalog}
    return make_plan(lamost_job({**keys, "catalog": catalog}, folder / "out", stages, **dict(tables)))


def labels_in(plan):
    found = read_rows(plan.job.output, "spectra", slice(None), LABELS)
    return {name: values.astype(object).tolist() for name, values in found.items()}


@pytest.fixture
def now(keys, made, tmp_path):
    """The plan of the same catalogue with both."""
    return plan_of(keys, tmp_path, label="spectral_type", split={"train": 0.5, "test": 0.5})


def test_what_has_the_catalogue_s_labels_is_left_alone(made):
    assert find_relabelling(made) is None
    refuse_old_labels(made)


def test_rows_that_differ_are_counted_among_those_that_are_done(now):
    found = find_relabelling(now)
    assert found == Relabelling({"spectra": {"label": 8, "split": 8}})
    assert str(found).startswith("in the catalogue, the label of 8 rows and the split of 8 rows changed; the products")


def test_only_what_differs_is_named(keys, made, tmp_path):
    found = find_relabelling(plan_of(keys, tmp_path, label="spectral_type"))
    assert found.rows == {"label": 8}
    assert found.changes == "the label of 8 rows"


def test_relabelling_writes_rows_that_are_done_marks_the_product_and_stores_the_plan(now):
    said = []
    relabel(now, [], said.append)
    assert said == [f"note: {Relabelling({'spectra': {'label': 8, 'split': 8}})}"]
    found = labels_in(now)
    for name in LABELS:
        assert found[name][:8] == now.objects[name].to_pylist()[:8]
        assert found[name][8:] == [""] * 4, "they get theirs when they are done"
    assert read_json(f"{now.job.output}/plan/labels.json") == {"spectra": labels_hash(now)}
    assert stored_table(now.job.output, "object")["split"].to_pylist() == now.objects["split"].to_pylist()
    assert find_relabelling(now) is None
    relabel(now, [], said.append)
    assert len(said) == 1


def test_relabelling_adds_a_line_to_the_history_which_the_whole_tree_shows_too(now):
    open_group(now.job.output, "spectra").attrs["history"] = "2026-01-01T00:00:00Z survey-batch 0.1.0 run: created"
    relabel(now, [], lambda _: None)
    created, relabelled = open_group(now.job.output, "spectra").attrs["history"].splitlines()
    assert created.endswith("run: created")
    assert relabelled.endswith("run: the label of 8 rows and the split of 8 rows changed in the catalogue and here")
    with xr.open_datatree(now.job.output, engine="zarr") as tree:
        assert tree["spectra.zarr"].attrs["history"].splitlines() == [created, relabelled]
        assert tree["spectra.zarr"].sizes["object"] == OBJECTS, "the consolidated metadata are whole"
    relabel(now, [], lambda _: None)
    assert len(open_group(now.job.output, "spectra").attrs["history"].splitlines()) == 2


def test_a_relabelling_that_was_interrupted_is_found_again(now, made, monkeypatch):
    write, written = module.write_coordinates, []

    def interrupted(output, product, shard, values):
        if shard.index:
            raise KeyboardInterrupt
        write(output, product, shard, values)
        written.append(shard.index)

    monkeypatch.setattr(module, "WRITERS", 1)
    monkeypatch.setattr(module, "write_coordinates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        relabel(now, [], lambda _: None)
    assert written == [0]
    assert find_relabelling(now) is None, "the rows that are done have the new labels"
    assert find_relabelling(made).rows == {"label": 8, "split": 8}, "no mark says that they have the old ones"
    assert history_of(now) == ["the label of 8 rows and the split of 8 rows changed in the catalogue and here"]
    relabel(now, [], lambda _: None)
    assert read_json(f"{now.job.output}/plan/labels.json") == {"spectra": labels_hash(now)}
    assert stored_table(now.job.output, "object")["split"].to_pylist() == now.objects["split"].to_pylist()
    assert len(history_of(now)) == 1


def history_of(plan):
    lines = str(open_group(plan.job.output, "spectra").attrs.get("history", "")).splitlines()
    return [line.partition(" run: ")[2] for line in lines]


def test_the_history_of_a_product_counts_its_own_rows(now):
    label, split = (to_numpy(now.objects[name]) for name in LABELS)
    group = open_group(now.job.output, "spectra")
    group["label"][:3], group["split"][:8] = label[:3].astype("T"), split[:8].astype("T")
    create_other(now)
    found = find_relabelling(now)
    assert found.products == {"spectra": {"label": 5}, "second": {"label": 8, "split": 8}}
    assert found.changes == "the label of 8 rows and the split of 8 rows"
    relabel(now, [], lambda _: None)
    assert history_of(now) == ["the label of 5 rows changed in the catalogue and here"]


def create_other(plan):
    """Make a second product of the same objects, whose first shard has no labels."""
    stage = make_stage(plan.job, "spectra")
    schema = replace(stage.schema(OBJECTS), product="second")
    create_product(plan.job.output, schema, {"provenance": provenance_of(plan, stage)})
    first = plan.shards("object")[0]
    blank = dict.fromkeys(LABELS, np.full(len(first), "", dtype=object))
    write_shard(plan.job.output, "second", first, blank, np.full(len(first), Status.OK, np.uint8))


def test_without_marks_the_labels_themselves_are_compared(made, now, tmp_path):
    (tmp_path / "out" / "plan" / "labels.json").write_text("{cut short")
    assert find_relabelling(made) is None
    assert find_relabelling(now).rows == {"label": 8, "split": 8}
    relabel(made, [], lambda _: None)
    assert read_json(f"{made.job.output}/plan/labels.json") == {"spectra": labels_hash(made)}


def test_products_of_other_objects_are_not_touched(keys, made, tmp_path):
    others = make_archive(tmp_path / "others", 5)
    assert find_relabelling(plan_of(others, tmp_path, label="spectral_type")) is None
    open_group(made.job.output, "spectra").attrs["coordinates"] = "object_id ra dec"
    labelled = plan_of(keys, tmp_path, label="spectral_type")
    assert find_relabelling(labelled) is None, "a product without labels has none to change"


def test_what_was_learnt_from_the_old_ones_is_named(keys, made, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / MANIFEST).write_text("{}")
    train = {"train": {"classifier": str(model), "kind": "spectral-type"}}
    now = plan_of(keys, tmp_path, ("spectra", "features"), train, label="spectral_type", split={"train": 1.0})
    said = str(find_relabelling(now, [make_stage(now.job, "spectra"), make_stage(now.job, "features")]))
    assert f"; the classifier {model} was trained on the old ones; " in said
    assert said.endswith("(to learn again, delete features.zarr)")
    only_labels = plan_of(keys, tmp_path, ("spectra", "features"), label="spectral_type")
    assert "learnt" not in str(find_relabelling(only_labels, [make_stage(only_labels.job, "features")]))


def test_no_classifier_is_trained_on_old_labels(now):
    with pytest.raises(PlanMismatchError, match="the label of 8 rows .* survey-batch run writes the new ones"):
        refuse_old_labels(now)
