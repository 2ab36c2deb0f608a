"""The script `jobs/composite-sweep.py`, without a cluster."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from survey_batch.config.sections.train_images import ImageTraining
from tests.models.stars import BANDS, as_labelled, labels_of, make_stars

SCRIPT = Path(__file__).parents[1] / "jobs" / "composite-sweep.py"


@pytest.fixture(scope="module")
def sweep():
    spec = importlib.util.spec_from_file_location("composite_sweep", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def row(bands, accuracy, q=8.0, stretch=0.5, seed=1):
    key = {"bands": bands, "q": q, "stretch": stretch, "seed": seed, "epochs": 8, "stars": 100}
    return {name: str(value) for name, value in {**key, "accuracy": accuracy, "loss": 0.5}.items()}


def test_every_ordered_triple_of_five_bands_is_tried_once_with_each_scale(sweep):
    made = sweep.recipes(BANDS, [2.0, 8.0], [0.5])
    assert len({(one.bands, one.q, one.stretch) for one in made}) == len(made) == 120
    assert {one.scaling for one in made} == {"flux"}


def test_what_was_found_before_is_not_done_again(sweep):
    made = sweep.recipes("gri", [8.0], [0.5])
    section = ImageTraining(classifier="-", product="composites", epochs=8, seed=1)
    rows = [row("gri", 0.5), row("rig", 0.5, seed=2)]
    left = sweep.still_to_do(made, rows, section, 100)
    assert [one.bands for one in left] == [one.bands for one in made if one.bands != "gri"]
    assert len(sweep.still_to_do(made, rows, section, 200)) == len(made), "of other stars"


def test_a_line_that_a_stop_cut_short_is_left_out_and_the_file_stays_readable(sweep, tmp_path):
    path = tmp_path / "sweep.csv"
    assert sweep.read_rows(path) == []
    sweep.write_rows(path, [row("gri", 0.5), row("rig", 0.6)])
    whole = path.read_text()
    path.write_text(whole[: whole.rindex(",")])
    assert sweep.read_rows(path) == [row("gri", 0.5)]
    sweep.write_rows(path, sweep.read_rows(path))
    assert sweep.read_rows(path) == [row("gri", 0.5)]


def test_the_summary_parts_the_choice_of_bands_from_their_order(sweep):
    rows = [row("gri", 0.9), row("rig", 0.8), row("urz", 0.5), row("zru", 0.7)]
    text = "\n".join(sweep.summary(rows))
    assert "gri 0.850, urz 0.600" in text
    assert "orders of the same bands on the same scale: 0.112" in text
    assert "4 recipes, accuracy 0.500 to 0.900" in text


def test_results_are_plotted(sweep, tmp_path):
    sweep.plot([row("gri", 0.9), row("urz", 0.5, q=2.0)], tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_recipe_is_scored_on_the_stars_held_out(sweep, monkeypatch):
    labels = labels_of(48)
    stars = as_labelled(make_stars(labels, 1), labels)
    parts = stars.take(np.arange(32)), stars.take(np.arange(32, 48))
    monkeypatch.setattr(sweep, "stars_of", lambda *given: (*parts, BANDS))  # noqa: ARG005
    section = ImageTraining(classifier="-", product="composites", crop=16, epochs=8, batch=16)
    found = sweep.score(sweep.recipes("gri", [8.0], [0.5])[0], "", "", 100, section)
    assert list(found) == list(sweep.COLUMNS)
    assert (found["bands"], float(found["accuracy"]) > 0.7) == ("gri", True)
