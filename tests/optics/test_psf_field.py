import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.optics.psf_field import GRID, WAVEFRONT_UM, PsfField, load_psf_field, monomials, random_psf_field
from tests.stamp_files import SMALL


def test_a_random_field_has_the_published_wavefront_error():
    field = random_psf_field(3, SMALL)
    axis = np.linspace(0, 1000, 4 * GRID)
    x, y = (one.ravel() for one in np.meshgrid(axis, axis))
    mean = np.linalg.norm(field.zernikes(x, y), axis=1).mean()
    assert field.coefficients.shape == (len(SMALL.zernikes), 15)
    assert 0.5 * WAVEFRONT_UM < mean < 3 * WAVEFRONT_UM


def test_the_field_is_the_polynomial_of_its_coefficients():
    coefficients = np.zeros((len(SMALL.zernikes), 15))
    coefficients[3, 4] = 0.5  # x y, after 1, x, y and x^2
    field = PsfField(coefficients, 10.0, SMALL)
    found = field.zernikes(np.array([10.0, 0.0, 5.0]), np.array([0.0, 0.0, 7.0]))
    np.testing.assert_allclose(found[:, 3], [-0.5, 0.5, 0.0], atol=1e-12)
    assert not np.delete(found, 3, axis=1).any()


def test_terms_are_all_products_up_to_the_degree():
    assert monomials(np.array([2.0]), np.array([3.0]), 2).tolist() == [[1, 2, 3, 4, 6, 9]]


def test_a_field_is_read_back_as_it_was_saved(tmp_path):
    field = random_psf_field(5, SMALL, "exposure-0005")
    field.save(tmp_path / "psf-model.npz")
    read = load_psf_field(tmp_path / "psf-model.npz")
    np.testing.assert_array_equal(read.coefficients, field.coefficients)
    assert (read.optics, read.size, read.exposure) == (SMALL, field.size, "exposure-0005")


def test_the_same_seed_draws_the_same_field_and_another_another():
    first, again, other = (random_psf_field(seed, SMALL).coefficients for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("content", [None, b"no zip", "pickle", "other"])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.npz"
    if content == "pickle":
        np.savez(path, format=np.array([{"a": 1}], object))
    elif content == "other":
        np.savez(path, format=np.array("something else"))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"model\.npz"):
        load_psf_field(path)


def test_coefficients_of_another_number_of_modes_are_refused(tmp_path):
    PsfField(np.zeros((4, 15)), optics=SMALL).save(tmp_path / "model.npz")
    with pytest.raises(ConfigurationError, match="modes|polynomials"):
        load_psf_field(tmp_path / "model.npz")
