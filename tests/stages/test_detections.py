"""Sources in their slots: order, unused slots, fields with too many or too few, and missing frames."""

import numpy as np
import pytest

from survey_batch.config.job import Job
from survey_batch.core.errors import NotFoundError, TransientError
from survey_batch.core.status import Status
from survey_batch.images.frame import Frame, FrameWcs, Sky
from survey_batch.images.wcs import sky_to_pixel
from survey_batch.stages import make_stage, make_stages
from survey_batch.stages.detections import LABELS, frame_noise
from survey_batch.stages.frame_source import ArchiveFrames
from survey_batch.surveys.sdss.camera import ccd
from survey_batch.surveys.sdss.files import SKY_SHAPE
from tests.images.star_field import COUNTS_PER_UNIT, SHAPE, make_field

SCALE = 0.396 / 3600
WCS = FrameWcs(np.array([30.0, 0.0]), np.array([260.0, 210.0]), np.array([[0.0, SCALE], [SCALE, 0.0]]))


def job(**detect):
    return Job.model_validate(
        {
            "name": "t",
            "output": "unused",
            "stages": ["cutouts"],
            "catalog": {"path": "unused", "detect": detect},
            "archive": {"survey": "sdss", "root": "unused"},
            "frames": {"keep": False},
        }
    )


def frame(**keys):
    unit = np.full(SHAPE[1], 1 / COUNTS_PER_UNIT, np.float32)
    places = (np.zeros(length, np.float32) for length in SHAPE[::-1])
    return Frame(make_field(**keys).image, unit, WCS, Sky(np.full(SKY_SHAPE, 100.0, np.float32), *places))


FRAMES = {
    1: frame(),
    2: frame(stars=3, others=False),
    3: NotFoundError("no such file"),
    4: TransientError("no answer"),
}


@pytest.fixture
def computed(monkeypatch):
    """Run the stage on the fields above."""
    monkeypatch.setattr(ArchiveFrames, "decode", lambda self, key: dict.fromkeys(self.bands, FRAMES[key[-1]]))

    def run(fields=(1,), **detect):
        rows = {name: np.full(len(fields), 3) for name in ("rerun", "run", "camcol")} | {"field": np.array(fields)}
        return make_stage(job(**detect), "detections").compute(rows, {})

    return run


def test_sources_stand_brightest_first_and_unused_slots_are_empty(computed):
    block = computed(most=100)
    count = int(block.data["count"][0])
    assert 40 < count < 100
    assert np.all(np.diff(block.data["flux"][0, :count]) <= 0)
    for name in ("x", "ra", "flux", "sky"):
        assert np.isfinite(block.data[name][0, :count]).all()
        assert np.isnan(block.data[name][0, count:]).all()
    assert list(block.status) == [Status.OK]


def test_positions_on_the_sky_are_those_of_the_frame(computed):
    data = computed().data
    count = int(data["count"][0])
    x, y = sky_to_pixel(WCS, data["ra"][0, :count], data["dec"][0, :count])
    np.testing.assert_allclose(x, data["x"][0, :count], atol=1e-6)
    np.testing.assert_allclose(y, data["y"][0, :count], atol=1e-6)


def test_of_more_sources_than_slots_the_brightest_stay_and_the_field_is_partial(computed):
    every, few = computed(most=100), computed(most=10)
    np.testing.assert_array_equal(few.data["flux"][0], every.data["flux"][0, :10])
    assert list(few.status) == [Status.PARTIAL]
    assert "catalog.detect.most is 10" in few.problems[0].message


def test_without_the_rule_nothing_is_judged(computed):
    assert not {"label", "share", "scatter", "second", "chi"} & computed().data.keys()


def test_the_rule_labels_every_source_and_no_unused_slot(computed):
    block = computed(rule={})
    count, label = int(block.data["count"][0]), block.data["label"][0]
    assert set(label[:count]) == {LABELS.index("other"), LABELS.index("good")}
    assert not label[count:].any()
    assert 15 < np.sum(label == LABELS.index("good")) < 40
    assert block.data["fwhm"][0] == pytest.approx(3.2, rel=0.05)


def test_a_field_with_too_few_stars_is_partial_and_not_judged(computed):
    block = computed([2], rule={})
    assert list(block.status) == [Status.PARTIAL]
    assert "no source is judged" in block.problems[0].message
    assert block.data["count"][0] == 3
    assert not block.data["label"].any()


def test_a_field_without_its_frame_says_why_and_touches_no_other(computed):
    block = computed([3, 1, 4], rule={})
    assert list(block.status) == [Status.NOT_FOUND, Status.OK, Status.UNREACHABLE]
    assert list(block.data["count"] > 0) == [False, True, False]
    alone = computed([1], rule={})
    for name, values in alone.data.items():
        np.testing.assert_array_equal(values[0], block.data[name][1])


def test_the_noise_of_the_sky_is_that_of_its_counts():
    sigma, counts = frame_noise(FRAMES[1], FRAMES[1].sky, ccd(3, 3, "r"))
    dark = np.isclose(counts, 100, atol=20)
    expected = np.sqrt(100 / 4.72 + 1.3225) / COUNTS_PER_UNIT
    assert np.median(sigma[dark]) == pytest.approx(expected, rel=0.01)


def test_the_search_comes_before_all_other_stages():
    assert [stage.name for stage in make_stages(job())] == ["detections", "cutouts"]
