"""`survey_batch.archive.content`: an archive of FITS gives FITS, one of images gives images."""

import bz2
import gzip
import lzma

import pytest

from survey_batch.archive import content
from survey_batch.archive.content import ANY, FITS, IMAGE
from survey_batch.archive.decompress import decompress
from survey_batch.core.errors import UnreadableError
from tests.servers import HTML_PAGE
from tests.sky_files import encode, sky

PLAIN = b"SIMPLE  =                    T".ljust(2880)
JPEG, PNG = encode(sky(1)), encode(sky(1), "PNG")
GZIPPED = gzip.compress(PLAIN, mtime=0)  # the time would be another in each process


@pytest.mark.parametrize("raw", [PLAIN, GZIPPED, bz2.compress(PLAIN), lzma.compress(PLAIN)])
def test_fits_is_no_image(raw):
    assert FITS.allows(raw)
    assert not IMAGE.allows(raw)


@pytest.mark.parametrize("raw", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_an_image_is_no_fits(raw):
    assert IMAGE.allows(raw)
    assert not FITS.allows(raw)
    assert not FITS.allows(gzip.compress(raw, mtime=0))
    with pytest.raises(UnreadableError, match="expected bzip2, gzip, xz or FITS"):
        decompress(raw, 10**6)


@pytest.mark.parametrize("content", [FITS, IMAGE])
@pytest.mark.parametrize("raw", [b"", HTML_PAGE, gzip.compress(HTML_PAGE, mtime=0), b"GIF89a"])
def test_other_things_are_neither_and_named(content, raw):
    assert not content.allows(raw)
    assert content.complaint(raw).startswith(f"expected {content.name}, ")


@pytest.mark.parametrize("raw", [JPEG, PNG, bz2.compress(PLAIN), GZIPPED])
def test_gzip_around_what_is_compressed_already_comes_off(raw):
    for kind in (FITS, IMAGE, ANY):
        assert kind.unwrapped(gzip.compress(raw, mtime=0), 10**6) == (raw, kind.allows(raw))
        assert kind.unwrapped(raw, 10**6) == (raw, kind.allows(raw))


def test_a_gzip_file_is_looked_into_once(monkeypatch):
    looked, look = [], content.kind_within
    monkeypatch.setattr(content, "kind_within", lambda raw: looked.append(raw) or look(raw))
    assert FITS.unwrapped(GZIPPED, 10**6) == (GZIPPED, True)
    assert looked == [GZIPPED]


def test_gzip_that_cannot_be_undone_stays_and_is_refused():
    cut = gzip.compress(JPEG, mtime=0)[:-20]
    assert FITS.unwrapped(cut, 10**6) == (cut, False)
