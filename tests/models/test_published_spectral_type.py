import numpy as np
import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import load_classifier
from survey_batch.models.published_spectral_type import PublishedSpectralType, network, published_points
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.line_list import HE_I
from tests.models.conftest import labelled

GRID = log_grid(3700.0, 9100.0)


def spectra(labels, seed):
    """Flat noise, with a wide trough whose place is the class, and the helium of a B star."""
    random = np.random.default_rng(seed)
    flux = 100 + random.normal(size=(len(labels), GRID.size))
    for row, label in enumerate(labels):
        flux[row, 300 * "OBAFGKM".index(label) :][:400] -= 80
        if label == "B":
            for line in HE_I:
                flux[row, np.abs(GRID - line.wavelength) < 3] -= 15
    flux = flux.astype(np.float32)
    return {"flux": flux, "ivar": np.ones_like(flux), "mask": np.zeros(flux.shape, np.int32)}


def small(variant):
    labels = np.tile(list("BAGM"), 2)
    section = SpectralTypeTraining(classifier="-", variant="published", epochs=1, copies=0)
    return PublishedSpectralType.fit(labelled(spectra(labels, 1), labels, wavelength=GRID), section), spectra(labels, 2)


@pytest.fixture(scope="module")
def trained():
    labels = np.tile(list("BAGM"), 16)
    section = SpectralTypeTraining(classifier="-", variant="published", epochs=60, copies=0)
    return PublishedSpectralType.fit(labelled(spectra(labels, 1), labels, wavelength=GRID), section)


def test_points_are_the_trailing_mean_from_the_third_pixel_scaled_to_one():
    flux = np.random.default_rng(1).normal(size=(2, GRID.size)).astype(np.float32)
    points = published_points(GRID, flux)
    assert points.shape == (2, 3500)
    mean = np.mean([flux[:, 0:3500], flux[:, 1:3501], flux[:, 2:3502]], axis=0, dtype=np.float64)
    expected = (mean - mean.min(axis=1, keepdims=True)) / np.ptp(mean, axis=1)[:, None]
    np.testing.assert_allclose(points, expected, atol=1e-6)


def test_the_last_point_is_short_of_the_calcium_triplet():
    assert GRID[3501] == pytest.approx(8285, abs=3)


def test_points_of_a_spectrum_do_not_depend_on_its_neighbours():
    flux = spectra(list("OBAFGKM"), 3)["flux"]
    flux[2, 5:9], flux[3] = np.nan, np.nan
    together = published_points(GRID, flux)
    assert np.all(np.isfinite(together))
    for row in range(len(flux)):
        np.testing.assert_array_equal(together[row : row + 1], published_points(GRID, flux[row : row + 1]))


def test_the_network_has_the_published_size_and_convolves_nothing():
    model = network(3500, 7, seed=1)
    assert model.count_params() == pytest.approx(0.78e6, rel=0.005)
    assert [layer.output.shape[1] for layer in model.layers if "conv1d" in layer.name] == [1, 1, 1, 1]


@pytest.mark.slow
def test_it_learns_where_a_trough_is_and_has_all_seven_classes(trained):
    labels = np.tile(list("BAGM"), 4)
    probability = trained.predict_proba(spectra(labels, 2))
    assert trained.classes == tuple("OBAFGKM")
    assert np.mean(np.array(trained.classes)[probability.argmax(axis=1)] == labels) > 0.8


@pytest.mark.slow
def test_a_saved_one_answers_alike(trained, tmp_path):
    trained.save(tmp_path)
    block = spectra(list("AM"), 5)
    np.testing.assert_array_equal(load_classifier(tmp_path).predict_proba(block), trained.predict_proba(block))


@pytest.mark.slow
def test_a_spectrum_mostly_without_values_is_not_classified(trained):
    block = spectra(list("AM"), 5)
    block["flux"][0, 500:] = np.nan
    probability = trained.predict_proba(block)
    assert np.all(np.isnan(probability[0]))
    assert np.all(np.isfinite(probability[1]))


def test_a_grid_that_lacks_the_published_points_is_refused():
    flux = np.ones((1, GRID.size), np.float32)
    for part in (slice(100, None), slice(0, 3400)):
        with pytest.raises(ConfigurationError, match="3502 pixels from 3700"):
            published_points(GRID[part], flux[:, part])


def test_published_settings_hold_where_the_job_says_nothing_else(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "survey_batch.models.keras_family.train_network", lambda *args, **_: seen.append(args[2]) or {"loss": []}
    )
    labels = np.array(list("AM"))
    data = labelled(spectra(labels, 1), labels, wavelength=GRID)
    for keys in ({}, {"epochs": 3}):
        PublishedSpectralType.fit(data, SpectralTypeTraining(classifier="-", variant="published", copies=0, **keys))
    assert [(one.epochs, one.batch, one.learning_rate) for one in seen] == [(140, 32, 1e-3), (3, 32, 1e-3)]
