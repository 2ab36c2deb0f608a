"""Every public name is what it says, whatever was imported before it, in scripts, threads and notebooks."""

import inspect
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import survey_batch as sb

CHECK = """
import importlib, inspect, random, sys, threading
import survey_batch as sb

def check(name, value):
    assert inspect.isclass(value) or inspect.isfunction(value) or name == "__version__", (name, value)
    assert getattr(value, "__name__", name) == name, (name, value)

def by_attribute(name):
    check(name, getattr(sb, name))

def by_import(name):
    found = {}
    exec(f"from survey_batch import {name}", found)
    check(name, found[name])

forms = [by_attribute, by_import]
"""
"""A fresh interpreter's own check of a name, by both forms of import."""

MODULES = [module.name for module in pkgutil.iter_modules(sb.__path__)]


def in_a_fresh_process(code):
    subprocess.run([sys.executable, "-c", CHECK + code], check=True)


def test_no_module_has_the_name_of_something_public():
    assert not set(MODULES) & set(sb.__all__)


@pytest.mark.parametrize("first", ["by_attribute", pytest.param("by_import", marks=pytest.mark.slow)])
def test_names_are_right_by_either_import_and_stay_so(first):
    in_a_fresh_process(f"for form in ({first}, *forms):\n    for name in sb.__all__:\n        form(name)")


def test_names_are_right_after_any_module_was_imported():
    in_a_fresh_process(
        f"modules = {MODULES}\nrandom.Random(0).shuffle(modules)\n"
        "for module in modules:\n"
        "    if module != '__main__':\n        importlib.import_module(f'survey_batch.{module}')\n"
        "    for form in forms:\n        form('run')\n"
        "for name in sb.__all__:\n    for form in forms:\n        form(name)\n"
        "scope = {}\nexec('from survey_batch import *', scope)\n"
        "for name in sb.__all__:\n    check(name, scope[name])"
    )


def test_names_are_right_in_threads_that_ask_for_them_at_once():
    in_a_fresh_process(
        "wrong, jobs = [], [(form, name) for form in forms for name in sb.__all__]\n"
        "random.Random(0).shuffle(jobs)\n"
        "start = threading.Barrier(len(jobs))\n"
        "def work(form, name):\n"
        "    start.wait()\n"
        "    try:\n        form(name)\n"
        "    except BaseException as error:\n        wrong.append((name, repr(error)))\n"
        "threads = [threading.Thread(target=work, args=job) for job in jobs]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert not wrong, wrong"
    )


@pytest.mark.parametrize(("name", "more"), [("make_plan", ()), ("run", ()), ("similar", ("x",)), ("train", ())])
def test_a_job_may_be_named_by_its_file(tmp_path, name, more):
    for path in (tmp_path / "job.toml", str(tmp_path / "job.toml")):
        with pytest.raises(sb.ConfigurationError, match=r"there is no job file .*job\.toml"):
            getattr(sb, name)(path, *more)


OF_ANY_TYPE = (None, 3, [1, 2], Path("not there"), "", b"x", {}, np.ones(3), xr.Dataset(), xr.DataArray([1.0]))

FIRST_ARGUMENTS = {
    "adopt": ("job.toml", "spectra", "embedding"),
    "batches": (),
    "composites": (),
    "export_model": ("model.onnx",),
    "features": (),
    "load_job": (),
    "make_plan": (),
    "open": (),
    "open_product": ("spectra",),
    "predict": ("model",),
    "principal_components": (),
    "run": (),
    "similar": ("an-id",),
    "to_fits": (0,),
    "train": (),
    "wcs": (0,),
}
"""What public functions need besides their first argument."""


def test_the_functions_whose_arguments_are_tried_are_all():
    assert set(FIRST_ARGUMENTS) == {name for name in sb.__all__ if inspect.isfunction(getattr(sb, name))}


@pytest.mark.parametrize("name", FIRST_ARGUMENTS)
def test_a_first_argument_of_any_type_is_told_in_the_package_s_words(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in (*OF_ANY_TYPE, tmp_path):
        with pytest.raises(sb.SurveyBatchError):
            getattr(sb, name)(value, *FIRST_ARGUMENTS[name])


@pytest.mark.parametrize("which", [None, [1, 2], b"x", {}, np.ones(3), xr.Dataset()])
def test_an_object_is_named_by_its_index_or_its_id(which):
    cutouts = {name: (("object", "band"), np.ones((3, 1))) for name in ("crval", "crpix", "cd", "flux")}
    with pytest.raises(sb.ConfigurationError, match="named by its index or its id"):
        sb.wcs(xr.Dataset(cutouts), which)


@pytest.mark.parametrize("size", [None, "a", 1.5, [1], np.ones(3)])
def test_a_size_of_batches_is_a_whole_number(size):
    with pytest.raises(sb.ConfigurationError, match="size is .* must be a whole number"):
        sb.batches(xr.Dataset({"flux": ("object", np.ones(3))}), size)


def test_batches_of_no_variable_are_refused():
    with pytest.raises(sb.ConfigurationError, match="variables is empty"):
        sb.batches(xr.Dataset({"flux": ("object", np.ones(3))}), 2, [])


def test_dir_lists_what_is_public():
    assert dir(sb) == sorted(sb.__all__)


def test_the_version_is_that_of_the_package_s_metadata():
    assert sb.__version__ == version("survey-batch")
    shown = subprocess.run(
        [sys.executable, "-m", "survey_batch", "--version"], check=True, capture_output=True, text=True
    )
    assert shown.stdout == f"survey-batch {sb.__version__}\n"


def test_type_hints_are_shipped():
    assert (files(sb) / "py.typed").is_file()
