"""Text catalogues as other programs write them: names behind `#`, masks, units and types in lines of their own."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import MaskedColumn

from survey_batch.catalog import csv_file
from survey_batch.catalog.formats import open_source
from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export import with_types
from survey_batch.results.export.changes import Changes
from tests.catalog.sky import DEC, IDS, RA, assert_read, read_sky, sky_lines, sky_table

HEADER = "name,ra,dec,run,rerun,camcol,field"


def write(path, *lines, encoding="utf-8"):
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("quote", ["", '"'])
def test_names_that_begin_with_a_hash_are_rows_and_comments_are_none(tmp_path, quote):
    names = ["#1", "#2", "x3"]
    rows = [f"{quote}{name}{quote},{10 + place},20,1,301,1,1" for place, name in enumerate(names)]
    catalog = read_sky(write(tmp_path / "c.csv", "# by hand", HEADER, rows[0], "# a remark", *rows[1:]), id="name")
    assert catalog.table["object_id"].to_pylist() == names
    assert catalog.table["ra"].to_pylist() == [10, 11, 12]


def test_names_that_begin_with_a_hash_in_ecsv_are_rows(tmp_path):
    table = sky_table()
    table.add_column(["#a", "#", "b"], name="name", index=0)
    table.write(tmp_path / "c.ecsv", format="ascii.ecsv")
    assert read_sky(tmp_path / "c.ecsv", id="name").table["object_id"].to_pylist() == ["#a", "#", "b"]


def test_rows_that_are_commented_out_below_a_commented_header_are_counted_in_a_note(tmp_path):
    names, *rows = sky_lines()
    catalog = read_sky(write(tmp_path / "c.csv", "#" + names, rows[0], "#" + rows[0], *rows[1:]))
    assert_read(catalog)
    assert [
        note for note in catalog.notes if "left out as comments" in note and "the header: 1; they begin with #" in note
    ]


def test_formulas_in_which_spreadsheets_keep_digits_are_read_as_what_they_show(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "_BLOCK_BYTES", 80)  # the note comes once, not with each block
    rows = [
        '="0123",="10.5",20,1,301,1,1',
        '"=""0124""",11,20,1,301,1,1',
        '="a""b",12,20,1,301,1,1',
        "x,13,20,1,301,1,1",
    ]
    catalog = read_sky(write(tmp_path / "c.csv", HEADER, *rows), id="name")
    assert catalog.table["object_id"].to_pylist() == ["0123", "0124", 'a""b', "x"]
    assert catalog.table["ra"].to_pylist() == [10.5, 11, 12, 13]
    assert [note for note in catalog.notes if "formulas" in note] == [
        f'column {name!r} holds formulas of a spreadsheet: ="123" is read as 123' for name in ("name", "ra")
    ]


def test_masks_of_vectors_in_columns_of_their_own_are_refused(tmp_path):
    table = sky_table()
    table["mags"] = MaskedColumn(np.ones((3, 2)), mask=[[False, True]] * 3)
    table.write(tmp_path / "a.ecsv", format="ascii.ecsv", serialize_method="data_mask")
    with pytest.raises(ConfigurationError, match=r'columns \(mags.mask\).*without serialize_method="data_mask"'):
        read_sky(tmp_path / "a.ecsv")


def exported(path):
    source, changes = open_source(str(path)), Changes()
    table = with_types(source.read(source.names).table, changes, {c.name: c.kind for c in source.columns})
    return table, changes


def test_types_that_ecsv_declares_are_those_of_an_export(tmp_path):
    columns = {
        "real": np.array([1.0, 2.0, 3.0]),
        "single": np.array([0.1, np.inf, -2], np.float32),
        "half": np.array([0.5, 1, 2], np.float16),
        "small": np.array([1, 2, -3], np.int16),
        "byte": np.array([1, 2, 255], np.uint8),
        "text": np.array(["1", "2", "true"]),
        "digits": np.array(["01", "2", "3"]),
        "truth": MaskedColumn([True, False, True], mask=[False, False, True]),
        "pair": np.array([[1, 2], [3, 4], [5, 6]], np.float32),
        "square": np.arange(12, dtype=np.int16).reshape(3, 2, 2),
    }
    table = sky_table()
    for name, values in columns.items():
        table[name] = values
    table.write(tmp_path / "c.ecsv", format="ascii.ecsv")
    out, changes = exported(tmp_path / "c.ecsv")
    kinds = {name: out.schema.field(name).type for name in ("objid", *columns)}
    assert kinds == {
        "objid": pa.int64(),
        "real": pa.float64(),
        "single": pa.float32(),
        "half": pa.float16(),
        "small": pa.int16(),
        "byte": pa.uint8(),
        "text": pa.string(),
        "digits": pa.string(),
        "truth": pa.bool_(),
        "pair": pa.list_(pa.float32(), 2),
        "square": pa.list_(pa.list_(pa.int16(), 2), 2),
    }
    for name in ("real", "single", "half", "small", "byte", "text", "digits", "pair", "square"):
        assert out[name].to_pylist() == np.asarray(columns[name]).tolist()
    assert out["truth"].to_pylist() == [True, False, None]
    assert changes.lines() == []


