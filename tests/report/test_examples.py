import numpy as np

from survey_batch.report.examples import chosen
from tests.report.test_figures_scores import predicted


def groups(objects):
    return {title: places.tolist() for title, places in chosen(objects)}


def test_rights_and_wrongs_are_told_apart_and_the_surest_come_first():
    labels, best = ["A", "A", "G", "M", "M", "M", ""], [0, 1, 1, 2, 2, 0, 2]
    objects = predicted(labels, best, [""] * 7, confidence=[0.9, 0.6, 0.8, 0.7, 0.95, 0.65, 0.99])
    found = groups(objects)
    assert found["Predicted as labelled: the surest, and one of medium confidence"] == [0, 2, 4, 3]
    assert found["Predicted differently from the label, the surest of 2"] == [5, 1]
    assert found["The most uncertain"] == [1, 5, 3, 2]


def test_without_labels_the_surest_of_each_class_are_shown():
    found = groups(predicted([""] * 4, [0, 0, 0, 2], [""] * 4, confidence=[0.5, 0.9, 0.7, 0.8]))
    assert found["By predicted class: the surest, and one of medium confidence"] == [1, 2, 3]
    assert not [title for title in found if "labelled" in title]


def test_objects_without_a_prediction_or_data_are_not_shown():
    objects = predicted(["A"] * 4, [0, 0, 0, 1], [""] * 4, unanswered=[1])
    objects.usable[2] = False
    assert set(np.concatenate(list(groups(objects).values())).tolist()) == {0, 3}
