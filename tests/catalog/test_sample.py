from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import read_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")


def table_of(rows):
    """Rows of (class, field); ids and positions follow from the place."""
    count = len(rows)
    return pa.table(
        {
            "objid": pa.array([f"id{number}" for number in range(count)]),
            "ra": pa.array([10.0 + number for number in range(count)]),
            "dec": pa.array([0.0] * count),
            "run": pa.array([94] * count),
            "camcol": pa.array([1] * count),
            "field": pa.array([field for _, field in rows]),
            "kind": pa.array([kind for kind, _ in rows], pa.string()),
        }
    )


def read(path, table, archive=SDSS, **sample):
    pq.write_table(table, path)
    section = {"path": str(path), "label": "kind", "sample": sample}
    return read_catalog(CatalogSection.model_validate(section), archive)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("AFG"), st.integers(11, 14)), min_size=1, max_size=60),
    number=st.integers(1, 12),
    frames=st.sampled_from(["any", "crowded"]),
    order=st.randoms(),
)
def test_so_many_of_each_class_whatever_the_order_of_rows(tmp_path_factory, rows, number, frames, order):
    path = tmp_path_factory.mktemp("sample") / "t.parquet"
    table = table_of(rows)
    catalog = read(path, table, per_class=number, frames=frames)
    counts = Counter(kind for kind, _ in rows)
    assert Counter(catalog.table["label"].to_pylist()) == {kind: min(number, n) for kind, n in counts.items()}
    places = list(range(len(rows)))
    order.shuffle(places)
    again = read(path, table.take(places), per_class=number, frames=frames)
    assert set(again.table["object_id"].to_pylist()) == set(catalog.table["object_id"].to_pylist())


def test_a_number_in_all_and_another_seed(tmp_path):
    table = table_of([("A", 11)] * 50 + [("F", 11)] * 50)
    one, other = (read(tmp_path / "t.parquet", table, total=40, seed=seed) for seed in (1, 2))
    assert one.table.num_rows == other.table.num_rows == 40
    assert set(one.table["object_id"].to_pylist()) != set(other.table["object_id"].to_pylist())
    assert one.counts.left_out == {"sample: not drawn": 60}


def test_crowded_frames_come_first(tmp_path):
    rows = [("A", 11)] * 3 + [("A", 12)] * 9 + [("F", 11)] * 2 + [("F", 13)] * 4 + [("F", 12)]
    catalog = read(tmp_path / "t.parquet", table_of(rows), per_class=5, frames="crowded")
    fields = Counter(zip(catalog.table["label"].to_pylist(), catalog.table["field"].to_pylist(), strict=True))
    assert fields == {("A", 12): 5, ("F", 12): 1, ("F", 11): 2, ("F", 13): 2}


def test_rows_without_class_or_use_are_not_drawn_and_counted(tmp_path):
    table = table_of([("A", 11), (None, 11), ("F", 11)])
    table = table.set_column(1, "ra", pa.array([10.0, 20.0, None]))
    catalog = read(tmp_path / "t.parquet", table, per_class=5)
    assert catalog.table["object_id"].to_pylist() == ["id0"]
    assert catalog.counts.left_out == {"sample: cannot be used": 1, "sample: no class": 1}


def test_crowded_frames_need_frames(tmp_path):
    table = table_of([("A", 11)]).drop_columns(["run", "camcol", "field"])
    with pytest.raises(ConfigurationError, match="needs columns run, camcol and field"):
        read(tmp_path / "t.parquet", table, archive_section(survey="skyserver", root="x"), total=1, frames="crowded")


def test_one_of_both_numbers_is_needed():
    for sample in ({}, {"per_class": 1, "total": 1}):
        with pytest.raises(ValueError, match="per_class or total must be set, but not both"):
            CatalogSection.model_validate({"path": "x", "sample": sample})
