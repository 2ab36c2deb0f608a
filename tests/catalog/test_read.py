import gzip
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from survey_batch.catalog import read_catalog
from survey_batch.config.job import CatalogSection, SplitSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

HEADER = "object_id,ra,dec,rerun,run,camcol,field,class"
ROWS = ["a,10,1,301,94,1,11,STAR", "b,20,2,301,94,2,12,GALAXY", "c,30,3,301,94,3,13,STAR"]


def read(path, survey="sdss", layout="flat", **section):
    archive = archive_section(survey=survey, root="/archive", layout=layout)
    return read_catalog(CatalogSection(path=str(path), **section), archive)


def column(catalog, name):
    return catalog.table[name].to_pylist()


@pytest.fixture
def write(tmp_path):
    def write_lines(*lines: str, name: str = "catalogue.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write_lines


def test_table_has_the_promised_columns_and_types(write):
    table = read(write(HEADER, *ROWS)).table
    assert {name: str(table.schema.field(name).type) for name in table.column_names} == {
        "row": "int64",
        "object_id": "string",
        "ra": "double",
        "dec": "double",
        "label": "string",
        "split": "string",
        "redshift": "float",
        "snr": "float",
        "problem": "string",
        "rerun": "int32",
        "run": "int32",
        "camcol": "int32",
        "field": "int32",
    }
    assert table["field"].to_pylist() == [11, 12, 13]
    assert table["problem"].to_pylist() == ["", "", ""]


@pytest.mark.parametrize("kind", ["csv", "bar", "gz", "parquet", "folder", "fits", "fits.gz", "votable"])
def test_each_format_gives_the_same_table(write, tmp_path, kind):
    expected = read(write(HEADER, *ROWS), label="class").table
    table = Table.read(tmp_path / "catalogue.csv", format="ascii.csv")
    path = tmp_path / "without_extension"
    if kind == "csv":
        path.write_text("#Table1\n" + HEADER + "\n" + "\r\n".join(ROWS))
    elif kind == "bar":
        path.write_text("\n".join([HEADER, *ROWS]).replace(",", "|"))
    elif kind == "gz":
        path.write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pydict({name: table[name].tolist() for name in table.colnames}), path)
    elif kind == "folder":
        path.mkdir()
        pq.write_table(pa.Table.from_pydict({n: table[n].tolist() for n in table.colnames}), path / "a.parquet")
    else:
        buffer = BytesIO()
        table.write(buffer, format=kind.removesuffix(".gz"))
        path.write_bytes(gzip.compress(buffer.getvalue()) if kind.endswith("gz") else buffer.getvalue())
    assert repr(read(path, label="class").table.to_pylist()) == repr(expected.to_pylist())


def test_header_behind_a_comment_sign_and_comments_between_rows_are_understood(write):
    table = read(write("# made by hand", "# " + HEADER, ROWS[0], "# a remark", "", "#x,1,1,1,1,1,1,1", *ROWS[1:])).table
    assert table["object_id"].to_pylist() == ["a", "b", "c"]
    assert table["row"].to_pylist() == [0, 1, 2]


def test_a_line_with_a_wrong_number_of_fields_is_an_invalid_row_in_its_place(write):
    catalog = read(write(HEADER, ROWS[0], "torn,line", *ROWS[1:]))
    assert column(catalog, "object_id") == ["a", "row-1", "b", "c"]
    assert "2 fields where the header has 8" in column(catalog, "problem")[1]
    assert "line 3" in column(catalog, "problem")[1]
    assert any("1 of 4 rows cannot be used" in note for note in catalog.notes)


