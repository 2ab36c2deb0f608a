from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from survey_batch.catalog.formats import open_source
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import RA, assert_read, read_sky, sky_lines, sky_table

KEY = ("rerun", "run", "camcol", "field")


def test_nulls_and_padded_text_of_fits_columns(tmp_path):
    path = tmp_path / "t.fits"
    columns = [
        fits.Column("n", "J", null=-1, array=np.array([5, -1])),
        fits.Column("s", "8A", array=np.array(["ab  ", ""])),
        fits.Column("v", "3E", array=np.zeros((2, 3))),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    source = open_source(str(path))
    table = source.read(["n", "s", "v"]).table
    assert source.names == ("n", "s", "v")
    assert table["n"].to_pylist() == [5, None]
    assert table["s"].to_pylist() == ["ab", None]
    assert table["v"].to_pylist() == [[0, 0, 0], [0, 0, 0]]


def test_a_fits_image_is_no_catalogue(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(path)
    with pytest.raises(ConfigurationError, match="without a table .*an image.*: name the file with the table"):
        open_source(str(path))


def test_votable_ids_and_masked_values(tmp_path):
    path = tmp_path / "t.xml"
    numbers = MaskedColumn(np.array([2**62 + 1, 7]), mask=[False, True])
    buffer = BytesIO()
    Table({"specobjid": numbers, "name": ["a", "b"]}).write(buffer, format="votable")
    path.write_bytes(buffer.getvalue())
    table = open_source(str(path)).read(["specobjid", "name"]).table
    assert table["specobjid"].to_pylist() == [2**62 + 1, None]
    assert table["name"].to_pylist() == ["a", "b"]


def test_xml_that_is_no_votable_is_refused(tmp_path):
    path = tmp_path / "t.xml"
    path.write_text("<?xml version='1.0'?><VOTABLE></VOTABLE>")
    with pytest.raises(ConfigurationError, match="as VOTable"):
        open_source(str(path))


def test_only_the_columns_asked_for_are_read(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1], "b": [2], "c": pa.array(["x"]).dictionary_encode()}), path)
    assert open_source(str(path)).read(["c", "a"]).table.to_pydict() == {"c": ["x"], "a": [1]}
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    assert open_source(str(tmp_path / "t.csv")).read(["b"]).table.to_pydict() == {"b": ["2"]}


def test_a_file_is_read_from_any_fsspec_address():
    import fsspec

    with fsspec.open("memory://catalogues/t.csv", "wt") as file:
        file.write("a,b\n1,2\n")
    assert open_source("memory://catalogues/t.csv").read(["a"]).table.to_pydict() == {"a": ["1"]}


def votable(path, table, change=lambda text: text, form="tabledata"):
    from astropy.io.votable import from_table

    buffer = BytesIO()
    from_table(table).to_xml(buffer, tabledata_format=form)
    path.write_bytes(change(buffer.getvalue().decode()).encode() if form == "tabledata" else buffer.getvalue())


def in_units(ra_unit, ra_per_degree, dec_unit="deg", dec_per_degree=1.0):
    table = sky_table()
    table["ra"], table["dec"] = table["ra"] * ra_per_degree, table["dec"] * dec_per_degree
    table["ra"].unit, table["dec"].unit = ra_unit, dec_unit
    return table


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2", "fits"])
@pytest.mark.parametrize(("unit", "per_degree"), [("h", 1 / 15), ("rad", np.pi / 180), ("arcsec", 3600.0)])
def test_units_of_votable_and_fits_columns_are_converted(tmp_path, form, unit, per_degree):
    path = tmp_path / "catalogue"
    table = in_units(unit, per_degree)
    if form == "fits":
        table.write(path, format="fits")
    else:
        votable(path, table, form=form)
    catalog = read_sky(path)
    assert_read(catalog)
    assert catalog.notes == (f"column 'ra' is in {unit!r}: converted to degrees",)


