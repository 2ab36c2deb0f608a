"""Plug-ins: what other packages offer is found, and what is wrong with them is said in a sentence."""

from abc import ABC, abstractmethod

import pytest

from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError

GROUP = "survey_batch.things"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install packages that are nothing but their entry points."""

    def install(name, entries):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))

    monkeypatch.syspath_prepend(tmp_path)
    for function in (plugins.offered, plugins.load):
        function.cache_clear()
    yield install
    for function in (plugins.offered, plugins.load):
        function.cache_clear()


def test_what_a_package_offers_is_loaded_by_its_name(package):
    package("mine", {"squares": "math:sqrt"})
    assert plugins.load(GROUP, "squares")(9) == 3


def test_an_unknown_name_is_refused_with_what_there_is(package):
    package("mine", {"squares": "math:sqrt"})
    with pytest.raises(
        ConfigurationError, match=r"'sqares' is not known \(did you mean 'squares'\?\); there are squares"
    ):
        plugins.load(GROUP, "sqares")


def test_a_package_that_cannot_be_imported_is_named(package):
    package("broken", {"squares": "no_such_module:sqrt"})
    with pytest.raises(ConfigurationError, match="the package broken offers 'squares'.*ModuleNotFoundError"):
        plugins.load(GROUP, "squares")


def test_two_packages_with_one_name_are_refused(package):
    package("mine", {"squares": "math:sqrt"})
    package("yours", {"squares": "math:exp"})
    with pytest.raises(ConfigurationError, match="the packages mine and yours both offer 'squares'"):
        plugins.load(GROUP, "squares")


def test_a_package_that_ends_the_program_when_it_is_imported_is_named(package, tmp_path):
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    package("broken", {"squares": "leaves:sqrt"})
    with pytest.raises(ConfigurationError, match=r"the package broken offers 'squares'.*\(SystemExit: 3\)"):
        plugins.load(GROUP, "squares")


@pytest.mark.parametrize("reference", ["no_such_module:sqrt", "math:no_such", "math"])
def test_a_reference_that_leads_nowhere_is_refused(reference):
    with pytest.raises(ConfigurationError, match=f"{reference} cannot be loaded"):
        plugins.resolve(reference)


class Base(ABC):
    size: int
    colour: str = "red"

    @abstractmethod
    def draw(self): ...


class Half(Base):
    size = 3


def test_what_a_class_must_define_and_does_not_is_listed():
    assert plugins.undefined(Base, Base) == ["draw", "size"]
    assert plugins.undefined(Half, Base) == ["draw"]


def test_a_reference_is_imported_when_it_is_resolved():
    assert plugins.resolve("survey_batch.core.plugins:resolve") is plugins.resolve
