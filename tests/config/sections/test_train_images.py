"""The table of a classifier of images."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_images import COUNTS_WITH, READ_BY, ImageTraining

VIT = {"classifier": "-", "variant": "vit", "checkpoint": "here"}


def test_the_fine_tuning_is_the_published_one_unless_something_is_set():
    made = ImageTraining(**VIT)
    assert (made.product, made.epochs, made.batch, made.learning_rate, made.patience) == ("composites", 50, 32, 1e-5, 5)
    assert not made.augment
    assert ImageTraining(**VIT, epochs=3).epochs == 3
    assert ImageTraining(classifier="-").learning_rate == 3e-3


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"checkpoint": None}, 'variant "vit" starts from a checkpoint; set train.checkpoint to its folder'),
        ({"checkpoint": ""}, "starts from a checkpoint"),
        ({"product": "cutouts"}, 'variant "vit" takes whole composites as they are: no cutouts, crop or augment'),
        ({"crop": 32}, "takes whole composites"),
        ({"augment": True}, "takes whole composites"),
    ],
)
def test_what_the_transformer_cannot_do_is_refused(keys, said):
    with pytest.raises(ValidationError, match=said):
        ImageTraining(**{**VIT, **keys})


def test_keys_that_only_some_read_are_keys_and_count_with_one_product_each():
    assert {*READ_BY, *COUNTS_WITH} <= {*ImageTraining.model_fields}
    cutouts, composites = (ImageTraining(classifier="-", product=name) for name in ("cutouts", "composites"))
    counts = {key: (test(cutouts), test(composites)) for key, (test, _) in COUNTS_WITH.items()}
    assert counts == {"softening": (True, False), "magnitudes": (False, True)}
