"""Text of datasets is read at its first use, and once."""

import numpy as np
import xarray as xr

from survey_batch.core.arrays import TEXT
from survey_batch.lazy.text import PythonStrings, read_when_used

WORDS = np.array(["", "é", "K0III", "日本"])


def counted(monkeypatch):
    """Count how often, and what, is read."""
    read, plain = [], PythonStrings._read
    monkeypatch.setattr(PythonStrings, "_read", lambda self, key: read.append(key) or plain(self, key))
    return read


def test_values_are_python_strings_whatever_they_were():
    for given in (WORDS, WORDS.astype(np.dtypes.StringDType()), WORDS.astype(object)):
        found = read_when_used(xr.Variable("object", given, {"long_name": "word"}))
        assert found.attrs == {"long_name": "word"}
        assert found.dtype == TEXT
        assert [(type(text), text) for text in found.values.tolist()] == [(str, word) for word in WORDS.tolist()]


def test_nothing_is_read_before_it_is_used_and_then_once(monkeypatch):
    read = counted(monkeypatch)
    variable = read_when_used(xr.Variable("object", WORDS))
    assert variable.shape == (4,)
    assert not read
    assert variable.values.tolist() == variable.values.tolist() == WORDS.tolist()
    assert len(read) == 1


def test_a_part_is_read_alone_in_any_order(monkeypatch):
    read = counted(monkeypatch)
    variable = read_when_used(xr.Variable("object", WORDS))
    assert variable[[3, 1]].values.tolist() == ["日本", "é"]
    assert variable[1:1].values.tolist() == []
    assert variable[-1].values.item() == "日本"
    assert len(read) == 3
