"""`survey_batch.archive.fits_units`: a file is read or refused in one pass, whatever its headers say."""

import contextlib
import io
import random
import time
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.archive.fits_cards import CARD
from survey_batch.archive.fits_units import BLOCK, LONGEST_HEADER, extensions, primary_unit, unit_at
from survey_batch.core.errors import UnreadableError
from survey_batch.surveys.lamost.files import read_spectrum
from survey_batch.surveys.sdss.files import read_frame
from survey_batch.surveys.stamps.files import read_exposure
from tests.surveys.lamost.test_files import LAYOUTS, rows_file, table_file
from tests.surveys.sdss.test_files import KEY, frame_file, sky_table
from tests.surveys.stamps.test_files import raw as stamps_file

END = b"END".ljust(CARD)
READERS = {
    "a frame": (frame_file(sky=sky_table(192)), lambda raw: read_frame(raw, KEY, "u", sky=True)),
    "stamps": (stamps_file(), read_exposure),
    **{name: (raw, read_spectrum) for name, raw in LAYOUTS.items()},
}


def headers(raw):
    primary = primary_unit(raw)
    return [primary, *extensions(primary)]


def refusal_of(read, raw):
    try:
        read(raw)
    except UnreadableError as error:
        return str(error)
    return None


def seconds_of_cpu(read, raw):
    """CPU time of reading or refusing a file, in which nothing may be printed and nothing else raised."""
    begin = time.thread_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = refusal_of(read, raw)
    assert said is None or (said and "\n" not in said)
    return time.thread_time() - begin


