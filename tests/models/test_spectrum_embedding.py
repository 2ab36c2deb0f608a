"""A few numbers for each spectrum, learnt without labels."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.models.loading import load_classifier
from survey_batch.models.reconstruction import reconstruction_scores
from survey_batch.models.spectrum_embedding import (
    ERROR_FLOOR,
    STRETCH,
    Spectra,
    SpectrumEmbedding,
    components,
    shown_bins,
    weighted,
)
from survey_batch.models.spectrum_inputs import with_error
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.conftest import labelled, make_block

ROWS, DIMENSIONS = 48, 3


def section(**keys):
    return EmbeddingTraining(classifier="-", **{"epochs": 2, "batch": 16, "dimensions": DIMENSIONS, **keys})


def spectra(wavelength, seed=1, rows=ROWS):
    label = np.tile(np.array(["A", "F", "G", "M"]), rows // 4)
    return labelled(make_block(label, seed), label, wavelength=wavelength)


def small(variant):
    """A classifier trained for a moment, and spectra to describe."""
    data = spectra(10 ** (1e-4 * (36000 + np.arange(640))))
    return SpectrumEmbedding.fit(data, section(epochs=1)), data.read(slice(0, 8))


@pytest.fixture(scope="module")
def trained(wavelength):
    return SpectrumEmbedding.fit(spectra(wavelength), section(epochs=8))


def test_spectra_that_look_alike_get_numbers_near_each_other(trained, wavelength):
    data = spectra(wavelength, seed=2)
    numbers = trained.predict_proba(data.block)
    assert numbers.shape == (ROWS, DIMENSIONS)
    distance = np.linalg.norm(numbers[:, None] - numbers, axis=2)
    np.fill_diagonal(distance, np.inf)
    same = data.label[distance.argmin(axis=1)] == data.label
    assert same.mean() > 0.6, "chance is 0.25"


def test_a_spectrum_without_enough_good_pixels_gets_no_numbers_and_the_others_theirs(trained, wavelength):
    block = spectra(wavelength, seed=2).block
    whole = trained.predict_proba(block)
    block["ivar"] = block["ivar"].copy()
    block["ivar"][5, 100:] = 0
    answers = trained.predict_proba(block)
    assert np.isnan(answers[5]).all()
    np.testing.assert_array_equal(np.delete(answers, 5, axis=0), np.delete(whole, 5, axis=0))


def test_each_row_is_described_by_itself(trained, wavelength):
    assert_rows_answer_for_themselves(trained, spectra(wavelength, seed=3).block, [0, 7, 40], batch=16)


def test_what_is_stored_gives_the_same_numbers_and_restores_the_same_spectra(trained, wavelength, tmp_path):
    trained.save(tmp_path / "model")
    loaded = load_classifier(tmp_path / "model")
    assert isinstance(loaded, SpectrumEmbedding)
    data = spectra(wavelength, seed=2)
    numbers = loaded.predict_proba(data.block)
    np.testing.assert_allclose(numbers, trained.predict_proba(data.block), atol=1e-6)
    assert isinstance(loaded.decoder, Path), "prediction does not read the decoder"
    np.testing.assert_allclose(loaded.restored(numbers), trained.restored(numbers), atol=1e-6)


def test_more_is_restored_than_the_mean_spectrum_and_no_more_than_noise_allows(trained, wavelength):
    scores = reconstruction_scores(trained, spectra(wavelength), spectra(wavelength, seed=2))
    assert scores["objects"] == ROWS
    assert scores["noise"] < scores["components"] < scores["mean_spectrum"]
    assert scores["embedding"] < scores["mean_spectrum"] / 2


def test_bins_weigh_by_ivar_but_for_a_floor_and_gaps_weigh_nothing():
    flux, error = np.array([[1.5, 0.5, np.nan]]), np.array([[0.0, 0.3, np.nan]])
    found, weight = weighted(with_error(flux, error))
    np.testing.assert_allclose(found, [[0.5, -0.5, 0]], atol=1e-6)
    np.testing.assert_allclose(weight**2, [[1, ERROR_FLOOR**2 / (ERROR_FLOOR**2 + 0.09), 0]], atol=1e-6)


def test_output_and_target_are_weighted_alike():
    channels = with_error(np.array([[1.5, 0.5]]), np.array([[0.0, 0.3]]))
    values, targets, _ = Spectra(channels).batch(np.array([0]))
    flux, weight = weighted(channels)
    np.testing.assert_array_equal(values[..., :2], channels)
    np.testing.assert_array_equal(values[..., 2], weight)
    np.testing.assert_array_equal(targets, flux * weight)


def test_the_linear_parts_begin_as_principal_components():
    random = np.random.default_rng(0)
    flux = 1 + 0.1 * random.normal(size=(30, 2)) @ np.repeat(random.normal(size=(2, 8)), 4, axis=1)
    sample = with_error(flux, np.zeros(flux.shape))
    projection, lines, offset = components(sample, 2)
    averages = sample.reshape(30, 8, 4, 2).mean(axis=2).reshape(30, -1)
    scores = (averages - averages.mean(axis=0)) @ projection
    np.testing.assert_allclose(scores.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(scores @ lines + offset, flux - 1, atol=1e-4)


def test_no_more_than_a_share_is_hidden_in_whole_stretches():
    kept = shown_bins((400, 5 * STRETCH + 3), 0.2, np.random.default_rng(1))
    assert kept.shape == (400, 5 * STRETCH + 3)
    assert 0.05 < 1 - kept.mean() < 0.15
    first = kept[:, : 5 * STRETCH].reshape(400, 5, STRETCH)
    assert (first.all(axis=2) | ~first.any(axis=2)).all()
    assert shown_bins((4, 9), 0.0, np.random.default_rng(1)).all()


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValidationError, match="the lower signal to noise first"):
        section(snr=(50.0, 5.0))
