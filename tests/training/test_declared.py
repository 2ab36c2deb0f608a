import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.manifest import Quantity
from survey_batch.training.declared import check_order, chosen_outputs, declared


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("classes:A, F,G", {"outputs": "classes", "classes": ("A", "F", "G")}),
        ("classes:with space,no", {"outputs": "classes", "classes": ("with space", "no")}),
        ("embedding", {"outputs": "embedding"}),
        (
            "values:z,teff[K],rv[km s-1]",
            {
                "outputs": "values",
                "quantities": tuple(
                    Quantity(name=name, units=units) for name, units in (("z", "1"), ("teff", "K"), ("rv", "km s-1"))
                ),
                "errors": False,
            },
        ),
    ],
)
def test_what_a_model_answers_with_is_read(text, keys):
    assert declared(text, errors=False) == keys


def test_a_model_s_own_classes_are_taken_and_another_order_is_refused():
    assert declared("classes", errors=False, names=("A", "F"))["classes"] == ("A", "F")
    assert declared("classes:A,F", errors=False, names=("A", "F"))["classes"] == ("A", "F")
    with pytest.raises(ConfigurationError, match=r"own classes are A, F, in this order, and outputs name F, A"):
        declared("classes:F,A", errors=False, names=("A", "F"))


def test_a_model_that_was_fitted_to_objects_without_a_label_is_refused():
    with pytest.raises(ConfigurationError, match="one of the model's own classes has an empty name"):
        declared("classes", errors=False, names=("", "A", "F"))


def test_codes_are_given_names_or_taken_as_they_are_but_not_in_another_order():
    codes = ("0", "1", "2")
    assert declared("classes", errors=False, names=codes)["classes"] == codes
    assert declared("classes:A,F,G", errors=False, names=codes)["classes"] == ("A", "F", "G")
    with pytest.raises(ConfigurationError, match=r"own classes are 0, 1, 2, in this order, and outputs name 2, 1, 0"):
        declared("classes:2,1,0", errors=False, names=codes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("labels:A,F", r"'labels:A,F' are not understood; write classes:A,F,G, values:z,teff\[K\] or embedding"),
        ("classes:A", "fewer than two classes"),
        ("classes", "fewer than two classes"),
        ("values", "names in plain letters"),
        ("values:z,2mass", "names in plain letters"),
        ("embedding:3", "not understood"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_ways_to_write_it(text, said):
    with pytest.raises(ConfigurationError, match=said):
        declared(text, errors=False)


def test_errors_belong_to_values():
    assert declared("values:z", errors=True)["errors"]
    with pytest.raises(ConfigurationError, match="errors belong to values"):
        declared("embedding", errors=True)


def array(*shape, kind="f4"):
    return np.zeros(shape, kind)


@pytest.mark.parametrize(
    ("found", "columns", "wanted", "chosen"),
    [
        ({"y": array(4, 3)}, 3, (), (["y"], 3)),
        ({"label": array(4, kind="i8"), "p": array(4, 3)}, 3, (), (["p"], 3)),
        ({"y": array(4)}, 1, (), (["y"], 1)),
        ({"mean": array(4, 2), "sigma": array(4, 2)}, 4, (), (["mean", "sigma"], 4)),
        ({"logits": array(4, 3), "hidden": array(4, 64)}, 3, (), (["logits"], 3)),
        ({"logits": array(4, 3), "hidden": array(4, 64)}, None, ("hidden",), (["hidden"], 64)),
        ({"map": array(4, 2, 3)}, None, (), (["map"], 6)),
        ({"y": array(4, 1)}, 2, (), (["y"], 1)),
        ({"b": array(4, 1), "a": array(4, 1)}, 2, ("a", "b"), (["a", "b"], 2)),
    ],
)
def test_the_outputs_that_fit_are_chosen(found, columns, wanted, chosen):
    assert chosen_outputs(found, 4, columns, wanted) == chosen


@pytest.mark.parametrize(
    ("found", "columns", "wanted", "said"),
    [
        ({"y": array(4, 5)}, 3, (), r"needs 3 columns, and for 4 objects the model answers with y \(4, 5\): none fits"),
        ({"y": array(1, 3)}, 3, (), "none fits"),
        ({"a": array(4, 3), "b": array(4, 3)}, 3, (), "several fit; name the ones to use"),
        ({"a": array(4, 3), "b": array(4, 3)}, None, (), "any number of columns.*several fit"),
        ({"y": array(4, 3)}, 3, ("z",), "no output 'z' with a row for each object"),
    ],
)
def test_outputs_that_do_not_fit_are_refused_with_what_there_is(found, columns, wanted, said):
    with pytest.raises(ConfigurationError, match=said):
        chosen_outputs(found, 4, columns, wanted)


def test_outputs_named_as_what_is_declared_in_another_order_are_refused():
    for used in (["A", "F"], ["p_F", "p_A"], ["F"], ["A", "F", "A_error", "F_error"]):
        check_order(used, ["A", "F"])
    for used in (["F", "A"], ["F", "A", "F_error", "A_error"]):
        with pytest.raises(ConfigurationError, match="outputs are F, A.* and you declare A, F: .*--take A,F"):
            check_order(used, ["A", "F"])
