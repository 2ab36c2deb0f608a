"""Which column of a file is taken for what: by name, by UCD, or as the job says."""

import pytest

from survey_batch.catalog.columns import OPTIONAL, column_notes, match_columns, needed_columns
from survey_batch.catalog.source import Column, Source
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")
FIELD = ("run", "camcol", "field")


def source(*columns):
    made = (column if isinstance(column, Column) else Column(column) for column in (*columns, *FIELD))
    return Source("c.csv", tuple(made), lambda _: iter(()))


def section(**keys):
    return CatalogSection.model_validate({"path": "c.csv", **keys})


def match(*columns, **keys):
    return match_columns(source(*columns), section(**keys), SDSS)


def notes(*columns, **keys):
    opened, asked = source(*columns), section(**keys)
    return list(column_notes(opened, match_columns(opened, asked, SDSS), asked, "sdss"))


def test_names_are_known_in_any_spelling():
    found = match("RA_deg", "DEC-deg", "Spec Obj ID", "PSFmag_r")
    assert (found["ra"], found["dec"]) == ("RA_deg", "DEC-deg")
    assert (found["object_id"], found["mag_r"]) == ("Spec Obj ID", "PSFmag_r")


def test_right_ascension_and_declination_belong_together():
    found = match("dec", "raj2000", "dej2000")
    assert (found["ra"], found["dec"]) == ("raj2000", "dej2000")


@pytest.mark.parametrize(
    "pair",
    [
        ("ra", "decl"),
        ("right_ascension", "declination"),
        ("ALPHA_J2000", "DELTA_J2000"),
        ("raMean", "decMean"),
        ("TARGET_RA", "TARGET_DEC"),
    ],
)
def test_positions_of_surveys_are_known_by_their_names(pair):
    found = match("raErr", "decErr", *pair)
    assert (found["ra"], found["dec"]) == pair


def test_a_position_of_an_unknown_name_is_found_by_its_ucd_and_that_is_said():
    columns = (Column("lon", ucd="POS_EQ_RA_MAIN"), Column("lat", ucd="pos.eq.dec;meta.main"), Column("e", ucd="em.ra"))
    found = match(*columns)
    assert (found["ra"], found["dec"]) == ("lon", "lat")
    assert notes(*columns) == ["no column has a usual name for ra and dec: 'lon' and 'lat' are chosen by their UCDs"]


def test_of_two_columns_with_one_ucd_the_main_one_is_taken_and_none_if_there_is_none():
    dec = Column("lat", ucd="pos.eq.dec;meta.main")
    assert match(Column("a", ucd="pos.eq.ra"), Column("b", ucd="pos.eq.ra;meta.main"), dec)["ra"] == "b"
    with pytest.raises(ConfigurationError, match="no column found for 'ra'"):
        match(Column("a", ucd="pos.eq.ra"), Column("b", ucd="pos.eq.ra"), dec)


@pytest.mark.parametrize("bands", [("g", "r"), ("u",)])
def test_z_is_a_magnitude_where_other_bands_are_and_a_redshift_where_none_is(bands):
    found = match("ra", "dec", "z", *bands)
    assert found["mag_z"] == "z"
    assert "redshift" not in found
    found = match("ra", "dec", "z")
    assert found["redshift"] == "z"
    assert "mag_z" not in found


def test_vectors_are_never_guessed_and_refused_where_they_are_named():
    columns = ("ra", "dec", Column("psfmag_r", vector=True), "modelmag_r")
    assert match(*columns)["mag_r"] == "modelmag_r"
    with pytest.raises(ConfigurationError, match="catalog.columns.mag_r: column 'psfmag_r' holds vectors"):
        match(*columns, columns={"mag_r": "psfmag_r"})


def test_what_the_job_names_goes_before_guesses_in_the_spelling_that_it_likes():
    found = match("ra", "dec", "objid", "Star_Name", "kind", id="starname", label="kind", columns={"ra": "DEC"})
    assert found["object_id"] == "Star_Name"
    assert found["label"] == "kind"
    assert found["ra"] == "dec"


