"""The package's rooms: its root holds folders alone, and imports between them go one way."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import survey_batch
from survey_batch.config.survey import survey_names

ROOT = Path(survey_batch.__file__).parent

ORDER = [
    *("core", "config", "optics", "spectra", "images", "archive", "catalog", "store", "planning", "models", "stages"),
    *(
        "surveys",
        "cluster",
        "preflight",
        "integrity",
        "lazy",
        "training",
        "results",
        "report",
        "notebook",
        "monitor",
        "execution",
    ),
    *("doctor", "simulate", "cli"),
]
"""Each room imports from those before it, and none from one behind it."""


def imported(file):
    """Rooms that a module imports from, also where it does so late or for types alone."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("survey_batch."))


def test_the_root_holds_folders_alone():
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ORDER)


def test_only_a_survey_s_own_room_asks_for_its_name():
    """A survey's name is no condition anywhere: what differs between surveys is said by their objects."""
    names = "|".join(name for name in survey_names() if name != "stamps")  # the name of a product too
    asked = re.compile(rf"""["']({names})["']|survey(\.name)?\)? (==|!=|in|not in) \(?["']""")
    elsewhere = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sorted(ROOT.rglob("*.py"))
        if file.relative_to(ROOT).parts[0] not in ("surveys", "simulate")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if asked.search(line) and not line.lstrip().startswith(("#", '"""')) and line.strip() != '"sdss"'
    ]
    assert not elsewhere


def test_imports_between_rooms_go_one_way():
    wrong = [
        f"{file.relative_to(ROOT)} imports from {other}"
        for number, room in enumerate(ORDER)
        for file in sorted((ROOT / room).rglob("*.py"))
        for other in imported(file)
        if other not in ORDER[: number + 1]
    ]
    assert not wrong


def test_no_circle_of_imports_runs_through_the_modules():
    """Late imports and imports for types alone count too."""
    files = {name_of(file): file for file in ROOT.rglob("*.py")}
    arrows = {name: {other for other in modules_in(file) if other in files} - {name} for name, file in files.items()}
    graph = TopologicalSorter(arrows)
    graph.prepare()  # raises a CycleError that names a circle


def name_of(file):
    return ".".join(("survey_batch", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def modules_in(file):
    """Names that a module imports, each also as the module that may hold it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
