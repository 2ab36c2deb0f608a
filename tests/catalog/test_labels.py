import pyarrow as pa
import pytest

from survey_batch.catalog import spectral_type


@pytest.mark.parametrize(
    ("class_", "subclass", "expected"),
    [
        ("STAR", "G7", "G"),
        ("STAR", "dM3", "M"),
        ("STAR", "gM0", "M"),
        ("STAR", "sdM1", "M"),
        ("STAR", "A5V", "A"),
        ("STAR", "F0", "F"),
        ("STAR", "K1III", "K"),
        ("STAR", "A0 (63501)", "A"),
        ("star", "F9", "F"),
        ("GALAXY", "Non", "non-stellar"),
        ("QSO", "BROADLINE", "non-stellar"),
        ("STAR", "O9", ""),
        ("STAR", "B6", ""),
        ("STAR", "WD", ""),
        ("STAR", "DA", ""),
        ("STAR", "Carbon", ""),
        ("STAR", "CarbonAG", ""),
        ("STAR", "DoubleStar", ""),
        ("STAR", "EM", ""),
        ("STAR", "Non", ""),
        ("STAR", None, ""),
        ("Unknown", "G5", ""),
        (None, "G5", ""),
    ],
)
def test_class_and_subclass_give_the_spectral_type(class_, subclass, expected):
    types = spectral_type(pa.array([class_], pa.string()), pa.array([subclass], pa.string()))
    assert types.to_pylist() == [expected]


def test_no_rows_give_no_labels():
    assert len(spectral_type(pa.array([], pa.string()), pa.array([], pa.string()))) == 0
