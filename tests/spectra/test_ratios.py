import numpy as np
import pytest

from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.line_list import RATIOS, air_to_vacuum
from survey_batch.spectra.ratios import flux_ratios
from survey_batch.spectra.windows import CleanSpectra

GRID = log_grid(3700, 9100)
NAMES = [ratio.name for ratio in RATIOS]


def measure(flux, redshift=0.0, ivar=1.0, mask=0):
    flux = np.atleast_2d(flux).astype("f4")
    rows = np.broadcast_to(np.asarray(redshift, float), len(flux))
    return flux_ratios(CleanSpectra.of(GRID, flux, np.full_like(flux, ivar), np.full(flux.shape, mask, "i4"), rows))


@pytest.mark.parametrize("redshift", [0.0, 0.1])
def test_a_step_in_the_rest_frame_is_its_ratio(redshift):
    rest = GRID / (1 + redshift)
    step = np.where(rest < air_to_vacuum(3975), 1.0, 2.0) * np.where(rest < air_to_vacuum(7080), 1.0, 0.5) * 50
    found = dict(zip(NAMES, measure(step / rest**2 * 4000**2, redshift, ivar=1e4)[0][0], strict=True))
    assert found["dn4000"] == pytest.approx(2, rel=1e-4)
    flat = dict(zip(NAMES, measure(step, redshift)[0][0], strict=True))
    assert flat["tio5"] == pytest.approx(0.5, rel=1e-4)
    assert flat["cah2"] == pytest.approx(1, rel=1e-4)


def test_a_break_is_measured_in_flux_per_frequency():
    found = dict(zip(NAMES, measure(np.full(GRID.size, 100.0))[0][0], strict=True))
    edges = air_to_vacuum(np.array([4000, 4100, 3850, 3950]))
    cubes = edges**3
    expected = (cubes[1] - cubes[0]) / (edges[1] - edges[0]) / ((cubes[3] - cubes[2]) / (edges[3] - edges[2]))
    assert found["dn4000"] == pytest.approx(expected, rel=1e-4)
    assert found["tio5"] == pytest.approx(1, abs=1e-6)


def test_errors_are_the_scatter_of_many_realisations():
    rng = np.random.default_rng(3)
    values, errors = measure(100 + rng.normal(0, 2, (1500, GRID.size)), ivar=0.25)
    np.testing.assert_allclose(values.std(axis=0), errors.mean(axis=0), rtol=0.08)


def test_a_ratio_without_enough_good_pixels_or_flux_is_nan():
    assert np.isnan(measure(np.full(GRID.size, 100.0), mask=1)[0]).all()
    assert np.isnan(measure(np.zeros(GRID.size))[0]).all()
    assert np.isnan(measure(np.full(GRID.size, 100.0), redshift=0.5)[0][0, :3]).all()


@pytest.mark.bits
def test_ratios_of_an_object_do_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    flux, shifts = rng.uniform(50, 100, (5, GRID.size)), rng.uniform(-0.001, 0.3, 5)
    together = np.array(measure(flux, shifts))
    for i in range(5):
        np.testing.assert_array_equal(np.array(measure(flux[i], shifts[i]))[:, 0], together[:, i])
