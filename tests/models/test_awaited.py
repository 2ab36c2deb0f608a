"""A classifier that the job's table [train] is still to make, and the part of the job before that."""

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.awaited import awaits, before_training, check_training, is_awaited, without_predictions
from survey_batch.models.manifest import MANIFEST
from tests.jobs import lamost_job

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}


def job(folder, stages=("spectra", "predictions"), **tables):
    predictions = {"predictions": {"classifier": str(folder)}} if "predictions" in stages else {}
    train = {"train": {"classifier": str(folder), "kind": "spectral-type", "variant": "lines"}}
    return lamost_job(UNUSED, "out", stages, **{**train, **predictions, **tables})


def test_a_classifier_is_awaited_until_its_folder_is_complete(tmp_path):
    asked = job(tmp_path)
    assert is_awaited(asked)
    assert awaits(str(tmp_path), asked.train)
    assert not awaits("another", asked.train)
    assert not awaits(str(tmp_path), None)
    (tmp_path / MANIFEST).write_text("{}")
    assert not is_awaited(asked)


def test_a_job_that_predicts_nothing_awaits_nothing(tmp_path):
    assert not is_awaited(job(tmp_path, ("spectra",)))


def test_what_comes_of_predictions_is_left_for_after_the_training(tmp_path):
    custom = {
        name: {"function": "a.py:f", "input": source, "variables": ["x"]}
        for name, source in (("early", "spectra"), ("late", "predictions"), ("later", "late"))
    }
    stages = ("spectra", "early", "predictions", "late", "later")
    first = before_training(job(tmp_path, stages, custom=custom, cluster={"kind": "slurm", "gpu": {"gres": "gpu:1"}}))
    assert first.stages == ("spectra", "early")
    assert set(first.custom) == {"early"}
    assert first.predictions is None
    assert first.cluster.gpu is None, "no GPU is asked for before there is anything to predict"
    assert without_predictions(first).stages == first.stages


def test_a_classifier_whose_product_no_stage_makes_is_refused_with_what_to_add(tmp_path):
    check_training(job(tmp_path))
    check_training(job(tmp_path).model_copy(update={"train": None}))
    late = job(tmp_path, ("spectra",)).model_copy(update={"stages": ("features",)})
    with pytest.raises(
        ConfigurationError, match=r"is trained on the product 'spectra', which .* add 'spectra' to stages"
    ):
        check_training(late)


def finer(folder, kind):
    return job(folder, train={"classifier": str(folder), "kind": kind}, spectra={"step": 2e-5})


@pytest.mark.parametrize("kind", ["spectral-type", "galaxy-quasar-star"])
def test_a_kind_whose_recipe_counts_in_pixels_is_refused_with_another_step(tmp_path, kind):
    with pytest.raises(ConfigurationError, match=f"train.kind '{kind}', .* in steps of 0.0001 dex, and spectra.step"):
        check_training(finer(tmp_path, kind))


def test_other_kinds_take_spectra_of_any_step(tmp_path):
    check_training(finer(tmp_path, "spectrum-embedding"))
