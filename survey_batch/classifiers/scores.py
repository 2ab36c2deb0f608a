"""The scores of several classifiers on the same objects, paired, and in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.calibration import expected_calibration_error, reliability
from survey_batch.classifiers.classes import class_numbers, sequence_length
from survey_batch.classifiers.labelled import Labelled
from survey_batch.classifiers.metrics import bootstrap, log_loss, mcnemar, summary, top_2

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


def scores_of(
    data: Labelled, answers: dict[str, npt.NDArray[Any]], classes: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Metrics of several predictions of the same objects, and their paired comparison with `classifier`.

    Parameters
    ----------
    data
        The objects.
    answers
        Probabilities (object, class) or class numbers (object,) by name; one is `classifier`, whose rows of NaN
        (not classified) are left out of all and counted.
    classes
        Names.
    seed
        Of the bootstrap.
    """
    known = np.isfinite(answers["classifier"]).all(axis=1)
    true, star = class_numbers(data.label[known], classes), data.star[known]
    given = {name: answer[known] for name, answer in answers.items()}
    picked = {name: answer if answer.ndim == 1 else answer.argmax(axis=1) for name, answer in given.items()}
    scores: dict[str, Any] = {"not_classified": int(np.sum(~known))} if not known.all() else {}
    for name, predicted in picked.items():
        scores[name] = summary(true, predicted, classes, sequence_length(classes), star, seed)
    scores["classifier"].update(_probabilistic(true, given["classifier"]))
    for name, predicted in picked.items():
        if name != "classifier":
            scores[name]["against_classifier"] = _paired(true, picked["classifier"], predicted, star, seed)
    return scores


def describe(scores: dict[str, Any]) -> str:
    """Put the scores of `train` or `evaluate` in a few lines of text."""
    lines = [f"classes: {', '.join(scores['classes'])}"]
    sequence = scores["classes"][: sequence_length(scores["classes"])]
    for part, title in (("test", "test split"), ("cross_validation", "cross-validation")):
        if part in scores:
            lines += [f"{title}:", *_describe_part(scores[part], sequence)]
    return "\n".join(lines)


def _describe_part(part: dict[str, Any], sequence: Sequence[str]) -> list[str]:
    """One or two lines of at most 80 characters for each classifier: all classes, then the spectral letters alone."""
    named = {name: one for name, one in part.items() if isinstance(one, dict)}
    first = named["classifier"]
    lines = [f"  {first['objects']} objects, {first['stars']} distinct; accuracy ± standard error, macro F1"]
    for name, one in named.items():
        stars = one["among_ordered"]
        text = f"  {name:15} {one['accuracy']:.3f} ± {one['accuracy_standard_error']:.3f}, {one['macro_f1']:.3f}"
        if 0 < stars["objects"] < one["objects"]:
            text += f"; {sequence[0]} to {sequence[-1]} {stars['accuracy']:.3f}, {stars['macro_f1']:.3f}"
        if "against_classifier" in one:
            text += f"; McNemar p {one['against_classifier']['mcnemar']['p']:.2g}"
        lines.append(text)
    if part.get("not_classified"):
        lines.append(f"  {part['not_classified']} objects had too little to go by and were not classified")
    return lines


def _probabilistic(true: Index, probability: F8) -> dict[str, Any]:
    return {
        "top_2": top_2(true, probability),
        "log_loss": log_loss(true, probability),
        "expected_calibration_error": expected_calibration_error(true, probability),
        "reliability": reliability(true, probability),
    }


def _paired(true: Index, ours: Index, theirs: Index, star: npt.NDArray[Any], seed: int) -> dict[str, Any]:
    """Difference in accuracy on the same objects, with its interval, and McNemar's test."""
    difference = (ours == true).astype(np.float64) - (theirs == true)
    error, low, high = bootstrap(difference, star, seed)
    return {
        "accuracy_gain": float(difference.mean()),
        "standard_error": error,
        "gain_95": [low, high],
        "mcnemar": mcnemar(true, ours, theirs),
    }
