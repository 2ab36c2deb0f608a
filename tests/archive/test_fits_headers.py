"""`survey_batch.archive.fits_headers`: headers are found without the data between them."""

import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.archive.fits_headers import check_columns, headers
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import UnreadableError
from tests.image_files import file_of

RAW = file_of(
    fits.PrimaryHDU(np.zeros((40, 50))),
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="A"),
    fits.ImageHDU(np.zeros(3), name="B"),
)


class Counted(io.BytesIO):
    """A file that counts the bytes that are read."""

    count = 0

    def read(self, size=-1):
        found = super().read(size)
        self.count += len(found)
        return found


@pytest.mark.parametrize("behind", [b"", bytes(2880), b"more"])
def test_the_headers_are_those_of_the_whole_file(behind):
    primary = primary_unit(RAW)
    for one, expected in zip(headers(io.BytesIO(RAW + behind)), [primary, *extensions(primary)], strict=True):
        assert (one.value("EXTNAME"), one.shape, one.announced) == (
            expected.value("EXTNAME"),
            expected.shape,
            expected.nbytes,
        )


def test_data_are_not_read():
    file = Counted(file_of(fits.PrimaryHDU(np.zeros((3000, 3000), "u1")), fits.ImageHDU(np.zeros(3))))
    assert len(list(headers(file))) == 2
    assert file.count < 3_000_000


@pytest.mark.parametrize(("raw", "said"), [(b"text", "not a FITS file"), (RAW[:300], "no END card")])
def test_what_is_no_fits_file_is_refused(raw, said):
    with pytest.raises(UnreadableError, match=said):
        list(headers(io.BytesIO(raw)))


@pytest.mark.parametrize("count", [-1, 1000])
def test_more_columns_than_fits_allows_are_refused(count):
    check_columns(999)
    with pytest.raises(UnreadableError, match=f"TFIELDS is {count}, not 0 to 999"):
        check_columns(count)
