import pytest
from pydantic import ValidationError

from survey_batch.config.job import FramesSection, Job, SpectralFeaturesSection, SpectraSection, SplitSection

SDSS = {
    "name": "a",
    "output": "out",
    "stages": ["frames", "cutouts"],
    "catalog": {"path": "c.csv"},
    "archive": {"survey": "sdss", "root": "/archive"},
}
LAMOST = SDSS | {"stages": ["spectra"], "archive": {"survey": "lamost", "root": "/archive"}}


def test_a_job_is_frozen():
    job = Job.model_validate(SDSS)
    with pytest.raises(ValidationError, match="frozen"):
        job.name = "b"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "../a"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(ValidationError, match="name"):
        Job.model_validate(SDSS | {"name": name})


@pytest.mark.parametrize(
    ("job", "stages", "reason"),
    [
        (SDSS, ["spectra"], "'spectra' is not a stage of survey 'sdss'"),
        (LAMOST, ["frames"], "'frames' is not a stage of survey 'lamost'"),
        (SDSS, ["cutouts", "frames"], "in this order"),
        (SDSS, ["frames", "frames"], "once each"),
        (SDSS, [], "at least 1"),
        (LAMOST, ["features"], "must start with 'spectra'"),
        (LAMOST, ["spectra", "predictions"], "needs a table"),
    ],
)
def test_stages_that_do_not_fit_together_are_refused(job, stages, reason):
    with pytest.raises(ValidationError, match=reason):
        Job.model_validate(job | {"stages": stages})


@pytest.mark.parametrize("stages", [["spectra"], ["spectra", "features"], ["spectra", "features", "predictions"]])
def test_stages_of_a_spectroscopic_job(stages):
    job = Job.model_validate(LAMOST | {"stages": stages, "predictions": {"classifier": "model"}})
    assert list(job.stages) == stages


def test_an_even_smoothing_window_is_refused():
    with pytest.raises(ValidationError, match="half a pixel"):
        SpectralFeaturesSection(smoothing_window=4)


def test_a_smoothing_order_as_high_as_the_window_is_refused():
    with pytest.raises(ValidationError, match="less than smoothing_window"):
        SpectralFeaturesSection(smoothing_window=3, smoothing_order=3)


def test_shares_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValidationError, match="sum to 1"):
        SplitSection(train=0.5)


def test_a_wavelength_range_that_runs_backwards_is_refused():
    with pytest.raises(ValidationError, match="greater than wavelength_min"):
        SpectraSection(wavelength_min=9000, wavelength_max=4000)


@pytest.mark.parametrize("bands", ["", "rr", "g,r", "ugrizu", "é"])
def test_bands_that_are_no_letters_or_repeated_are_refused(bands):
    with pytest.raises(ValidationError):
        FramesSection(bands=bands)


def test_a_share_of_one_leaves_nothing_for_the_other_splits():
    assert SplitSection(train=1.0).model_dump(include={"train", "validation", "test"}) == {
        "train": 1.0,
        "validation": 0.0,
        "test": 0.0,
    }
    assert (SplitSection(test=1).train, SplitSection(train=1, seed=3).test) == (0.0, 0.0)
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitSection(train=1.0, test=0.3)
