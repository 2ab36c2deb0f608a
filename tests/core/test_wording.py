import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import survey_batch
from survey_batch.core.wording import counted, duration, rate, size

PLURALS = "rows|objects|files|fields|shards|workers|spectra|stars|columns|tasks|features|dimensions|requests"
BARE = re.compile(rf"(\{{len\([^{{}}]*\)[^{{}}]*\}}|\{{[^{{}}]*:,\}}|%d)( [a-z-]+)? ({PLURALS})\b")
"""A number in a message before a plural that is one also where the number is 1."""

SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2000, "2,000 files")])
def test_a_noun_is_singular_of_one_thing_only(number, text):
    assert counted(number, "file") == text
    assert counted(2, "class", "classes") == "2 classes"


def test_every_message_counts_in_words_that_fit_a_single_thing():
    package = Path(survey_batch.__file__).parent
    found = {path.relative_to(package): BARE.search(path.read_text()) for path in package.rglob("*.py")}
    assert {path: match[0] for path, match in found.items() if match} == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (75, "75 s"),
        (675, "11 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (112_500, "31 h"),
        (1_123_200, "13 days"),
    ],
)
def test_durations_are_words(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e9))
def test_a_duration_in_words_is_the_duration_but_for_rounding(seconds):
    words = duration(seconds).replace(",", "").split()
    told = sum(float(number) * SECONDS[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert told == pytest.approx(seconds, rel=0.25, abs=0.5)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (82_000, "82.0 kB"), (1_000_000, "1.0 MB"), (4e9, "4.0 GB")],
)
def test_a_megabyte_is_a_million_bytes(nbytes, text):
    assert size(nbytes) == text


def test_rates_have_three_digits_or_are_whole():
    assert [rate(number) for number in (0.01234, 12.34, 1234.5)] == ["0.0123", "12.3", "1,234"]