@pytest.mark.parametrize("spelled", ["Angle[deg]", "degrees", "DEG"])
def test_degrees_however_they_are_spelled_need_no_note(tmp_path, spelled):
    path = tmp_path / "catalogue.vot"
    votable(path, in_units("deg", 1), lambda text: text.replace('unit="deg"', f'unit="{spelled}"'))
    catalog = read_sky(path)
    assert_read(catalog, 0)
    assert catalog.notes == ()


@pytest.mark.parametrize("unit", ["furlong", "Jy"])
def test_an_unknown_unit_of_a_position_is_refused_unless_the_job_says_what_it_is(tmp_path, unit):
    path = tmp_path / "catalogue.vot"
    votable(path, in_units("deg", 1), lambda text: text.replace('unit="deg"', f'unit="{unit}"'))
    with pytest.raises(ConfigurationError, match=f"column 'ra' of .* is in '{unit}'.*units = {{ra = \"deg\"}}"):
        read_sky(path)
    assert_read(read_sky(path, units={"ra": "deg", "dec": "deg"}))
    with pytest.raises(ConfigurationError, match="catalog.units.ra: 'foo' is not a known unit"):
        read_sky(path, units={"ra": "foo"})


def test_single_precision_positions_are_noted(tmp_path):
    table = sky_table()
    table["ra"] = table["ra"].astype("f4")
    for name, form in (("a.fits", "fits"), ("a.vot", "votable"), ("a.ecsv", "ascii.ecsv")):
        table.write(tmp_path / name, format=form)
        catalog = read_sky(tmp_path / name)
        assert_read(catalog, 1e-5)
        assert [note for note in catalog.notes if "column 'ra' is in single precision" in note]


def test_a_position_is_found_by_its_ucd_where_its_name_says_nothing(tmp_path):
    path = tmp_path / "catalogue.vot"
    table = sky_table()
    table.rename_columns(["ra", "dec"], ["x0", "y0"])

    def with_ucds(text):
        for name, ucd in (("x0", "pos.eq.ra;meta.main"), ("y0", "POS_EQ_DEC_MAIN")):
            text = text.replace(f'name="{name}"', f'name="{name}" ucd="{ucd}"')
        return text

    votable(path, table, with_ucds)
    catalog = read_sky(path)
    assert_read(catalog)
    assert "'x0' and 'y0' are chosen by their UCDs" in catalog.notes[0]


def hdus(*tables):
    found = [fits.PrimaryHDU(np.zeros((2, 2)))]
    for name, table in tables:
        found.append(fits.BinTableHDU(table, name=name))
    return fits.HDUList(found)


def test_of_several_fits_tables_the_first_with_the_columns_is_read_or_the_one_chosen(tmp_path):
    path = tmp_path / "catalogue.fits"
    other = sky_table()
    other["ra"] += 1
    hdus(("META", Table({"key": ["a"]})), ("SKY", sky_table()), ("OTHER", other)).writeto(path)
    catalog = read_sky(path)
    assert_read(catalog)
    assert "holds 3 tables" in catalog.notes[0]
    assert "1 'META' (key)" in catalog.notes[0]
    assert "table 2 is read" in catalog.notes[0]
    for choice in (3, "3", "other"):
        chosen = read_sky(path, table=choice)
        np.testing.assert_array_equal(chosen.table["ra"].to_numpy(), other["ra"])
        assert chosen.notes == ()
    with pytest.raises(ConfigurationError, match="no table 'sea'; there are 1 'META'"):
        read_sky(path, table="sea")
    with pytest.raises(ConfigurationError, match="other tables of the file: 2 'SKY'"):
        read_sky(path, table=1)


def test_of_several_resources_of_a_votable_the_first_with_the_columns_is_read(tmp_path):
    path = tmp_path / "catalogue.vot"
    cell = "<DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA>"
    meta = f'<RESOURCE><TABLE name="meta"><FIELD name="key" datatype="int"/>{cell}</TABLE></RESOURCE>'
    votable(path, sky_table(), lambda text: text.replace("<RESOURCE", f"{meta}<RESOURCE", 1))
    catalog = read_sky(path)
    assert_read(catalog)
    assert "1 'meta' (key)" in catalog.notes[0]
    assert_read(read_sky(path, table=2))


