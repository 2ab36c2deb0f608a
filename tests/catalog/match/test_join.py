"""A catalogue is read with the columns of its partners in a second list."""

import pyarrow as pa
import pytest

from survey_batch.catalog import read_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

IMAGES = ["objid,ra,dec,run,camcol,field", "1,10,1,94,1,11", "2,20,1,94,1,12", "3,30,1,94,1,13"]
CLASSES = ["designation,RAJ2000,DEJ2000,class,subclass,z", "x,20,1.0002,STAR,G2,0.1", "y,10.0002,1,GALAXY,,0.2"]
SPECTRA = [
    "obsid,ra,dec,snrr,filename,class,subclass",
    "71,10,1,20,spec-1-A_sp01-001.fits.gz,STAR,G2",
    "72,10,1.0003,40,spec-1-A_sp01-002.fits.gz,STAR,K5",
    "73,20,1,-9999,spec-1-A_sp01-003.fits.gz,STAR,A0",
]


@pytest.fixture
def sections(tmp_path):
    def write(own, other, match=None, **keys):
        for name, lines in (("own.csv", own), ("other.csv", other)):
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        match = {"path": str(tmp_path / "other.csv"), **(match or {})}
        return CatalogSection.model_validate({"path": str(tmp_path / "own.csv"), "match": match, **keys})

    return write


@pytest.fixture
def read(sections):
    def read_rows(own, other, match=None, survey="sdss", archive=None, **keys):
        archive = archive_section(survey, root="/archive", **(archive or {}))
        return read_catalog(sections(own, other, match, **keys), archive)

    return read_rows


def test_labels_come_from_the_second_list_and_all_else_from_the_catalogue(read):
    catalog = read(IMAGES, CLASSES, label="class")
    assert catalog.table["label"].to_pylist() == ["GALAXY", "STAR", ""]
    assert catalog.table["redshift"].to_pylist() == pytest.approx([0.2, 0.1, float("nan")], nan_ok=True)
    assert catalog.table["ra"].to_pylist() == [10, 20, 30]
    assert catalog.table["object_id"].to_pylist() == ["1", "2", "3"]
    assert set(catalog.table["problem"].to_pylist()) == {""}
    said = " ".join(catalog.notes)
    assert "taken from" in said
    assert "redshift (z), label (class)" in said
    assert "2 of 3 rows with a partner" in said
    assert "the median separation is 0.72 arcsec" in said
    assert "ignored" not in said


def test_rows_without_a_partner_may_be_left_out_and_are_counted(read):
    catalog = read(IMAGES, CLASSES, {"unmatched": "leave_out"}, label="class", select={"object_class": ["STAR"]})
    assert catalog.table["row"].to_pylist() == [1]
    assert catalog.counts.left_out == {"select.object_class": 2}
    catalog = read(IMAGES, CLASSES, {"unmatched": "leave_out"}, label="class")
    assert catalog.table["row"].to_pylist() == [0, 1]
    assert catalog.counts.left_out == {"catalog.match (no partner)": 1}


def test_positions_come_from_the_second_list_by_id(read):
    own = ["name,specobjid,class", "a,701001.0,STAR", "b,299489677444933633,QSO", "c,,QSO"]
    other = ["SPECOBJID,ra,dec", "299489677444933633,20,2", "701001,10,1", "701001,99,9"]
    match = {"by": "id", "id": "SPECOBJID", "id_in_catalog": "specobjid"}
    catalog = read(own, other, match, survey="skyserver", id="name", label="class")
    assert catalog.table["ra"].to_pylist()[:2] == [10, 20]
    assert catalog.table["object_id"].to_pylist() == ["a", "b", "c"]
    assert "has its identifier" in catalog.table["problem"].to_pylist()[2]
    assert any("repeat the identifier of another: 1; the first is taken" in note for note in catalog.notes)
    said = "own.csv without an identifier, or with one that has lost digits: 1 of 3"
    assert any(said in note for note in catalog.notes)


def test_a_position_alone_leads_to_the_best_spectrum_or_is_outside(read):
    own = ["name,ra,dec", "a,10,1.0001", "b,20,1", "c,20,1.005", "d,50,1"]
    catalog = read(own, SPECTRA, {"best": "snr"}, survey="lamost", id="name", label="spectral_type")
    assert catalog.table["filename"].to_pylist() == ["spec-1-A_sp01-002.fits.gz", "spec-1-A_sp01-003.fits.gz", "", ""]
    assert catalog.table["label"].to_pylist() == ["K", "A", "", ""]
    problems = catalog.table["problem"].to_pylist()
    assert problems[:2] == ["", ""]
    assert problems[2].startswith("the survey's list has no object there: the nearest row of")
    assert problems[2].endswith("is 18 arcsec away")
    assert problems[3].endswith("is near")
    nearest = read(own, SPECTRA, survey="lamost", id="name")
    assert nearest.table["filename"].to_pylist()[0] == "spec-1-A_sp01-001.fits.gz"


