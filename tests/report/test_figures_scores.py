import numpy as np

from survey_batch.report.figures_scores import score_section, split_scored
from survey_batch.report.objects import Objects

CLASSES = ("A", "G", "M")


def predicted(labels, best, splits, unanswered=()):
    n = len(labels)
    probability = np.full((n, 3), 0.2, np.float32)
    probability[np.arange(n), best] = 0.6
    probability[list(unanswered)] = np.nan
    text = {"label": labels, "split": splits, "object_id": [""] * n, "predicted": [CLASSES[b] for b in best]}
    return Objects(
        n,
        np.arange(n),
        ra=np.zeros(n),
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
