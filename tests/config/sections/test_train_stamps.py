"""The table of a classifier of stamps."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_stamps import READ_BY, StampTraining


@pytest.mark.parametrize(
    ("given", "paths"), [(None, ()), ("a.npz", ("a.npz",)), (["a.npz", "µ.npz"], ("a.npz", "µ.npz"))]
)
def test_psf_models_are_none_one_or_several(given, paths):
    assert StampTraining(classifier="-", psf_model=given).psf_models == paths


def test_the_published_networks_are_trained_as_published():
    made = [StampTraining(classifier="-", variant=name) for name in ("pca-mlp", "cnn-mlp")]
    assert [(one.epochs, one.batch, one.learning_rate, one.patience) for one in made] == [
        (100, 32, 0.1, 20),
        (2000, 512, 1e-4, 0),
    ]


def test_one_network_is_no_ensemble():
    with pytest.raises(ValidationError, match="members"):
        StampTraining(classifier="-", members=1)


def test_keys_that_only_some_variants_read_are_keys():
    assert {*READ_BY} <= {*StampTraining.model_fields}
