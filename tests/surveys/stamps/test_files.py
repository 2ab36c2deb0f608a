import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import NotFoundError, UnreadableError
from survey_batch.optics.exposure import exposure_key
from survey_batch.surveys.stamps.files import read_exposure

FLUX = np.arange(3 * 4 * 4, dtype=np.float32).reshape(3, 4, 4)


def raw(flux=FLUX, noise=(1.0, 2.0, 0.0), ivar=None, names=("a", "b", "c"), leave_out=()):
    columns = [
        fits.Column("OBJECT_ID", "8A", array=np.array(names)),
        fits.Column("X", "D", array=np.arange(len(names), dtype=float)),
        fits.Column("Y", "D", array=np.arange(len(names), dtype=float) + 10),
    ]
    units = [fits.ImageHDU(flux, name="FLUX"), fits.BinTableHDU.from_columns(columns, name="STARS")]
    if noise is not None:
        units.append(fits.ImageHDU(np.array(noise), name="NOISE"))
    if ivar is not None:
        units.append(fits.ImageHDU(ivar, name="IVAR"))
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *(unit for unit in units if unit.name not in leave_out)]).writeto(stream)
    return stream.getvalue()


def test_stars_are_found_by_their_identifier():
    exposure = read_exposure(raw())
    row = exposure.row_of("b")
    np.testing.assert_array_equal(exposure.flux[row], FLUX[1])
    assert (exposure.x[row], exposure.y[row]) == (1.0, 11.0)
    with pytest.raises(NotFoundError, match="'d'"):
        exposure.row_of("d")


def test_white_noise_becomes_ivar_and_no_noise_no_measurement():
    ivar = read_exposure(raw()).ivar
    assert ivar.shape == FLUX.shape
    np.testing.assert_array_equal(ivar[:, 0, 0], [1.0, 0.25, 0.0])


def test_ivar_goes_before_noise():
    given = np.full(FLUX.shape, 7, np.float32)
    np.testing.assert_array_equal(read_exposure(raw(ivar=given)).ivar, given)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"SIMPLE  = nothing", "damaged"),
        (raw()[:6000], "no extension STARS"),
        (raw()[:-4000], "cut short"),
        (raw(leave_out=("FLUX",)), "FLUX"),
        (raw(leave_out=("STARS",)), "STARS"),
        (raw(noise=None), "IVAR or NOISE"),
        (raw(names=("a", "b")), "fit together"),
        (raw(names=("a", "b", "a")), "same OBJECT_ID"),
    ],
)
def test_what_is_no_exposure_is_unreadable(content, said):
    with pytest.raises(UnreadableError, match=said):
        read_exposure(content)


def test_each_exposure_has_a_number_of_its_own():
    keys = {exposure_key(f"exposure-{number:04d}") for number in range(1000)}
    assert len(keys) == 1000
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_an_ivar_that_is_no_positive_number_or_of_no_flux_is_0():
    flux, ivar = FLUX.copy(), np.full(FLUX.shape, 7, np.float32)
    flux[0, 0, 0] = np.nan
    ivar[0, 1, :3] = [-1, np.nan, np.inf]
    found = read_exposure(raw(flux=flux, ivar=ivar)).ivar
    assert [found[0, 0, 0], *found[0, 1, :3]] == [0, 0, 0, 0]
    assert (found == 7).sum() == found.size - 4


def test_a_position_that_stands_for_no_value_is_not_a_number():
    columns = [fits.Column("OBJECT_ID", "J", array=[7, 8, 9]), fits.Column("Y", "D", array=[1.0, np.nan, 3.0])]
    columns += [fits.Column("X", "J", array=[-999, 2, 3], null=-999)]
    units = [fits.ImageHDU(FLUX, name="FLUX"), fits.ImageHDU(np.ones(3), name="NOISE")]
    stream = io.BytesIO()
    stars = fits.BinTableHDU.from_columns(columns, name="STARS")
    fits.HDUList([fits.PrimaryHDU(), *units, stars]).writeto(stream)
    exposure = read_exposure(stream.getvalue())
    np.testing.assert_array_equal(exposure.x, [np.nan, 2, 3])
    np.testing.assert_array_equal(exposure.y, [1, np.nan, 3])
    assert exposure.object_id.tolist() == ["7", "8", "9"]
