import numpy as np
import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.models.classes import class_numbers
from survey_batch.models.loading import load_classifier
from survey_batch.models.spectral_forest import SpectralForest, smoothed
from survey_batch.spectra.line_list import HE_I, HE_II
from tests.models.conftest import absorb, labelled, make_block
from tests.models.test_baselines import template_file


@pytest.fixture(scope="module")
def fitted(labels, wavelength):
    section = SpectralTypeTraining(classifier="-", variant="forest", trees=30)
    return SpectralForest.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)


def test_it_learns_from_a_few_spectra(fitted, labels):
    probability = fitted.predict_proba(make_block(labels, 11))
    assert np.mean(probability.argmax(axis=1) == class_numbers(labels, fitted.classes)) > 0.9, "chance is 0.25"
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)


def test_classes_that_no_spectrum_had_are_never_predicted(fitted, labels):
    probability = fitted.predict_proba(make_block(labels, 11))
    assert fitted.classes == (*"OBAFGKM", "non-stellar")
    assert np.all(probability[:, [0, 1, 5, 7]] < 1e-9)


def test_hot_stars_are_learnt_from_templates(tmp_path, labels, wavelength):
    hot = make_block(np.array(["G", "G"]), 1, noise=1e-4, tilt=0)
    hot["flux"][0, 300:380] *= 0.3
    hot["flux"][1, 100:160] *= 0.3
    absorb(hot, 0, HE_II)
    absorb(hot, 1, HE_I)
    path = template_file(tmp_path / "t.fits", hot, ["O", "B"], wavelength)
    section = SpectralTypeTraining(classifier="-", variant="forest", trees=30, templates=path, copies=20)
    trained = SpectralForest.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)
    block = make_block(np.array(["G", "G", "A", "F"]), 5)
    block["flux"][0, 300:380] *= 0.3
    block["flux"][1, 100:160] *= 0.3
    absorb(block, 0, HE_II)
    absorb(block, 1, HE_I)
    answer = np.array(trained.classes)[trained.predict_proba(block).argmax(axis=1)]
    assert answer.tolist() == ["O", "B", "A", "F"]


def test_what_looks_like_an_o_star_is_a_b_star_without_he_ii_and_an_a_star_without_helium(tmp_path, labels, wavelength):
    hot = make_block(np.array(["G"]), 1, noise=1e-4, tilt=0)
    hot["flux"][0, 300:380] *= 0.3
    path = template_file(tmp_path / "t.fits", hot, ["O"], wavelength)
    section = SpectralTypeTraining(classifier="-", variant="forest", trees=30, templates=path, copies=20)
    fitted = SpectralForest.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)
    block = make_block(np.repeat("G", 3), 5)
    block["flux"][:, 300:380] *= 0.3
    absorb(block, 0, HE_II)
    absorb(block, 1, HE_I)
    fitted.save(tmp_path / "model")
    for classifier in (fitted, load_classifier(tmp_path / "model")):
        answer = np.array(classifier.classes)[classifier.predict_proba(block).argmax(axis=1)]
        assert answer.tolist() == ["O", "B", "A"]
    alone = [fitted.predict_proba({name: values[[row]] for name, values in block.items()})[0] for row in range(3)]
    np.testing.assert_array_equal(alone, fitted.predict_proba(block))


def test_an_input_does_not_depend_on_its_neighbours(fitted, labels):
    block = make_block(labels[:6], 2)
    block["mask"][1, 100:200], block["flux"][2, 7] = 1, np.nan
    together = fitted.prepare(block)
    assert np.all(np.isfinite(together))
    for row in range(6):
        alone = fitted.prepare({name: values[row : row + 1] for name, values in block.items()})
        np.testing.assert_array_equal(together[row : row + 1], alone)


def test_a_saved_one_answers_alike(fitted, labels, tmp_path):
    fitted.save(tmp_path)
    block = make_block(labels[:5], 4)
    again = SpectralForest.read_parts(tmp_path, fitted.manifest)
    np.testing.assert_array_equal(again.predict_proba(block), fitted.predict_proba(block))


def test_smoothing_keeps_what_is_flat_and_takes_every_fourth():
    columns = smoothed(np.full((2, 40, 2), 3.0, np.float32), sigma=3.0, every=4)
    assert columns.shape == (2, 20)
    np.testing.assert_allclose(columns, 3)