def test_a_table_of_a_file_without_several_is_not_to_be_chosen(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_text("\n".join(sky_lines()))
    with pytest.raises(ConfigurationError, match=r"catalog.table: .* holds one table"):
        read_sky(path, table=2)


def test_columns_of_one_name_in_fits_and_votable_are_told_apart(tmp_path):
    table = sky_table()
    table.add_column(table["ra"] + 1, name="rx", index=0)
    table.write(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes().replace(b"'rx      '", b"'ra      '")
    (tmp_path / "a.fits").write_bytes(content)
    votable(tmp_path / "a.vot", table, lambda text: text.replace('name="rx"', 'name="ra"'))
    for name in ("a.fits", "a.vot"):
        first = read_sky(tmp_path / name)
        np.testing.assert_array_equal(first.table["ra"].to_numpy(), table["rx"])
        assert "'ra' is column 1, 'ra#2' is column 3" in first.notes[0]
        assert_read(read_sky(tmp_path / name, columns={"ra": "ra#2"}))


def test_an_optional_column_of_vectors_is_passed_over_with_a_note(tmp_path):
    path = tmp_path / "catalogue.fits"
    table = sky_table()
    table["SN_MEDIAN"] = np.ones((3, 5))
    table["SN_MEDIAN_ALL"] = [1.0, 2.0, 3.0]
    table.write(path)
    catalog = read_sky(path)
    assert_read(catalog)
    assert catalog.table["snr"].to_pylist() == [1.0, 2.0, 3.0]
    assert "'SN_MEDIAN' is ignored" in catalog.notes[0]
    assert "'SN_MEDIAN_ALL' is read as snr" in catalog.notes[0]
    with pytest.raises(ConfigurationError, match="catalog.columns.snr: column 'SN_MEDIAN' holds vectors"):
        read_sky(path, columns={"snr": "SN_MEDIAN"})


def test_a_needed_column_of_vectors_is_refused_by_name(tmp_path):
    path = tmp_path / "catalogue.fits"
    table = sky_table()
    table["ra"] = np.ones((3, 2))
    table.write(path)
    with pytest.raises(ConfigurationError, match=r"no column found for 'ra' \('ra' holds vectors"):
        read_sky(path)


@pytest.mark.parametrize("form", ["mrt", "ipac"])
def test_machine_readable_tables_are_read_with_units_and_gaps(tmp_path, form):
    table = in_units("deg", 1, "arcmin", 60)
    table["snr"] = MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False])
    path = tmp_path / "catalogue.txt"
    table.write(path, format=f"ascii.{form}")
    catalog = read_sky(path)
    assert_read(catalog, 1e-7)
    np.testing.assert_array_equal(catalog.table["snr"].to_numpy(), np.float32([1, np.nan, 3]))
    assert catalog.notes == ("column 'dec' is in 'arcmin': converted to degrees",)


def test_positions_of_machine_readable_tables_in_hours_minutes_and_seconds(tmp_path):
    from astropy.coordinates import SkyCoord

    table = sky_table()
    table["sky"] = SkyCoord(table["ra"], table["dec"], unit="deg")
    table.remove_columns(["ra", "dec"])
    path = tmp_path / "catalogue.mrt"
    table.write(path, format="ascii.mrt")
    path.write_text(path.read_text().replace("+00 00 16", "-00 00 16"))  # astropy writes no sign of minus 0 degrees
    catalog = read_sky(path)
    assert_read(catalog, 1e-7)
    assert "made from the columns RAh" in catalog.notes[0]


def test_a_broken_machine_readable_table_is_refused_by_its_form(tmp_path):
    path = tmp_path / "catalogue.mrt"
    path.write_text("Title:\nByte-by-byte Description of file: table.dat\nno more\n")
    with pytest.raises(ConfigurationError, match="looks like a table in MRT format"):
        read_sky(path)


