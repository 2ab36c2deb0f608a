import numpy as np
import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.models.loading import load_classifier
from survey_batch.models.spectral_convolution import SpectralConvolution, noisier
from survey_batch.spectra.line_list import HE_I, HE_II
from tests.models.conftest import FIRST, PIXELS, absorb, labelled, make_block
from tests.models.test_baselines import template_file

HOT = np.array(["O", "B", "A", "F", "G", "M"])
SHAPES = np.array(["G", "G", "A", "F", "G", "M"])


def section(**keys):
    return SpectralTypeTraining(classifier="-", variant="convolution", members=2, seed=3, **keys)


def small(variant):
    labels = np.tile(np.array(["A", "F", "G", "M"]), 4)
    data = labelled(make_block(labels, 1), labels, wavelength=10 ** (1e-4 * (FIRST + np.arange(PIXELS))))
    return SpectralConvolution.fit(data, section(epochs=1)), make_block(labels, 2)


@pytest.fixture(scope="module")
def fitted(labels, wavelength):
    data = labelled(make_block(labels, 1), labels, wavelength=wavelength)
    return SpectralConvolution.fit(data, section(epochs=25, learning_rate=5e-3))


@pytest.mark.slow
def test_it_learns_and_has_all_seven_classes(fitted, labels):
    probability = fitted.predict_proba(make_block(labels, 11))
    assert fitted.classes == tuple("OBAFGKM")
    assert np.mean(np.array(fitted.classes)[probability.argmax(axis=1)] == labels) > 0.8, "chance is 0.25"


@pytest.mark.slow
def test_an_input_does_not_depend_on_its_neighbours(fitted, labels):
    block = make_block(labels[:6], 2)
    block["mask"][1, 100:200], block["flux"][2, 7] = 1, np.nan
    together = fitted.prepare(block)
    assert np.all(np.isfinite(together))
    for row in range(6):
        alone = fitted.prepare({name: values[row : row + 1] for name, values in block.items()})
        np.testing.assert_array_equal(together[row : row + 1], alone)


@pytest.mark.slow
def test_masked_pixels_are_not_trusted(fitted, labels):
    block = make_block(labels[:1], 2)
    block["mask"][0, 100:200] = 1
    trust = fitted.prepare(block)[0, :, 2]
    assert np.all(trust[25:50] == 0)
    assert np.all(trust[:25] > 0)


@pytest.mark.slow
def test_a_saved_one_answers_alike(fitted, labels, tmp_path):
    fitted.save(tmp_path)
    block = make_block(labels[:5], 4)
    np.testing.assert_array_equal(load_classifier(tmp_path).predict_proba(block), fitted.predict_proba(block))


def test_noise_lowers_trust_and_leaves_what_was_not_measured():
    channels = np.ones((2, 40, 3), np.float32)
    channels[0, :5, 2] = 0
    changed = noisier(channels, np.full((2, 1), 0.5), np.random.default_rng(1))
    np.testing.assert_allclose(changed[1, :, 2], 1 / 1.5, rtol=1e-6)
    assert np.all(changed[0, :5, 2] == 0)
    np.testing.assert_array_equal(changed[..., 0], changed[..., 1])


@pytest.mark.slow
def test_classes_without_training_objects_are_learnt_from_templates(tmp_path, labels, wavelength):
    """O and B templates that look like nothing else; two of them, so that a class is not one spectrum."""
    shapes = make_block(SHAPES, 1, noise=1e-4, tilt=0)
    shapes["flux"][0, 300:380] *= 0.3
    shapes["flux"][1, 100:160] *= 0.3
    absorb(shapes, 0, HE_II)
    absorb(shapes, 1, HE_I)
    path = template_file(tmp_path / "t.fits", shapes, HOT, wavelength)
    data = labelled(make_block(labels, 1), labels, wavelength=wavelength)
    trained = SpectralConvolution.fit(data, section(epochs=20, learning_rate=5e-3, templates=path, copies=24))
    block = make_block(np.array(["G", "G"]), 5)
    block["flux"][0, 300:380] *= 0.3
    block["flux"][1, 100:160] *= 0.3
    absorb(block, 0, HE_II)
    absorb(block, 1, HE_I)
    answer = np.array(trained.classes)[trained.predict_proba(block).argmax(axis=1)]
    assert answer.tolist() == ["O", "B"]