def test_a_file_of_which_most_lines_do_not_fit_is_refused(write):
    with pytest.raises(ConfigurationError, match=r"does not fit its header in 3 of 3 rows"):
        read(write(HEADER, *(f"{row}," for row in ROWS)))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,,1,301,94,1,11,STAR", "ra is missing"),
        ("x,nan,1,301,94,1,11,STAR", "ra is missing"),
        ("x,-9999,1,301,94,1,11,STAR", "ra is missing"),
        ("x,361,1,301,94,1,11,STAR", "ra = '361'; ra must lie from 0 to 360"),
        ("x,-1,1,301,94,1,11,STAR", "ra must lie from 0 to 360"),
        ("x,10,-90.5,301,94,1,11,STAR", "dec must lie from -90 to 90"),
        ("x,10:20:30,1,301,94,1,11,STAR", "ra = '10:20:30'; ra is not a number in degrees"),
        ("x,10,1,301,abc,1,11,STAR", "run = 'abc'; run is not a whole number"),
        ("x,10,1,301,94,1,1.5,STAR", "field = '1.5'; field is not a whole number"),
        ("x,10,1,301,94,1,,STAR", "field is missing"),
        ("x,10,1,301,94,1,-9999,STAR", "field is missing"),
        ("x,10,1,301,94,7,11,STAR", "camcol must lie from 1 to 6"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(write, row, problem):
    catalog = read(write(HEADER, row, *ROWS))
    assert problem in column(catalog, "problem")[0]
    assert column(catalog, "problem")[1:] == ["", "", ""]


def test_a_row_of_missing_magnitudes_can_be_used(write):
    catalog = read(write("objid,ra,dec,u,g,r,i,z,run,camcol,field", "1,10,1,-9999,-9999,18,18,-9999,94,1,11"))
    assert column(catalog, "problem") == [""]
    assert np.isnan(column(catalog, "redshift")[0])
    assert column(catalog, "rerun") == [301]


def test_numbers_may_carry_signs_points_and_spaces(write):
    catalog = read(write(HEADER, "a, +10.5 ,-1e-3,301.0,94,1,0011,STAR"))
    assert (column(catalog, "ra"), column(catalog, "dec")) == ([10.5], [-0.001])
    assert (column(catalog, "rerun"), column(catalog, "field")) == ([301], [11])


def test_a_later_row_of_one_object_is_invalid_and_keeps_an_id_of_its_own(write):
    catalog = read(write(HEADER, *ROWS, ROWS[0], ROWS[0]))
    assert column(catalog, "object_id") == ["a", "b", "c", "a#2", "a#3"]
    assert column(catalog, "problem")[3].startswith("same object_id as row 0")
    assert " rows with the id of another" in catalog.notes[0]


def test_the_first_usable_row_keeps_the_id(write):
    catalog = read(write(HEADER, "a,,1,301,94,1,11,STAR", ROWS[0]))
    assert column(catalog, "object_id") == ["a#2", "a"]
    assert column(catalog, "problem")[1] == ""


def test_an_id_that_looks_like_a_numbered_repeat_stays_with_its_row(write):
    catalog = read(write(HEADER, ROWS[0], ROWS[0], "a#2,40,1,301,94,1,11,STAR"))
    assert column(catalog, "object_id")[2].startswith("a#2")
    assert column(catalog, "problem")[2] == ""
    assert len(set(column(catalog, "object_id"))) == 3


def test_different_objects_with_one_id_are_told_apart_by_position_in_any_order(write):
    lines = [ROWS[0], "a,50,1,301,94,1,11,STAR", ROWS[1]]
    first, second = read(write(HEADER, *lines)), read(write(HEADER, *lines[::-1]))
    assert column(first, "problem") == ["", "", ""]
    assert column(first, "object_id") == column(second, "object_id")[::-1]
    assert column(first, "object_id")[0] == "a-J004000.00+010000.0"


def test_columns_named_in_the_job_go_before_guesses(write):
    path = write("name,RA_X,dec,rerun,run,camcol,field,kind,ra", "s,10,1,301,94,1,11,star,99")
    catalog = read(path, id="name", label="kind", columns={"ra": "RA_X"})
    row = catalog.table.to_pylist()[0]
    assert (row["object_id"], row["ra"], row["label"]) == ("s", 10.0, "star")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"id": "objct_id"}, r"catalog.id: there is no column 'objct_id' \(did you mean 'object_id'\?\)"),
        ({"label": "kind"}, "catalog.label: there is no column 'kind'"),
        ({"columns": {"ra": "alpha2"}}, "catalog.columns.ra: there is no column 'alpha2'"),
        ({"columns": {"camcl": "camcol"}}, r"'camcl' is not a name used here \(did you mean 'camcol'\?\)"),
        ({"label": "spectral_type"}, "needs subclass, not found in the catalogue"),
    ],
)
def test_a_wrong_name_is_refused_with_what_there_is(write, section, message):
    with pytest.raises(ConfigurationError, match=message):
        read(write(HEADER, *ROWS), **section)


def test_needed_columns_that_are_missing_are_all_listed(write):
    with pytest.raises(ConfigurationError) as error:
        read(write("object_id,ra,latitude", "a,1,2"))
    message = str(error.value)
    assert all(f"no column found for {name!r}" in message for name in ("dec", "run", "camcol", "field"))
    assert "columns = {dec = " in message
    assert "object_id, ra, latitude" in message


