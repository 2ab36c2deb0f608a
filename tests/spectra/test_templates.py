"""Empirical templates of stars as a file holds them."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.templates import read_templates
from tests.models.conftest import FIRST, PIXELS, make_block
from tests.models.test_baselines import template_file

LETTERS = np.array(["O", "B", "A", "M"])


SHAPES = np.array(["A", "F", "G", "M"])


@pytest.fixture
def wavelength():
    return 10 ** (1e-4 * (FIRST + np.arange(PIXELS)))


@pytest.fixture
def templates(tmp_path, wavelength):
    return read_templates(
        template_file(tmp_path / "t.fits", make_block(SHAPES, 1, noise=1e-4), LETTERS, wavelength), wavelength
    )


def test_templates_have_letters_and_a_median_of_one(templates):
    assert templates.letter.tolist() == LETTERS.tolist()
    np.testing.assert_allclose(np.median(templates.flux, axis=1), 1)
    assert np.all(templates.scatter == 0), "the file tells of none"
    assert templates.take(templates.letter == "B").spectral_type.tolist() == ["B5"]


def test_another_file_is_no_template_file(tmp_path, wavelength):
    (tmp_path / "t.fits").write_text("no FITS")
    with pytest.raises(ConfigurationError, match=r"train\.templates"):
        read_templates(str(tmp_path / "t.fits"), wavelength)


def test_templates_are_put_on_another_grid_between_its_own_points(tmp_path, wavelength):
    path = template_file(tmp_path / "t.fits", make_block(SHAPES, 1, noise=1e-4), LETTERS, wavelength)
    whole, every_other = read_templates(path, wavelength), read_templates(path, wavelength[::2])
    assert len(every_other) == len(whole) == 4
    level = np.median(whole.flux[:, ::2], axis=1, keepdims=True)
    np.testing.assert_allclose(every_other.flux, whole.flux[:, ::2] / level, rtol=1e-6)
