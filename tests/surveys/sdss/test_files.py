"""`survey_batch.surveys.sdss.files`: a frame is read whole, and only if it is the frame that was asked for."""

import io
from functools import cache, partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.archive.decompress import SDSS_CEILING, Inflater, decompress
from survey_batch.core.errors import UnreadableError
from survey_batch.surveys.sdss.files import (
    FRAME_SHAPE,
    GRID,
    OVERLAP_ROWS,
    SKY_SHAPE,
    FieldKey,
    frame_path,
    other_frame_paths,
    read_frame,
    read_frame_top,
)
from survey_batch.surveys.sdss.reader import SdssFrames

KEY = FieldKey(rerun=301, run=1043, camcol=5, field=25)
HEADER = {
    "RUN": 1043, "CAMCOL": 5, "RERUN": "301", "FILTER": "u", "FRAME": 29, "EXPTIME": "53.907456",
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 1025.0, "CRPIX2": 745.0,
    "CRVAL1": 3.64678195077, "CRVAL2": 15.73316366, "CD1_1": -6.69e-07, "CD1_2": 1.0997e-04,
    "CD2_1": 1.0995e-04, "CD2_2": 6.69e-07,
}  # fmt: skip


def image():
    pixels = np.random.default_rng(1).normal(size=FRAME_SHAPE).astype("f4")
    pixels[3, 5] = np.nan
    return pixels


def sky_table(rows, first=0.5625):
    """A sky table whose image has so many rows, as those of real frames."""
    table = np.zeros(1, [("ALLSKY", ">f4", (rows, 256)), ("XINTERP", ">f4", 2048), ("YINTERP", ">f4", 1489)])
    table["ALLSKY"] = np.arange(rows)[:, None]
    table["XINTERP"], table["YINTERP"] = np.arange(2048) / 8 - 0.4375, np.arange(1489) / 8 + first
    return fits.BinTableHDU(table)


def frame_file(changes=(), pixels=None, calibration=None, field=25, astrans=True, sky=None):
    """Bytes of a frame file; a header value of None leaves the keyword out."""
    header = {**HEADER, **dict(changes)}
    primary = fits.PrimaryHDU(image() if pixels is None else pixels)
    primary.header.update({name: value for name, value in header.items() if value is not None})
    sky = sky or fits.BinTableHDU.from_columns([fits.Column("ALLSKY", "4E", array=np.zeros((1, 4)))])
    vector = np.arange(1, 2049, dtype="f4") if calibration is None else calibration
    hdus = [primary, fits.ImageHDU(vector), sky]
    if astrans:
        hdus.append(fits.BinTableHDU.from_columns([fits.Column("FIELD", "J", array=[field])]))
    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return buffer.getvalue()


@cache
def good_file():
    return frame_file()


def test_the_overlap_of_fields():
    assert FRAME_SHAPE[0] == GRID.step + OVERLAP_ROWS


def test_path_on_the_archive():
    key = FieldKey(301, 1006, 6, 11)
    assert frame_path(key, "z") == "eboss/photoObj/frames/301/1006/6/frame-z-001006-6-0011.fits.bz2"
    assert frame_path(key, "g", "dr12") == "boss/photoObj/frames/301/1006/6/frame-g-001006-6-0011.fits.bz2"


def test_a_frame_is_read_bit_for_bit_in_native_order():
    frame = read_frame(good_file(), KEY, "u")
    np.testing.assert_array_equal(frame.image, image())
    np.testing.assert_array_equal(frame.calibration, np.arange(1, 2049))
    for array in (frame.image, frame.calibration):
        assert array.dtype == np.dtype("=f4")
        assert array.flags.c_contiguous
        assert array.flags.writeable
    np.testing.assert_array_equal(frame.wcs.cd, [[-6.69e-07, 1.0997e-04], [1.0995e-04, 6.69e-07]])


def test_numbers_may_stand_in_the_header_as_strings():
    raw = frame_file({"RUN": "1043", "CAMCOL": "5", "CRPIX1": "1025.0", "FILTER": "u "})
    assert read_frame(raw, KEY, "u").wcs.crpix[0] == 1025


