import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import read_catalog
from survey_batch.config.job import CatalogSection
from tests.jobs import archive_section

HEADER = "specobjid,ra,dec,run,camcol,field,snMedian,sciencePrimary"
SDSS = archive_section(survey="sdss", root="/archive")
ARCSEC = 1 / 3600


def read(path, lines, **duplicates):
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return read_catalog(CatalogSection.model_validate({"path": str(path), "duplicates": duplicates}), SDSS)


def kept(catalog):
    return catalog.table["object_id"].to_pylist()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalogue.csv"


def test_of_one_id_the_best_snr_stays(path):
    catalog = read(path, ["5,10,1,94,1,11,3,1", "5,10,1,94,1,11,9,0", "6,20,1,94,1,11,1,1"], by=["id"])
    assert kept(catalog) == ["5", "6"]
    assert catalog.table["row"].to_pylist() == [1, 2]
    assert catalog.counts.left_out == {"duplicates by id": 1}
    assert catalog.table["problem"].to_pylist() == ["", ""]


def test_of_one_position_the_primary_stays_and_then_the_best_snr(path):
    lines = ["5,10,1,94,1,11,9,0", f"6,{10 + ARCSEC},1,94,1,11,3,1", f"7,{10 + 1.5 * ARCSEC},1,94,1,11,4,1"]
    assert kept(read(path, lines, keep="primary")) == ["7"]
    assert kept(read(path, lines, keep="snr")) == ["5"]
    assert kept(read(path, lines, by=["id"])) == ["5", "6", "7"]
    assert kept(read(path, lines, radius_arcsec=0.7)) == ["5", "7"]


def test_a_row_that_cannot_be_used_gives_way(path):
    assert kept(read(path, ["5,10,1,94,9,11,99,1", "6,10,1,94,1,11,1,1"])) == ["6"]


def test_what_is_alike_is_told_apart_by_the_smallest_id(path):
    lines = ["7,10,1,94,1,11,5,1", "6,10,1,94,1,11,5,1", "8,10,1,94,1,11,,1"]
    assert kept(read(path, lines)) == kept(read(path, lines[::-1])) == ["6"]


def test_one_id_of_two_places_is_two_objects(path):
    assert len(kept(read(path, ["5,10,1,94,1,11,3,1", "5,50,1,94,1,11,9,0"], by=["id"]))) == 2


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=25), st.randoms()
)
def test_no_two_rows_left_are_one_object_and_order_changes_nothing(tmp_path_factory, stars, random):
    path = tmp_path_factory.mktemp("duplicates") / "c.csv"
    lines = [f"{100 + 7 * i % 50},{10 + s},{v * 0.3 * ARCSEC},94,1,11,{n},1" for i, (s, v, n) in enumerate(stars)]
    catalog = read(path, lines)
    assert sorted({round(ra) for ra in catalog.table["ra"].to_pylist()}) == sorted({10 + s for s, _, _ in stars})
    assert catalog.table.num_rows == len({s for s, _, _ in stars})
    best = {s: max(n for other, _, n in stars if other == s) for s, _, _ in stars}
    for ra, snr in zip(catalog.table["ra"].to_pylist(), catalog.table["snr"].to_pylist(), strict=True):
        assert snr == best[round(ra) - 10]
    random.shuffle(lines)
    again = read(path, lines)
    columns = ["object_id", "ra", "dec", "snr"]
    order = [("object_id", "ascending")]
    assert again.table.select(columns).sort_by(order).equals(catalog.table.select(columns).sort_by(order))
    assert catalog.counts.left_out.total() + catalog.table.num_rows == len(stars)
    assert np.all(np.diff(catalog.table["row"].to_numpy()) > 0)
