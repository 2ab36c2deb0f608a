"""Whole jobs of a catalogue that grows: fields come to the frames, old fields get new objects, a classifier stays."""

from random import Random

import numpy as np
import pytest

import survey_batch as sb
from survey_batch.core.errors import PlanMismatchError
from survey_batch.execution.runner import run
from survey_batch.integrity.verify import verify
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.training.train import train
from tests.growing import Growing
from tests.jobs import lamost_job, sdss_job

OBJECTS = 60


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    simulate_sdss(root, fields=3, objects=OBJECTS, seed=3, bands="r")
    return root


def growing(archive, folder, **tables):
    tables = {"frames": {"bands": "r"}, "cutouts": {"size": 32}, "shards": {"objects": 16}, **tables}
    path, lines = folder / "growing.csv", (archive / "sources.csv").read_text().splitlines()
    return Growing(sdss_job(path, archive, folder / "out", **tables), path, lines)


def values_of(job, product, key):
    """All that a product says of each object or field; of text, the length of an item depends on all of them."""
    found = sb.open_product(job, product)
    names = [name for name in found.variables if found[name].dims[:1] == found["status"].dims[:1]]
    values = {name: found[name].values for name in names}
    return {one: {name: bits(values[name][row]) for name in names} for row, one in enumerate(values[key].tolist())}


def bits(value):
    return value if isinstance(value, str) else np.asarray(value).tobytes()


@pytest.mark.slow
def test_frames_and_cutouts_grown_in_five_steps_are_those_made_at_once(archive, tmp_path):
    steps = growing(archive, tmp_path)
    numbers = Random(2).sample(range(OBJECTS), OBJECTS)
    in_order = []
    for rows in (1, 2, 30, 31, OBJECTS):
        steps.rows(Random(rows).sample(numbers[:rows], rows))
        steps.run()
        fields = sb.open_product(steps.job, "frames")["field"].values.tolist()
        assert fields[: len(in_order)] == in_order, "an old field stays where it is"
        in_order = fields
    assert in_order != sorted(in_order), "so that new fields came behind old ones"
    (tmp_path / "at-once").mkdir()
    whole = growing(archive, tmp_path / "at-once")
    whole.rows(numbers)
    whole.run()
    assert values_of(steps.job, "frames", "field") == values_of(whole.job, "frames", "field")
    assert values_of(steps.job, "cutouts", "object_id") == values_of(whole.job, "cutouts", "object_id")
    assert verify(steps.job, deep=True).ok


@pytest.mark.slow
def test_a_trained_classifier_answers_for_the_new_rows_alone(cluster, tmp_path):
    simulate_lamost(tmp_path / "archive", objects=OBJECTS, seed=4)
    lines = (tmp_path / "archive" / "catalog.csv").read_text().splitlines()
    path, model = tmp_path / "growing.csv", str(tmp_path / "model")

    def job_in(output, stages=("spectra", "predictions")):
        tables = {
            "catalog": {
                "path": str(path),
                "label": "spectral_type",
                "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
            },
            "archive": {"survey": "lamost", "root": str(tmp_path / "archive")},
            "train": {"classifier": model, "variant": "forest", "trees": 20},
            "predictions": {"classifier": model, "batch": 16},
            "shards": {"objects": 16},
        }
        return lamost_job(tables, tmp_path / output, stages)

    growing = Growing(job_in("out"), path, lines)
    growing.rows(range(40))
    run(job_in("out", ("spectra",)), client=cluster)
    train(growing.job)
    run(growing.job, client=cluster)
    before = values_of(growing.job, "predictions", "object_id")
    plan = growing.rows(reversed(range(OBJECTS)))
    with pytest.raises(PlanMismatchError, match="has 20 rows that spectra.zarr in .* lacks"):
        train(growing.job)
    summary = run(growing.job, client=cluster)  # on workers that knew the products before
    assert summary.counts == {"ok": OBJECTS}
    assert {name: stage["rows_done"] for name, stage in summary.stages.items()} == {"spectra": 20, "predictions": 20}
    after = values_of(growing.job, "predictions", "object_id")
    split = dict(zip(*(plan.objects[name].to_pylist() for name in ("object_id", "split")), strict=True))
    assert {name: {**after[name], "split": ""} for name in before} == {
        name: {**values, "split": ""} for name, values in before.items()
    }
    assert {name: values["split"] for name, values in after.items()} == split
    at_once = job_in("at-once")
    run(at_once, client=cluster)
    one, other = (sb.open_product(job, "predictions").load() for job in (growing.job, at_once))
    rows = [one.object_id.values.tolist().index(name) for name in other.object_id.values.tolist()]
    # Other slots of a batch: equal to rounding.
    np.testing.assert_allclose(one.probability.values[rows], other.probability.values, atol=1e-6)
