"""LAMOST's reader: what concerns one row does not concern another row of the same file."""

from survey_batch.core.errors import UnreadableError
from survey_batch.spectra.grid import Spectrum
from survey_batch.surveys.lamost.reader import LamostSpectra
from tests.jobs import archive_section
from tests.surveys.lamost.test_files import rows_file


def test_a_row_that_contradicts_the_file_leaves_the_other_rows_of_the_file_alone():
    reader = LamostSpectra(archive_section("lamost", root="-"))
    right, wrong = reader.read(rows_file(OBSID=7), [{"obsid": "7"}, {"obsid": "8"}])
    assert isinstance(right, Spectrum)
    assert isinstance(wrong, UnreadableError)
