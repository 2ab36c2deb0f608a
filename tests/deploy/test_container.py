"""The recipes of the two images: what they name is there, and both do the same. Nothing is built or downloaded."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
FOLDER = TOP / "deploy" / "container"
CONTAINERFILE = (FOLDER / "Containerfile").read_text(encoding="utf-8")
DEFINITION = (FOLDER / "survey-batch.def").read_text(encoding="utf-8")
INSTALL = (FOLDER / "install.sh").read_text(encoding="utf-8")


def instructions(text):
    """The instructions of a Containerfile: (name, words), continued lines joined."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split()[1:]) for line in lines]


def sections(text):
    """The header of an Apptainer definition, and its sections by name: lists of lines."""
    found, name = {"": []}, ""
    for line in text.splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            assert name not in found, f"%{name} comes twice"
            found[name] = []
        elif line.strip() and not line.lstrip().startswith("#"):
            found[name].append(line.strip())
    return found


def copied_by_containerfile():
    pairs = []
    for name, words in instructions(CONTAINERFILE):
        if name == "COPY":
            *sources, target = words
            names = [target + Path(source).name if target.endswith("/") else target for source in sources]
            pairs += zip(sources, names, strict=True)
    return dict(pairs)


def copied_by_definition():
    return dict(line.split() for line in sections(DEFINITION)["files"])


def test_the_definition_has_a_header_and_known_sections():
    found = sections(DEFINITION)
    header = dict(line.split(": ") for line in found.pop(""))
    assert header["Bootstrap"] == "docker"
    assert set(found) == {"arguments", "files", "post", "environment", "runscript", "test"}
    named = {line.split("=")[0] for line in found["arguments"]}
    assert set(re.findall(r"\{\{ (\w+) \}\}", DEFINITION)) == named


def test_both_start_from_the_same_image():
    bases = [words for name, words in instructions(CONTAINERFILE) if name == "FROM"]
    assert bases == [[line.split(": ")[1]] for line in sections(DEFINITION)[""] if line.startswith("From")]
    assert ":3.11-" in bases[0][0]  # the version that constraints.txt was made with


def test_both_copy_the_same_files_and_each_is_there():
    assert copied_by_containerfile() == copied_by_definition()
    for source in copied_by_containerfile():
        assert (TOP / source).exists(), source


def test_what_the_package_s_build_reads_is_copied():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    read = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    read |= set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert read <= set(copied_by_containerfile())


def test_both_run_the_same_steps():
    steps = [" ".join(words) for name, words in instructions(CONTAINERFILE) if name == "RUN"]
    settings = [" ".join(words) for name, words in instructions(CONTAINERFILE) if name == "ENV"]
    exported, *commands = sections(DEFINITION)["post"]
    assert exported == f"export {settings[0]}"
    assert [command.replace("{{ tensorflow }}", "$TENSORFLOW") for command in commands] == steps[:1]
    assert "useradd" in steps[1]  # the other step: Apptainer runs as whoever starts it
    for line in sections(DEFINITION)["environment"]:
        assert set(line.removeprefix("export ").split()) <= set(settings[1].split())


def test_the_image_does_not_run_as_root():
    names = [name for name, _ in instructions(CONTAINERFILE)]
    user = dict(instructions(CONTAINERFILE))["USER"]
    assert user == ["1000"]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")


def test_what_is_installed_is_an_extra_with_a_known_version():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"extras=(\S+)", INSTALL):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    constraints = (TOP / "constraints.txt").read_text(encoding="utf-8")
    assert (
        len(re.findall(r"^tensorflow-cpu==\S+$", constraints, re.MULTILINE)) == 1
    )  # the GPU variant takes its version
    assert INSTALL.count("pip install") == INSTALL.count("pip install -c constraints.txt")


def test_the_installation_refuses_an_unknown_variant():
    done = subprocess.run(["sh", FOLDER / "install.sh", "tpu"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "tpu is neither cpu nor gpu" in done.stderr


@pytest.mark.parametrize("files", [["hadolint", "Containerfile"], ["shellcheck", "install.sh"]])
def test_linters_have_no_remark(files):
    linter, name = files
    if shutil.which(linter) is None:
        pytest.skip(f"{linter} is not installed")
    done = subprocess.run([linter, FOLDER / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