def test_integers_of_a_votable_beyond_their_type_are_refused_by_the_column(tmp_path):
    path = tmp_path / "catalogue.vot"
    votable(path, sky_table(), lambda text: text.replace('datatype="long" name="objid"', 'datatype="int" name="objid"'))
    assert 'datatype="int"' in path.read_text()
    with pytest.raises(ConfigurationError, match=r"column 'objid' \(datatype 'int'\) do not fit.*out of range"):
        read_sky(path)


@pytest.mark.parametrize("form", ["fits", "ascii.csv"])
def test_an_overflow_is_accepted_in_votables_alone(tmp_path, form):
    sky_table().write(tmp_path / "catalogue", format=form)
    with pytest.raises(ConfigurationError, match=r"catalog.accept_overflow: .* is not a VOTable"):
        read_sky(tmp_path / "catalogue", accept_overflow=True)


def fits_table(path, card, instead, ascii_table=False):
    """Write a table of FITS, and put something else in the place of a card."""
    columns = [fits.Column(name, "F12.6" if ascii_table else "D", array=RA, unit="deg") for name in ("ra", "dec")]
    columns += [fits.Column(name, "I6" if ascii_table else "J", array=[1, 2, 3]) for name in KEY]
    buffer = BytesIO()
    table = (fits.TableHDU if ascii_table else fits.BinTableHDU).from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    raw = buffer.getvalue()
    at = raw.rindex(card.ljust(8) + b"=")
    path.write_bytes(raw[:at] + instead.ljust(80) + raw[at + 80 :])
    return path


@pytest.mark.parametrize("number", [b"9998", b"2147483647", b"99999999999999999999", b"-1"])
@pytest.mark.parametrize("key", [b"NAXIS", b"NAXIS1", b"NAXIS2", b"PCOUNT", b"TFIELDS"])
def test_a_fits_table_whose_header_asks_for_more_than_there_is_is_refused_at_once(tmp_path, key, number):
    """Astropy counts to what the header says, or asks for as much memory."""
    path = fits_table(tmp_path / "table.fits", key, key.ljust(8) + b"= " + number.rjust(20))
    with pytest.raises(ConfigurationError, match=f"cannot read {path} as FITS: "):
        read_sky(path)


@pytest.mark.parametrize("place", [b"9999", b"2147483647", b"2147483640"])
def test_a_column_of_text_beyond_its_row_is_refused(tmp_path, place):
    path = fits_table(tmp_path / "table.fits", b"TBCOL6", b"TBCOL6  = " + place.rjust(20), ascii_table=True)
    with pytest.raises(ConfigurationError, match=str(path)):
        read_sky(path)


def test_a_fits_table_that_is_cut_short_is_refused(tmp_path):
    path = fits_table(tmp_path / "table.fits", b"TTYPE1", b"TTYPE1  = 'ra      '")
    path.write_bytes(path.read_bytes()[: -2880 + 20])
    with pytest.raises(ConfigurationError, match="cut short"):
        read_sky(path)


@pytest.mark.parametrize("unit", [b"7", b"0.5", b"T"])
def test_a_unit_that_is_no_text_is_refused_with_the_file(tmp_path, unit):
    path = fits_table(tmp_path / "table.fits", b"TUNIT1", b"TUNIT1  = " + unit.rjust(20))
    with pytest.raises(ConfigurationError, match=f"column 'ra' of {path} is in '.*', which is not a unit of position"):
        read_sky(path)


def test_strange_cards_of_a_fits_table_cause_no_warnings(tmp_path, recwarn):
    path = fits_table(tmp_path / "table.fits", b"TUNIT2", b"\xff" * 10 + b"= what")
    read_sky(path)
    assert not recwarn.list


@pytest.mark.parametrize("form", ["ascii.csv", "ascii.ecsv", "fits", "votable", "parquet"])
def test_labels_of_true_and_false_are_spelt_alike_in_all_formats(tmp_path, form):
    table = sky_table()
    table["variable"] = [True, False, True]
    table.write(tmp_path / "c", format=form)
    assert read_sky(tmp_path / "c", label="variable").table["label"].to_pylist() == ["True", "False", "True"]
