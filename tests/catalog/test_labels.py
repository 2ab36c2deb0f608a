import pyarrow as pa
import pytest

from survey_batch.catalog import luminosity, mk_class, spectral_type
from survey_batch.catalog.labels import class_columns


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


@pytest.mark.parametrize(
    ("subclass", "expected", "luminous"),
    [
        ("O", "O", ""),
        ("O8/O9 (...)", "O", ""),
        ("O9.5Iae (30614)", "O", "giant"),
        ("OB", "OB", ""),
        ("sdOB", "OB", "subdwarf"),
        ("B6", "B", ""),
        ("B3II (175588)", "B", "giant"),
        ("A0p", "A", ""),
        ("A0 (63501)", "A", ""),
        ("A0IV (25642)", "A", ""),
        ("A7III", "A", "giant"),
        ("A5V", "A", "dwarf"),
        ("F3/F5V (30743)", "F", "dwarf"),
        ("G0Va (143761)", "G", "dwarf"),
        ("G5 (G_5-36 IV)", "G", ""),
        ("G8Ib/II (1)", "G", "giant"),
        ("K2IV/V", "K", ""),
        ("K0VI", "K", "subdwarf"),
        ("M0.5II", "M", "giant"),
        ("dM3", "M", "dwarf"),
        ("gM0", "M", "giant"),
        ("sdM1", "M", "subdwarf"),
        ("esdM2", "M", "subdwarf"),
        ("usdK7", "K", "subdwarf"),
        ("Carbon", "carbon", ""),
        ("Carbon_lines", "carbon", ""),
        ("CarbonWD", "WD", ""),
        ("WD", "WD", ""),
        ("WDhotter", "WD", ""),
        ("WDMagnetic", "WD", ""),
        ("DA", "WD", ""),
        ("DB5", "WD", ""),
        ("CV", "CV", ""),
        ("DoubleStar", "", ""),
        ("EM", "", ""),
        ("L5.5 (2MASSJ1507-16)", "", ""),
        ("T2", "", ""),
        ("Non", "", ""),
        ("", "", ""),
    ],
)
def test_a_subclass_gives_class_and_luminosity(subclass, expected, luminous):
    assert mk_class(pa.array(["STAR"]), pa.array([subclass])).to_pylist() == [expected]
    assert luminosity(pa.array([subclass])).to_pylist() == [luminous]


def test_what_is_no_star_has_no_mk_class():
    assert mk_class(pa.array(["GALAXY", "QSO", None]), pa.array(["A0", "BROADLINE", "G2"])).to_pylist() == [""] * 3


def test_every_star_of_the_real_lamost_catalogue_has_a_class(real_data):
    lines = (real_data / "lamost" / "catalog.csv").read_text().splitlines()
    names = lines[0].split("|")
    rows = [dict(zip(names, line.split("|"), strict=True)) for line in lines[1:]]
    stars = pa.array([row["subclass"] for row in rows if row["class"] == "STAR" and row["subclass"] != "Non"])
    assert "" not in mk_class(pa.array(["STAR"] * len(stars)), stars).to_pylist()
    expected = {
        "A7III": "giant",
        "A4III": "giant",
        "gM0": "giant",
        "A5V": "dwarf",
        "dM1": "dwarf",
        "A2IV": "",
        "G5": "",
    }
    found = dict(zip(stars.to_pylist(), luminosity(stars).to_pylist(), strict=True))
    assert {name: found[name] for name in expected} == expected


def test_columns_that_look_like_classes_are_found_the_usual_names_first():
    assert class_columns(["my_type", "ra", "Subclass", "fiberid", "CLASS"]) == ["CLASS", "Subclass", "my_type"]
    assert not class_columns(["ra", "dec", "obsid"])
