"""What all families of quantities share: names, targets, baselines, refusals."""

import numpy as np
import pytest

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.feature_quantities import FeatureQuantities
from survey_batch.models.quantities import quantity_name
from tests.models.test_feature_quantities import SECTION, table


@pytest.mark.parametrize(
    ("column", "name"), [("z", "z"), ("[Fe/H]", "Fe_H"), ("2MASS K", "q_2MASS_K"), ("log g", "log_g"), ("λ", "q_")]
)
def test_columns_of_any_name_become_quantities(column, name):
    assert quantity_name(column) == name


def test_the_table_names_scales_and_units_of_its_quantities():
    section = QuantitiesTraining(classifier="-", columns=("teff", "feh"), scale={"teff": "log"}, units={"teff": "K"})
    teff, feh = FeatureQuantities.quantities_of(section)
    assert (teff.column, teff.scale, teff.units) == ("teff", "log", "K")
    assert (feh.column, feh.scale, feh.units) == ("feh", "linear", "1")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"scale": {"feh": "log"}}, "'feh' is not among train.columns"),
        ({"units": {"feh": "dex"}}, "'feh' is not among train.columns"),
        ({"columns": ("z", "z")}, "named twice"),
        ({"columns": ()}, "at least 1"),
        ({"snr": (5, 2)}, "lower signal to noise first"),
    ],
)
def test_a_wrong_table_is_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        QuantitiesTraining(**{"classifier": "-", "columns": ("z",), **keys})


def test_too_few_rows_and_a_column_without_variety_are_refused():
    with pytest.raises(ConfigurationError, match="at least 10 usable objects.*there are 9"):
        FeatureQuantities.fit(table().take(np.arange(9)), SECTION)
    data = table()
    data.target[:, 1] = 4.5
    with pytest.raises(ConfigurationError, match="'logg' is the same in all of 80"):
        FeatureQuantities.fit(data, SECTION)


def test_baselines_are_the_mean_of_the_training_rows_and_a_linear_regression():
    trained, tested = table(1), table(2)
    made = {name: fit(trained, 1)(tested) for name, fit in FeatureQuantities.baselines(trained, SECTION, ()).items()}
    np.testing.assert_allclose(made["mean_of_training"][:, 0], np.exp(np.log(trained.target[:, 0]).mean()))
    assert made["mean_of_training"].shape == (80, 4), "with errors"
    assert made["linear_regression"].shape == (80, 2)
    assert np.corrcoef(made["linear_regression"][:, 0], tested.target[:, 0])[0, 1] > 0.9


def test_two_columns_whose_estimates_would_have_one_name_are_refused():
    section = QuantitiesTraining(classifier="unused", columns=("[Fe/H]", "Fe/H"))
    with pytest.raises(ConfigurationError, match=r"of '\[Fe/H\]' and 'Fe/H' would both be called 'Fe_H'"):
        FeatureQuantities.quantities_of(section)
