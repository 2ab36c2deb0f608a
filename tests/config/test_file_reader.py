"""What becomes of an error of a survey's reader."""

import copy
import json

import pytest

from survey_batch.config.file_reader import FileReader, open_reader, reader_of
from survey_batch.core.errors import ConfigurationError, ReaderError, UnreadableError
from survey_batch.spectra.reader import SpectrumReader
from tests.jobs import archive_section


def test_an_error_that_is_none_of_ours_says_whose_reader_failed_on_what_and_where():
    with pytest.raises(ReaderError) as raised, reader_of("mine", "a.fits"):
        broken()
    line = broken.__code__.co_firstlineno + 1
    error = copy.copy(raised.value)  # as it is sent by a worker
    said = "the reader of survey 'mine' failed on a.fits with KeyError: 'FLUX'"
    assert str(error).startswith(f"{said} (config/test_file_reader.py, line {line}); this is a fault")
    assert "KeyError: 'FLUX'" in error.traceback
    assert __file__ in error.traceback


def broken():
    return {}["FLUX"]


def test_an_error_that_a_library_raises_is_placed_where_the_reader_called_it():
    def read():
        return json.loads("no JSON")

    with pytest.raises(ReaderError) as raised, reader_of("mine", "a.json"):
        read()
    line = read.__code__.co_firstlineno + 1
    assert f"(config/test_file_reader.py, line {line}); this is a fault" in str(raised.value)
    assert "decoder.py" in raised.value.traceback


@pytest.mark.parametrize("error", [UnreadableError("no spectrum"), MemoryError()])
def test_errors_of_ours_and_a_lack_of_memory_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, reader_of("mine", "a.fits"):
        raise error
    assert raised.value is error


class Whole(FileReader):
    file_bytes = 100


class Half(SpectrumReader):
    def path(self, row):
        return row["file"]


def test_a_reader_is_opened_with_the_table_of_the_job():
    archive = archive_section("lamost", root="/a")
    assert open_reader(f"{__name__}:Whole", FileReader, archive).archive is archive


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Half", "of survey 'lamost' does not define file_bytes, read: add what is missing to the class"),
        ("Whole", "must be a subclass of SpectrumReader, but is <class"),
        ("NotThere", "NotThere cannot be loaded .AttributeError"),
    ],
)
def test_what_is_no_whole_reader_is_refused_with_what_it_lacks(name, said):
    with pytest.raises(ConfigurationError, match=said):
        open_reader(f"{__name__}:{name}", SpectrumReader, archive_section("lamost", root="/a"))
