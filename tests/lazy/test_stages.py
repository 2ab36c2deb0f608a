"""Stages are bound to a dataset's own grid, bands and size."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.config.sections.images import CutoutsSection
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.lazy.stages import image_stage, spectral_stage, valid
from survey_batch.spectra.grid import log_grid

OPTIONS = {"components": 0, "blocks": 2}
ONE = {"components": 0, "blocks": 1, "lines": False}


def spectra(wavelength, **attrs):
    return xr.Dataset(
        {"flux": (("object", "wavelength"), np.ones((1, wavelength.size)))}, {"wavelength": wavelength}, attrs
    )


@settings(max_examples=25)
@given(st.floats(3700, 5000), st.floats(300, 2000), st.integers(0, 40), st.integers(1, 40))
def test_a_dataset_s_own_grid_is_taken_also_where_it_was_cut(low, width, first, last):
    wavelength = log_grid(low, low + width)
    np.testing.assert_allclose(spectral_stage(spectra(wavelength), OPTIONS).wavelength, wavelength, rtol=1e-9)
    cut = wavelength[first:-last]
    np.testing.assert_allclose(spectral_stage(spectra(cut), OPTIONS).wavelength, cut, rtol=1e-9)


def test_limits_that_are_stated_are_kept_where_they_hold():
    wavelength = log_grid(4000.0, 4500.0)
    stated = '{"spectra.wavelength_min": 4000.0, "spectra.wavelength_max": 4500.0}'
    known = spectral_stage(spectra(wavelength, made_with=stated), OPTIONS).settings()
    assert (known["spectra.wavelength_min"], known["spectra.wavelength_max"]) == (4000.0, 4500.0)
    cut = spectral_stage(spectra(wavelength[10:], made_with=stated), OPTIONS).settings()
    assert cut["spectra.wavelength_min"] > 4000.0


def test_a_single_pixel_is_taken_for_one_of_the_usual_step_and_else_refused():
    usual = log_grid(4000.0, 4500.0)[:1]
    np.testing.assert_allclose(spectral_stage(spectra(usual), ONE).wavelength, usual, rtol=1e-9)
    wavelength = log_grid(4000.0, 4500.0, 2e-5)
    stated = '{"spectra.wavelength_min": 4000.0, "spectra.wavelength_max": 4500.0, "spectra.step": 2e-05}'
    one = wavelength[np.round(np.log10(wavelength) / 2e-5).astype(int) % 5 == 2][:1]  # on no pixel of 1e-4
    for made in ({"made_with": stated}, {}):
        with pytest.raises(ConfigurationError, match=r"one pixel, which does not show a step other than 0\.0001 dex"):
            spectral_stage(spectra(one, **made), ONE)
    with pytest.raises(ConfigurationError, match="one pixel"):
        spectral_stage(spectra(np.array([-1.0])), ONE)


def test_spectra_without_a_pixel_or_a_wavelength_are_refused():
    with pytest.raises(ConfigurationError, match="have no pixel"):
        spectral_stage(spectra(log_grid(4000.0, 4500.0)[:0]), ONE)
    with pytest.raises(ConfigurationError, match="no coordinate 'wavelength'"):
        spectral_stage(xr.Dataset(), ONE)


def test_a_dataset_of_another_step_is_taken_with_it():
    wavelength = log_grid(4000.0, 4500.0, 2e-5)
    stated = '{"spectra.wavelength_min": 4000.0, "spectra.wavelength_max": 4500.0, "spectra.step": 2e-05}'
    for dataset in (spectra(wavelength, made_with=stated), spectra(wavelength), spectra(wavelength[7:-9])):
        stage = spectral_stage(dataset, OPTIONS)
        assert stage.settings()["spectra.step"] == 2e-5
        np.testing.assert_allclose(stage.wavelength, dataset.wavelength, rtol=1e-9)
    assert "spectra.step" not in spectral_stage(spectra(log_grid(4000.0, 4500.0)), OPTIONS).settings()


@pytest.mark.parametrize("wavelength", [np.linspace(4000, 4500, 300), 10 ** (3.60007 + 2e-4 * np.arange(100))])
def test_wavelengths_of_another_grid_are_refused(wavelength):
    with pytest.raises(ConfigurationError, match="are not a log10 grid like that of the product"):
        spectral_stage(spectra(wavelength), OPTIONS)


def test_bands_and_size_are_those_of_the_dataset():
    flux = xr.DataArray(np.ones((1, 3, 20, 20)), dims=("object", "band", "y", "x"), coords={"band": list("irg")})
    stage = image_stage("composites", flux.to_dataset(name="flux"), {"bands": "irg"})
    assert stage.other("cutouts").section.size == 20
    assert stage.settings()["frames.bands"] == "irg"
    assert not stage.other("cutouts").section.ivar


@pytest.mark.parametrize(
    ("table", "kind", "settings", "said"),
    [
        ("cutouts", CutoutsSection, {"size": "big"}, "cutouts.size is 'big', but must be a whole number"),
        ("cutouts", CutoutsSection, {"sice": 5}, r"cutouts.sice is not a key of \[cutouts\] \(did you mean 'size'\?\)"),
        (
            "spectral_features",
            SpectralFeaturesSection,
            {"smoothing_window": 4},
            "spectral_features.smoothing_window must be odd",
        ),
    ],
)
def test_a_wrong_setting_is_told_in_the_words_of_a_job_file(table, kind, settings, said):
    with pytest.raises(ConfigurationError, match=f"^{said}"):
        valid(table, kind, settings)


def test_a_right_setting_is_taken():
    assert valid("cutouts", CutoutsSection, {"size": 5}).size == 5


@pytest.mark.parametrize("name", ["composites", "features"])
def test_cutouts_that_are_not_square_are_refused(name):
    flux = xr.DataArray(np.ones((1, 3, 64, 60)), {"band": list("gri")}, ("object", "band", "y", "x"))
    with pytest.raises(ConfigurationError, match=r"must be square.* have 64 rows \(y\) and 60 columns \(x\)"):
        image_stage(name, flux.to_dataset(name="flux"), {})
    with pytest.raises(ConfigurationError, match=r"must be square.* have 64 rows \(y\) and 0 columns"):
        image_stage(name, flux.isel(x=0).to_dataset(name="flux"), {})
