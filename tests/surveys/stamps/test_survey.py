"""What the survey of stamps makes of a catalogue's rows."""

import pyarrow as pa
import pytest

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.surveys.stamps.survey import STAMPS
from tests.jobs import archive_section

ARCHIVE = archive_section("stamps", root="-")


@pytest.mark.parametrize(
    ("exposure", "said"),
    [
        ("exposure-0001", ""),
        ("night/é 1", ""),
        ("a..b", ""),
        ("..a/b..", ""),
        ("", "exposure is missing"),
        (None, "exposure is missing"),
        ("/etc/passwd", "outside the archive's root"),
        ("..", "exposure is missing"),  # a word for "no value" in tables
        ("../x", "outside the archive's root"),
        ("a/../../x", "outside the archive's root"),
        ("a/..", "outside the archive's root"),
    ],
)
def test_an_exposure_lies_below_the_archive_s_root(exposure, said):
    draft = Draft(Rows(pa.table({"exposure": pa.array([exposure], pa.string())})), {"exposure": "exposure"})
    key = STAMPS.read_key(draft, ARCHIVE)
    assert key["exposure"].to_pylist() == ["" if "missing" in said else exposure]
    (problem,) = draft.problem.tolist()
    assert said in problem
    assert bool(problem) == bool(said)


def test_a_star_is_found_by_its_id_and_its_exposure():
    assert STAMPS.missing({"ra": "", "dec": ""}, ARCHIVE) == ["object_id", "exposure"]
    assert "object_id and exposure" in STAMPS.purpose(ARCHIVE)
