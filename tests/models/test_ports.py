import pytest

from survey_batch.models.ports import Port, matched


@pytest.mark.parametrize(
    ("port", "shape", "fits"),
    [((3,), (3,), True), ((None, 3), (7, 3), True), ((3,), (4,), False), ((3,), (3, 1), False), ((), (), True)],
)
def test_a_shape_fits_where_lengths_are_equal_or_open(port, shape, fits):
    assert Port("x", port).fits(shape) == fits


def test_a_port_is_written_with_its_shape():
    assert str(Port("flux", (None, 3))) == "flux (any, 3)"
    assert str(Port("flux", (3,))) == "flux (3,)"


def test_one_input_takes_the_only_variable_and_several_are_matched_by_name():
    flux, ivar = Port("flux", (3,)), Port("ivar", (3,))
    assert matched([Port("x", (3,))], {"flux": (3,)}) == {"x": "flux"}
    assert matched([flux, ivar], {"ivar": (3,), "flux": (3,)}) == {"flux": "flux", "ivar": "ivar"}
    assert matched([flux, Port("sigma", (3,))], {"flux": (3,), "ivar": (3,)}) is None
    assert matched([flux], {"flux": (3,), "ivar": (3,)}) is None
    assert matched([flux], {"flux": (4,)}) is None