def test_values_that_are_not_of_the_declared_type_stay_text_and_it_is_said(tmp_path):
    lines = ["# %ECSV 1.0", "# ---", "# datatype:", "# - {name: a, datatype: int16}", "# - {name: b, datatype: int16}"]
    out, changes = exported(write(tmp_path / "c.ecsv", *lines, "# schema: astropy-2.0", "a b", "1 40000", '"" 2'))
    assert out["a"].to_pylist() == [1, None]
    assert out["b"].to_pylist() == ["40000", "2"]
    assert changes.lines() == ["b: values that are not of the type that the file declares; left as text"]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_units_below_the_names_are_used_without_a_line_of_dashes(tmp_path, delimiter):
    names = delimiter.join(["objid", "ra", "dec", "run", "rerun", "camcol", "field"])
    units = delimiter.join(["", "h", "deg", "", "", "", ""])
    rows = [
        delimiter.join(map(str, [name, repr(ra / 15), dec, 1006, 301, 6, 11]))
        for name, ra, dec in zip(IDS, RA.tolist(), DEC.tolist(), strict=True)
    ]
    catalog = read_sky(write(tmp_path / "c.csv", names, units, *rows))
    assert_read(catalog)
    assert catalog.notes == (
        "line 2 holds units, not a row: 'ra' in 'h', 'dec' in 'deg'",
        "column 'ra' is in 'h': converted to degrees",
    )


def test_types_of_rdb_below_the_names_are_no_row(tmp_path):
    names, *rows = sky_lines("\t")
    catalog = read_sky(write(tmp_path / "c.rdb", names, "\t".join(["19N", "N", "N", "N", "N", "N", "N"]), *rows))
    assert_read(catalog)
    assert catalog.notes == ("line 2 holds the types of an RDB table, not a row",)


def test_a_first_row_that_lacks_its_position_is_not_taken_for_units(tmp_path):
    rows = ["a,,,1,301,1,1", "h,10,20,1,301,1,1"]
    catalog = read_sky(write(tmp_path / "c.csv", HEADER, *rows), id="name")
    assert catalog.table["object_id"].to_pylist() == ["a", "h"]


@pytest.mark.parametrize("place", ["header", "column", "far below"])
def test_text_that_is_not_utf_8_is_refused_whether_it_is_read_or_not(tmp_path, monkeypatch, place):
    monkeypatch.setattr(csv_file, "_HEAD_BYTES", 64)
    names, *rows = sky_lines()
    mark = "Bo\xf6tes"
    lines = [f"{names},{mark if place == 'header' else 'remark'}"]
    lines += [f"{row},{mark if place == 'column' else 'x'}" for row in rows]
    lines += [f"{rows[0]},{mark}"] if place == "far below" else []
    with pytest.raises(ConfigurationError, match="save it as UTF-8 text"):
        read_sky(write(tmp_path / "latin.csv", *lines, encoding="latin-1"))
    monkeypatch.setattr(csv_file, "_BLOCK_BYTES", 200)
    source = open_source(str(write(tmp_path / "utf.csv", *lines)))
    assert source.read([source.names[-1]]).table.num_rows == len(lines) - 1


def test_a_long_header_of_comments_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "_HEAD_BYTES", 100)
    table = sky_table()
    table.meta["comment"] = ["x" * 50] * 20
    table.write(tmp_path / "c.ecsv", format="ascii.ecsv")
    assert_read(read_sky(tmp_path / "c.ecsv"))


def test_a_line_end_in_a_quoted_name_is_a_blank(tmp_path):
    names, *rows = sky_lines()
    path = write(tmp_path / "c.csv", names.replace("ra", '"ra\n(deg)"'), *rows)
    assert open_source(str(path)).names[1] == "ra (deg)"
    assert_read(read_sky(path, columns={"ra": "ra (deg)"}))
    write(path, names.replace("ra", '"ra'), *rows * 400)
    with pytest.raises(ConfigurationError, match="line 1 of .* has a quotation mark that is not closed"):
        read_sky(path)
