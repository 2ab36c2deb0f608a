import gzip

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn

from survey_batch.catalog.csv_header import encoding_of, find_header
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import DEC, IDS, RA, assert_read, read_sky, sky_lines, sky_table

VIZIER = ["#RESOURCE=yCat_5147", "#Name: V/147", "", "{names}", "{units}", "{rules}"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("opener", [open, gzip.open])
def test_text_in_any_unicode_encoding_is_read(tmp_path, encoding, opener):
    path = tmp_path / "catalogue.csv"
    with opener(path, "wb") as file:
        file.write("\n".join(sky_lines()).encode(encoding))
    catalog = read_sky(path)
    assert_read(catalog)
    assert catalog.notes == ()


def test_a_file_of_bytes_is_no_text():
    assert encoding_of(b"\x89PNG\x00\x00\x00\r") is None
    assert encoding_of("a,b".encode("utf-32")) is None


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_excels_line_that_names_the_delimiter_is_no_header(tmp_path, delimiter):
    path = tmp_path / "catalogue.csv"
    path.write_bytes("\r\n".join([f"sep={delimiter}", *sky_lines(delimiter)]).encode())
    assert_read(read_sky(path))


def vizier(rows, units):
    names = ["RA_ICRS", "DE_ICRS", "objID", "run", "rerun", "camcol", "field"]
    frame = {"names": names, "units": [*units, *[" "] * 5], "rules": ["-" * len(name) for name in names]}
    return "\n".join(
        [*(line.format(**{key: "\t".join(cells) for key, cells in frame.items()}) for line in VIZIER), *rows, ""]
    )


def test_vizier_units_and_rules_are_no_rows(tmp_path):
    path = tmp_path / "catalogue.tsv"
    rows = [f"{ra}\t{dec}\t{name}\t1006\t301\t6\t11" for ra, dec, name in zip(RA, DEC, IDS, strict=True)]
    path.write_text(vizier(rows, ["deg", "deg"]))
    catalog = read_sky(path)
    assert_read(catalog)
    assert catalog.notes == ()


def test_vizier_positions_in_hours_and_minutes_are_converted(tmp_path):
    sky = SkyCoord(RA, DEC, unit="deg")
    ra, dec = sky.ra.to_string("hourangle", sep=" ", precision=7), sky.dec.to_string("deg", sep=" ", precision=7)
    rows = [f"{a}\t{d}\t{name}\t1006\t301\t6\t11" for a, d, name in zip(ra, dec, IDS, strict=True)]
    path = tmp_path / "catalogue.tsv"
    path.write_text(vizier(rows, ['"h:m:s"', '"d:m:s"']))
    catalog = read_sky(path)
    assert_read(catalog)
    assert catalog.notes[0] == "column 'RA_ICRS' is sexagesimal: converted to degrees"


def test_several_tables_of_vizier_below_each_other_are_refused(tmp_path):
    text = vizier(["1\t2\t3\t4\t5\t6\t7"], ["deg", "deg"])
    path = tmp_path / "catalogue.tsv"
    path.write_text(text + text)
    with pytest.raises(ConfigurationError, match="several tables one below another, as VizieR writes them"):
        read_sky(path)


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_ecsv_is_read_with_its_units_and_blanks(tmp_path, delimiter):
    table = sky_table()
    table["ra"] = table["ra"] * 3600
    table["ra"].unit = "arcsec"
    table["class"] = MaskedColumn(["STAR A", "", "GALAXY"], mask=[False, True, False])
    path = tmp_path / "catalogue.ecsv"
    table.write(path, format="ascii.ecsv", delimiter=delimiter)
    catalog = read_sky(path, label="class")
    assert_read(catalog)
    assert catalog.table["label"].to_pylist() == ["STAR A", "", "GALAXY"]
    assert catalog.notes == ("column 'ra' is in 'arcsec': converted to degrees",)


def test_a_broken_header_of_ecsv_is_refused(tmp_path):
    path = tmp_path / "catalogue.ecsv"
    path.write_text("# %ECSV 1.0\n# ---\n# datatype: [\nobjid ra\n1 2\n")
    with pytest.raises(ConfigurationError, match="is not valid ECSV"):
        read_sky(path)


def test_columns_separated_by_blanks_are_refused_in_words(tmp_path):
    path = tmp_path / "catalogue.txt"
    path.write_text("\n".join(sky_lines(" ")))
    with pytest.raises(ConfigurationError, match="separated by blanks .*save it as CSV"):
        read_sky(path)


@pytest.mark.parametrize(
    "lines",
    [
        ["# objid ra dec class", "  1 64.2 1.1 STAR"],
        ["#   1 NUMBER    Running object number", "#   2 ALPHA_J2000    [deg]", "   1  64.2211589"],
        ["1 64.2 1.1", "2 64.3 1.1"],
    ],
)
def test_rows_between_blanks_are_no_message_of_a_server(tmp_path, lines):
    path = tmp_path / "catalogue.txt"
    path.write_text("\n".join([*lines, ""]))
    with pytest.raises(ConfigurationError, match="separated by blanks .*save it as CSV"):
        read_sky(path)


def test_a_column_that_is_read_as_both_ra_and_dec_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("\n".join(sky_lines()))
    with pytest.raises(ConfigurationError, match="column 'ra' of .* is read as ra and as dec: name one for each"):
        read_sky(path, columns={"dec": "RA"})


def test_columns_of_one_name_are_told_apart_and_the_job_chooses(tmp_path):
    path = tmp_path / "catalogue.csv"
    names, *rows = sky_lines()
    path.write_text("\n".join([f"ra,{names}", *(f"{10 + place},{row}" for place, row in enumerate(rows))]))
    first = read_sky(path)
    assert first.table["ra"].to_pylist() == [10, 11, 12]
    assert "'ra' is column 1, 'ra#2' is column 3" in first.notes[0]
    assert '[catalog] columns = {<name> = "ra#2"}' in first.notes[0]
    assert_read(read_sky(path, columns={"ra": "ra#2"}))


def test_a_second_column_of_a_name_takes_no_name_that_is_there():
    assert find_header("a,a,a#2,a\n1,2,3,4\n", "url").names == ("a", "a#3", "a#2", "a#4")


def test_a_unit_in_the_name_of_a_position_is_heeded(tmp_path):
    path = tmp_path / "c.csv"
    rows = [
        f"{name},{float(ra) / 15!r},{float(np.radians(dec))!r},1006,301,6,11"
        for name, ra, dec in zip(IDS, RA, DEC, strict=True)
    ]
    path.write_text("\n".join(["objid,RA (hours),DErad,run,rerun,camcol,field", *rows]))
    named = {"ra": "RA (hours)", "dec": "DErad"}
    assert_read(read_sky(path, columns=named))
    catalog = read_sky(path, columns=named, units={"ra": "deg", "dec": "rad"})
    np.testing.assert_allclose(catalog.table["ra"].to_numpy(), RA / 15, rtol=1e-12)
