"""Any bytes are read, or refused by an error of ours that names the file: a little of `tests.torture.fuzz`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.fuzz import input_path
from tests.torture.law import judge
from tests.torture.targets import TARGETS

QUICK = [name for name, target in TARGETS.items() if target.weight >= 0.3]
"""All but those whose files are large."""


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=25, database=None)
@given(seed=st.integers(0, 2**40))
def test_damaged_files_are_read_or_refused_by_name(tmp_path_factory, name, seed):
    target = TARGETS[name]
    path = input_path(tmp_path_factory.getbasetemp(), target)
    path.write_bytes(target.input(seed))
    verdict = judge(target.read, path, target.names)
    assert verdict.kind != "broken", f"python -m tests.torture.fuzz --target '{name}' --input {seed}: {verdict.said}"
