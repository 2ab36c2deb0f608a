"""The line of each key is found in whatever TOML allows."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.config.toml_lines import locate_keys


def keys_of(value, path=()):
    """All keys of read TOML, with list items by number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from keys_of(inner, (*path, name))


TEXT = '''\
# a comment = 1
name = "a # b = c"  # a comment
output.folder = 'runs/[x]'
stages = [
    "frames",  # the first
    "cutouts",
]

[catalog]
path = """
line = 1
[table]
"""
columns = {ra = "RA", "dec" = 'D]EC', mag = {r = 1}}
since = 2026-01-01T00:00:00
size = 1_000

[[runs]]
seed = 1
[runs.more]
seed = +2.5e3
[[runs]]
seed = 2
last = \'\'\'it's
"over"\'\'\'

[cluster . gpu]
"gres" = "a\\\\"
memory = "2 \\"GB\\""
'''


def test_every_key_is_on_the_line_where_it_stands():
    lines = locate_keys(TEXT)
    assert set(keys_of(tomllib.loads(TEXT))) <= lines.keys()
    expected = {
        ("name",): 2,
        ("output", "folder"): 3,
        ("stages",): 4,
        ("stages", 0): 5,
        ("stages", 1): 6,
        ("catalog",): 9,
        ("catalog", "path"): 10,
        ("catalog", "columns", "mag", "r"): 14,
        ("catalog", "since"): 15,
        ("runs", 0): 18,
        ("runs", 0, "more", "seed"): 21,
        ("runs", 1, "seed"): 23,
        ("runs", 1, "last"): 24,
        ("cluster", "gpu"): 27,
        ("cluster", "gpu", "gres"): 28,
        ("cluster", "gpu", "memory"): 29,
    }
    assert {key: lines[key] for key in expected} == expected


VALUES = st.recursive(
    st.sampled_from(
        [
            "1",
            "true",
            '"a"',
            "'b'",
            '""',
            "''",
            '"""x\ny"""',
            "'''z'''",
            '"#"',
            '"]"',
            "1979-05-27",
            '"\\""',
            '""""q""""',
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\n ".join(items) + "]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{place} = {item}" for place, item in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=1, max_size=6), st.sampled_from(["", "# [x] = {\n", "\n\n"]))
def test_each_key_is_found_behind_any_values(values, between):
    text, lines = "", {}
    for place, value in enumerate(values):
        text += between
        lines[(f"key{place}",)] = text.count("\n") + 1
        text += f"key{place} = {value}\n"
    found = locate_keys(text)
    assert {key: found[key] for key in lines} == lines
    assert set(keys_of(tomllib.loads(text))) == found.keys()


@pytest.mark.parametrize("text", ["", "\n", "# nothing"])
def test_a_text_without_keys_has_none(text):
    assert locate_keys(text) == {}
