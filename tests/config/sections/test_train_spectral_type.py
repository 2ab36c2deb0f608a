import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining


def test_made_spectra_are_refused_for_a_variant_without_rare_classes():
    with pytest.raises(ValidationError, match="'lines' has no rare classes"):
        SpectralTypeTraining(classifier="-", variant="lines", gan=True)
    assert SpectralTypeTraining(classifier="-", variant="convolution", gan=True).gan


def test_the_ensemble_s_defaults_are_those_it_was_chosen_with():
    section = SpectralTypeTraining(classifier="-")
    assert (section.epochs, section.members, section.learning_rate, section.class_weights) == (40, 8, 2e-3, "none")
