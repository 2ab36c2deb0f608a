import numpy as np
import pytest

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import load_classifier
from survey_batch.models.stamp_likelihood import (
    CLASSES,
    LEAST_STARS,
    StampLikelihood,
    corrected,
    fit_correction,
    learn_correction,
    probabilities,
)
from survey_batch.optics.exposure import exposure_key
from survey_batch.optics.psf_field import random_psf_field
from survey_batch.simulate.stamps import draw_stars, observe
from tests.models.answers import assert_rows_answer_for_themselves
from tests.stamp_files import SMALL, WAVELENGTHS, made_up_seds, write_seds

EXPOSURE = "exposure-0001"
WEIGHTS = SMALL.bin_weights(made_up_seds(), WAVELENGTHS)


def stars(count, seed=1, field=None, exposure=EXPOSURE, **options):
    """Labelled stars of one exposure."""
    drawn = draw_stars(count, seed, snr=(200.0, 400.0), **options)
    flux, noise = observe(drawn, field or random_psf_field(1, SMALL, EXPOSURE), WEIGHTS, seed)
    block = {
        "flux": flux,
        "ivar": np.broadcast_to(noise[:, None, None] ** -2.0, flux.shape).astype(np.float32),
        "x_field": drawn.x,
        "y_field": drawn.y,
        "exposure_key": np.full(count, exposure_key(exposure)),
    }
    blank = np.full(count, "")
    return Labelled(block, np.array(CLASSES)[drawn.number], blank, blank, np.arange(count), {})


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    random_psf_field(1, SMALL, EXPOSURE).save(folder / "psf-model.npz")
    return StampTraining(classifier="-", psf_model=str(folder / "psf-model.npz"), seds=str(write_seds(folder)))


@pytest.fixture(scope="module")
def classifier(section):
    return StampLikelihood.fit(stars(0), section)


def right(classifier, data):
    return np.mean(np.array(CLASSES)[classifier.predict_proba(data.block).argmax(axis=1)] == data.label)


def test_it_needs_no_labelled_star(classifier):
    assert right(classifier, stars(120, seed=2)) > 0.6


@pytest.mark.slow
def test_it_holds_off_centre_and_with_unknown_flux(classifier):
    centred = right(classifier, stars(120, seed=2))
    assert right(classifier, stars(120, seed=2, offset=0.1, flux_scatter=0.5)) > centred - 0.12


@pytest.mark.slow
def test_where_nothing_is_fitted_an_offset_spoils_it(section):
    fixed = StampLikelihood.fit(stars(0), section.model_copy(update={"fit_flux": False, "fit_centre": False}))
    assert right(fixed, stars(120, seed=2)) > 0.6
    assert right(fixed, stars(120, seed=2, offset=0.1)) < 0.4


@pytest.mark.slow
def test_probabilities_mean_what_they_say(classifier):
    data = stars(400, seed=3)
    probability = classifier.predict_proba(data.block)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    hit = np.array(CLASSES)[probability.argmax(axis=1)] == data.label
    assert abs(hit.mean() - probability.max(axis=1).mean()) < 4 * 0.5 / np.sqrt(400)


@pytest.mark.bits
def test_rows_answer_for_themselves(classifier):
    assert_rows_answer_for_themselves(classifier, stars(9, seed=4, offset=0.1).block, [0, 5, 8])


def test_a_star_of_an_unknown_exposure_is_not_classified(classifier):
    block = stars(3, seed=5).block
    block["exposure_key"] = np.array([exposure_key(EXPOSURE), exposure_key("exposure-0002"), exposure_key(EXPOSURE)])
    block["x_field"] = np.array([1.0, 1.0, np.nan])
    assert np.isfinite(classifier.predict_proba(block)).all(axis=1).tolist() == [True, False, False]


def test_a_stamp_with_too_few_pixels_is_not_classified(classifier):
    block = {name: values.copy() for name, values in stars(2, seed=5).block.items()}
    block["ivar"][0, :10], block["flux"][1, :2] = 0, np.nan
    assert np.isfinite(classifier.predict_proba(block)).all(axis=1).tolist() == [False, True]


def test_stars_of_two_exposures_are_compared_with_their_own_field(section, tmp_path):
    other = random_psf_field(2, SMALL, "exposure-0002")
    other.save(tmp_path / "other.npz")
    both = section.model_copy(update={"psf_model": (section.psf_model, str(tmp_path / "other.npz"))})
    classifier = StampLikelihood.fit(stars(0), both)
    for data in (stars(80, seed=6), stars(80, seed=7, field=other, exposure="exposure-0002")):
        assert right(classifier, data) > 0.55


def test_it_is_the_same_after_saving_and_loading(classifier, tmp_path):
    classifier.save(tmp_path / "saved")
    block = stars(5, seed=8).block
    loaded = load_classifier(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict_proba(block), classifier.predict_proba(block))


def test_what_the_section_lacks_is_named(section):
    for key in ("psf_model", "seds"):
        with pytest.raises(ConfigurationError, match=f"train.{key}"):
            StampLikelihood.fit(stars(0), section.model_copy(update={key: None}))
    twice = section.model_copy(update={"psf_model": (section.psf_model, section.psf_model)})
    with pytest.raises(ConfigurationError, match="the same exposure"):
        StampLikelihood.fit(stars(0), twice)


@pytest.mark.slow
def test_labels_mend_a_wrong_model_and_leave_a_right_one_alone(section, tmp_path):
    steeper = made_up_seds() ** 1.4
    folder = tmp_path / "seds"
    path = write_seds(folder)
    np.save(path, steeper / steeper.sum(axis=1, keepdims=True))
    wrong = section.model_copy(update={"seds": str(path)})
    plain, learnt = StampLikelihood.fit(stars(0), wrong), StampLikelihood.fit(stars(400, seed=9), wrong)
    test = stars(300, seed=10)
    number = np.array([CLASSES.index(label) for label in test.label])
    loss = [-np.log(one.predict_proba(test.block)[np.arange(300), number]).mean() for one in (plain, learnt)]
    assert loss[1] < loss[0]


def test_too_few_labels_change_nothing(section):
    few = StampLikelihood.fit(stars(LEAST_STARS - 1), section)
    assert few.arrays["slope"] == 1
    assert not few.arrays["offsets"].any()


def fabricated(count, slope, offsets, seed=1):
    """Log-likelihoods whose truth is known: labels are drawn from the corrected ones."""
    rng = np.random.default_rng(seed)
    likelihood = -3 * rng.random((count, 5))
    probability = probabilities(corrected(likelihood, slope, offsets))
    return likelihood, np.array([rng.choice(5, p=one) for one in probability])


def test_the_correction_finds_what_is_wrong():
    offsets = np.array([0.5, 0.0, -0.5, 0.0, 0.0])
    slope, found = fit_correction(*fabricated(20_000, 0.6, offsets))
    assert slope == pytest.approx(0.6, abs=0.08)
    np.testing.assert_allclose(found - found.mean(), offsets - offsets.mean(), atol=0.12)


def test_a_correction_that_is_no_better_is_not_kept():
    likelihood, number = fabricated(60, 1.0, np.zeros(5), seed=2)
    rows = np.arange(60)
    adverse = [(rows[:8], rows[8:])]
    slope, offsets = learn_correction(likelihood, number, adverse)
    assert slope == 1
    assert not offsets.any()