def test_the_header_frame_number_is_not_taken_for_the_field():
    assert read_frame(frame_file({"FRAME": 99}), KEY, "u").image.shape == FRAME_SHAPE


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (partial(frame_file, {"RUN": 1044}), "run 1044 instead of 1043"),
        (partial(frame_file, {"CAMCOL": 2}), "camcol 2 instead of 5"),
        (partial(frame_file, {"RERUN": "40"}), "rerun 40 instead of 301"),
        (partial(frame_file, {"FILTER": "g"}), "band g instead of u"),
        (partial(frame_file, field=29), "field 29 instead of 25"),
        (partial(frame_file, {"RUN": None}), "header has no RUN"),
        (partial(frame_file, {"RUN": "many"}), "RUN is 'many', not an integer"),
        (partial(frame_file, {"CTYPE1": "RA---SIN"}), "RA---SIN"),
        (partial(frame_file, {"CTYPE2": None}), "None"),
        (partial(frame_file, {"CRVAL2": None}), "CRVAL2"),
        (partial(frame_file, {"CD1_2": 0.0, "CD1_1": 0.0}), "singular"),
        (partial(frame_file, {"CRVAL1": "nan"}), "not finite"),
        (partial(frame_file, {"RADECSYS": "FK5", "EQUINOX": 1950.0}), "system FK5 1950"),
        (partial(frame_file, {"EQUINOX": 1950.0}), "system FK5 1950"),
        (partial(frame_file, {"CUNIT1": "arcsec", "CUNIT2": "arcsec"}), "not in degrees"),
        (partial(frame_file, {"PV1_1": 1.01}), "more than TAN, by PV1_1"),
        (partial(frame_file, {"A_ORDER": 2, "A_2_0": 1e-5}), "more than TAN, by A_ORDER"),
        (partial(frame_file, {"LONPOLE": 90.0}), "more than TAN, by LONPOLE"),
        (partial(frame_file, {"CRVAL1": 999.0}), "999.0 15.7.* is not on the sky"),
        (partial(frame_file, {"CRVAL2": 99.0}), "is not on the sky"),
        (partial(frame_file, {"BUNIT": "counts"}), "pixels are in 'counts'"),
        (partial(frame_file, pixels=np.full(FRAME_SHAPE, np.nan, "f4")), "no pixel of the image"),
        (partial(frame_file, calibration=np.zeros(2048, "f4")), "calibration vector is not positive"),
        (partial(frame_file, calibration=np.full(2048, np.nan, "f4")), "calibration vector is not positive"),
        (partial(frame_file, pixels=np.zeros((1489, 2047), "f4")), r"image has shape \(1489, 2047\)"),
        (partial(frame_file, calibration=np.zeros(7, "f4")), r"calibration vector has shape \(7,\)"),
    ],
)
def test_what_is_not_the_frame_is_refused_with_what_it_is(make, said):
    with pytest.raises(UnreadableError, match=said):
        read_frame(make(), KEY, "u")


def other_file(header=None, table=None, pixels=None):
    """A file of the imaging survey that is no frame."""
    cards = fits.Header({"RUN": 1043, "CAMCOL": 5, "FIELD": 25, **(header or {})})
    columns = [fits.Column(name, "E", array=[0]) for name in table or ()]
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(pixels, cards), fits.BinTableHDU.from_columns(columns)]).writeto(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (other_file({"FILTER": "u", "SOFTBIAS": 1000}, pixels=np.zeros((1489, 2048), "u2")), "an fpC file.*is needed"),
        (other_file({"MASKROWS": 1489, "MASKCOLS": 2048, "NPLANE": 10}), "an fpM file.*is needed"),
        (other_file(table=["NROW_B", "RROWS"]), "a psField file.*is needed"),
        (other_file({"SEED": 1}, table=["ID"]), "without an image.*is needed"),
    ],
)
def test_other_files_of_the_imaging_survey_are_refused_by_name(raw, said):
    with pytest.raises(UnreadableError, match=f"{said}: frame-BAND"):
        read_frame(raw, KEY, "u")


