from dataclasses import replace

import numpy as np

from survey_batch.report.figures_scores import score_section, split_scored
from survey_batch.report.objects import Objects

CLASSES = ("A", "G", "M")


def predicted(labels, best, splits, unanswered=(), confidence=0.6):
    n = len(labels)
    sure = np.broadcast_to(confidence, n)
    probability = np.repeat((1 - sure[:, None]) / 2, 3, axis=1).astype(np.float32)
    probability[np.arange(n), best] = sure
    probability[list(unanswered)] = np.nan
    text = {"label": labels, "split": splits, "object_id": [""] * n, "predicted": [CLASSES[b] for b in best]}
    return Objects(
        n,
        np.arange(n),
        ra=np.arange(n) * 0.1,
        dec=np.zeros(n),
        status=np.full(n, "ok", dtype=object),
        usable=np.ones(n, bool),
        probability=probability,
        classes=CLASSES,
        **{name: np.array(values, dtype=object) for name, values in text.items()},
    )


def test_test_objects_come_first_and_each_split_is_scored_alone():
    parts, _ = split_scored(predicted(["A", "G", "M", "A"], [0, 1, 2, 1], ["train", "test", "other", "train"]))
    assert [(part.split, len(part.true)) for part in parts] == [("test", 1), ("train", 2), ("other", 1)]
    assert parts[1].predicted.tolist() == [0, 1]


def test_what_cannot_be_scored_is_counted_by_reason():
    objects = predicted(["A", "O", "", "M"], [0, 1, 2, 1], [""] * 4, unanswered=[3])
    parts, left_out = split_scored(objects)
    assert [len(part.true) for part in parts] == [1]
    assert left_out == {"without a label that the classifier knows": 2, "without a prediction": 1}
    (made,) = score_section(objects)
    assert "2 without a label that the classifier knows, 1 without a prediction" in made


def test_without_any_label_there_is_no_section():
    assert list(score_section(predicted(["", ""], [0, 1], ["", ""]))) == []


def test_visits_of_one_star_are_drawn_together():
    objects = predicted(["A", "A", "G", "G"], [0, 0, 1, 1], ["test"] * 4)
    (part,), _ = split_scored(replace(objects, ra=np.array([1.0, 1.0, 2.0, 2.0])))
    assert part.scores(CLASSES)["stars"] == 2


def test_abstentions_are_counted_and_objects_still_scored_by_their_most_probable_class():
    objects = predicted(["A", "G", "M", "A"], [0, 1, 2, 1], ["test"] * 4)
    objects.predicted[:3] = ""
    (made,) = score_section(objects, threshold=0.7)
    assert "3 of 4 predicted objects (75.0 %) left without a class: their confidence is below 0.7" in made
    assert "<b>0.750</b><span>accuracy" in made


def test_abstentions_are_counted_without_labels_too():
    objects = predicted([""] * 2, [0, 1], [""] * 2)
    objects.predicted[:] = ""
    (made,) = score_section(objects, threshold=0.7)
    assert "2 of 2" in made