TEXTS = [
    "-16",
    "7",
    "64",
    "0",
    "-1",
    "999999999999",
    "1e99",
    "nan",
    "T",
    "''",
    "'",
    "'no end",
    "'5Z'",
    "1PE(9)",
    "9" * 60,
]
VALUES = st.sampled_from([*TEXTS, "'99999999E'", "'(3,4,5)'", "'abc&'", "= = =", "", "\N{DEGREE SIGN}"])
NAMES = st.sampled_from(
    """NAXIS NAXIS1 NAXIS2 BITPIX PCOUNT GCOUNT TFIELDS TFORM1 TDIM1 TSCAL1 TZERO1 TNULL1 BSCALE BZERO BLANK ZIMAGE
    GROUPS THEAP EXTNAME XTENSION CONTINUE HIERARCH END""".split()  # noqa: SIM905
)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_cards_end_soon_in_one_sentence_without_a_warning(kind, data):
    raw, read = READERS[kind]
    broken = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        unit = data.draw(st.sampled_from(headers(raw)))
        card = unit.begin + CARD * data.draw(st.integers(0, (unit.end - unit.begin) // CARD))
        damage = data.draw(st.sampled_from(["value", "card", "bytes", "end", "loop"]))
        if damage == "value":
            text = data.draw(VALUES).encode("latin-1")
            broken[card + 10 : card + CARD] = text.ljust(CARD - 10)
        elif damage == "card":
            text = f"{data.draw(NAMES):8}= {data.draw(VALUES)}".encode("latin-1")
            broken[card : card + CARD] = text.ljust(CARD)
        elif damage == "bytes":
            broken[card : card + CARD] = data.draw(st.binary(min_size=CARD, max_size=CARD))
        elif damage == "end":
            broken[unit.end : unit.end + CARD] = b" " * CARD
        else:
            cards = (unit.end - card) // CARD
            broken[card : unit.end] = b"CONTINUE  'and on &'".ljust(CARD) * cards
    # 12 MB of a good frame take some hundredths of a second; what this forbids took minutes.
    assert seconds_of_cpu(read, bytes(broken)) < 20
    assert len(broken) == len(raw)


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_is_shorter_than_its_headers_say_is_refused(kind):
    raw, read = READERS[kind]
    last = headers(raw)[-1]
    read(raw[: last.data + last.nbytes])  # what pads the last block may be missing
    for length in (last.data + last.nbytes - 1, last.data, last.end, last.begin + CARD):
        with pytest.raises(UnreadableError, match="cut short"):
            read(raw[:length])


@pytest.mark.parametrize("kind", READERS)
def test_what_pads_a_file_is_no_damage(kind):
    raw, read = READERS[kind]
    for tail in (bytes(10 * BLOCK), b" " * BLOCK, b"\n"):
        read(raw + tail)
    with pytest.raises(UnreadableError, match="should begin an extension"):
        read(raw + b"XTENSIOM= 'IMAGE   '".ljust(BLOCK))


def test_pixels_are_not_searched_for_the_end_of_a_header():
    raw = rows_file()
    end = primary_unit(raw).end
    with pytest.raises(UnreadableError, match="no END card"):
        primary_unit(raw[:end] + b" " * LONGEST_HEADER + END)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (b"NAXIS   =                   -1", "NAXIS is -1"),
        (b"NAXIS   =                  998", "NAXIS is 998"),
        (b"NAXIS   = nothing", "NAXIS is 'nothing', not an integer"),
        (b"BITPIX  =                  -16", "BITPIX is -16"),
        (b"NAXIS1  =        9999999999999", "cut short"),
        (b"NAXIS1  =                   -3", "axes"),
        (b"COMMENT", "the header has no card BITPIX"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_with_the_card(card, said):
    raw = bytearray(rows_file())
    at = raw.index(card[:8]) if card[:8] in raw else raw.index(b"BITPIX  ")
    raw[at : at + CARD] = card.ljust(CARD)
    with pytest.raises(UnreadableError, match=said):
        extensions(primary_unit(bytes(raw)))


def test_header_values_are_those_of_astropy():
    raw = rows_file(TEXT="it is / not 'END'", REAL=-1.25e-3, WHOLE=42, FLAG=True)
    header = fits.Header.fromstring(raw[: raw.index(END)])
    primary = primary_unit(raw)
    assert primary.end == len(header.tostring(padding=False)) - CARD
    assert primary.integer("WHOLE") == 42
    assert primary.real("REAL") == header["REAL"]
    assert primary.value("FLAG") == "T"
    assert primary.value("EXTEN0") == header["EXTEN0"]
    assert primary.value("NONE") is None


def test_a_key_inside_another_cards_text_is_not_that_card():
    assert primary_unit(rows_file(AUTHOR="see COEFF9  = 1")).value("COEFF9") is None


COLUMNS = {
    "L": bool,
    "B": "u1",
    "I": "i2",
    "J": "i4",
    "K": "i8",
    "E": "f4",
    "D": "f8",
    "C": "c8",
    "M": "c16",
    "4A": "S4",
}


def test_columns_and_images_have_the_values_that_astropy_finds():
    random_ = np.random.default_rng(3)
    columns = [
        fits.Column(f"c{form}", form, array=random_.integers(0, 2, 5).astype(kind)) for form, kind in COLUMNS.items()
    ]
    columns += [
        fits.Column("unsigned", "K", bzero=2**63, array=np.array([2**63 + 1, 0, 5, 7, 2**64 - 1], np.uint64)),
        fits.Column("square", "6J", dim="(3,2)", array=random_.integers(0, 9, (5, 2, 3))),
        fits.Column("bits", "11X", array=np.zeros((5, 11), bool)),
        fits.Column("lists", "PE()", array=np.array([np.arange(n, dtype="f4") for n in range(5)], dtype=object)),
    ]
    images = [
        fits.ImageHDU(random_.integers(0, 99, (2, 3)).astype(kind)) for kind in ("u1", "i2", "u2", "i4", "u4", "i8")
    ]
    images[1].scale("int16", bscale=0.5, bzero=3)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *images, fits.BinTableHDU.from_columns(columns)]).writeto(stream)
    *read, table = extensions(primary_unit(stream.getvalue()))
    with fits.open(io.BytesIO(stream.getvalue())) as units:
        for unit, expected in zip(read, units[1:-1], strict=True):
            np.testing.assert_array_equal(unit.numbers(), expected.data)
        for name in ("cL", "cB", "cI", "cJ", "cK", "cE", "cD", "cC", "cM", "c4A", "unsigned", "square"):
            expected = np.asarray(units[-1].data[name])
            np.testing.assert_array_equal(
                table.column(name.upper()), expected.astype("S") if name == "c4A" else expected
            )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=4000), st.integers(0, 2**32))
def test_any_bytes_are_read_or_refused(tail, seed):
    shuffled = random.Random(seed).sample(tail, len(tail))
    for raw in (b"SIMPLE  =" + tail, b"SIMPLE  =" + bytes(shuffled), tail):
        with contextlib.suppress(UnreadableError):
            extensions(primary_unit(raw))


def test_a_unit_without_axes_holds_no_pixel():
    assert primary_unit(table_file()).pixels().size == 0


