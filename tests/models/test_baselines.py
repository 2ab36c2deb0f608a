import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.baselines import ComponentsSVM, TemplateFit
from survey_batch.models.classes import class_numbers
from survey_batch.models.spectral_type import CLASSES
from tests.models.conftest import make_block


def template_file(path, block, letters, wavelength):
    columns = [
        fits.Column("spectral_type", "4A", array=[f"{letter}5" for letter in letters]),
        fits.Column("flux", f"{wavelength.size}E", array=block["flux"]),
    ]
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns(columns, name="TEMPLATES"),
            fits.BinTableHDU.from_columns([fits.Column("wavelength", "D", array=wavelength)], name="WAVELENGTH"),
        ]
    ).writeto(path)
    return str(path)


def test_templates_find_the_class_whatever_the_brightness_and_velocity(tmp_path, wavelength, labels):
    letters = np.array(["A", "F", "G", "M", "B"])
    names = np.array(["A", "F", "G", "M", "A"])
    path = template_file(tmp_path / "t.fits", make_block(names, 1, noise=1e-4, tilt=0), letters, wavelength)
    templates = TemplateFit.read(path, wavelength, CLASSES)
    assert len(templates.flux) == 4, "B is no class"
    block = make_block(labels, 2, noise=0.02, tilt=0)
    block["flux"] = np.roll(block["flux"], 4, axis=1)
    assert np.mean(templates.predict(block) == class_numbers(labels, CLASSES)) > 0.9


def test_a_spectrum_without_good_pixels_does_not_stop_the_templates(tmp_path, wavelength, labels):
    path = template_file(tmp_path / "t.fits", make_block(labels[:4], 1), labels[:4], wavelength)
    block = make_block(labels[:4], 2)
    block["flux"][1], block["ivar"][1] = np.nan, 0
    assert TemplateFit.read(path, wavelength, CLASSES).predict(block).shape == (4,)


def test_another_file_is_no_template_file(tmp_path, wavelength):
    (tmp_path / "t.fits").write_text("no FITS")
    for name in ("t.fits", "missing.fits"):
        with pytest.raises(ConfigurationError, match=r"train\.templates"):
            TemplateFit.read(str(tmp_path / name), wavelength, CLASSES)


def test_real_templates_classify_themselves(real_data, wavelength):
    grid = 10 ** (1e-4 * np.arange(35683, 39591))
    templates = TemplateFit.read(str(real_data / "templates" / "pyhammer_stellar_templates.fits"), grid, CLASSES)
    rows = slice(None, None, 20)
    flux = templates.flux[rows].astype(np.float32)
    block = {"flux": flux, "ivar": np.full_like(flux, 1e4), "mask": np.zeros(flux.shape, np.int32)}
    np.testing.assert_array_equal(templates.predict(block), templates.number[rows])


def test_components_and_svm_learn(labels):
    number = class_numbers(labels, CLASSES)
    machine = ComponentsSVM(components=8).fit(make_block(labels, 1), number)
    assert np.mean(machine.predict(make_block(labels, 2)) == number) > 0.8


def test_prediction_before_fit_is_refused(labels):
    with pytest.raises(ConfigurationError, match="before fit"):
        ComponentsSVM().predict(make_block(labels, 1))
