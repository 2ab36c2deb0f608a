import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import read_catalog
from survey_batch.config.job import CatalogSection
from tests.jobs import archive_section

SKYSERVER = archive_section(survey="skyserver", root="/archive")


def read(folder, ra):
    path = folder / "catalogue.parquet"
    pq.write_table(pa.table({"ra": ra, "dec": np.arange(len(ra)) / 10}), path)
    return read_catalog(CatalogSection(path=str(path)), SKYSERVER)


@pytest.mark.parametrize(
    ("ra", "expected"),
    [
        ([-180.0, -0.5, 10.0, 180.0], [180.0, 359.5, 10.0, 180.0]),
        ([300.0, 359.5, 361.0], [300.0, 359.5, 1.0]),
        ([1.0, 360.0, 200.0], [1.0, 0.0, 200.0]),
        ([-1e-20, 10.0], [0.0, 10.0]),
    ],
)
def test_right_ascensions_of_one_turn_are_taken_modulo_360_with_a_note(tmp_path, ra, expected):
    catalog = read(tmp_path, ra)
    assert catalog.table["ra"].to_pylist() == expected
    assert set(catalog.table["problem"].to_pylist()) == {""}
    assert sum("taken modulo 360" in note for note in catalog.notes) == 1


@pytest.mark.parametrize(
    "ra", [[-0.5, 10.0, 350.0], [-1.0, 10.0, 20.0], [-99.0, 10.0, 20.0], [361.0, 10.0], [-200.0, 10.0], [999.0, 10.0]]
)
def test_a_right_ascension_that_no_convention_explains_is_refused(tmp_path, ra):
    catalog = read(tmp_path, ra)
    assert catalog.table["problem"].to_pylist() == [
        f"ra = {ra[0]!r}; ra must lie from 0 to 360 degrees",
        *[""] * (len(ra) - 1),
    ]
    assert np.isnan(catalog.table["ra"][0].as_py())
    assert not any("modulo" in note for note in catalog.notes)


@pytest.mark.parametrize("unit", ["h", "hourangle", "hours"])
@pytest.mark.parametrize("ra", [[1.0, 2.0, 359.0], [1.0, 2.0, 30.0], [1.0, 2.0, -1.0]])
def test_a_right_ascension_that_is_none_in_its_unit_is_refused_with_the_unit(tmp_path, unit, ra):
    path = tmp_path / "catalogue.parquet"
    pq.write_table(pa.table({"ra": ra, "dec": [1.0, 2.0, 3.0]}), path)
    catalog = read_catalog(CatalogSection(path=str(path), units={"ra": unit}), SKYSERVER)
    said = f"ra = {ra[2]!r}; ra was read in {unit!r} and so lies outside 0 to 360 degrees; if it is in degrees, "
    assert catalog.table["problem"].to_pylist() == ["", "", said + 'say so: [catalog] units = {ra = "deg"}']


def test_a_text_in_a_column_of_hours_is_refused_with_the_unit(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_text("ra,dec\n1,2\nx,3\n")
    catalog = read_catalog(CatalogSection(path=str(path), units={"ra": "h"}), SKYSERVER)
    assert catalog.table["problem"].to_pylist() == ["", "ra = 'x'; ra is not a number in 'h'"]


@settings(max_examples=20, deadline=None)
@given(ra=st.lists(st.floats(0, 359.9), min_size=1, max_size=20))
def test_right_ascensions_from_0_to_360_stay_as_they_are(tmp_path_factory, ra):
    catalog = read(tmp_path_factory.mktemp("ra"), ra)
    assert catalog.table["ra"].to_pylist() == ra
    assert not any("modulo" in note for note in catalog.notes)
