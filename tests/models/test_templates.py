import numpy as np
import pytest

from survey_batch.models.templates import observed, relative_noise
from survey_batch.spectra.templates import read_templates
from tests.models.conftest import make_block
from tests.models.test_baselines import template_file

LETTERS = np.array(["O", "B", "A", "M"])
SHAPES = np.array(["A", "F", "G", "M"])


@pytest.fixture
def templates(tmp_path, wavelength):
    return read_templates(
        template_file(tmp_path / "t.fits", make_block(SHAPES, 1, noise=1e-4), LETTERS, wavelength), wavelength
    )


def test_an_observed_template_has_the_noise_and_the_masks_of_the_survey(templates, labels):
    noise = make_block(labels, 2, noise=0.1)
    noise["mask"][:, 50:60] = 4
    seen = observed(templates, np.zeros(200, np.intp), noise, seed=1)
    assert np.all(seen["mask"][:, 50:60] == 4)
    assert np.all(seen["ivar"][:, 50:60] == 0)
    assert np.all(np.isfinite(seen["flux"]))
    pixels = slice(300, 380)  # flat, but for dust
    pull = np.diff(seen["flux"][:, pixels]) * np.sqrt(seen["ivar"][:, pixels][:, 1:] / 2)
    assert np.std(pull) == pytest.approx(1, abs=0.05)


def test_noise_is_relative_to_the_run_of_the_spectrum(labels):
    sigma, mask = relative_noise(make_block(labels, 2, noise=0.1, tilt=0), np.arange(4))
    assert np.median(sigma[2, 50:120]) == pytest.approx(0.1, rel=0.1), "far from its line"
    assert not mask.any()


def test_the_same_seed_draws_the_same_spectra(templates, labels):
    chosen, noise = np.arange(4), make_block(labels, 2)
    first, again, other = (observed(templates, chosen, noise, seed)["flux"] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_real_templates_reach_from_o_to_m(real_data):
    grid = 10 ** (1e-4 * np.arange(35683, 39591))
    templates = read_templates(str(real_data / "templates" / "pyhammer_stellar_templates.fits"), grid)
    assert set("OBAFGKM") <= set(templates.letter)
    assert np.all(templates.scatter >= 0)
    assert np.any(templates.scatter > 0)
