"""The job of the example runs."""

from pathlib import Path

from survey_batch.simulate.examples import spectra_job


def test_everything_lies_below_the_folder_and_the_classifier_is_the_one_that_is_trained(tmp_path):
    job = spectra_job(tmp_path / "é")
    places = (job.output, job.catalog.path, job.archive.root, job.train.classifier)
    assert all(Path(place).is_relative_to(tmp_path / "é") for place in places)
    assert job.predictions.classifier == job.train.classifier
    assert job.stages == ("spectra", "features", "predictions")


def test_a_folder_is_text_or_a_path():
    assert spectra_job("a") == spectra_job(Path("a"))
