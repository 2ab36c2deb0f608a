"""`survey_batch.archive.decompress`: by content, to the last stream, and never past the ceiling."""

import bz2
import gzip
import lzma
import random
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from survey_batch.archive import decompress as decompression
from survey_batch.archive.decompress import SDSS_CEILING, Inflater, decompress, describe, kind_of, kind_within
from survey_batch.core.errors import UnreadableError

FITS = b"SIMPLE  =                    T".ljust(2880) + bytes(range(256)) * 40
COMPRESSORS = {"bz2": bz2.compress, "gzip": gzip.compress, "xz": lzma.compress}
each_kind = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


@each_kind
def test_one_stream(compress):
    assert decompress(compress(FITS), len(FITS)) == FITS


@each_kind
def test_two_streams_are_read_to_their_end(compress):
    raw = compress(FITS[:5000]) + compress(FITS[5000:])
    assert decompress(raw, len(FITS)) == FITS


def test_a_real_kind_of_two_stream_file_that_one_decompressor_cuts_short():
    raw = bz2.compress(FITS[:5000]) + bz2.compress(FITS[5000:])
    assert bz2.BZ2Decompressor().decompress(raw) == FITS[:5000]
    assert decompress(raw, SDSS_CEILING) == FITS


def test_plain_fits_is_returned_as_it_is():
    assert decompress(FITS, len(FITS)) is FITS


@each_kind
def test_zeros_after_the_end_are_padding(compress):
    assert decompress(compress(FITS) + bytes(512), len(FITS)) == FITS


@each_kind
def test_other_bytes_after_the_end_are_damage(compress):
    with pytest.raises(UnreadableError, match="damaged"):
        decompress(compress(FITS) + b"<html>", len(FITS))


@each_kind
@pytest.mark.parametrize("missing", [1, 4, 9, 40])
def test_a_file_that_is_cut_short_is_refused(compress, missing):
    with pytest.raises(UnreadableError, match="cut short"):
        decompress(compress(FITS)[:-missing], SDSS_CEILING)


@each_kind
def test_a_second_stream_that_is_cut_short_is_refused(compress):
    with pytest.raises(UnreadableError, match="cut short"):
        decompress(compress(FITS) + compress(FITS)[:-5], SDSS_CEILING)


@each_kind
def test_a_changed_byte_is_refused(compress):
    raw = bytearray(compress(FITS))
    raw[len(raw) // 2] ^= 0x10
    with pytest.raises(UnreadableError):
        decompress(bytes(raw), SDSS_CEILING)


@each_kind
def test_the_ceiling_is_the_most_that_may_come_out(compress):
    with pytest.raises(UnreadableError, match=f"more than {len(FITS) - 1} bytes"):
        decompress(compress(FITS), len(FITS) - 1)


@each_kind
def test_the_ceiling_holds_over_all_streams(compress):
    assert decompress(compress(FITS) * 3, 3 * len(FITS)) == FITS * 3
    with pytest.raises(UnreadableError, match="more than"):
        decompress(compress(FITS) * 3, 3 * len(FITS) - 1)


def test_plain_fits_over_the_ceiling_is_refused():
    with pytest.raises(UnreadableError, match="more than"):
        decompress(FITS, 1000)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "an empty file"),
        (b"\n <!DOCTYPE HTML><html>", "an HTML page"),
        (b"\x89PNG\r\n", "6 bytes that begin with"),
        (b"PK\x03\x04 and more", "a file that is a zip archive"),
        (b"\x28\xb5\x2f\xfd and more", "a file that is packed by zstd (13 bytes): unpack it, or pack it with gzip"),
        (b"\x1f\x9d and more", "a file that is packed by compress (.Z)"),
    ],
)
def test_anything_else_is_refused_with_what_it_is(raw, said):
    assert describe(raw).startswith(said)
    with pytest.raises(UnreadableError, match=re.escape(said)):
        decompress(raw, SDSS_CEILING)


def test_what_a_gzip_file_holds_is_seen_from_its_start():
    assert kind_within(gzip.compress(FITS)) == "fits"
    assert kind_within(gzip.compress(bz2.compress(FITS))) == "bz2"
    assert kind_within(gzip.compress(b"<html>")) is None
    assert kind_within(b"\x1f\x8b nonsense") is None


@given(
    st.sampled_from([b"", b"BZh9", b"BZh91AY&SY", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"SIMPLE  ="]),
    st.binary(max_size=200),
)
def test_any_bytes_either_decompress_or_are_refused(start, rest):
    raw = start + rest
    try:
        assert len(decompress(raw, 10_000)) <= 10_000
    except UnreadableError:
        return
    assert kind_of(raw) is not None


