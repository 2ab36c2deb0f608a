"""Scores in words, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from survey_batch.core.wording import counted
from survey_batch.models.classes import sequence_length
from survey_batch.models.describe_values import TITLES, describe_values


def describe(scores: Mapping[str, Any]) -> str:
    """Describe the scores of `train` or `evaluate` in lines of at most 80 characters or so."""
    if "quantities" in scores:
        return describe_values(scores)
    lines = [f"classifier: {scores['classifier']}"] if isinstance(scores.get("classifier"), str) else []
    if "reconstruction" in scores:
        return "\n".join([f"dimensions: {scores['dimensions']}", *_reconstruction(scores["reconstruction"])])
    lines += [f"classes: {', '.join(scores['classes'])}"]
    learnt = scores.get("training", {}).get("objects", {}).get("train")
    if learnt and (made := [name for name in scores["classes"] if name not in learnt]):
        lines.append(f"no training object of: {', '.join(made)}; learnt from synthetic spectra")
    if missing := scores.get("training", {}).get("classes_left_out"):
        lines.append(f"no training object of: {', '.join(missing)}; so the classifier never answers with these")
    if unlearnt := scores.get("training", {}).get("classes_without_training_objects"):
        named = ", ".join(f"{number} {name}" for name, number in unlearnt.items())
        lines.append(f"left out, because no training object is of their class: {named}")
    sequence = scores["classes"][: sequence_length(scores["classes"])]
    for name, part in scores.items():
        if isinstance(part, dict) and "confusion" in part.get("classifier", {}):
            lines += [f"{TITLES.get(name, f'{name} split')}:", *(f"  {line}" for line in _part(part, sequence))]
    return "\n".join(lines)


RESTORED = {
    "mean_spectrum": "the mean spectrum",
    "components": "as many principal components",
    "embedding": "the embedding",
    "noise": "noise alone",
}
"""Figures of `survey_batch.models.reconstruction` in words."""


def _reconstruction(scores: Mapping[str, Any]) -> Iterator[str]:
    whole = max(scores["mean_spectrum"], 1e-12)
    held_out = counted(scores["objects"], "spectrum", "spectra")
    yield f"{held_out} held out; mean square that is lost, and its share of the first, with:"
    for name, words in RESTORED.items():
        yield f"  {words:30} {scores[name]:.5f}  {100 * scores[name] / whole:5.1f} %"


_NEIGHBOURS = {"classifier": "their vote", "nearest": "the nearest", "most_common": "commonest class"}
"""The scores of an embedding, in words."""


def _part(part: Mapping[str, Any], sequence: Sequence[str]) -> Iterator[str]:
    first = part["classifier"]
    objects = counted(first["objects"], "object")
    yield f"{objects}, {first['stars']:,} distinct; {_prior(part['prior'], first['objects'])}"
    if part.get("not_classified"):
        yield f"{counted(part['not_classified'], 'object')} could not be classified"
    votes = part.get("neighbours")
    names = _NEIGHBOURS if votes else {}
    if votes:
        among = counted(votes["among"], "object")
        yield f"classes by vote of the nearest {min(votes['vote'], votes['among'])} of {among}"
    yield f"{'':17} accuracy [95 %]       macro F1 [95 %]"
    for name, one in part.items():
        if isinstance(one, dict) and "confusion" in one:
            yield from _figures(names.get(name, name), one, sequence)
    if any("against_classifier" in one for one in part.values() if isinstance(one, dict)):
        yield "McNemar p: how often chance alone makes one differ as much from the first line"
    yield from _probabilistic(first)
    if names:
        yield f"{'of the same class':17} {_with_95(first, 'same_class')}  share of the neighbours"
    yield from _classes(first["per_class"])


def _prior(prior: Mapping[str, Any], objects: int) -> str:
    stated = prior["stated"]
    if stated == "as_found":
        return "classes in the shares found"
    shares = "equal shares" if stated == "equal" else ", ".join(f"{k} {v:.3g}" for k, v in stated.items())
    return f"prior: {shares}; worth {counted(round(min(prior['effective_objects'], objects)), 'object')}"


def _figures(name: str, one: Mapping[str, Any], sequence: Sequence[str]) -> Iterator[str]:
    text = f"{name:17} {_with_95(one, 'accuracy')}  {_with_95(one, 'macro_f1')}"
    if "against_classifier" in one:
        text += f" McNemar p {one['against_classifier']['mcnemar']['p']:.2g}"
    yield text
    stars = one["among_ordered"]
    if 0 < stars["objects"] < one["objects"]:
        between = f"  {sequence[0]} to {sequence[-1]}"
        yield f"{between:17} {_with_95(stars, 'accuracy')}  {_with_95(stars, 'macro_f1')}"


def _probabilistic(one: Mapping[str, Any]) -> Iterator[str]:
    if one["within_one_class"] is not None:
        yield f"{'within one class':17} {_with_95(one, 'within_one_class')}"
    if "top_2" in one:
        if len(one["per_class"]) > 2:
            yield f"{'top 2':17} {_with_95(one, 'top_2')}"
        yield (
            f"calibration error {one['expected_calibration_error']:.3f} "
            f"({one['expected_calibration_error_by_chance']:.3f} by chance alone), log loss {one['log_loss']:.3f}"
        )
        for row in one["coverage"]["table"]:
            right = "" if row["accuracy"] is None else f", {_with_95(row, 'accuracy').strip()} of these right"
            yield f"confidence ≥ {row['threshold']}: {row['answered']:.3f} answered{right}"


def _classes(table: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    width = max(*(len(name) for name in table), 17)
    last, title = ("same_class", "same") if any("same_class" in one for one in table.values()) else ("f1", "F1")
    yield f"{'class':{width}} objects  precision [95 %]      recall [95 %]         {title}"
    for name, one in table.items():
        pair = "  ".join(_with_95(one, key) for key in ("precision", "recall"))
        yield f"{name:{width}} {one['support']:7}  {pair}  {_number(one[last])}"


def _with_95(one: Mapping[str, Any], name: str) -> str:
    interval = one.get(f"{name}_95")
    ends = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{_number(one[name]):5}{ends:15}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
