"""The product of frames: one row for a field, one status for a band."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError, NotFoundError, TransientError
from survey_batch.core.status import Status
from survey_batch.images.frame import Frame, FrameWcs, Sky
from survey_batch.stages import frames, make_stage
from survey_batch.stages.frame_source import ArchiveFrames
from survey_batch.surveys.sdss.files import FRAME_SHAPE, SKY_SHAPE
from survey_batch.surveys.sdss.reader import SdssFrames
from tests.jobs import sdss_job
from tests.planning.test_plan import plan_of


def frame(number):
    wcs = FrameWcs(np.full(2, number), np.full(2, number + 0.5), np.eye(2) * number)
    places = (np.full(length, number, np.float32) for length in FRAME_SHAPE[::-1])
    sky = Sky(np.full(SKY_SHAPE, number, np.float32), *places)
    unit = np.full(FRAME_SHAPE[1], number, np.float32)
    return Frame(np.full(FRAME_SHAPE, number, np.float32), unit, wcs, sky)


ANSWERS = {1: {"g": frame(3.0), "r": NotFoundError("no such file")}, 2: {"g": TransientError("away"), "r": frame(4.0)}}


@pytest.fixture
def computed(monkeypatch):
    monkeypatch.setattr(ArchiveFrames, "decode", lambda _, key: ANSWERS[key[-1]])
    monkeypatch.setattr(frames, "measure_correction", lambda *_: frames_correction())
    job = sdss_job("c", "/archive", "out", frames={"bands": "gr"}, cutouts={"ivar": True})
    rows = {"rerun": [301, 301], "run": [94, 94], "camcol": [1, 1], "field": [1, 2]}
    stage = make_stage(job, "frames")
    return stage, stage.compute({name: np.array(values) for name, values in rows.items()}, {})


def frames_correction():
    from survey_batch.images.aperture_correction import ApertureCorrection

    return ApertureCorrection(1.1, 0.01, 7, 3.2)


def test_each_band_has_its_frame_or_its_status_with_the_address(computed):
    _, block = computed
    expected = [[Status.OK, Status.NOT_FOUND], [Status.UNREACHABLE, Status.OK]]
    assert block.status.tolist() == expected
    first, second = block.problems
    assert (first.row, first.message) == (0, "no such file")
    assert first.source.endswith("frame-r-000094-1-0001.fits.bz2")
    assert second.source.endswith("frame-g-000094-1-0002.fits.bz2")


def test_all_parts_of_a_frame_are_stored_and_a_missing_band_holds_nothing(computed):
    _, block = computed
    for name in ("image", "calibration", "crval", "sky", "sky_column", "sky_row"):
        assert (block.data[name][0, 0] == 3).all(), name
        assert (block.data[name][1, 1] == 4).all(), name
        assert np.isnan(block.data[name][0, 1]).all(), name
    assert block.data["aperture_correction"][0, 0] == np.float32(1.1)
    assert block.data["aperture_correction_stars"].tolist() == [[7, 0], [0, 7]]
    assert block.data["field"].tolist() == [1, 2]


def test_a_field_is_named_for_people(computed):
    stage, _ = computed
    rows = {name: np.array([value]) for name, value in (("rerun", 301), ("run", 94), ("camcol", 1), ("field", 12))}
    assert stage.row_name(rows, 0) == "frame 301/94/1/0012"


def test_the_sky_is_stored_only_for_the_inverse_variance():
    plain = make_stage(sdss_job("c", "/archive", "out"), "frames")
    assert "sky" not in {variable.name for variable in plain.variables()}
    assert "sky_y" not in plain.sizes()
    assert "cutouts.ivar" not in plain.settings()


def test_each_field_costs_a_file_for_each_band():
    plan = plan_of([(1, ""), (2, ""), (2, "")], frames={"bands": "gri"})
    cost = make_stage(plan.job, "frames").cost(plan)
    assert (cost.files, cost.at_once) == (6, 3)
    assert cost.fetch_bytes == 6 * make_stage(plan.job, "frames").reader.file_bytes


@pytest.mark.parametrize("name", ["frames", "cutouts"])
def test_a_band_that_the_survey_lacks_is_refused_before_any_work(monkeypatch, name):
    stage = make_stage(sdss_job("c", "/archive", "out", frames={"bands": "ug", "keep": False}), name)
    stage.check()
    monkeypatch.setattr(SdssFrames, "bands", "gri")
    with pytest.raises(ConfigurationError, match=r"frames\.bands: survey 'sdss' has no band u; it has gri"):
        stage.check()
