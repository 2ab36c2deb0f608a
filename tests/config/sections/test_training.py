"""The table `[train]` has the model of its kind."""

import pytest
from pydantic import TypeAdapter, ValidationError

from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.config.sections.training import TrainSection, kind_in
from survey_batch.core.errors import ConfigurationError

TABLE = TypeAdapter(TrainSection)


def test_without_a_kind_it_classifies_spectral_types_by_the_kind_s_first_variant():
    made = TABLE.validate_python({"classifier": "-"})
    assert isinstance(made, SpectralTypeTraining)
    assert (made.kind, made.variant) == ("spectral-type", "forest")
    assert kind_in({}).name == kind_in("not a table").name == "spectral-type"


def test_a_kind_has_its_own_model_and_a_table_made_in_python_is_taken_as_it_is():
    made = TABLE.validate_python({"classifier": "-", "kind": "stellar-image", "crop": 32})
    assert isinstance(made, ImageTraining)
    assert TABLE.validate_python(made) is made
    assert TABLE.dump_python(made)["crop"] == 32, "keys of the kind are written too"


@pytest.mark.parametrize(
    ("keys", "place", "said"),
    [
        ({"kind": "spectral-typ"}, ("kind",), "did you mean 'spectral-type'"),
        ({"kind": "stellar-image", "variant": "forest"}, ("variant",), "'cnn', 'small-vit' or 'vit'"),
        ({"kind": "adopted"}, ("kind",), "'adopted' are not trained here: remove .train., and name the folder that"),
        ({"trees": -1}, ("trees",), "greater than"),
        ({"é": 1}, ("é",), "not permitted"),
    ],
)
def test_a_wrong_key_is_named(keys, place, said):
    with pytest.raises(ValidationError, match=said) as caught:
        TABLE.validate_python({"classifier": "-", **keys})
    assert caught.value.errors()[0]["loc"] == place


def test_a_kind_that_nothing_offers_is_refused():
    with pytest.raises(ConfigurationError, match="'none'"):
        kind_in({"kind": "none"})


def test_what_is_no_table_is_left_to_pydantic():
    with pytest.raises(ValidationError):
        TABLE.validate_python(3)
