import pytest

from survey_batch.catalog import read_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

HEADER = "objid,ra,dec,run,camcol,field,class,subclass,snMedian,zWarning,psfMag_g,psfMag_r,z"
ROWS = [
    "a,10,1,94,1,11,STAR,G2,20,0,15.5,15,0.0001",
    "b,20,1,94,1,12,STAR,K3III (1),8,0,16.0,15,0.0001",
    "c,30,1,94,1,13,STAR,sdM1,30,4,20.0,18,0.0001",
    "d,40,1,94,1,14,GALAXY,STARFORMING,12,0,18.5,17,0.1",
    "e,50,1,94,1,15,STAR,A5V,,,-9999,,",
]


@pytest.fixture
def read(tmp_path):
    def read_rows(lines=(HEADER, *ROWS), survey="sdss", **section):
        path = tmp_path / "catalogue.csv"
        path.write_text("\n".join(lines) + "\n")
        section = {"path": str(path), "label": "mk_class"} | section
        return read_catalog(CatalogSection.model_validate(section), archive_section(survey=survey, root="/archive"))

    return read_rows


@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [
        ({"object_class": ["star"]}, "abce"),
        ({"labels": ["G", "K"]}, "ab"),
        ({"luminosity": ["giant"]}, "b"),
        ({"luminosity": ["subdwarf", "dwarf"]}, "ce"),
        ({"luminosity": [""], "object_class": ["STAR"]}, "a"),
        ({"snr": [10, float("inf")]}, "acd"),
        ({"snr": [8, 20]}, "abd"),
        ({"zwarning": [0]}, "abd"),
        ({"magnitudes": {"g": [15, 17], "r": [14, 15]}}, "ab"),
        ({"magnitudes": {"g": [float("-inf"), float("inf")]}}, "abcd"),
        ({"labels": ["G", "K", "M"], "snr": [10, 100], "zwarning": [0]}, "a"),
    ],
)
def test_conditions_choose_rows_and_every_other_row_is_counted(read, conditions, chosen):
    catalog = read(select=conditions)
    assert "".join(catalog.table["object_id"].to_pylist()) == chosen
    assert catalog.counts.left_out.total() == 5 - len(chosen)
    assert set(catalog.counts.left_out) <= {f"select.{name}" for name in conditions} | {
        f"select.magnitudes.{band}" for band in conditions.get("magnitudes", ())
    }
    assert any(f"{5 - len(chosen)} of 5 rows left out" in note for note in catalog.notes)


def test_rows_keep_their_place_in_the_file(read):
    assert read(select={"labels": ["K", "M"]}).table["row"].to_pylist() == [1, 2]


def test_a_chosen_row_that_cannot_be_used_stays_and_says_why(read):
    bad = "f,,1,94,1,16,STAR,G5,20,0,15,15,0"
    catalog = read((HEADER, *ROWS, bad), select={"labels": ["G"]})
    assert catalog.table["object_id"].to_pylist() == ["a", "f"]
    assert "ra is missing" in catalog.table["problem"][1].as_py()
    assert any("the first is row 5" in note for note in catalog.notes)


def test_a_choice_of_nothing_is_refused_with_the_reasons(read):
    with pytest.raises(ConfigurationError, match=r"no row of .* is chosen, out of 5: 5 by select.labels"):
        read(select={"labels": ["O"]})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"select": {"magnitudes": {"i": [1, 2]}}}, "catalog.select.magnitudes needs mag_i"),
        ({"duplicates": {"keep": "primary"}}, 'catalog.duplicates.keep = "primary" needs primary'),
    ],
)
def test_a_condition_without_its_column_is_refused(read, section, message):
    with pytest.raises(ConfigurationError, match=message):
        read(**section)


def test_z_is_a_redshift_beside_psf_magnitudes_and_a_magnitude_beside_u_g_r_i(read):
    assert read().table["redshift"].to_pylist()[3] == pytest.approx(0.1)
    magnitudes = ("objid,ra,dec,run,camcol,field,g,z", "a,10,1,94,1,11,16,15.5", "b,10,2,94,1,11,16,18")
    assert read(magnitudes, label=None, select={"magnitudes": {"z": [15, 16]}}).table.num_rows == 1
    with pytest.raises(ConfigurationError, match="mag_z"):
        read(
            ("objid,ra,dec,run,camcol,field,z", "a,10,1,94,1,11,0.1"),
            label=None,
            select={"magnitudes": {"z": [15, 16]}},
        )


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="lowest, highest"):
        CatalogSection.model_validate({"path": "x", "select": {"snr": [10, 1]}})


def test_skyserver_needs_no_more_than_positions(read):
    catalog = read(("ra,dec", "15,-1", "30,2", ",3"), survey="skyserver", label=None)
    assert catalog.table["object_id"].to_pylist() == ["J010000.00-010000.0", "J020000.00+020000.0", "row-2"]
    assert catalog.table["problem"].to_pylist()[:2] == ["", ""]
    assert "ra is missing" in catalog.table["problem"][2].as_py()
    assert catalog.table["field"].to_pylist() == [-1, -1, -1]
    with pytest.raises(ConfigurationError, match="no column found for 'dec'"):
        read(("ra,name", "1,a"), survey="skyserver", label=None)


def test_a_class_that_no_row_has_is_pointed_out(read):
    notes = read(select={"labels": ["G", "Q"]}).notes
    assert any("no row has the class Q; the file has A, G, K, M" in note for note in notes)
