"""What becomes of an error of a survey's reader."""

import copy

import pytest

from survey_batch.config.file_reader import reader_of
from survey_batch.core.errors import ReaderError, UnreadableError


def test_an_error_that_is_none_of_ours_says_whose_reader_failed_on_what_and_where():
    with pytest.raises(ReaderError) as raised, reader_of("mine", "a.fits"):
        {}["FLUX"]
    error = copy.copy(raised.value)  # as it is sent by a worker
    assert str(error).startswith("the reader of survey 'mine' failed on a.fits with KeyError: 'FLUX'; this is a fault")
    assert "KeyError: 'FLUX'" in error.traceback
    assert __file__ in error.traceback


@pytest.mark.parametrize("error", [UnreadableError("no spectrum"), MemoryError()])
def test_errors_of_ours_and_a_lack_of_memory_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, reader_of("mine", "a.fits"):
        raise error
    assert raised.value is error
