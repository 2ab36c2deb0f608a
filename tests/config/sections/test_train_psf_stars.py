"""The table of a classifier of stars for a PSF."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_psf_stars import PsfStarTraining


def test_the_published_network_is_trained_as_it_was_shipped():
    made, ours = (PsfStarTraining(classifier="-", variant=name) for name in ("published", "cnn"))
    assert (made.epochs, made.batch, made.learning_rate, made.patience) == (60, 256, 1e-4, 0)
    assert (ours.epochs, ours.patience, ours.class_weights) == (30, 6, "none")


@pytest.mark.parametrize(("key", "value"), [("zoom", 0.71), ("zoom", -0.1), ("band", "y"), ("variant", "vit")])
def test_what_makes_no_sense_is_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        PsfStarTraining(classifier="-", **{key: value})
