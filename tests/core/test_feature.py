"""A feature, and its error."""

from survey_batch.core.feature import Feature


def test_the_error_of_a_feature_has_its_name_and_unit():
    flux = Feature("flux_r", "nanomaggy", "flux, r")
    assert flux.error == Feature("flux_r_error", "nanomaggy", "standard error of flux_r")
