"""Compressed images, against astropy, and what is refused."""

import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.archive.fits_compressed import check_tiles, image, image_shape
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import UnreadableError

RANDOM = np.random.default_rng(4)
NOISE = RANDOM.normal(0, 300, (5, 150))
FLAGS = RANDOM.choice([0] * 20 + [256, 1 << 20], (5, 150)) * (RANDOM.random((5, 150)) < 0.4)


def unit_of(values, **options):
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values, name="X", **options)]).writeto(stream)
    (unit,) = extensions(primary_unit(stream.getvalue()))
    return unit


def read_by_astropy(unit):
    return np.array(fits.getdata(io.BytesIO(unit.raw), 1))


@pytest.mark.parametrize("compression", ["GZIP_1", "GZIP_2", "RICE_1"])
@pytest.mark.parametrize(
    "values",
    [
        NOISE.astype("i4"),
        NOISE.astype("i2"),
        np.abs(NOISE).astype("u1"),
        FLAGS.astype("i4"),
        FLAGS.astype("u4"),
        np.zeros((5, 150), "i4"),
        RANDOM.integers(-(2**31), 2**31, (5, 150)).astype("i4"),
        RANDOM.integers(-(2**15), 2**15, (5, 150)).astype("i2"),
    ],
)
def test_an_image_of_integers_is_the_one_that_astropy_reads(values, compression):
    unit = unit_of(values, compression_type=compression)
    assert image_shape(unit) == values.shape
    assert np.array_equal(image(unit), read_by_astropy(unit))
    assert np.array_equal(image(unit), values)
    assert np.array_equal(image(unit, [3, 0, 3]), values[[3, 0, 3]])


def of_blanks(cards, tiles=None):
    """An image of integers, some of them -32768, whose table has more cards, or a column ZBLANK."""
    values = NOISE.astype("i2")
    values[1, 3] = values[4] = -32768
    with fits.open(io.BytesIO(unit_of(values, compression_type="RICE_1").raw), disable_image_compression=True) as file:
        table = file[1]
        if tiles:
            data = np.array([np.array(tile) for tile in table.data["COMPRESSED_DATA"]], object)
            columns = [fits.Column("COMPRESSED_DATA", "PB()", array=data), fits.Column("ZBLANK", "J", array=tiles)]
            table = fits.BinTableHDU.from_columns(columns, table.header)
        table.header.update(cards)
        written = io.BytesIO()
        fits.HDUList([file[0], table]).writeto(written)
    return extensions(primary_unit(written.getvalue()))[0]


BLANKS = [[1, 3], *([4, x] for x in range(150))]


@pytest.mark.parametrize("card", ["ZBLANK", "BLANK"])
def test_blank_pixels_of_integers_are_nan_as_astropy_reads_them(card):
    unit = of_blanks({card: -32768, "BSCALE": 0.5, "BZERO": 100.0})
    values = image(unit)
    assert np.argwhere(np.isnan(values)).tolist() == BLANKS
    assert np.array_equal(values, read_by_astropy(unit), equal_nan=True)
    assert np.array_equal(image(unit, [4, 1]), values[[4, 1]], equal_nan=True)


def test_each_tile_may_have_a_blank_of_its_own():
    blank = 20000  # in no tile
    found = np.argwhere(np.isnan(image(of_blanks({}, [blank, -32768, blank, blank, -32768]))))
    assert found.tolist() == BLANKS
    assert len(np.argwhere(np.isnan(image(of_blanks({}, [blank, -32768, blank, blank, blank]))))) == 1


def test_integers_stay_integers_where_none_is_blank():
    assert image(of_blanks({"ZBLANK": 20000})).dtype.kind == "i"


def test_an_image_of_floats_that_lost_nothing_is_read():
    unit = unit_of(NOISE.astype("f4"), compression_type="GZIP_2", quantize_level=0)
    assert np.array_equal(image(unit), NOISE.astype("f4"))


