from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog.identifiers import position_names, read_ids
from survey_batch.catalog.read import read_catalog
from survey_batch.config.job import CatalogSection
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")
UINT64 = st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=20, unique=True)


def columns_beside(count: int) -> dict[str, np.ndarray]:
    return {"ra": np.arange(count) + 0.5, "dec": np.zeros(count)} | {
        name: np.full(count, value) for name, value in (("rerun", 301), ("run", 94), ("camcol", 1), ("field", 11))
    }


def write_csv(path: Path, ids: list[int]) -> None:
    beside = columns_beside(len(ids))
    lines = [",".join(["objid", *beside])]
    lines += [",".join(map(str, row)) for row in zip(ids, *beside.values(), strict=True)]
    path.write_text("\n".join(lines))


def write_parquet(path: Path, ids: list[int]) -> None:
    pq.write_table(pa.table({"objid": pa.array(ids, pa.uint64())} | columns_beside(len(ids))), path)


def write_fits(path: Path, ids: list[int]) -> None:
    columns = [fits.Column("objid", "K", bzero=2**63, array=np.array(ids, np.uint64))]
    columns += [fits.Column(name, "D", array=values) for name, values in columns_beside(len(ids)).items()]
    buffer = BytesIO()
    fits.BinTableHDU.from_columns(columns).writeto(buffer)
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_fits])
@settings(max_examples=20, deadline=None)
@given(ids=UINT64)
def test_every_uint64_stays_exact(tmp_path_factory, write, ids):
    path = tmp_path_factory.mktemp("ids") / "catalogue"
    write(path, ids)
    table = read_catalog(CatalogSection(path=str(path)), SDSS).table
    assert table["object_id"].to_pylist() == [str(number) for number in ids]


@given(st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=20))
def test_whole_numbers_printed_with_a_point_lose_it(numbers):
    ids, lost, odd = read_ids(pa.array([f"{number}.0" for number in numbers]))
    assert ids.to_pylist() == [str(number) for number in numbers]
    assert lost == odd == 0


@given(st.lists(st.integers(2**60, 2**62), min_size=1, max_size=20))
def test_ids_that_went_through_doubles_are_found_out(numbers):
    printed = pa.array([repr(float(number)) for number in numbers])
    as_float64 = pa.array([float(number) for number in numbers])
    assert read_ids(printed)[1] == read_ids(as_float64)[1] == len(numbers)


def test_leading_zeros_and_odd_names_are_kept():
    names = ["007", "12e5", "1.0", "J0012+34", "x y"]
    assert read_ids(pa.array(names)) == (pa.array(names), 0, 0)


def test_exponents_with_all_digits_are_whole_numbers():
    assert read_ids(pa.array(["7.010010000000000000e+05"])) == (pa.array(["701001"]), 0, 0)


def test_exponents_with_fewer_digits_have_lost_some():
    assert read_ids(pa.array(["7.01E+05", "7.02E+05"]))[1] == 2


def test_position_name_is_truncated_and_signed():
    names = position_names(np.array([353.470289, 0.0, np.nan]), np.array([28.972879, -0.5, 1.0]))
    assert names.to_pylist() == ["J233352.86+285822.3", "J000000.00-003000.0", None]


@pytest.mark.parametrize("odd", ["-28762.0", "999", "28762.5", "abc"])
def test_one_odd_id_does_not_change_how_the_others_are_written(tmp_path, odd):
    path = tmp_path / "catalogue.csv"
    path.write_text(f"obsid|filename\n101005.0|a.fits\n{odd}|b.fits\n101007.0|c.fits\n|d.fits\n")
    for layout in ("flat", "obsid"):
        archive = archive_section(survey="lamost", root="/archive", layout=layout)
        catalog = read_catalog(CatalogSection(path=str(path)), archive)
        name = odd.removesuffix(".0")  # a whole number like the others, though negative
        assert catalog.table["object_id"].to_pylist()[:3] == ["101005", name, "101007"]
        assert catalog.table["obsid"].to_pylist() == ["101005", name, "101007", ""]
        assert any("other values are kept as they are (1 of 4 rows)" in note for note in catalog.notes) == (
            odd in ("28762.5", "abc")
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(-(10**7), 10**7).map(float),
            st.integers(-(10**7), 10**7).map(lambda number: number / 4),
            st.sampled_from([1.2376487045771428e18, float(2**52), -28762.0, -9998.0, 1e5]),
        ).filter(lambda number: number not in (-9999, -1, 0)),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_ids_of_floating_point_are_spelled_alike_in_every_format(tmp_path_factory, numbers):
    folder, values = tmp_path_factory.mktemp("ids"), np.array(numbers)
    beside = columns_beside(len(values))
    write_csv(folder / "repr.csv", [repr(number) for number in numbers])
    pq.write_table(pa.table({"objid": values} | beside), folder / "c.parquet")
    pq.write_table(pa.table({"objid": list(map(repr, numbers))} | beside), folder / "text.parquet")
    columns = [fits.Column(name, "D", array=array) for name, array in ({"objid": values} | beside).items()]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "c.fits")
    ids = [
        read_catalog(CatalogSection(path=str(folder / name)), SDSS).table["object_id"].to_pylist()
        for name in ("repr.csv", "c.parquet", "text.parquet", "c.fits")
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["101005.0", "-28762.0", "101007"], ["101005", "-28762", "101007"]),
        (["1.01005e5", "101006", "101007"], ["101005", "101006", "101007"]),
        (["1e+05", "101006", "101007"], ["1e+05", "101006", "101007"]),
        (["1.2376487045771428e+18", "2.0", "3.0"], [None, "2", "3"]),
        (["1.5", "2.5", "3.0"], ["1.5", "2.5", "3"]),
        (["001", "002", "003.0"], ["001", "002", "003.0"]),
    ],
)
def test_numbers_as_ids_have_one_spelling(written, ids):
    assert read_ids(pa.array(written))[0].to_pylist() == ids


def test_few_ids_of_floating_point_that_have_lost_digits_are_made_anew_with_a_note(tmp_path):
    path = tmp_path / "catalogue.parquet"
    ids = pa.array([1237648704577142822.0, None, 5.0, 6.0, 7.0])
    pq.write_table(pa.table({"objid": ids} | columns_beside(5)), path)
    catalog = read_catalog(CatalogSection(path=str(path)), SDSS)
    assert catalog.table["object_id"].to_pylist()[2:] == ["5", "6", "7"]
    assert catalog.table["object_id"][0].as_py().startswith("000094-1-0011-J")
    assert (
        "ids with more digits than that holds cannot tell objects apart and are not used (1 of 5 ids)"
        in catalog.notes[0]
    )


@pytest.mark.parametrize("nothing", ["-9999", "-9999.0", "-1.0", "0.0", "-1", "0"])
@pytest.mark.parametrize("ids", [["101.0", "102.0", "103.0"], ["101", "102", "103"], ["a", "b", "c"]])
def test_a_number_that_stands_for_no_id_is_missing_and_nothing_else(tmp_path, nothing, ids):
    path = tmp_path / "c.csv"
    rows = [f"{name},{10 + place},1" for place, name in enumerate(ids)]
    path.write_text("\n".join(["objid,ra,dec", f"{nothing},9,1", *rows]) + "\n")
    catalog = read_catalog(CatalogSection(path=str(path)), archive_section(survey="skyserver", root="/archive"))
    assert catalog.table["object_id"].to_pylist() == [
        "J003600.00+010000.0",
        *(name.removesuffix(".0") for name in ids),
    ]
    assert catalog.notes == ("1 of 4 rows without a usable id: one is made from the position",)
