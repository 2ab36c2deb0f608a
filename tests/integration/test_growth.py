"""Images of a catalogue that grows: fields come to the frames, and old fields get new objects."""

from random import Random

import numpy as np
import pytest

import survey_batch as sb
from survey_batch.integrity.verify import verify
from survey_batch.simulate import simulate_sdss
from tests.growing import Growing
from tests.jobs import sdss_job

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
