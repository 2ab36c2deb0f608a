"""How fields lie on one grid of pixels."""

from survey_batch.images.frame import FrameGrid


def test_neighbours_begin_where_the_overlap_does():
    grid = FrameGrid(rows=1489, columns=2048, overlap=128)
    assert (grid.shape, grid.step) == ((1489, 2048), 1361)


def test_fields_without_neighbours_follow_each_other_whole():
    assert FrameGrid(rows=10, columns=20).step == FrameGrid(rows=10, columns=20, overlap=0).step == 10
