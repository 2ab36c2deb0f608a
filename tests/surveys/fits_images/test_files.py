"""Images are read as astropy reads them, and files that are wrong say what is wrong."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from survey_batch.core.errors import UnreadableError
from survey_batch.images.frame import DistortedWcs, FrameWcs
from survey_batch.images.wcs import pixel_to_sky, sky_to_pixel
from survey_batch.surveys.fits_images.files import read_image, read_time, read_wcs
from tests.image_files import SHAPE, SIP, TNX, TPV, file_of, header, image, pixels


def read(raw, hdu="", unit="nanomaggy", zero_point=None):
    return read_image(raw, hdu, unit, zero_point)


def test_the_pixels_are_those_of_the_file_in_native_single_precision():
    made = read(image())
    np.testing.assert_array_equal(made.image, pixels())
    assert made.image.dtype == np.float32
    assert made.image.dtype.isnative
    assert made.calibration.tolist() == [1.0] * SHAPE[1]


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_a_file_packed_by_fpack_has_the_pixels_that_astropy_unpacks(kind):
    packed = fits.CompImageHDU(pixels(), header(), compression_type=kind, quantize_level=16.0, quantize_method=1)
    raw = file_of(fits.PrimaryHDU(), packed)
    with fits.open(io.BytesIO(raw)) as file:
        np.testing.assert_array_equal(read(raw).image, file[1].data)
    assert isinstance(read(raw).wcs, FrameWcs)


def test_integers_with_a_scale_and_blanks_are_physical_values_and_nothing():
    data = np.arange(SHAPE[0] * SHAPE[1], dtype=np.int16).reshape(SHAPE)
    raw = image(data, header(BSCALE=0.5, BZERO=10.0, BLANK=7))
    # astropy scales what it writes, too: put the stored integers right
    with fits.open(io.BytesIO(raw)) as file:
        expected = file[0].data.astype(np.float32)
    np.testing.assert_array_equal(read(raw).image, expected)


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_1"])
@pytest.mark.parametrize("card", ["BLANK", "ZBLANK"])
def test_blank_pixels_of_packed_integers_are_those_of_the_same_image_unpacked(card, method):
    data = np.arange(SHAPE[0] * SHAPE[1], dtype=np.int16).reshape(SHAPE)
    packed = io.BytesIO(file_of(fits.PrimaryHDU(), fits.CompImageHDU(data, header(), compression_type=method)))
    with fits.open(packed, disable_image_compression=True) as file:
        file[1].header.update({"BSCALE": 0.5, "BZERO": 10.0, card: 7})
        made = read(file_of(*file)).image
    np.testing.assert_array_equal(made, np.where(data == 7, np.nan, data * 0.5 + 10).astype(np.float32))


def test_an_hdu_is_found_by_number_name_and_version_and_without_one_the_first_image_is_taken():
    table = fits.BinTableHDU(np.zeros(3, [("a", "i4")]), name="T")
    hdus = [fits.ImageHDU(pixels(seed), header(), name="SCI", ver=seed) for seed in (1, 2)]
    raw = file_of(fits.PrimaryHDU(), table, *hdus, fits.ImageHDU(np.zeros((2, *SHAPE)), header(), name="CUBE"))
    for hdu, seed in (("", 1), ("2", 1), ("3", 2), ("sci", 1), ("SCI,2", 2)):
        np.testing.assert_array_equal(read(raw, hdu).image, pixels(seed))
    for hdu, said in (
        ("DQ", r"no HDU 'DQ': it has 0 PRIMARY \(empty\), 1 T \(a table\), 2 SCI \(100 x 80\).* correct archive.hdu"),
        ("9", "no HDU '9'"),
        ("1", "HDU '1' holds no image of two dimensions"),
        ("CUBE", "HDU 'CUBE' holds no image of two dimensions"),
    ):
        with pytest.raises(UnreadableError, match=said):
            read(raw, hdu)


def packed_by_fpack(*later):
    """A file whose primary image is packed, as fpack says by a card, and moved to HDU 1."""
    with fits.open(io.BytesIO(file_of(fits.PrimaryHDU(), fits.CompImageHDU(pixels(), header()), *later))) as file:
        raw = file_of(*file)
    with fits.open(io.BytesIO(raw), disable_image_compression=True) as file:
        file[1].header["ZSIMPLE"] = True
        return file_of(*file)


def test_the_primary_image_that_fpack_has_moved_keeps_its_number_and_others_are_in_doubt():
    alone, more = packed_by_fpack(), packed_by_fpack(fits.ImageHDU(pixels(2), header(), name="SCI"))
    with fits.open(io.BytesIO(alone)) as file:
        expected = file[1].data
    for raw, hdu, tiles in ((alone, "0", False), (alone, "0", True), (more, "0", False), (alone, "1", False)):
        np.testing.assert_array_equal(read_image(raw, hdu, "nanomaggy", None, tiles=tiles).image, expected)
    np.testing.assert_array_equal(read_image(more, "1", "nanomaggy", None, tiles=True).image, expected)
    np.testing.assert_array_equal(read_image(more, "SCI", "nanomaggy", None, tiles=False).image, pixels(2))
    with pytest.raises(UnreadableError, match="moves images by one HDU, so number 1 is in doubt: give the HDU's name"):
        read_image(more, "1", "nanomaggy", None, tiles=False)


def test_a_third_axis_of_length_one_is_no_hindrance():
    made = header(CTYPE3="FREQ", CRVAL3=1e9, CRPIX3=1.0, CDELT3=1.0, CUNIT3="Hz")
    np.testing.assert_array_equal(read(image(pixels()[None], made)).image, pixels())


BAD = {
    "no WCS": (image(cards=header(CTYPE1=None, CTYPE2=None)), "no celestial WCS: CTYPE1 is ''"),
    "galactic": (image(cards=header(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN")), "in GLON and GLAT, not in RA and DEC"),
    "of 1950": (image(cards=header(RADESYS="FK4", EQUINOX=1950.0)), "in the system FK4 1950"),
    "a singular WCS": (image(cards=header(CD1_1=0.0, CD1_2=0.0)), "WCS"),
    "an unknown projection": (image(cards=header("XYZ")), "its WCS cannot be read|no celestial WCS"),
    "a distortion that is not read": (image(cards=header("TNX")), "distortion of its WCS, RA---TNX, cannot be read"),
    "no unit": (
        image(cards=header(BUNIT="ADU")),
        r"no unit that is known \(BUNIT 'ADU'\) and no zero point .*set archive",
    ),
    "no number": (image(np.full(SHAPE, np.nan, np.float32)), "no pixel of the image is a finite number"),
    "no image": (file_of(fits.PrimaryHDU()), r"no image of two dimensions: it has 0 PRIMARY \(empty\)"),
    "cut short": (image()[:-2880], "cut short"),
    "not FITS": (b"<html>" * 1000, "not a FITS file"),
    "a damaged card": (image().replace(b"BITPIX  =                  -32", b"BITPIX  =                  -33"), "BITPIX"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_wrong_says_what_is_wrong(kind):
    raw, said = BAD[kind]
    with pytest.raises(UnreadableError, match=said):
        read(raw)


@pytest.mark.parametrize("method", [-1, 1, 2])
@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_a_packed_file_that_is_damaged_inside_is_unreadable_or_has_other_pixels(kind, method):
    packed = fits.CompImageHDU(pixels(), header(), compression_type=kind, quantize_level=16.0, quantize_method=method)
    raw = file_of(fits.PrimaryHDU(), packed)
    begin = raw.index(b"XTENSION")
    for at in range(begin + 2880, len(raw), 997):  # header, table and tiles
        damaged = raw[:at] + b"\xff\0" * 20 + raw[at + 40 :]
        try:
            made = read(damaged[: len(raw)])
        except UnreadableError:
            continue
        assert made.image.shape == SHAPE, "Rice codes have no checksum: damage may go unseen"


@pytest.mark.parametrize(
    ("card", "value", "said"),
    [
        ("ZVAL2", b"-5000", "that RICE_1 does not have"),
        ("TFIELDS", b"1000000000000", "TFIELDS is 1000000000000, not 0 to 999"),
    ],
)
def test_a_packed_header_that_would_end_or_stop_the_process_is_unreadable(card, value, said):
    packed = fits.CompImageHDU(pixels(), header(), compression_type="RICE_1", quantize_level=16.0)
    raw = file_of(fits.PrimaryHDU(), packed)
    at = raw.index(card.ljust(8).encode() + b"=") + 10
    with pytest.raises(UnreadableError, match=said):
        read(raw[:at] + value.rjust(20) + raw[at + 20 :])


@pytest.mark.parametrize(
    ("projection", "cards", "kind"),
    [
        ("TAN", {}, FrameWcs),
        ("TAN", {"CUNIT1": None, "CUNIT2": None, "RADESYS": "FK5", "EQUINOX": 2000.0}, FrameWcs),
        ("TAN", {"LONPOLE": 170.0}, DistortedWcs),
        ("TAN-SIP", SIP, DistortedWcs),
        ("TPV", TPV, DistortedWcs),
        ("TAN", TPV, DistortedWcs),  # as SCAMP once wrote it
        ("TNX", TNX, DistortedWcs),
        ("SIN", {}, DistortedWcs),
        ("TAN", {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 40.0, "CRVAL2": 150.0}, DistortedWcs),
        ("ZPN", {"PV2_1": 1.0, "PV2_3": 42.0}, DistortedWcs),
    ],
)
def test_positions_and_pixels_are_those_of_astropy_in_any_projection(projection, cards, kind):
    made = header(projection, **cards)
    wcs, whole = read_wcs(made), WCS(made)
    assert type(wcs) is kind
    x, y = np.random.default_rng(1).uniform(0, SHAPE[0], (2, 200))
    ra, dec = whole.all_pix2world(x, y, 0, ra_dec_order=True)
    np.testing.assert_allclose(np.stack(pixel_to_sky(wcs, x, y)), np.stack([ra, dec]), rtol=0, atol=1e-11)
    np.testing.assert_allclose(np.stack(sky_to_pixel(wcs, ra, dec)), np.stack([x, y]), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("cards", "mjd"),
    [
        ({"MJD-OBS": 57754.0}, 57754.0 + 37 / 86400),
        ({"MJD-OBS": 57754.0, "TIMESYS": "TAI"}, 57754.0),
        ({"MJD-OBS": 57754.0, "TIMESYS": "TT"}, 57754.0 - 32.184 / 86400),
        ({"MJD-OBS": 57754.0, "TIMESYS": "GPS"}, np.nan),
        ({"MJD-OBS": "yesterday"}, np.nan),
        ({}, np.nan),
    ],
)
def test_the_time_is_in_atomic_time_or_not_known(cards, mjd):
    np.testing.assert_allclose(read_time(fits.Header(cards)), mjd, rtol=0, atol=1e-9)
