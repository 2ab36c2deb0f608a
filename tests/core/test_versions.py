"""Versions of packages that results depend on."""

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from survey_batch.core import versions as module
from survey_batch.core.versions import own_version, versions


def test_versions_are_those_of_what_is_installed():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["survey-batch"] == own_version() == version("survey-batch")


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    def without_keras(name):
        if name in ("keras", "survey-batch"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(module, "version", without_keras)
    monkeypatch.setattr(module, "_version", module._version.__wrapped__)  # which remembers what it found
    assert "keras" not in versions()
    assert versions()["numpy"] == "1.0"
    assert own_version() == "unknown"


def test_each_package_is_looked_for_once(monkeypatch):
    versions()
    monkeypatch.setattr(module, "version", lambda name: pytest.fail(f"{name} was looked for again"))
    assert versions()["numpy"] == np.__version__
