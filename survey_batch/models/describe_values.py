"""Scores of estimated quantities in words, for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from survey_batch.core.wording import counted

TITLES = {"test": "test split", "cross_validation": "cross-validation", "all": "all objects with a label"}


def describe_values(scores: Mapping[str, Any]) -> str:
    """Describe the scores of `train` or `evaluate`, if the model answers with values."""
    lines = [f"classifier: {scores['classifier']}"] if isinstance(scores.get("classifier"), str) else []
    lines += [f"quantities: {', '.join(scores['quantities'])}"]
    if factors := scores.get("error_factors"):
        lines.append(f"errors are multiplied by: {', '.join(f'{name} {one:.3g}' for name, one in factors.items())}")
    for name, part in scores.items():
        if isinstance(part, Mapping) and "quantities" in part.get("classifier", {}):
            lines += [f"{TITLES.get(name, f'{name} split')}:", *(f"  {line}" for line in _part(part))]
    return "\n".join(lines)


def _part(part: Mapping[str, Any]) -> Iterator[str]:
    first = part["classifier"]
    yield f"{counted(first['objects'], 'object')}, {first['stars']:,} distinct"
    if part.get("not_classified"):
        yield f"{counted(part['not_classified'], 'object')} without an estimate"
    for quantity, own in first["quantities"].items():
        head = f"{quantity}: outliers beyond {own['outlier_beyond']:.3g}"
        yield f"{head:33} bias      NMAD [95 %]              RMS       outliers"
        for name, one in part.items():
            if isinstance(one, Mapping) and "quantities" in one:
                yield _figures(name, one["quantities"][quantity])
        inside = (f"{own[f'within_{share}']:.3f}{_interval(own, f'within_{share}')}" for share in (68, 95))
        yield f"  inside the 68 % and the 95 % interval: {' and '.join(inside)} of the catalogue's values"


def _figures(name: str, one: Mapping[str, Any]) -> str:
    spread = f"{one['nmad']:.4g}{_interval(one, 'nmad')}"
    return f"  {name:31} {one['bias']:<9.3g} {spread:24} {one['rms']:<9.4g} {one['outliers']:.3f}"


def _interval(one: Mapping[str, Any], name: str) -> str:
    ends = one.get(f"{name}_95")
    return f" [{ends[0]:.3g}, {ends[1]:.3g}]" if ends else ""
