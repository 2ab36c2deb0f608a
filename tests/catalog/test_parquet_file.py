import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.catalog.formats import open_source
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import DEC, IDS, RA, assert_read, read_sky, sky_table


def arrow():
    table = sky_table()
    return pa.table({name: np.asarray(table[name]) for name in table.colnames})


def write(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def hats(root, kind="object"):
    """Write a catalogue as the package hats does, with a preview of its rows beside them."""
    data = root / "dataset"
    write(data / "Norder=0" / "Dir=0" / "Npix=4.parquet", arrow()[:2])
    write(data / "Norder=0" / "Dir=0" / "Npix=5.parquet", arrow()[2:])
    write(data / "data_thumbnail.parquet", arrow()[:1])
    for name in ("_metadata", "_common_metadata"):
        pq.write_metadata(arrow().schema, data / name)
    (root / "hats.properties").write_text(f"#HATS catalog\ndataproduct_type={kind}\n")


def test_a_hats_catalogue_is_read_without_its_preview(tmp_path):
    hats(tmp_path / "sky")
    catalog = read_sky(tmp_path / "sky")
    assert_read(catalog)
    assert catalog.notes == ()
    assert open_source(str(tmp_path / "sky")).names == tuple(arrow().column_names)


@pytest.mark.parametrize("named", [True, False])
def test_the_margin_of_a_hats_collection_is_left_out(tmp_path, named):
    hats(tmp_path / "sky")
    hats(tmp_path / "sky_10arcs", "margin")
    if named:
        (tmp_path / "collection.properties").write_text("hats_primary_table_url=sky\nall_margins=sky_10arcs\n")
    catalog = read_sky(tmp_path)
    assert_read(catalog)
    assert "'sky' is read; left out: sky_10arcs" in catalog.notes[0]


def test_a_margin_alone_is_no_catalogue(tmp_path):
    hats(tmp_path / "sky_10arcs", "margin")
    with pytest.raises(ConfigurationError, match="is the margin of a HATS catalogue"):
        read_sky(tmp_path / "sky_10arcs")


def test_several_hats_catalogues_in_one_folder_are_told_apart_by_the_user(tmp_path):
    hats(tmp_path / "one")
    hats(tmp_path / "two")
    with pytest.raises(ConfigurationError, match=r"several HATS catalogues \(one, two\)"):
        read_sky(tmp_path)


def test_a_collection_whose_catalogue_is_not_there_is_refused(tmp_path):
    (tmp_path / "collection.properties").write_text("hats_primary_table_url=sky\n")
    with pytest.raises(ConfigurationError, match="its catalogue 'sky'"):
        read_sky(tmp_path)


@pytest.mark.parametrize("lacking", ["a", "b"])
def test_files_of_a_folder_may_differ_in_columns_and_types(tmp_path, lacking):
    for name, rows in (("a", arrow()[:2]), ("b", arrow()[2:])):
        rows = rows.set_column(3, "run", rows["run"].cast(pa.int32() if name == "a" else pa.int64()))
        write(tmp_path / "sub" / f"{name}.parquet", rows.drop_columns("rerun") if name == lacking else rows)
    (tmp_path / "README.txt").write_text("not a table")
    catalog = read_sky(tmp_path)
    assert_read(catalog)
    assert f"column 'rerun' is missing from 1 of 2 files of {tmp_path}, the first {lacking}.parquet" in catalog.notes[0]
    assert "301 is assumed" in catalog.notes[1]


def test_ids_are_made_only_for_rows_of_files_without_them(tmp_path):
    write(tmp_path / "a.parquet", arrow()[:1].drop_columns("objid"))
    write(tmp_path / "b.parquet", arrow()[1:])
    ids = read_sky(tmp_path).table["object_id"].to_pylist()
    assert ids[1:] == [str(number) for number in IDS[1:]]
    assert ids[0].startswith("001006-6-0011-J")


def test_types_that_do_not_go_together_are_refused_by_the_columns_name(tmp_path):
    write(tmp_path / "a.parquet", arrow())
    write(tmp_path / "b.parquet", arrow().set_column(3, "run", pa.array(["x", "y", "z"])))
    with pytest.raises(ConfigurationError, match="column 'run' .* is int64 in a.parquet, and string in b.parquet"):
        read_sky(tmp_path)


def test_columns_that_folders_are_named_by_are_kept(tmp_path):
    table = arrow()
    for place in range(3):
        write(tmp_path / f"camcol={6}" / f"{place}.parquet", table[place : place + 1].drop_columns("camcol"))
    assert_read(read_sky(tmp_path))


def test_metadata_of_a_folder_is_no_catalogue(tmp_path):
    pq.write_metadata(arrow().schema, tmp_path / "_metadata")
    with pytest.raises(ConfigurationError, match="name the folder"):
        read_sky(tmp_path / "_metadata")


def test_a_folder_without_parquet_is_refused_in_words(tmp_path):
    (tmp_path / "a.csv").write_text("ra,dec\n1,2\n")
    with pytest.raises(ConfigurationError, match="is a folder without Parquet files"):
        read_sky(tmp_path)


def test_columns_of_one_name_are_refused_with_their_places(tmp_path):
    table = arrow().append_column("ra", pa.array(RA))
    write(tmp_path / "a.parquet", table)
    with pytest.raises(ConfigurationError, match="columns 2 and 8 are both called 'ra'"):
        read_sky(tmp_path / "a.parquet")


def test_the_unit_of_a_field_is_read(tmp_path):
    field = pa.field("ra", pa.float64(), metadata={"unit": "rad"})
    table = arrow().set_column(1, field, pa.array(np.radians(RA)))
    write(tmp_path / "a.parquet", table)
    assert_read(read_sky(tmp_path / "a.parquet"))
    assert DEC[1] < 0


@pytest.mark.parametrize(("first", "second"), [("deg", "rad"), (None, "rad"), ("deg", None)])
def test_files_of_a_folder_with_different_units_of_a_column_are_refused_by_name(tmp_path, first, second):
    for name, unit in (("a", first), ("b", second)):
        table = arrow()
        field = table.schema.field("ra").with_metadata({"unit": unit} if unit else {})
        write(tmp_path / f"{name}.parquet", table.set_column(1, field, table["ra"]))
    said = f"is in {first or 'no unit'} in a.parquet, and {second or 'no unit'} in b.parquet"
    with pytest.raises(ConfigurationError, match=f"column 'ra' .* {said}"):
        read_sky(tmp_path)


def test_single_precision_of_any_file_of_a_folder_is_noted(tmp_path):
    table = arrow()
    write(tmp_path / "a.parquet", table[:2])
    write(tmp_path / "b.parquet", table[2:].set_column(1, "ra", table["ra"][2:].cast(pa.float32())))
    catalog = read_sky(tmp_path)
    assert_read(catalog, 1e-5)
    assert [note for note in catalog.notes if "column 'ra' is in single precision" in note]


@pytest.mark.parametrize(
    ("ids", "kind"), [(pa.array([5.0, None, 7.0]), "double"), (pa.array([2**64 - 1, 2**63, 5], pa.uint64()), "uint64")]
)
def test_ids_of_a_folder_that_no_common_type_holds_are_refused_by_column_and_files(tmp_path, ids, kind):
    write(tmp_path / "a.parquet", arrow())
    write(tmp_path / "b.parquet", arrow().set_column(0, "objid", ids))
    with pytest.raises(ConfigurationError, match=f"column 'objid' .*(int64.*{kind}|{kind}.*int64)") as caught:
        read_sky(tmp_path)
    assert "a.parquet" in str(caught.value)
    assert "b.parquet" in str(caught.value)


def test_ids_of_bytes_that_are_no_text_are_refused_by_the_column(tmp_path):
    write(tmp_path / "a.parquet", arrow().set_column(0, "objid", pa.array([b"a", b"b", b"\xff\xfe"])))
    with pytest.raises(ConfigurationError, match="column 'objid' .* holds bytes that are not text"):
        read_sky(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", arrow().set_column(0, "objid", pa.array([b"a", b"b", b"c"])))
    assert read_sky(tmp_path / "b.parquet").table["object_id"].to_pylist() == ["a", "b", "c"]


def test_text_that_is_no_text_is_refused_with_the_file(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"class": ["STAR", "STARS"]}), path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"STARS", b"ST\xff\xfeS"))
    with pytest.raises(ConfigurationError, match=f"cannot read {path} .*Invalid UTF8"):
        open_source(str(path)).read(["class"])