def test_identity_shape_and_type_are_told_by_the_first_header_alone():
    header = good_file()[: good_file().index(b"END".ljust(80)) + 80]
    for key, said in ((KEY._replace(run=7), "run 1043 instead of 7"), (KEY, "cut short")):
        with pytest.raises(UnreadableError, match=said):
            read_frame(header, key, "u")
    for bitpix, said in (("-16", "BITPIX -16"), ("64", "BITPIX 64")):
        damaged = header.replace(b"BITPIX  =                  -32", b"BITPIX  = " + bitpix.rjust(20).encode())
        with pytest.raises(UnreadableError, match=said):
            read_frame(damaged, KEY, "u")


def test_where_else_a_frame_may_lie():
    here = frame_path(KEY, "u")
    others = other_frame_paths(KEY, "u", "dr17", remote=False)
    name = "frame-u-001043-5-0025"
    for known in (f"{name}.fits", f"{name}.fits.bz2", f"1043/5/{name}.fits.gz", here.removesuffix(".bz2")):
        assert known in others
    assert here not in others
    assert len(other_frame_paths(KEY, "u", "dr17", remote=True)) == 5


def test_a_file_without_the_table_that_holds_the_field_is_read():
    assert read_frame(frame_file(astrans=False), KEY, "u").image.shape == FRAME_SHAPE


@pytest.mark.parametrize("length", [0, 10, 2880, 6000, 5_000_000, 12_200_000, 12_208_320])
def test_a_frame_that_is_cut_short_is_refused(length):
    with pytest.raises(UnreadableError):
        read_frame(good_file()[:length], KEY, "u")


@settings(max_examples=12, deadline=None)
@given(st.binary(min_size=1, max_size=100), st.integers(0, 2880))
def test_a_damaged_header_is_read_or_refused_and_nothing_else(noise, place):
    raw = good_file()[:place] + noise + good_file()[place + len(noise) :]
    try:
        shape = read_frame(raw, KEY, "u").image.shape
    except UnreadableError:
        return
    assert shape == FRAME_SHAPE


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused(noise):
    with pytest.raises(UnreadableError):
        read_frame(b"SIMPLE  =" + noise, KEY, "u")


REAL = [
    (FieldKey(301, 1043, 5, 25), "u"),
    (FieldKey(301, 1006, 6, 11), "g"),
    (FieldKey(301, 2820, 3, 122), "z"),
]


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
@pytest.mark.parametrize(("key", "band"), REAL)
def test_a_real_frame_is_what_astropy_reads(real_data, key, band):
    file = real_data / "sdss" / frame_path(key, band)
    raw = decompress(file.read_bytes(), SDSS_CEILING)
    frame = read_frame(raw, key, band)
    with fits.open(io.BytesIO(raw), memmap=False) as hdus:
        np.testing.assert_array_equal(frame.image, hdus[0].data)
        np.testing.assert_array_equal(frame.calibration, hdus[1].data)
        header = hdus[0].header
        wcs = WCS(header)
    np.testing.assert_array_equal(frame.wcs.crval, wcs.wcs.crval)
    np.testing.assert_array_equal(frame.wcs.crpix, wcs.wcs.crpix)
    np.testing.assert_array_equal(frame.wcs.cd, wcs.wcs.cd)
    assert SdssFrames.radesys == wcs.wcs.radesys
    said = Time(f"{header['DATE-OBS']}T{header['TAIHMS']}", scale="tai")
    assert abs((Time(frame.mjd_tai, format="mjd", scale="tai") - said).sec) < 0.02  # both are cut to 0.01 s
    with pytest.raises(UnreadableError, match=f"field {key.field} instead of {key.field + 1}"):
        read_frame(raw, key._replace(field=key.field + 1), band)


@pytest.mark.parametrize(("rows", "first"), [(192, 0.5625), (191, -0.4375), (186, 0.5625), (400, 120.25)])
def test_the_sky_has_one_shape_and_the_same_values_whatever_the_table_s_size(rows, first):
    sky = read_frame(frame_file(sky=sky_table(rows, first)), KEY, "u", sky=True).sky
    assert sky.image.shape == SKY_SHAPE
    assert (sky.column.shape, sky.row.shape) == ((2048,), (1489,))
    values = np.interp(sky.row, np.arange(192), sky.image[:, 0])
    np.testing.assert_allclose(values, np.interp(np.arange(1489) / 8 + first, np.arange(rows), np.arange(rows)))


