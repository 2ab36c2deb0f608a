import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.catalog.fields import read_fields
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import RA, assert_read, read_sky, sky_lines, sky_table
from tests.jobs import archive_section


@pytest.fixture
def write(tmp_path):
    def write_table(change=None, name="catalogue.csv"):
        table = sky_table()
        if change is not None:
            change(table)
        table.write(tmp_path / name, format="ascii.csv")
        return tmp_path / name

    return write_table


def test_a_plain_catalogue_leaves_no_notes(write):
    catalog = read_sky(write())
    assert_read(catalog, 0)
    assert catalog.notes == ()


def test_other_columns_that_may_be_the_position_are_named(write):
    def several(table):
        for place, name in enumerate(("RA_ICRS", "ra_1", "RAJ2000", "DEJ2000"), 1):
            table[name] = table["dec" if name[0] == "D" else "ra"] + place

    path = write(several)
    catalog = read_sky(path)
    assert_read(catalog)
    ra, dec = catalog.notes
    assert "'ra' is read as ra, and 'RA_ICRS', 'ra_1', 'RAJ2000' are ignored" in ra
    assert "'dec' is read as dec, and 'DEJ2000' is ignored" in dec
    chosen = read_sky(path, columns={"ra": "RAJ2000", "dec": "DEJ2000"})
    assert chosen.table["ra"].to_pylist() == (RA + 3).tolist()
    assert chosen.notes == ()


def test_a_declination_is_taken_with_its_own_right_ascension(write):
    def without_dec(table):
        table["RAJ2000"] = table["ra"]
        table["ra"] += 1
        table.rename_column("dec", "DEJ2000")

    catalog = read_sky(write(without_dec))
    assert_read(catalog)
    assert "'RAJ2000' is read as ra, and 'ra' is ignored" in catalog.notes[0]


def test_names_that_differ_in_case_alone_are_named(write):
    def twice(table):
        table["Redshift"] = 0.5
        table["redshift"] = 0.1

    catalog = read_sky(write(twice))
    assert catalog.table["redshift"].to_pylist() == [0.5] * 3
    assert "column 'Redshift' is read as redshift, and 'redshift' is ignored" in catalog.notes[0]


def test_a_velocity_is_no_redshift(tmp_path):
    table = pa.table({name: list(sky_table()[name]) for name in sky_table().colnames})
    field = pa.field("z", pa.float64(), metadata={"unit": "km/s"})
    pq.write_table(table.append_column(field, pa.array([1.0, 2.0, 3.0])), tmp_path / "a.parquet")
    catalog = read_sky(tmp_path / "a.parquet")
    assert str(catalog.table["redshift"].to_pylist()[0]) == "nan"
    assert "column 'z' is in 'km/s', a velocity" in catalog.notes[0]


def test_positions_alone_are_refused_with_what_sdss_needs_and_how_to_get_it(tmp_path):
    path = tmp_path / "mystars.csv"
    path.write_text("ra,dec,class\n64.1,1.1,GALAXY\n")
    with pytest.raises(ConfigurationError) as error:
        read_sky(path)
    message = str(error.value)
    assert all(f"no column found for {name!r}" in message for name in ("run", "camcol", "field"))
    assert "columns of " in message
    assert "ra, dec, class" in message
    for words in (
        "by the columns run, camcol and field",
        "CrossID",
        "query_crossid",
        'Survey "skyserver" needs only ra and dec',
    ):
        assert words in message
    assert_alone = read_sky(path, survey="skyserver")
    assert assert_alone.table["problem"].to_pylist() == [""]


@pytest.mark.parametrize(
    ("layout", "words"),
    [("flat", "filename, or lmjd, planid"), ("plan", "obsdate and planid"), ("obsid", "columns obsid")],
)
def test_positions_alone_are_refused_with_what_lamost_needs(tmp_path, layout, words):
    from survey_batch.catalog import read_catalog

    path = tmp_path / "mystars.csv"
    path.write_text("ra,dec,class\n64.1,1.1,GALAXY\n")
    archive = archive_section(survey="lamost", root="/archive", layout=layout)
    with pytest.raises(ConfigurationError, match=words):
        read_catalog(CatalogSection(path=str(path)), archive)


def test_a_list_of_fields_says_what_was_noticed_too(tmp_path):
    path = tmp_path / "fields.csv"
    path.write_text("run,run,camcol,field\n1006,1007,6,11\n")
    section = CatalogSection.model_validate({"path": str(path)})
    notes = read_fields(section, archive_section(survey="sdss", root="/archive"))[1]
    assert "'run' is column 1, 'run#2' is column 2" in notes[0]


def test_no_line_of_a_plain_file_is_lost(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_text("\n".join(sky_lines()))
    assert read_sky(path).table["row"].to_pylist() == [0, 1, 2]
