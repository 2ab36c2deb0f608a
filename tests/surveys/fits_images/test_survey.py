"""What the survey makes of a catalogue's rows, and what its table `[archive]` may say."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.plan import make_plan
from survey_batch.simulate.tiles import simulate_tiles
from survey_batch.surveys.fits_images.survey import FITS_IMAGES
from tests.jobs import archive_section


def section(**keys):
    return archive_section("fits-images", root="-", **keys)


def read(columns, **keys):
    draft = Draft(Rows(pa.table({name: pa.array(values) for name, values in columns.items()})), {n: n for n in columns})
    key = FITS_IMAGES.read_key(draft, section(**keys))
    return [key[name].to_pylist() for name in ("file", "hdu")], draft.problem.tolist()


def test_a_column_names_the_file_and_another_the_hdu():
    made, problems = read({"file": ["a.fits", None], "hdu": ["SCI", None]})
    assert made == [["a.fits", ""], ["SCI", ""]]
    assert problems == ["", "file = ''; file is missing: no image can be found without it"]


def test_a_path_may_begin_with_the_root_and_must_stay_below_it():
    made, problems = read({"file": ["-/a.fits", "/b.fits", "a/../../c.fits"], "hdu": ["", "", ""]})
    assert made[0][0] == "a.fits"
    assert problems[0] == ""
    assert all("the path must be one below archive.root" in problem for problem in problems[1:])


def test_columns_of_any_name_make_the_path_and_the_hdu():
    columns = {"expnum": [1035, 17, None], "ccd": ["N4", None, "S1"]}
    made, problems = read(columns, path="{expnum:06d}/{band}.fits", hdu="{ccd}")
    assert made == [["001035/{band}.fits", "", ""], ["N4", "", "S1"]]
    assert problems[0] == ""
    assert "expnum or ccd is missing: no image can be found without it" in problems[1]
    assert FITS_IMAGES.columns_of_job(section(path="{expnum:06d}", hdu="{ccd}-{file}")) == {
        "expnum": ("expnum",),
        "ccd": ("ccd",),
    }


def test_what_is_needed_depends_on_how_tiles_are_named():
    def missing(**keys):
        return FITS_IMAGES.missing({"ra": "", "dec": ""}, section(**keys))

    assert missing() == ["file"]
    assert missing(path="{brick}-{band}.fits") == ["brick"]
    assert missing(path="{brick}-{band}.fits", hdu="{ccd}") == ["brick", "ccd"]
    assert missing(hdu="{ccd}") == ["file", "ccd"]
    assert missing(path="{brick}.fits", tiles="t.csv") == []
    assert FITS_IMAGES.missing({}, section(tiles="t.csv")) == ["ra", "dec"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"path": "{a"}, "expected '}'"),
        ({"hdu": "{a:x}"}, "is not understood"),
        ({"unit": "adu", "zero_point": 25.0}, "zero_point counts only with unit"),
        ({"filters": {"red": "R"}}, "'red' is no band"),
        ({"tile_size": 0}, "greater than 0"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(keys, said):
    with pytest.raises(ValidationError, match=said):
        section(**keys)


@pytest.mark.parametrize(
    ("catalog", "ids", "note"),
    [
        (
            "ra,dec\n10.001,0.001\n",
            ["J004000.23+000003.6"],
            "1 of 1 row without a usable id: one is made from the position",
        ),
        ("source_id,ra,dec\n18446744073709551615,10,0\n", ["18446744073709551615"], None),
    ],
)
def test_positions_alone_are_enough_and_an_id_is_kept_if_there_is_one(tmp_path, catalog, ids, note):
    (tmp_path / "c.csv").write_text(catalog)
    (tmp_path / "tiles.csv").write_text("name,ra,dec\na,10,0\n")
    job = Job.model_validate(
        {
            "name": "a",
            "output": str(tmp_path / "out"),
            "stages": ["cutouts"],
            "catalog": {"path": str(tmp_path / "c.csv")},
            "archive": {
                "survey": "fits-images",
                "root": str(tmp_path),
                "path": "{name}.fits",
                "tiles": str(tmp_path / "tiles.csv"),
                "tile_size": 0.1,
            },
        }
    )
    plan = make_plan(job)
    assert plan.objects["object_id"].to_pylist() == ids
    assert plan.objects["problem"].to_pylist() == [""]
    assert note is None or note in plan.notes


def test_the_example_works_after_two_edits(tmp_path):
    simulate_tiles(tmp_path / "archive", objects=5, fields=1, shape=(60, 60))
    text = FITS_IMAGES.example().replace("{name}", "mine")
    text = text.replace("catalog.csv", f"{tmp_path}/archive/catalog.csv").replace('"images"', f'"{tmp_path}/archive"')
    (tmp_path / "mine.toml").write_text(text)
    plan = make_plan(load_job(tmp_path / "mine.toml"))
    assert (plan.size("object"), plan.invalid, plan.size("frame")) == (5, 0, 1)


def test_stored_frames_are_refused_with_their_line(tmp_path):
    text = FITS_IMAGES.example().replace("{name}", "mine").replace("[frames]\n", "[frames]\nkeep = true\n")
    (tmp_path / "mine.toml").write_text(text)
    line = text.splitlines().index("keep = true") + 1
    with pytest.raises(ConfigurationError, match=rf"line {line}\b.*frames.keep|frames.keep.*line {line}\b"):
        load_job(tmp_path / "mine.toml")


def test_an_inverse_variance_without_noise_is_refused(tmp_path):
    from survey_batch.stages import make_stage

    tables = {"name": "t", "output": "o", "stages": ["cutouts"], "catalog": {"path": "c"}, "cutouts": {"ivar": True}}
    job = Job.model_validate({**tables, "archive": {"survey": "fits-images", "root": "r"}})
    with pytest.raises(ConfigurationError, match="'fits-images' is not known; set archive.noise, or leave"):
        make_stage(job, "cutouts").check()
