import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import read_catalog
from survey_batch.job import ArchiveSection, CatalogSection

SKYSERVER = ArchiveSection(survey="skyserver", root="/archive")


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


@settings(max_examples=20, deadline=None)
@given(ra=st.lists(st.floats(0, 359.9), min_size=1, max_size=20))
def test_right_ascensions_from_0_to_360_stay_as_they_are(tmp_path_factory, ra):
    catalog = read(tmp_path_factory.mktemp("ra"), ra)
    assert catalog.table["ra"].to_pylist() == ra
    assert not any("modulo" in note for note in catalog.notes)