def test_a_catalogue_of_the_other_survey_is_recognised(write):
    with pytest.raises(ConfigurationError, match=r'did you mean archive.survey = "sdss"'):
        read(write(HEADER, *ROWS), survey="lamost")


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# nothing\n# here\n", "only comments .*'# nothing'.*: check that the query found something"),
        (b"1,2,3\n4,5,6\n", "should name the columns"),
        (HEADER.encode(), "no rows: check that the query found something"),
        (b"PAR1 but not really", "cannot read .*Parquet"),
        (b"SIMPLE  =                    T", "cannot read"),
        (HEADER.encode() + b"\nx,,,,,,,", "no row of .* can be used, out of 1;"),
        ((HEADER + "\n").encode() + b"\xe9," + ROWS[0].encode()[2:], "save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_in_words(tmp_path, content, message):
    path = tmp_path / "catalogue"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read(path)


def test_a_missing_file_and_an_unknown_protocol_are_refused_in_words(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no file"):
        read(tmp_path / "no.csv")
    with pytest.raises(ConfigurationError, match="cannot read nosuch://x"):
        read("nosuch://x")


def test_the_catalogues_own_split_is_taken_unless_the_job_asks_for_one(write):
    path = write(HEADER + ",split", *(f"{row},{split}" for row, split in zip(ROWS, ["train", "TEST", ""], strict=True)))
    assert column(read(path), "split") == ["train", "test", ""]
    made = read(path, label="class", split=SplitSection(train=0, test=1))
    assert column(made, "split") == ["test", "test", "test"]


def test_a_split_of_another_name_is_refused(write):
    with pytest.raises(ConfigurationError, match="'dev'"):
        read(write(HEADER + ",split", ROWS[0] + ",dev"))


def test_ids_that_lost_their_digits_are_replaced_by_ones_that_do_not_depend_on_order(write):
    header = "objid,ra,dec,run,rerun,camcol,field,plate,mjd,fiberid"
    rows = [
        f"1.23764870457714E+018,{ra},0.1,752,301,4,267,{plate},54922,491" for ra, plate in ((183.5, 3306), (184, 3307))
    ]
    catalog = read(write(header, *rows))
    assert column(catalog, "object_id") == ["3306-54922-0491", "3307-54922-0491"]
    assert "has lost digits (2 of 2 rows" in catalog.notes[0]
    assert column(read(write(header, *rows[::-1])), "object_id") == column(catalog, "object_id")[::-1]


def test_without_spectra_substitute_ids_are_made_of_field_and_position(write):
    catalog = read(write("objid,ra,dec,run,rerun,camcol,field", "1.23764870457714E+018,183.5,0.1,752,301,4,267"))
    assert column(catalog, "object_id") == ["000752-4-0267-J121400.00+000600.0"]


@pytest.mark.parametrize(
    ("layout", "row", "problem"),
    [
        ("flat", "1|10|1|2012-01-01|55862|B|1|1|", ""),
        ("flat", "1|||2012-01-01|55862|B|1|1|", ""),
        ("flat", "1|10|1|||||||spec-55862-B6202_sp01-001.fits.gz".replace("|||||||", "||||||"), ""),
        ("flat", "1|10|1|2012-01-01|55862|B|1||", "the file cannot be named"),
        ("flat", "1|10|99|2012-01-01|55862|B|1|1|", "dec must lie"),
        ("plan", "1|10|1||55862|B|1|1|", "obsdate is missing"),
        ("obsid", "|10|1|2012-01-01|55862|B|1|1|", "obsid is missing"),
    ],
)
def test_a_spectrum_needs_what_its_archive_layout_finds_files_by(write, layout, row, problem):
    header = "obsid|ra|dec|obsdate|lmjd|planid|spid|fiberid|filename"
    catalog = read(write(header, "9|10|1|2012-01-01|55862|B|1|9|", row), survey="lamost", layout=layout)
    found = column(catalog, "problem")[1]
    assert (found == "") if problem == "" else (problem in found)


def test_the_key_is_read_from_the_file_name_where_it_has_no_columns(write):
    catalog = read(write("filename", "spec-55862-B6202_sp01-002.fits.gz"), survey="lamost")
    row = catalog.table.to_pylist()[0]
    assert (row["lmjd"], row["planid"], row["spid"], row["fiberid"]) == (55862, "B6202", 1, 2)
    assert row["object_id"] == "55862-B6202-sp01-002"


def test_the_first_known_signal_to_noise_is_taken(write):
    path = write("obsid,snrg,snrr,z,filename", "1,5,-9999,-9999,a.fits", "2,6,7,0.1,b.fits", "3,,,,c.fits")
    catalog = read(path, survey="lamost")
    np.testing.assert_array_equal(column(catalog, "snr"), [5, 7, np.nan])
    np.testing.assert_array_equal(column(catalog, "redshift"), np.float32([np.nan, 0.1, np.nan]))


def test_real_sdss_sources(real_data):
    catalog = read(real_data / "sdss" / "sources.csv")
    assert catalog.notes == ()
    assert catalog.table.num_rows == len(set(column(catalog, "object_id"))) == 878
    assert set(column(catalog, "problem")) == {""}


def test_real_lamost_catalogue(real_data):
    section = {"label": "spectral_type", "split": SplitSection()}
    catalog = read(real_data / "lamost" / "catalog.csv", survey="lamost", **section)
    labels = {"G": 100, "F": 80, "K": 51, "A": 45, "M": 24, "non-stellar": 7, "": 5}
    assert Counter(column(catalog, "label")) == labels
    assert len(set(column(catalog, "object_id"))) == 312
    assert column(catalog, "object_id")[0] == column(catalog, "obsid")[0] == "701001"
    assert catalog.notes == ("111 of 312 rows without a usable id: one is made from lmjd-planid-spid-fiberid",)
    assert set(column(catalog, "problem")) == {""}


@pytest.mark.parametrize(("name", "id_column"), [("sdss17_10k", "spec_obj_ID"), ("skyserver_dr14_10k", "specobjid")])
def test_real_catalogues_with_mangled_ids(real_data, name, id_column):
    catalog = read(real_data / "catalogs" / f"{name}.csv", label="class")
    assert len(set(column(catalog, "object_id"))) == 10_000
    assert set(column(catalog, "problem")) == {""}
    assert f"column {id_column!r} was written as floating point" in catalog.notes[0]
    assert np.nanmax(column(catalog, "redshift")) < 8


def test_torn_lines_keep_their_places_in_a_file_of_many_blocks(tmp_path):
    rng = np.random.default_rng(3)
    kinds = rng.choice(["good", "torn", "comment", "blank"], 60_000, p=[0.9, 0.05, 0.03, 0.02])
    texts = {"torn": "torn{0},1", "comment": "# {0}", "blank": "", "good": "id{0},10.5,1.5,301,94,1,11,STAR"}
    lines = ["", "#Table1", "", HEADER, *(texts[kind].format(number) for number, kind in enumerate(kinds))]
    path = tmp_path / "many.csv"
    path.write_text("\n".join(lines))
    catalog = read(path)
    rows = [(number, kind) for number, kind in enumerate(kinds) if kind in ("good", "torn")]
    expected = [f"id{number}" if kind == "good" else f"row-{row}" for row, (number, kind) in enumerate(rows)]
    assert column(catalog, "object_id") == expected
    assert all(
        (f"'torn{number},1'" in problem) == (kind == "torn")
        for (number, kind), problem in zip(rows, column(catalog, "problem"), strict=True)
    )


WORDS = ["NA", "N/A", "<NA>", "-", "--", "---", "null", "NULL", "None", "nan", "missing", "...", "?", "."]


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("word", [*WORDS, "#N/A", "#NULL!", "#VALUE!"])
def test_a_word_for_nothing_is_no_class_and_is_counted(write, tmp_path, word, form):
    path = write(HEADER, *ROWS, *(f"{name},40,4,301,94,1,{field},{word}" for field, name in enumerate("de", 20)))
    if form == "parquet":
        names, *rows = [line.split(",") for line in path.read_text().splitlines()]
        path = tmp_path / "c.parquet"
        pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), path)
    catalog = read(path, label="class")
    assert column(catalog, "label") == ["STAR", "GALAXY", "STAR", "", ""]
    assert any(f"column 'class' (label): rows without a class: {word!r} in 2" in note for note in catalog.notes)


