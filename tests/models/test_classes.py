import numpy as np
import pytest

from survey_batch.catalog.labels import SPECTRAL_TYPES
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.classes import class_numbers, classes_among, has_gaps, sequence_length


def test_spectral_letters_come_first_from_hot_to_cool():
    assert classes_among(["non-stellar", "M", "G", "", "A", "K", "F", "G"]) == SPECTRAL_TYPES
    assert classes_among(["STAR", "QSO", "GALAXY"]) == ("GALAXY", "QSO", "STAR")


def test_types_of_letter_and_digit_are_sorted_along_the_sequence():
    shuffled = ["M5", "B0", "O5", "galaxy", "B5", "A0", "M0", "K5", "K0"]
    in_order = ("O5", "B0", "B5", "A0", "K0", "K5", "M0", "M5")
    assert classes_among(shuffled) == (*in_order, "galaxy")
    assert sequence_length((*in_order, "galaxy")) == len(in_order)
    assert classes_among(["G2", "G", "F5"]) == ("F5", "G", "G2")


@pytest.mark.parametrize(("classes", "length"), [(SPECTRAL_TYPES, 5), (("GALAXY", "STAR"), 0), (("OB", "A"), 0)])
def test_only_leading_letters_are_a_sequence(classes, length):
    assert sequence_length(classes) == length


def test_a_label_that_is_no_class_is_named():
    np.testing.assert_array_equal(class_numbers(np.array(["b", "a"]), ("a", "b")), [1, 0])
    with pytest.raises(ConfigurationError, match="'c'"):
        class_numbers(np.array(["b", "c"]), ("a", "b"))


@pytest.mark.parametrize(("classes", "gaps"), [("AM", True), ("AFG", False), ("OBAFGKM", False), (("A0", "M0"), False)])
def test_letters_that_leave_some_out_are_no_neighbours(classes, gaps):
    assert has_gaps(classes) is gaps