def test_an_image_that_is_not_compressed_is_read_as_it_is():
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(NOISE)]).writeto(stream)
    unit = primary_unit(stream.getvalue())
    assert np.array_equal(image(unit), NOISE)
    assert np.array_equal(image(unit, [4, 1]), NOISE[[4, 1]])


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (NOISE.astype("f4"), {"compression_type": "RICE_1"}),
        (NOISE.astype("i4"), {"compression_type": "HCOMPRESS_1"}),
        (NOISE.astype("i4"), {"compression_type": "GZIP_1", "tile_shape": (5, 50)}),
    ],
)
def test_what_is_compressed_otherwise_is_refused_with_what_to_do(values, options):
    with pytest.raises(UnreadableError, match="unpack the file with funpack"):
        image(unit_of(values, **options))


@pytest.mark.parametrize("compression", ["GZIP_1", "RICE_1"])
def test_a_damaged_tile_is_refused_or_gives_other_numbers(compression):
    whole = unit_of(NOISE.astype("i4"), compression_type=compression)
    refused = 0
    for at in range(whole.data, whole.data + whole.nbytes, 7):
        raw = whole.raw[:at] + bytes([whole.raw[at] ^ 0xFF]) + whole.raw[at + 1 :]
        (unit,) = extensions(primary_unit(raw))
        try:
            image(unit)
        except UnreadableError:
            refused += 1
    assert refused > 10


def test_an_image_of_more_pixels_than_its_bytes_can_hold_is_refused():
    unit = unit_of(NOISE.astype("i4"))
    raw = unit.raw.replace(b"ZNAXIS1 =                  150", b"ZNAXIS1 =           1500000000")
    with pytest.raises(UnreadableError, match="hold a compressed image of shape"):
        image(extensions(primary_unit(raw))[0])


def packed(compression, *, checksum=False, **options):
    stream = io.BytesIO()
    hdu = fits.CompImageHDU(NOISE.astype("f4"), name="X", compression_type=compression, quantize_level=16.0, **options)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream, checksum=checksum)
    return stream.getvalue()


def with_card(raw, key, value):
    at = raw.index(key.ljust(8).encode() + b"=")
    return raw[: at + 10] + str(value).rjust(20).encode() + raw[at + 30 :]


def check(raw):
    check_tiles(extensions(primary_unit(raw))[0])


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"])
def test_an_image_as_it_was_written_can_be_left_to_others(compression):
    check(packed(compression, checksum=True, quantize_method=1))
    check(packed(compression, checksum=True, tile_shape=(5, 70)))


def test_an_image_that_is_not_compressed_needs_no_check():
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(NOISE)]).writeto(stream)
    check_tiles(primary_unit(stream.getvalue()))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("ZVAL1", -64, "blocks, or bytes of a pixel, that RICE_1 does not have"),  # each of these ends a process
        ("ZVAL2", -5000, "blocks, or bytes of a pixel, that RICE_1 does not have"),
        ("ZDITHER0", -(2**31), "ZDITHER0 -2147483648, not 1 to 10000"),
        ("ZTILE1", -1, "damaged"),
        ("ZNAXIS2", 4, "damaged"),
        ("TFIELDS", 2**31, "not a table"),
    ],
)
def test_a_header_that_ends_the_process_of_others_is_refused(key, value, said):
    with pytest.raises(UnreadableError, match=said):
        check(with_card(packed("RICE_1", quantize_method=1), key, value))


def test_tiles_whose_damage_ends_the_process_of_others_must_agree_with_their_checksum():
    raw = packed("HCOMPRESS_1", checksum=True)
    at = len(raw) - 2880
    for damaged in (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], packed("HCOMPRESS_1"), raw[:-1]):
        with pytest.raises(UnreadableError, match="has no CHECKSUM that agrees: unpack the file with funpack"):
            check(damaged)
