"""Users' functions: found by file or module, imported anew when edited, and pinned to their text."""

import os
import sys

import pytest

from survey_batch.config.sections.custom import CustomSection
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.stages.functions import load_function, pin_functions, source_of
from tests.jobs import lamost_job

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}


def section(function, **keys):
    return CustomSection(function=str(function), input="spectra", variables=("flux",), **keys)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def one(block):\n    return 1\n")
    return path


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that can be imported by its name."""
    name = f"own_module_{os.urandom(4).hex()}"
    (tmp_path / f"{name}.py").write_text("def one(block):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_a_file_is_imported_once_and_anew_when_it_was_edited(file):
    first = load_function(section(f"{file}:one"), "custom.own")
    assert first(None) == 1
    assert load_function(section(f"{file}:one"), "custom.own") is first
    before = source_of(section(f"{file}:one"), "custom.own")
    time = file.stat().st_mtime_ns
    file.write_text("def one(block):\n    return 2\n")
    os.utime(file, ns=(time, time))  # as after a copy that keeps times
    assert load_function(section(f"{file}:one"), "custom.own")(None) == 2
    assert source_of(section(f"{file}:one"), "custom.own") != before


def test_a_module_that_was_edited_needs_a_new_process(module, tmp_path):
    assert load_function(section(f"{module}:one"), "custom.own")(None) == 1
    (tmp_path / f"{module}.py").write_text("def one(block):\n    return 2\n")
    with pytest.raises(ConfigurationError, match=f"module {module} was edited since this process imported it"):
        load_function(section(f"{module}:one"), "custom.own")


@pytest.mark.parametrize(
    ("text", "function", "said"),
    [
        ("", "one", "custom.own.function: there is no function 'one' in"),
        ("one = 1", "one", "there is no function 'one'"),
        ("def one(:", "one", r"cannot import .*own.py': SyntaxError"),
        ("import nowhere_at_all", "one", "cannot import .*ModuleNotFoundError"),
        (None, "one", "cannot import .*FileNotFoundError"),
    ],
)
def test_a_function_that_is_not_there_is_named_with_the_reason(tmp_path, text, function, said):
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_function(section(f"{path}:{function}"), "custom.own")


def test_a_function_that_was_edited_during_a_run_is_no_longer_run(file):
    pinned = section(f"{file}:one", source=source_of(section(f"{file}:one"), "custom.own"))
    load_function(pinned, "custom.own")
    file.write_text("def one(block):\n    return 2\n")
    with pytest.raises(PlanMismatchError, match=r"was edited during a run .* delete own\.zarr and run"):
        load_function(pinned, "custom.own")


def test_a_function_from_another_file_counts_with_that_file(file, module, tmp_path):
    file.write_text(f"from {module} import one\n")
    before = source_of(section(f"{file}:one"), "custom.own")
    sys.modules.pop(module)
    (tmp_path / f"{module}.py").write_text("def one(block):\n    return 2\n")
    file.write_text(f"from {module} import one\n# again\n")
    edited = source_of(section(f"{file}:one"), "custom.own")
    file.write_text(f"from {module} import one\n")
    assert len({before, edited, source_of(section(f"{file}:one"), "custom.own")}) == 3


def test_a_function_that_is_no_python_function_counts_with_the_file_that_names_it(file):
    file.write_text("import operator\none = operator.itemgetter('flux')\n")
    assert load_function(section(f"{file}:one"), "custom.own")({"flux": 3}) == 3
    assert len(source_of(section(f"{file}:one"), "custom.own")) == 16


def test_a_run_pins_the_functions_of_its_stages_alone(file):
    custom = {
        name: {"function": f"{file}:{function}", "input": "spectra", "variables": ["flux"]}
        for name, function in (("used", "one"), ("unused", "absent"))
    }
    job = lamost_job(UNUSED, "out", ("spectra", "used"), custom=custom)
    pinned = pin_functions(job)
    assert pinned.custom["used"].source == source_of(job.custom["used"], "custom.used")
    assert pinned.custom["unused"].source is None
    assert job.custom["used"].source is None
