"""The table of a classifier of galaxies, quasars and stars."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_galaxies import COUNTS_WITH, READ_BY, GalaxyTraining


def test_the_published_network_is_trained_as_published():
    made, ours = (GalaxyTraining(classifier="-", variant=name) for name in ("published-cnn", "convolution"))
    assert (made.epochs, made.batch, made.learning_rate, made.class_weights) == (20, 128, 5e-4, "none")
    assert (ours.learning_rate, ours.class_weights) == (1e-3, "balanced")


def test_a_range_of_signal_to_noise_has_the_lower_first():
    assert GalaxyTraining(classifier="-", snr=(3, 3)).snr == (3, 3)
    with pytest.raises(ValidationError, match="snr must be a range: the lower signal to noise first"):
        GalaxyTraining(classifier="-", snr=(5, 2))


def test_templates_count_and_classes_need_no_objects_only_with_simulated_spectra():
    with_, without = (GalaxyTraining(classifier="-", simulated=count) for count in (1, 0))
    assert (with_.makes_examples, without.makes_examples) == (True, False)
    test, asked = COUNTS_WITH["templates"]
    assert (test(with_), test(without), asked) == (True, False, "train.simulated above 0")


def test_keys_that_only_some_variants_read_are_keys():
    assert {*READ_BY} <= {*GalaxyTraining.model_fields}
