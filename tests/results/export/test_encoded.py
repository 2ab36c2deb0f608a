"""Blocks of a column have a common form only if each can be written in it without a loss."""

import numpy as np
import pytest

from survey_batch.results.export.encoded import Encoded, common_form, usual_null

LEAST = np.iinfo(np.int64).min


def block(values, null=None, kind=np.int64):
    return Encoded(np.array(values, kind), null)


@pytest.mark.parametrize(
    ("blocks", "null"),
    [
        ([block([1, 2]), block([3])], None),
        ([block([1, LEAST], LEAST), block([3])], LEAST),
        ([block([1]), block([LEAST, 3], LEAST), block([4, LEAST], LEAST)], LEAST),
        ([block([255, 1], 255, np.uint8), block([7], kind=np.uint8)], 255),
    ],
)
def test_blocks_that_are_alike_share_a_form_and_the_value_for_absent_ones(blocks, null):
    form = common_form(blocks)
    assert (form.array.dtype, len(form.array), form.null) == (blocks[0].array.dtype, 0, null)


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [block([1]), block([1], kind=np.float64)],
        [block([1, LEAST], LEAST), block([LEAST])],
        [block([LEAST, LEAST + 1, 5], LEAST + 1), block([LEAST + 1, 7])],
        [block([LEAST], LEAST), block([LEAST, LEAST + 1], LEAST + 1)],
        [Encoded(np.array([b"x"]))],
        [Encoded(np.array([None, [1]], object))],
    ],
)
def test_a_column_that_has_no_common_form_is_seen_as_a_whole(blocks):
    assert common_form(blocks) is None


def test_a_column_is_not_read_on_once_it_has_no_common_form():
    def blocks():
        yield Encoded(np.array([b"x"]))
        raise AssertionError("read on")

    assert common_form(blocks()) is None


def test_the_usual_value_for_absent_ones_is_an_end_of_the_range():
    assert usual_null(np.dtype(np.int16)) == -(2**15)
    assert usual_null(np.dtype(np.uint8)) == 255
