"""Which columns lead to a DESI spectrum, and where its file is."""

import pyarrow as pa
import pytest

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.core.errors import InvalidError
from survey_batch.surveys.desi.paths import coadd_path
from survey_batch.surveys.desi.reader import DesiCoadds
from survey_batch.surveys.desi.survey import DESI
from tests.jobs import archive_section

TARGET = 39627646622924123
PIXEL = {"targetid": [TARGET], "survey": ["main"], "program": ["dark"], "healpix": [26965]}
TILE = {"targetid": [TARGET], "tileid": [1000], "lastnight": [20210610], "petal": [3]}


def archive(**keys):
    return archive_section("desi", root="/a", **keys)


def read(columns, **keys):
    draft = Draft(Rows(pa.table(columns)), {name: name for name in columns})
    return DESI.read_key(draft, archive(**keys)), draft.problem.tolist()


@pytest.mark.parametrize(
    ("keys", "row", "path"),
    [
        ({}, PIXEL, "iron/healpix/main/dark/269/26965/coadd-main-dark-26965.fits"),
        ({"release": "edr"}, PIXEL, "fuji/healpix/main/dark/269/26965/coadd-main-dark-26965.fits"),
        ({"release": "dr2"}, PIXEL, "loa/healpix/main/dark/269/26965/coadd-main-dark-26965.fits"),
        (
            {"production": "guadalupe"},
            {**PIXEL, "healpix": [7]},
            "guadalupe/healpix/main/dark/0/7/coadd-main-dark-7.fits",
        ),
        ({"layout": "cumulative"}, TILE, "iron/tiles/cumulative/1000/20210610/coadd-3-1000-thru20210610.fits"),
        ({"layout": "pernight"}, TILE, "iron/tiles/pernight/1000/20210610/coadd-3-1000-20210610.fits"),
    ],
)
def test_a_coadd_is_where_its_release_and_layout_keep_it(keys, row, path):
    reader = DesiCoadds(archive(**keys))
    assert reader.path({name: values[0] for name, values in row.items()}) == f"spectro/redux/{path}"


def test_a_row_that_names_no_coadd_has_no_path():
    with pytest.raises(InvalidError, match="lacks program and healpix"):
        coadd_path({"survey": "main", "program": "../x", "healpix": -1}, "iron", "healpix")


def test_the_columns_of_the_layout_are_needed_unless_the_job_says_them():
    assert DESI.missing({"targetid": "", "healpix": ""}, archive()) == ["survey", "program"]
    assert DESI.missing({"targetid": "", "healpix": ""}, archive(desi_survey="main", desi_program="dark")) == []
    tiles = {"targetid": "", "tileid": "", "lastnight": ""}
    assert DESI.missing(tiles, archive(layout="cumulative")) == ["petal"]
    assert DESI.missing({**tiles, "fiber": ""}, archive(layout="cumulative")) == []
    assert "ztile-" in DESI.purpose(archive(layout="cumulative"))


def test_columns_of_both_versions_of_redshift_catalogues_are_known():
    known = DESI.known_columns()
    for column, names in {"redshift": ("zbest", "z"), "class": ("spectypebest", "spectype")}.items():
        assert [name for name in known[column] if name in names] == list(names)
    assert {"targetra", "zcatprimary", "petalloc"} <= {name for names in known.values() for name in names}
    assert all(len(names) == len(set(names)) for names in known.values())


def test_a_number_of_62_bits_keeps_every_digit_and_a_petal_comes_of_its_fibre():
    key, problems = read({**TILE, "targetid": [2**62 + 1], "petal": [-1], "fiber": [4999]}, layout="cumulative")
    assert problems == [""]
    assert key["targetid"].to_pylist() == [str(2**62 + 1)]
    assert key["petal"].tolist() == [9]


def test_names_of_surveys_are_those_of_folders_whatever_the_catalogue_writes():
    key, problems = read({**PIXEL, "program": ["DARK "]})
    assert (key["program"].to_pylist(), problems) == (["dark"], [""])


@pytest.mark.parametrize(
    ("columns", "keys", "said"),
    [
        ({"targetid": [float(TARGET)]}, {}, "whole number with all its digits"),
        ({"targetid": ["3.96E+16"]}, {}, "whole number with all its digits"),
        ({"targetid": [None]}, {}, "whole number with all its digits"),
        ({"survey": [""]}, {}, "survey is missing"),
        ({"survey": [""]}, {"desi_survey": "main"}, ""),
        ({"program": ["../dark"]}, {}, "program is missing or no name"),
        ({"healpix": ["x"]}, {}, "healpix is not a whole number"),
        ({"healpix": [None]}, {}, "healpix is missing"),
        ({"petal": ["x"]}, {}, ""),
        ({}, {"layout": "cumulative"}, "tileid is missing"),
        ({**TILE, "petal": [-1]}, {"layout": "cumulative"}, "petal"),
    ],
)
def test_a_row_that_names_no_spectrum_cannot_be_used(columns, keys, said):
    _, problems = read({**PIXEL, **columns}, **keys)
    assert said in problems[0]
    assert bool(said) == bool(problems[0])
