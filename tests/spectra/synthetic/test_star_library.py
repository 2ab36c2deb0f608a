"""Stars that galaxies are mixed from."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.synthetic.star_library import JOIN, LETTERS, drawn_stars, template_stars


def test_drawn_stars_have_all_letters_and_get_cooler():
    stars = drawn_stars()
    assert set(stars.letter) == set(LETTERS)
    assert (np.diff(stars.kelvin) < 0).all()
    assert np.isfinite(stars.flux).all()
    assert (stars.flux >= 0).all()


def test_stars_are_drawn_from_their_temperatures():
    stars, rng = drawn_stars(), np.random.default_rng(1)
    assert all(4000 <= stars.kelvin[stars.draw(4000, 5000, rng)] <= 5000 for _ in range(20))


def test_where_no_star_has_the_temperature_the_nearest_is_taken():
    stars = drawn_stars()
    assert stars.draw(60000, 90000, np.random.default_rng(1)) == stars.kelvin.argmax()


def test_every_letter_is_as_likely_as_the_others():
    stars, rng = drawn_stars(), np.random.default_rng(1)
    letters, counts = np.unique([stars.letter[stars.draw_any(rng)] for _ in range(700)], return_counts=True)
    assert len(letters) == len(LETTERS)
    assert counts.min() > 60


@pytest.mark.slow
def test_templates_go_on_without_a_step_where_they_end(real_data):
    stars = template_stars(str(real_data / "templates" / "pyhammer_stellar_templates.fits"))
    assert set(stars.letter) == set(LETTERS)
    below, above = (
        stars.flux[:, slice(*np.searchsorted(stars.wavelength, (JOIN[0] + 15 * side, JOIN[0] + 15 * (side + 1))))]
        for side in (-1, 0)
    )
    bright = above.mean(axis=1) > 0.1
    assert bright.sum() > 100
    assert np.median(np.abs(np.log(below.mean(axis=1) / above.mean(axis=1)))[bright]) < 0.2


@pytest.mark.parametrize("content", [None, b"no FITS"])
def test_a_file_that_holds_no_templates_is_refused(tmp_path, content):
    path = tmp_path / "templates.fits"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="templates.fits"):
        template_stars(str(path))
