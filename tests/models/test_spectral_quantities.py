"""Quantities from spectra: a shift of lines along the log grid is a redshift."""

from functools import cache

import numpy as np
import pytest

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.models.loading import load_classifier
from survey_batch.models.spectral_quantities import SpectralQuantities
from tests.models.conftest import FIRST, PIXELS
from tests.models.values import valued

WAVELENGTH = 10 ** (1e-4 * (FIRST + np.arange(PIXELS)))
SECTION = QuantitiesTraining(
    classifier="-", columns=("z",), scale={"z": "redshift"}, epochs=25, members=2, batch=16, learning_rate=5e-3
)


def make_shifted(seed, rows=96):
    """Spectra with two emission lines, shifted by up to 300 pixels, and their redshifts."""
    random = np.random.default_rng(seed)
    shift = random.uniform(0, 300, (rows, 1))
    pixel = np.arange(PIXELS)
    lines = sum(np.exp(-0.5 * ((pixel - centre - shift) / 8) ** 2) for centre in (100, 220))
    flux = 100 * (1 + 2 * lines + 0.05 * random.normal(size=(rows, PIXELS)))
    block = {
        "flux": flux.astype(np.float32),
        "ivar": np.full(flux.shape, 1 / 25, np.float32),
        "mask": np.zeros(flux.shape, np.int32),
    }
    return block, 10 ** (1e-4 * shift) - 1


def shifted(seed=1, rows=96):
    block, target = make_shifted(seed, rows)
    return valued(target, SpectralQuantities.quantities_of(SECTION), block, wavelength=WAVELENGTH)


@cache
def fitted():
    return SpectralQuantities.fit(shifted(), SECTION)


def small(variant):
    return fitted(), make_shifted(3, 12)[0]


def test_redshifts_of_new_spectra_are_found():
    block, target = make_shifted(2)
    answers = fitted().predict_proba(block)
    assert answers.shape == (96, 2)
    assert np.median(np.abs(answers[:, 0] - target[:, 0])) < 0.25 * np.std(target)
    assert (answers[:, 1] > 0).all()


def test_a_spectrum_without_enough_good_pixels_has_no_estimate():
    block, _ = make_shifted(2, 3)
    block["ivar"][1, 100:] = 0
    assert np.isnan(fitted().predict_proba(block)).all(axis=1).tolist() == [False, True, False]


def test_a_saved_model_answers_as_before(tmp_path):
    block, _ = make_shifted(2, 9)
    fitted().save(tmp_path)
    loaded = load_classifier(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(block), fitted().predict_proba(block), rtol=1e-4)


@pytest.mark.bits
def test_rows_answer_for_themselves():
    from tests.models.answers import assert_rows_answer_for_themselves

    assert_rows_answer_for_themselves(fitted(), make_shifted(5)[0], [0, 1, 31, 32, 89], batch=32)