def test_classes_that_differ_in_case_or_quotation_marks_alone_are_told(write):
    labels = ["STAR", "star", "'STAR'", "QSO", "Galaxy", "galaxy", "STAR", ""]
    rows = [f"r{place},10,{place},301,94,1,11,{label}" for place, label in enumerate(labels)]
    catalog = read(write(HEADER, *rows), label="class")
    assert column(catalog, "label") == labels
    star, galaxy = (note for note in catalog.notes if "differ only in case" in note)
    assert "\"'STAR'\" in 1, 'STAR' in 2, 'star' in 1;" in star
    assert "'Galaxy' in 1, 'galaxy' in 1;" in galaxy


def test_an_empty_label_needs_no_note(write):
    catalog = read(write(HEADER, *ROWS, "d,40,4,301,94,1,11,"), label="class")
    assert column(catalog, "label") == ["STAR", "GALAXY", "STAR", ""]
    assert catalog.notes == ()


@pytest.mark.parametrize("name", ["Unknown", "unknown", "Non", "N", "Nova", "0", "99", "#1", "a.", "?S", "-1"])
def test_a_class_that_only_looks_like_nothing_stays(write, name):
    catalog = read(write(HEADER, *ROWS, f"d,40,4,301,94,1,11,{name}"), label="class")
    assert column(catalog, "label")[3] == name
    assert catalog.notes == ()