def plain_value(unit, key):
    """Search a header for a card as a person would, from its beginning."""
    header = unit.raw[unit.begin : unit.end]
    cards = [header[at : at + CARD] for at in range(0, len(header), CARD)]
    found = next((card for card in cards if card.startswith(key.ljust(8).encode() + b"=")), None)
    if found is None:
        return None
    text = found[9:].decode("ascii", "replace").strip()
    return text[1:].split("'")[0].strip() if text.startswith("'") else text.split("/")[0].strip()


@pytest.mark.parametrize("raw", [raw for raw, _ in READERS.values()], ids=READERS)
def test_every_card_is_what_a_search_from_the_beginning_finds(raw):
    for unit in headers(raw):
        names = {raw[at : at + 8].decode().strip() for at in range(unit.begin, unit.end, CARD)}
        for name in (*names, "ABSENT", "NAXIS9"):
            assert unit.value(name) == plain_value(unit, name)


ODD_NAMES = ["KEY", "K", "KEY2", "COMMENT", "NAXIS1", "", "A\xe9", "A B", "KEY     "]
ODD_CARDS = st.tuples(
    st.sampled_from(ODD_NAMES), st.sampled_from([b"=", b"= ", b" ", b"\xff", b"\0"]), st.binary(max_size=CARD)
).map(lambda card: (card[0].encode("latin-1").ljust(8)[:8] + card[1] + card[2]).ljust(CARD)[:CARD])


@given(cards=st.lists(ODD_CARDS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_cards_of_any_names_and_values_are_what_a_search_from_the_beginning_finds(cards):
    raw = b"".join([b"SIMPLE  =".ljust(CARD), *cards, END]).ljust(2 * BLOCK)
    unit = primary_unit(raw)
    for name in ("KEY", "K", "KEY2", "COMMENT", "NAXIS1", "A B", "ABSENT", "TOO_LONG_A_NAME"):
        found = unit.value(name)
        assert found == plain_value(unit, name)
        assert found is None or found == (unit.verbatim(name) or "").strip()


def test_headers_that_say_other_sizes_are_not_taken_for_one_another():
    """What one header says is remembered by the names of its cards and their words; errors are not remembered."""

    def said(*cards, before=b""):
        raw = before + b"".join(card.encode().ljust(CARD) for card in ("SIMPLE  =", *cards)) + END
        unit = unit_at(raw, len(before))
        return refusal_of(lambda _: unit.announced, raw) or (unit.shape, unit.announced)

    for _ in range(2):
        assert said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 4") == ((4,), 8)
        assert said("BITPIX  = 32", "NAXIS   = 1", "NAXIS1  = 4") == ((4,), 16)
        assert said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 4", "PCOUNT  = 1") == ((4,), 10)
        assert said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 4", "GCOUNT  = 1") == ((4,), 8)
        assert said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 4", "GCOUNT  = 3") == ((4,), 24)
        assert said("BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 3") == ((3, 4), 24)
        assert said("BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 4") == "the header has no card NAXIS2"
        assert said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 4", "NAXIS1  = 5") == ((4,), 8)
        assert said("BITPIX  = 3", "NAXIS   = 0").startswith("header card BITPIX is 3")
        for begin in (0, BLOCK):
            negative = said("BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = -4", before=bytes(begin))
            assert negative == f"the header at byte {begin} has axes (-4,), PCOUNT 0, GCOUNT 1"


def test_of_a_card_that_comes_twice_the_first_counts_and_text_within_a_card_is_none():
    cards = [
        "SIMPLE  =                    T",
        "COMMENT  KEY     =     1".ljust(12) + "KEY     = 0",
        "KEY     = 'a'",
        "KEY     = 2",
    ]
    raw = b"".join(card.encode().ljust(CARD) for card in cards) + END
    unit = primary_unit(raw.ljust(BLOCK))
    assert unit.value("KEY") == "a"
    assert unit.value("COMMENT") is None


def test_integers_that_stand_for_no_value_are_nan_in_measurements_and_exact_in_identifiers():
    number, small = np.array([2**62 + 1, -1, 5]), np.array([4, -1, 5])
    columns = [fits.Column("id", "K", null=-1, array=number), fits.Column("x", "I", null=-1, array=small)]
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(stream)
    (table,) = extensions(primary_unit(stream.getvalue()))
    assert table.column("ID").tolist() == number.tolist()
    np.testing.assert_array_equal(table.physical("x", table.rows()), [4, np.nan, 5])