@pytest.mark.parametrize(
    ("card", "expected"), [(None, np.nan), ("none", np.nan), (0.0, np.nan), (86400.0 * 51465.5, 51465.5)]
)
def test_the_time_is_seconds_since_the_modified_julian_date_began(card, expected):
    frame = read_frame(frame_file({"TAI": card}), KEY, "u")
    np.testing.assert_array_equal(frame.mjd_tai, expected)


@pytest.mark.parametrize("keyword", ["RADESYS", "RADECSYS"])
def test_sky_coordinates_of_another_system_are_refused(keyword):
    assert read_frame(frame_file({keyword: "ICRS"}), KEY, "u").wcs
    with pytest.raises(UnreadableError, match="system FK4; an SDSS frame has ICRS"):
        read_frame(frame_file({keyword: "FK4"}), KEY, "u")


def test_the_sky_is_read_only_where_it_is_asked_for():
    assert read_frame(good_file(), KEY, "u").sky is None
    with pytest.raises(UnreadableError):
        read_frame(good_file(), KEY, "u", sky=True)


def top(raw, key=KEY, rows=300):
    """The first rows of a frame."""
    return read_frame_top(Inflater(raw, SDSS_CEILING), key, "u", lambda _: rows)


@pytest.mark.parametrize("rows", [0, 1, 300, 1489])
def test_the_first_rows_of_a_frame_are_those_of_the_whole(rows):
    whole, part = read_frame(good_file(), KEY, "u"), top(good_file(), rows=rows)
    np.testing.assert_array_equal(part.image, whole.image[:rows])
    assert part.image.dtype == np.dtype("=f4")
    assert part.mjd_tai == whole.mjd_tai or np.isnan(part.mjd_tai) == np.isnan(whole.mjd_tai)
    for name, value in vars(whole.wcs).items():
        np.testing.assert_array_equal(getattr(part.wcs, name), value)


def test_rows_are_counted_from_the_frame_s_wcs():
    asked = []
    read_frame_top(Inflater(good_file(), SDSS_CEILING), KEY, "u", lambda wcs: asked.append(wcs.crpix.tolist()) or 1)
    assert asked == [[1025.0, 745.0]]


def test_nothing_behind_the_rows_is_read():
    end = good_file().find(b"END".ljust(80)) + 8 * 2880 + 300 * 2048 * 4
    assert top(good_file()[:end]).image.shape == (300, 2048)
    with pytest.raises(UnreadableError, match="cut short"):
        top(good_file()[:end], rows=400)


def test_a_header_that_does_not_name_the_field_leaves_it_to_the_table_behind_the_image():
    other = frame_file({"FRAME": 99})
    assert top(other).image.shape == FRAME_SHAPE
    with pytest.raises(UnreadableError, match="field 25 instead of 26"):
        top(other, KEY._replace(field=26))
    with pytest.raises(UnreadableError, match="field 25 instead of 26"):
        top(good_file(), KEY._replace(field=26))


@pytest.mark.parametrize(("changes", "said"), [({"RUN": 1044}, "run 1044 instead"), ({"CTYPE1": "RA---SIN"}, "WCS is")])
def test_the_first_rows_of_another_file_are_refused_as_the_whole_is(changes, said):
    with pytest.raises(UnreadableError, match=said):
        top(frame_file(changes))


@pytest.mark.slow
@pytest.mark.parametrize(("key", "band"), REAL)
def test_the_first_rows_of_a_real_frame_are_those_of_the_whole(real_data, key, band):
    raw = (real_data / "sdss" / frame_path(key, band)).read_bytes()
    part = read_frame_top(Inflater(raw, SDSS_CEILING), key, band, lambda _: 700)
    whole = read_frame(decompress(raw, SDSS_CEILING), key, band)
    assert part.image.shape == (700, 2048), "the header's FRAME names the field"
    np.testing.assert_array_equal(part.image, whole.image[:700])
    assert part.mjd_tai == whole.mjd_tai
