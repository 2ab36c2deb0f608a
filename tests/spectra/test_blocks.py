import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.blocks import block_edges, block_statistics


@given(st.integers(1, 4000).flatmap(lambda pixels: st.tuples(st.just(pixels), st.integers(1, pixels))))
def test_blocks_tile_the_spectrum_and_none_is_empty(sizes):
    pixels, blocks = sizes
    width = np.diff(block_edges(pixels, blocks))
    assert width.size == blocks
    assert width.sum() == pixels
    assert width.min() >= 1
    assert width.max() - width.min() <= 1


@pytest.mark.parametrize("blocks", [0, 11, -1])
def test_more_blocks_than_pixels_are_refused(blocks):
    with pytest.raises(ConfigurationError, match="10 pixels"):
        block_edges(10, blocks)


@given(st.integers(1, 40), st.integers(0, 99))
def test_statistics_are_those_of_the_slices(blocks, seed):
    values = np.random.default_rng(seed).normal(size=(3, 40)).astype("f4")
    found = block_statistics(values, blocks)
    edges = block_edges(40, blocks)
    for i in range(blocks):
        piece = values[:, edges[i] : edges[i + 1]].astype("f8")
        expected = [piece.mean(axis=1), piece.std(axis=1), piece.min(axis=1), piece.max(axis=1)]
        np.testing.assert_allclose(found[:, i], np.transpose(expected), atol=1e-12)