def test_two_rows_with_one_partner_are_told(read):
    own = ["name,ra,dec", "a,10,1", "b,50,1", "c,10.0001,1"]
    catalog = read(own, SPECTRA, survey="lamost", id="name")
    assert any(
        "the partner of several rows: 1; the first is row 0, partner of rows 0 and 2" in note for note in catalog.notes
    )


def test_the_key_comes_from_one_list_and_is_never_mixed(read):
    """A field of imaging is not that of an SDSS-V spectrum, though both are called `field`."""
    other = ["ra,dec,run2d,fieldid,mjd,catalogid", "10,1,v6_1_3,15000,59146,27021597842679140"]
    archive = {"release": "dr18"}
    catalog = read(IMAGES[:2], other, survey="sdss-spectra", archive=archive)
    assert catalog.table["fieldid"].to_pylist() == [15000]
    plates = ["ra,dec,run2d,plate,mjd,fiberid", "10,1,26,266,51630,7"]
    catalog = read(IMAGES[:2], plates, survey="sdss-spectra")
    assert catalog.table["plate"].to_pylist() == [266]
    assert catalog.table["fieldid"].to_pylist() == [-1]


def test_the_job_chooses_columns_of_the_second_list(read):
    own = [f"{IMAGES[0]},class,redshift", f"{IMAGES[1]},STAR,0.5"]
    catalog = read(own, CLASSES, {"columns": {"label": "class", "redshift": "z"}}, label="class")
    assert catalog.table["label"].to_pylist() == ["GALAXY"]
    assert catalog.table["redshift"].to_pylist() == pytest.approx([0.2])
    catalog = read(own, CLASSES, label="class")
    assert catalog.table["label"].to_pylist() == ["STAR"]
    catalog = read(IMAGES, CLASSES, {"take": ["label"]}, label="class")
    assert catalog.table["redshift"].is_null().to_pylist() == [False] * 3
    assert not any(value > 0 for value in catalog.table["redshift"].to_pylist())


def test_columns_of_one_name_are_told_apart_and_the_separation_is_one(sections):
    opened = open_catalog(sections(IMAGES, ["ra,dec,teff", "10,1.0002,5000"]), archive_section("sdss", root="/archive"))
    assert opened.source.names[-4:] == ("ra#2", "dec#2", "teff", "match_arcsec")
    names = ["teff", "dec#2", "ra", "match_arcsec"]
    table = pa.concat_tables([rows.table for rows in opened.source.batches(names)])
    assert table.column_names == names
    assert table["dec#2"].to_pylist() == ["1.0002", None, None]
    assert table["match_arcsec"].to_pylist() == [pytest.approx(0.72), None, None]


def test_an_earlier_match_gives_way_to_this_one(sections):
    own, other = ["ra,dec,match_arcsec", "10,1,99"], ["ra,dec,match_arcsec", "10,1.0002,88"]
    opened = open_catalog(sections(own, other), archive_section("skyserver", root="/archive"))
    table = pa.concat_tables([rows.table for rows in opened.source.batches(opened.source.names)])
    assert table["match_arcsec"].to_pylist() == ["99"]
    assert table["match_arcsec#2"].to_pylist() == [pytest.approx(0.72)]


def test_a_changed_list_is_matched_again(read):
    assert read(IMAGES, CLASSES, label="class").table["label"].to_pylist() == ["GALAXY", "STAR", ""]
    assert read(IMAGES, [*CLASSES, "z,30,1,QSO,,3"], label="class").table["label"].to_pylist()[2] == "QSO"


@pytest.mark.parametrize(
    ("other", "match", "said"),
    [
        (["id,class", "1,STAR"], {}, r"no column of .*other.csv is known to hold ra and dec: .*by = \"id\""),
        (["ra,dec,class", "1,1,STAR"], {"by": "id"}, r"hold the identifier: name it, \[catalog.match\] id = "),
        (["ra,dec,class", "1,1,STAR"], {"by": "id", "id": "clas"}, r"catalog.match.id: .*did you mean 'class'"),
        (["ra,dec"], {}, r"catalog.match.path: .*column names, but no rows"),
        (CLASSES, {"best": "snr"}, r'catalog.match.best = "snr" needs a signal-to-noise ratio'),
        (CLASSES, {"columns": {"label": "klass"}}, r"catalog.match.columns.label: there is no column 'klass'"),
        (CLASSES, {"units": {"ra": "furlong"}}, r"catalog.match.units.ra: 'furlong' is not a known unit"),
        (CLASSES, {"table": 2}, r"catalog.match.table: .*remove this key"),
        (CLASSES, {"path": "/nowhere/list.csv"}, r"catalog.match.path: there is no file /nowhere/list.csv"),
    ],
)
def test_what_cannot_be_matched_is_refused_with_the_way_out(read, other, match, said):
    with pytest.raises(ConfigurationError, match=said):
        read(IMAGES, other, match, label="class")


def test_what_both_lists_lack_is_said_with_the_columns_of_each(read):
    said = r"columns of .*own.csv: name, ra, dec; of the list that it is matched with: designation, RAJ2000"
    with pytest.raises(ConfigurationError, match=said):
        read(["name,ra,dec", "a,10,1"], CLASSES, survey="lamost")