def test_a_word_for_nothing_that_the_job_names_as_a_class_is_one(write):
    path = write(HEADER, *ROWS, "d,40,4,301,94,1,11,missing", "e,50,4,301,94,1,11,?")
    catalog = read(path, label="class", select={"labels": ["STAR", "missing"]})
    assert column(catalog, "label") == ["STAR", "STAR", "missing"]
    assert any("rows without a class: '?' in 1;" in note for note in catalog.notes)


def test_a_number_as_a_class_has_one_spelling_in_every_format(write, tmp_path):
    labels = ["1", "2.0", "", "3.0", "3", "-1.0", "1.5", "-9999", "007"]
    rows = [f"r{place},10,{place},301,94,1,11,{label}" for place, label in enumerate(labels)]
    catalog = read(write(HEADER, *rows), label="class")
    assert column(catalog, "label") == ["1", "2", "", "3", "3", "-1", "1.5", "", "007"]
    assert any("with a decimal point, which is dropped" in note for note in catalog.notes)
    assert any("rows without a class: '-9999' in 1;" in note for note in catalog.notes)
    numbers = np.array([float(label or "nan") for label in labels[:-1]])
    table = Table.read(tmp_path / "catalogue.csv", format="ascii.csv")[:-1]
    table["class"] = numbers
    table.write(tmp_path / "c.fits", overwrite=True)
    assert column(read(tmp_path / "c.fits", label="class"), "label") == column(catalog, "label")[:-1]


@pytest.mark.parametrize("value", ["inf", "-Infinity", "INF"])
@pytest.mark.parametrize("axis", ["ra", "dec"])
def test_an_infinite_position_is_not_called_missing(write, value, axis):
    row = f"d,{value},4,301,94,1,11,STAR" if axis == "ra" else f"d,40,{value},301,94,1,11,STAR"
    (problem,) = set(column(read(write(HEADER, *ROWS, row)), "problem")) - {""}
    assert problem.startswith(f"{axis} = {value!r}; {axis} must lie from ")


def test_a_line_of_one_field_has_one_field(write):
    catalog = read(write(HEADER, *ROWS, "torn"))
    assert "has 1 field where the header has 8" in column(catalog, "problem")[3]


def test_optional_values_that_are_no_numbers_are_missing_with_a_note(write):
    catalog = read(write(HEADER + ",snr", *(f"{row},{snr}" for row, snr in zip(ROWS, ["7", "high", ""], strict=True))))
    np.testing.assert_array_equal(column(catalog, "snr"), [7, np.nan, np.nan])
    assert "column 'snr' (snr) holds text that is not a number" in catalog.notes[0]


@pytest.mark.parametrize(
    ("ra", "hint"),
    [
        ("04:16:53.07", r'sexagesimal, say so: \[catalog\] units = {ra = "sexagesimal"}'),
        ('"64,22"', "a decimal point, not a comma"),
    ],
)
def test_a_position_that_is_no_number_says_what_it_looks_like(write, ra, hint):
    with pytest.raises(ConfigurationError, match=hint):
        read(write(HEADER, f"x,{ra},1,301,94,1,11,STAR"))


def test_sexagesimal_positions_are_read_where_the_job_says_so(write):
    row = "x,04:16:53.07,-01:30:00,301,94,1,11,STAR"
    catalog = read(write(HEADER, row), units={"ra": "hms", "dec": "dms"})
    assert column(catalog, "ra") == [pytest.approx(64.221125, abs=1e-12)]
    assert column(catalog, "dec") == [-1.5]
