import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.angles import Angle, angle_of, to_degrees


@pytest.mark.parametrize(
    ("unit", "degrees"),
    [
        *[
            (unit, 1.0)
            for unit in ("", "deg", "DEG", "Degrees", "deg.", "°", "[deg]", "Angle[deg]", "deg (J2000)", "---")
        ],
        *[(unit, np.degrees(1)) for unit in ("rad", "Radians", "Angle[rad]")],
        *[(unit, 15.0) for unit in ("h", "hr", "hours", "hourangle", "hour angle")],
        *[(unit, 1 / 3600) for unit in ("arcsec", "arcs", "arcseconds")],
        ("arcmin", 1 / 60),
        ("mas", 1 / 3.6e6),
        ("10-3arcsec", 1 / 3.6e6),
    ],
)
def test_a_unit_of_angle_is_understood_however_it_is_spelled(unit, degrees):
    assert angle_of(unit, "ra").degrees == pytest.approx(degrees, rel=1e-15)
    assert not angle_of(unit, "ra").sexagesimal


@pytest.mark.parametrize("unit", ['"h:m:s"', "hms", "HH:MM:SS", "hh mm ss.ss", "sexagesimal"])
def test_a_right_ascension_in_hours_minutes_and_seconds(unit):
    assert angle_of(unit, "ra") == Angle(unit, 15.0, sexagesimal=True)


@pytest.mark.parametrize("unit", ['"d:m:s"', "dms", "DD:MM:SS", "deg arcmin arcsec", "sexagesimal"])
def test_a_declination_in_degrees_minutes_and_seconds(unit):
    assert angle_of(unit, "dec") == Angle(unit, 1.0, sexagesimal=True)


@pytest.mark.parametrize(
    ("unit", "axis"),
    [
        ("furlong", "ra"),
        ("Jy", "ra"),
        ("pix", "dec"),
        ("km/s", "ra"),
        ("s", "ra"),
        ("d", "dec"),
        ("h", "dec"),
        ("hms", "dec"),
    ],
)
def test_a_unit_that_is_no_angle_or_in_doubt_is_refused(unit, axis):
    with pytest.raises(ValueError, match=unit):
        angle_of(unit, axis)


@pytest.mark.parametrize("text", ["-04:16:53.07", "-04 16 53.07", "-4h16m53.07s", "-4d16'53.07\"", "-04°16′53.07″"])
def test_sexagesimal_text_in_any_form(text):
    values, bad = to_degrees(pa.array([text, None, "-0:30", "4:61:00", "4.5"]), Angle(sexagesimal=True))
    np.testing.assert_allclose(values[[0, 2]], [-(4 + 16 / 60 + 53.07 / 3600), -0.5], rtol=1e-15)
    assert bad.tolist() == [False, False, False, True, True]


@given(st.lists(st.floats(0, 360), min_size=1))
def test_degrees_are_not_touched(values):
    found, bad = to_degrees(pa.array(values), angle_of("deg", "ra"))
    assert found.tolist() == values
    assert not bad.any()


@given(st.floats(-90, 90))
def test_sexagesimal_text_is_as_good_as_its_digits(value):
    from astropy.coordinates import Angle as Astropy

    text = Astropy(value, "deg").to_string(sep=":", precision=6)
    assert to_degrees(pa.array([text]), Angle(sexagesimal=True))[0][0] == pytest.approx(value, abs=1e-9)
