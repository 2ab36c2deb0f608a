"""What the tables of spectra and their features may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.spectra import SpectralFeaturesSection, SpectraSection

OFF = {"lines": False, "indices": False, "colours": False, "blocks": 0, "components": 0}


def test_a_grid_has_its_smaller_wavelength_first():
    for low, high in ((5000, 4000), (4000, 4000)):
        with pytest.raises(ValidationError, match="wavelength_max must be greater than wavelength_min"):
            SpectraSection(wavelength_min=low, wavelength_max=high)


@given(st.integers(1, 30), st.integers(0, 30))
def test_a_window_is_odd_and_wider_than_its_polynomial_s_order(window, order):
    keys = {"smoothing_window": window, "smoothing_order": order}
    if window % 2 and (window == 1 or order < window):
        assert SpectralFeaturesSection(**keys).smoothing_window == window
    else:
        with pytest.raises(ValidationError, match="must be odd|must be less than smoothing_window"):
            SpectralFeaturesSection(**keys)


@pytest.mark.parametrize("key", OFF)
def test_there_must_be_something_to_measure(key):
    with pytest.raises(ValidationError, match="there is nothing to measure"):
        SpectralFeaturesSection(**OFF)
    SpectralFeaturesSection(**{**OFF, key: 1})