def test_all_wrong_names_are_told_at_once_with_what_may_be_meant():
    with pytest.raises(ConfigurationError) as refused:
        match("ra", "dec", "objid", id="objjd", columns={"redshif": "z", "snr": "nowhere"})
    said = str(refused.value)
    assert "catalog.id: there is no column 'objjd' (did you mean 'objid'?)" in said
    assert "catalog.columns.redshif: 'redshif' is not a name used here (did you mean 'redshift'?)" in said
    assert "catalog.columns.snr: there is no column 'nowhere'" in said
    assert said.endswith("columns of c.csv: ra, dec, objid, run, camcol, field")


def test_a_list_of_fields_needs_no_position():
    assert match_columns(source(), section(), SDSS, positions=False).keys() == {*FIELD}
    with pytest.raises(ConfigurationError, match="no column found for 'ra'"):
        match_columns(source(), section(), SDSS)


def test_columns_that_may_be_meant_as_well_are_named():
    (first, second) = notes("ra", "dec", "RA_1", "snr", "S_N_R")
    assert first == "'ra' is read as ra, and 'RA_1' is ignored; to choose: [catalog] columns = {ra = \"<column>\"}"
    assert second.startswith("column 'snr' is read as snr, and 'S_N_R' is ignored; to read 'S_N_R' instead: ")
    assert notes("ra", "dec", "RA_1", "snr", "S_N_R", columns={"ra": "ra", "snr": "snr"}) == []


def test_proper_motions_that_are_not_applied_are_told_where_images_are_cut_by_position():
    columns = ("ra", "dec", "pmRA", "pmDE", "parallax")
    (note,) = notes(*columns)
    assert "proper motions (pmRA, pmDE) not applied" in note
    opened, asked = source(*columns), section()
    lamost = archive_section(survey="lamost", root="/archive", layout="flat")
    found = {"ra": "ra", "dec": "dec"}
    assert not list(column_notes(opened, found, asked, lamost.survey))


def test_a_vector_that_stands_before_what_is_read_is_told_of():
    (note,) = notes("ra", "dec", Column("sn_median", vector=True), "snr_r")
    assert note == "'sn_median' is ignored (vectors, not one value per row): 'snr_r' is read as snr"


FOUND = {name: name for name in ("ra", "dec", "run", *OPTIONAL)}


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({}, {"label", "split"}),
        ({"split": {}}, {"label"}),
        ({"label": "spectral_type"}, {"class", "subclass", "split"}),
        ({"select": {"object_class": ["STAR"], "zwarning": [0]}}, {"class", "zwarning", "label", "split"}),
        ({"select": {"magnitudes": {"r": [14, 18]}}}, {"mag_r", "label", "split"}),
        ({"duplicates": {"keep": "primary"}}, {"primary", "label", "split"}),
    ],
)
def test_optional_columns_are_read_only_where_the_job_asks_for_them(keys, wanted):
    assert needed_columns(FOUND, section(**keys), source(*FOUND)).keys() == {"ra", "dec", "run", *wanted}


def test_what_the_job_asks_for_and_the_file_lacks_is_told_all_at_once():
    asked = section(label="spectral_type", duplicates={"keep": "primary"})
    with pytest.raises(ConfigurationError) as refused:
        needed_columns({"ra": "ra"}, asked, source("ra", "my_type"))
    label, duplicates, columns = str(refused.value).splitlines()
    assert label == (
        "catalog.label = 'spectral_type' needs class and subclass, not found in the catalogue: take your own column of "
        'classes (catalog.label = "my_type"), name what is missing ([catalog] columns = {class = "<column>", '
        """subclass = "<column>"}), or remove catalog.label = 'spectral_type'"""
    )
    assert duplicates.startswith('catalog.duplicates.keep = "primary" needs primary, not found in the catalogue: name')
    assert columns.startswith("columns of c.csv: ra, my_type, run")