@given(
    st.sampled_from(sorted(COMPRESSORS)),
    st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    st.integers(0, 1200),
)
def test_all_streams_come_out_or_the_ceiling_is_named(kind, parts, ceiling):
    raw, whole = b"".join(map(COMPRESSORS[kind], parts)), b"".join(parts)
    if len(whole) <= ceiling:
        assert decompress(raw, ceiling) == whole
    else:
        with pytest.raises(UnreadableError, match=f"more than {ceiling} bytes"):
            decompress(raw, ceiling)


@given(st.sampled_from(sorted(COMPRESSORS)), st.data())
def test_a_damaged_file_never_passes_for_another_one(kind, data):
    raw = bytearray(COMPRESSORS[kind](FITS))
    # Past the gzip header, whose time and flags no checksum guards.
    place = data.draw(st.integers(10, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        assert decompress(bytes(raw), SDSS_CEILING) == FITS
    except UnreadableError:
        return


def test_a_real_frame_decompresses_as_the_standard_library_does(real_data):
    (file, *_) = sorted((real_data / "sdss").rglob("frame-*.bz2"))
    raw = file.read_bytes()
    assert decompress(raw, SDSS_CEILING) == bz2.decompress(raw)


NOISE = random.Random(1).randbytes(320_000)
"""Four blocks of bzip2 at level 1; each takes about 100 kB packed."""
BLOCKS = bz2.compress(NOISE, 1)


def changed(raw, at):
    """The file with one bit flipped."""
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def test_a_file_is_decompressed_no_further_than_asked_for():
    broken_at_its_end = Inflater(changed(BLOCKS, len(BLOCKS) - 10_000), SDSS_CEILING)
    for length in (10, 90_000, 120_000, 20):
        part = broken_at_its_end.upto(length)
        assert length <= len(part) <= 220_000
        assert NOISE.startswith(part)
    with pytest.raises(UnreadableError, match="damaged"):
        broken_at_its_end.whole()


def test_every_byte_that_is_returned_has_been_checked():
    with pytest.raises(UnreadableError, match="damaged"):
        Inflater(changed(BLOCKS, 60_000), SDSS_CEILING).upto(10)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 400_000), max_size=4), st.integers(0, 320_000), st.sampled_from([*COMPRESSORS, "fits"]))
def test_parts_of_a_file_are_the_start_of_the_whole(lengths, border, kind):
    content = FITS + NOISE
    two = (content[:border], content[border:])
    file = Inflater(content if kind == "fits" else b"".join(map(_FAST[kind], two)), SDSS_CEILING)
    for length in lengths:
        part = file.upto(length)
        assert len(part) >= min(length, len(content))
        assert content.startswith(part)
    assert file.whole() == content


@settings(max_examples=15)
@example(first=3, border=0, lengths=[10], two=False)
@given(
    first=st.integers(1, 200_000),
    border=st.integers(0, 320_000),
    lengths=st.lists(st.integers(1, 320_000), max_size=3),
    two=st.booleans(),
)
def test_a_file_that_comes_in_pieces_is_the_same(first, border, lengths, two):
    raw = bz2.compress(NOISE[:border], 1) + bz2.compress(NOISE[border:], 1) if two else BLOCKS
    came = [max(first, 3)]

    def more(count):
        came.append(count)
        return raw[sum(came[:-1]) : sum(came)]

    file = Inflater(raw[: came[0]], SDSS_CEILING, more=more)
    for length in lengths:
        part = file.upto(length)
        assert len(part) >= length
        assert NOISE.startswith(part)
    assert file.whole() == NOISE


@pytest.mark.parametrize("step", [1000, 1 << 14, 100_000])
def test_a_block_is_checked_where_the_pieces_end_with_it(step, monkeypatch):
    monkeypatch.setattr(decompression, "STEP_BYTES", step)
    stream, length = bz2.BZ2Decompressor(), 99_000
    end = next(at for at in range(1, len(BLOCKS)) if stream.decompress(BLOCKS[at - 1 : at]))
    assert Inflater(BLOCKS[:end], SDSS_CEILING).upto(length)[:length] == NOISE[:length]
    with pytest.raises(UnreadableError, match="damaged"):
        Inflater(changed(BLOCKS, 10)[:end], SDSS_CEILING).upto(10)  # of the block's own checksum


_FAST = {"bz2": lambda part: bz2.compress(part, 1), "gzip": lambda part: gzip.compress(part, 0)}


def test_gzip_is_always_checked_to_its_end():
    with pytest.raises(UnreadableError, match="cut short"):
        Inflater(gzip.compress(NOISE)[:-4], SDSS_CEILING).upto(10)
