"""Each step is compared with numpy's own words for it."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import input_layout
from survey_batch.models.input_layout import Data

RANDOM = np.random.default_rng(3)
CUTOUTS = RANDOM.normal(size=(4, 3, 8, 8)).astype("f4")


def data(dims, names=None, wavelength=None, **values):
    given = dict.fromkeys(values, dims) if isinstance(dims, tuple) else dims
    count = len(next(iter(values.values())))
    return Data(values, given, np.ones(count, bool), names or {}, wavelength)


def cutouts(**more):
    values = {"flux": CUTOUTS, **more}
    return data(("band", "y", "x"), {"band": ("g", "r", "i")}, **values)


def test_bands_are_moved_last_and_first():
    last = input_layout.channels(cutouts(), "last")
    np.testing.assert_array_equal(last.values["flux"], np.moveaxis(CUTOUTS, 1, -1))
    assert last.dims["flux"] == ("y", "x", "band")
    np.testing.assert_array_equal(input_layout.channels(last, "first").values["flux"], CUTOUTS)


@pytest.mark.parametrize(("side", "shape"), [("first", (4, 1, 5)), ("last", (4, 5, 1))])
def test_a_spectrum_gets_a_channel_of_its_own(side, shape):
    assert input_layout.channels(data(("wavelength",), flux=np.ones((4, 5), "f4")), side).values["flux"].shape == shape


def test_variables_without_bands_become_channels_in_their_order():
    flux, ivar = RANDOM.normal(size=(2, 4, 5)).astype("f4")
    spectra = data(("wavelength",), flux=flux, ivar=ivar)
    (stacked,) = input_layout.stack(spectra).values.values()
    np.testing.assert_array_equal(stacked, np.stack([flux, ivar], axis=1))
    (stacked,) = input_layout.stack(spectra, "last").values.values()
    np.testing.assert_array_equal(stacked, np.stack([flux, ivar], axis=-1))


def test_variables_with_bands_are_joined_along_them():
    (stacked,) = input_layout.stack(cutouts(ivar=CUTOUTS + 1)).values.values()
    np.testing.assert_array_equal(stacked, np.concatenate([CUTOUTS, CUTOUTS + 1], axis=1))


def test_variables_of_different_shapes_are_not_stacked():
    uneven = data({"flux": ("wavelength",), "snr": ()}, flux=np.ones((4, 5), "f4"), snr=np.ones(4, "f4"))
    with pytest.raises(ConfigurationError, match=r"one shape, and these have \{'flux': \(5,\), 'snr': \(\)\}"):
        input_layout.stack(uneven)


def test_one_variable_keeps_its_type_when_it_is_stacked():
    grey = data(("y", "x", "channel"), image=np.ones((2, 4, 4, 3), "u1"))
    assert input_layout.stack(grey).values["image"].dtype == np.uint8


def test_the_middle_of_images_is_kept_wherever_their_axes_are():
    np.testing.assert_array_equal(input_layout.crop(cutouts(), 4).values["flux"], CUTOUTS[:, :, 2:6, 2:6])
    last = input_layout.channels(cutouts(), "last")
    np.testing.assert_array_equal(input_layout.crop(last, 4).values["flux"], last.values["flux"][:, 2:6, 2:6])


def test_an_image_is_not_cropped_to_more_than_it_has():
    with pytest.raises(ConfigurationError, match=r"'crop:9': the images have only 8 pixels on a side"):
        input_layout.crop(cutouts(), 9)
    with pytest.raises(ConfigurationError, match="'crop' is for images"):
        input_layout.crop(data(("wavelength",), flux=np.ones((4, 5))), 3)


def test_names_select_in_the_order_given():
    chosen = input_layout.select(cutouts(), "i", "g")
    np.testing.assert_array_equal(chosen.values["flux"], CUTOUTS[:, [2, 0]])
    assert chosen.names == {"band": ("i", "g")}


def test_patterns_select_and_unknown_names_are_refused():
    value = RANDOM.normal(size=(4, 3)).astype("f4")
    features = data(("feature",), {"feature": ("h_alpha", "h_beta", "dn4000")}, value=value)
    np.testing.assert_array_equal(input_layout.select(features, "dn4000", "h_*").values["value"], value[:, [2, 0, 1]])
    with pytest.raises(ConfigurationError, match=r"step 'select': 'k_\*' matches none of 3 names"):
        input_layout.select(features, "k_*")
    with pytest.raises(ConfigurationError, match="needs names"):
        input_layout.select(data(("wavelength",), flux=np.ones((4, 5))), "a")


def test_variables_are_taken_in_the_order_given():
    spectra = data(("wavelength",), flux=np.ones((4, 5)), ivar=np.zeros((4, 5)), mask=np.zeros((4, 5), "i4"))
    assert list(input_layout.take(spectra, "ivar", "flux").values) == ["ivar", "flux"]
    with pytest.raises(ConfigurationError, match="'sky'; there are flux, ivar, mask"):
        input_layout.take(spectra, "sky")


def test_an_image_is_flattened_row_by_row():
    np.testing.assert_array_equal(input_layout.flatten(cutouts()).values["flux"], CUTOUTS.reshape(4, -1))
