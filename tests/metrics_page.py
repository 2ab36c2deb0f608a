"""The keys of a classifier's scores, and whether the page on them has each."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "classifiers" / "metrics.md"
OF_CLASSES = ("objects", "shares", "stated", "classes_without_training_objects")
"""Keys of objects whose own keys are splits or classes."""


def missing_keys(scores, baselines=()):
    """Return the keys of scores that the page lacks."""
    there = set(re.findall(r"`\.?(\w+)(?:\.\w+)?`", PAGE.read_text(encoding="utf-8"))) | set(baselines)
    return sorted(name for name in set(_keys(scores)) if name.removesuffix("_95") not in there and name not in there)


def _keys(value):
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name
        for one in inner.values() if name == "per_class" else () if name in OF_CLASSES else (inner,):
            yield from _keys(one)
    for inner in value if isinstance(value, list) else ():
        yield from _keys(inner)
