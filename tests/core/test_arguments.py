"""Arguments of public functions: what is of a wrong type is told, and what is right passes unchanged."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from survey_batch.core.arguments import DATASET, NAMES, PATH, TEXT, TEXTS, WHOLE, takes
from survey_batch.core.errors import ConfigurationError

RIGHT = {
    PATH: ("a/b", Path("a")),
    DATASET: (xr.Dataset(),),
    WHOLE: (3, np.int64(3), np.array(3)),
    TEXT: ("", "a", np.str_("a")),
    TEXTS: ([], ["a"], ("a", "b"), np.array(["a"]), {"a": 1}),
    NAMES: ("a", ["a"]),
}
WRONG = {
    PATH: (None, 3, [1], b"a", "", np.ones(3)),
    DATASET: (None, "a", xr.DataArray([1.0]), {}),
    WHOLE: (None, 1.0, "3", True, [1], np.ones(3)),
    TEXT: (None, 3, ["a"], b"a", np.ones(3)),
    TEXTS: (None, "a", [1], b"a", iter(["a"]), np.ones(3)),
    NAMES: (None, 3, [1], np.ones(3)),
}


def pairs(values):
    return [(kind, value) for kind, several in values.items() for value in several]


@pytest.mark.parametrize(("kind", "value"), pairs(RIGHT))
def test_what_is_right_fits(kind, value):
    assert kind.fits(value)


@pytest.mark.parametrize(("kind", "value"), pairs(WRONG))
def test_what_is_wrong_is_told_by_the_name_of_the_argument(kind, value):
    @takes(one=kind)
    def work(other, one):
        raise AssertionError

    for call in (lambda: work(0, value), lambda: work(0, one=value)):
        with pytest.raises(ConfigurationError, match=f"work: one is .*, but must be {kind.words}"):
            call()


def test_a_default_needs_not_fit_and_a_wrong_call_is_python_s_to_tell():
    @takes(one=PATH)
    def work(one=None, *, other=1):
        """What it does."""
        return one, other

    assert (work(), work(None), work("a", other=2)) == ((None, 1), (None, 1), ("a", 2))
    assert (work.__doc__, str(inspect.signature(work))) == ("What it does.", "(one=None, *, other=1)")
    with pytest.raises(TypeError, match="unexpected keyword"):
        work(two=2)
