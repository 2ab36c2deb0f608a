import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.train_psf_stars import PsfStarTraining
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.psf_star import CLASSES, PsfStarCNN, PublishedPsfStar, star_measures
from tests.images.star_field import moffat
from tests.models.answers import assert_rows_answer_for_themselves

pytestmark = pytest.mark.slow

SIZE = 25
GRID = np.arange(SIZE, dtype=float) - SIZE // 2


def cutouts(number, seed, exposure=1.0, level=0.0):
    """Single stars (`good`), and by turns galaxies, pairs and faint stars (`other`)."""
    random = np.random.default_rng(seed)
    label = np.resize(np.array(["good", "other"]), number)
    flux = np.empty((number, 1, SIZE, SIZE))
    for row in range(number):
        x, y = random.uniform(-0.5, 0.5, 2)
        light = 10 ** random.uniform(3, 4.3)
        kind = "good" if label[row] == "good" else ("galaxy", "pair", "faint")[row // 2 % 3]
        width, stretch = (6.5, 2.0) if kind == "galaxy" else (3.2, 1.0)
        light = 60.0 if kind == "faint" else light
        star = light * moffat(GRID[None, :] - x, GRID[:, None] - y, width, stretch=stretch)
        if kind == "pair":
            star += 0.5 * light * moffat(GRID[None, :] - x - 5, GRID[:, None] - y + 3, 3.2)
        flux[row, 0] = star + random.normal(size=star.shape)
    return {"flux": (exposure * (flux + level)).astype(np.float32)}, label


def as_labelled(number, seed, bands="r", **keys):
    block, label = cutouts(number, seed, **keys)
    source = {"flux": np.repeat(block["flux"], len(bands), axis=1)}
    blank = np.full(number, "")
    return Labelled(source, label, blank, blank, np.arange(number), {"band": np.array(list(bands))})


def section(**keys):
    return PsfStarTraining(**{"classifier": "-", "epochs": 16, "batch": 16, "learning_rate": 2e-3, "zoom": 0.1, **keys})


def small(variant):
    family = {"cnn": PsfStarCNN, "published": PublishedPsfStar}[variant]
    return family.fit(as_labelled(16, 1), section(variant=variant, epochs=1, patience=0)), cutouts(12, 2)[0]


@pytest.fixture(scope="module")
def fitted():
    return PsfStarCNN.fit(as_labelled(200, 1), section())


def accuracy(classifier, block, label):
    answer = np.array(classifier.classes)[classifier.predict_proba(block, batch=32).argmax(axis=1)]
    return float(np.mean(answer == label))


def test_stars_never_seen_are_told_from_galaxies_pairs_and_faint_ones(fitted):
    assert accuracy(fitted, *cutouts(80, 2)) > 0.9, "chance is 0.5"


def test_another_exposure_and_sky_change_no_answer(fitted):
    usual = fitted.predict_proba(cutouts(40, 3)[0], batch=32)
    other = fitted.predict_proba(cutouts(40, 3, exposure=50.0, level=20.0)[0], batch=32)
    np.testing.assert_allclose(other, usual, atol=0.02)


def test_the_published_scaling_depends_on_the_exposure():
    """What the default was made to avoid."""
    classifier = PublishedPsfStar.fit(as_labelled(64, 1), section(variant="published", epochs=2))
    usual = classifier.prepare(cutouts(8, 3)[0])
    other = classifier.prepare(cutouts(8, 3, exposure=50.0)[0])
    assert usual.shape == (8, SIZE, SIZE, 1)
    assert np.abs(other - usual).max() > 1


def test_the_published_mean_and_deviation_are_those_of_the_training_pixels():
    data = as_labelled(64, 1)
    learnt = PublishedPsfStar.prepare_fit(data, section(variant="published"), None, 1)[0].arrays
    pixels = data.block["flux"].astype(np.float64)
    assert learnt["mean"] == pytest.approx(pixels.mean())
    assert learnt["deviation"] == pytest.approx(pixels.std())


def test_published_schedule_holds_where_the_table_does_not_say_otherwise():
    usual = PsfStarTraining(classifier="-", variant="published")
    assert (usual.epochs, usual.batch, usual.learning_rate) == (60, 256, 1e-4)
    asked = section(variant="published")
    assert (asked.epochs, asked.batch, asked.learning_rate) == (16, 16, 2e-3)


def test_published_epochs_show_as_many_bad_sources_as_good_ones():
    number = np.array([0] * 30 + [1] * 7)
    draft, _ = PublishedPsfStar.prepare_fit(as_labelled(16, 1), section(variant="published"), None, 1)
    rows = draft.training(section(variant="published")).epoch_rows(number)
    assert np.bincount(number[rows]).tolist() == [7, 7]


def test_rows_answer_for_themselves(fitted):
    assert_rows_answer_for_themselves(fitted, cutouts(40, 5)[0], [0, 15, 16, 39], batch=16)


@settings(max_examples=10, deadline=None)
@given(number=st.integers(1, 9), row=st.integers(0, 8))
def test_each_row_is_prepared_and_measured_by_itself(number, row):
    row %= number
    block, _ = cutouts(number, 7)
    recipe = PsfStarCNN.recipe_of(as_labelled(2, 1), section())
    classifier = PsfStarCNN(Manifest(kind="psf-star", variant="cnn", classes=CLASSES, recipe=recipe))
    one = {"flux": block["flux"][row : row + 1]}
    np.testing.assert_array_equal(classifier.prepare(one)[0], classifier.prepare(block)[row])
    measured = star_measures(block["flux"][:, 0])
    np.testing.assert_array_equal(star_measures(one["flux"][:, 0])[0], measured[row])


def test_a_saved_classifier_answers_as_before(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    block, _ = cutouts(20, 6)
    again = load_classifier(tmp_path / "model")
    assert (again.manifest.kind, again.manifest.variant, again.classes) == ("psf-star", "cnn", CLASSES)
    np.testing.assert_array_equal(again.predict_proba(block, batch=32), fitted.predict_proba(block, batch=32))


def test_a_source_whose_middle_is_missing_is_not_classified_and_changes_no_other(fitted):
    block, _ = cutouts(20, 6)
    usual = fitted.predict_proba(block, batch=32)
    block["flux"][3, 0, SIZE // 2, SIZE // 2] = np.nan
    block["flux"][4, 0, :3] = np.nan
    probability = fitted.predict_proba(block, batch=32)
    assert np.isnan(probability[3]).all()
    assert np.isfinite(probability[4]).all()
    others = np.delete(np.arange(20), [3, 4])
    np.testing.assert_array_equal(probability[others], usual[others])


def test_the_band_asked_for_is_looked_at():
    data = as_labelled(4, 1, bands="gri")
    recipe = PsfStarCNN.recipe_of(data, section(band="r"))
    classifier = PsfStarCNN(Manifest(kind="psf-star", variant="cnn", classes=CLASSES, recipe=recipe))
    block = {"flux": data.block["flux"].copy()}
    usual = classifier.prepare(block)
    block["flux"][:, [0, 2]] = 7.0
    np.testing.assert_array_equal(classifier.prepare(block), usual)
    with pytest.raises(PlanMismatchError, match="band"):
        recipe.check_product({"band": np.array(list("gi"))})


def test_a_classifier_of_one_band_takes_cutouts_of_any_one_band():
    recipe = PsfStarCNN.recipe_of(as_labelled(4, 1, bands="r"), section())
    recipe.check_product({"band": np.array(["i"])})


@pytest.mark.parametrize(
    ("bands", "keys", "words"),
    [("gr", {}, "name one of them in train.band"), ("gr", {"band": "i"}, "cutouts have bands g, r")],
)
def test_an_unclear_band_is_refused(bands, keys, words):
    with pytest.raises(ConfigurationError, match=words):
        PsfStarCNN.recipe_of(as_labelled(2, 1, bands=bands), section(**keys))


def test_a_zoom_beyond_a_factor_of_two_is_refused():
    with pytest.raises(ValidationError, match="zoom"):
        section(zoom=1.0)


def test_the_baseline_finds_bright_round_sources_and_is_no_network():
    data = as_labelled(160, 1)
    trees = PsfStarCNN.baselines(data, section(), CLASSES)["shape_trees"](data, 1)
    other = as_labelled(80, 2)
    assert np.mean(np.array(CLASSES)[trees(other).argmax(axis=1)] == other.label) > 0.8


def test_probabilities_of_the_published_variant_are_stated_for_the_shares_of_the_training_rows():
    data = as_labelled(120, 1)
    few = data.take((data.label == "other") | (np.arange(120) % 12 == 0))
    fitted = PublishedPsfStar.fit(few, section(variant="published", epochs=8))
    good = np.mean(few.label == "good")
    np.testing.assert_allclose(fitted.arrays["share"], [1 - good, good])
    block = cutouts(30, 2)[0]
    seen = np.asarray(fitted.model.predict_on_batch(fitted.prepare(block)))
    odds = (seen[:, 1] / seen[:, 0]) * good / (1 - good)
    np.testing.assert_allclose(fitted.predict_proba(block, batch=30)[:, 1], odds / (1 + odds), rtol=1e-3)


def test_settings_of_the_published_variant_are_in_its_table():
    table = PsfStarTraining(classifier="-", variant="published")
    assert (table.epochs, table.batch, table.learning_rate, table.patience) == (60, 256, 1e-4, 0)
    assert PsfStarTraining.model_validate_json(table.model_dump_json()) == table
