"""Pages and files that texts name are there, and the files to copy work."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from survey_batch.config.jobfile import load_job
from survey_batch.planning.plan import make_plan
from survey_batch.simulate import simulate_lamost

ROOT = Path(__file__).parents[2]
NAMED = re.compile(
    r"(?<![\w/.-])((?:docs|jobs|deploy|benchmarks)/[\w./-]*\.(?:md|toml|sh|sbatch|py|png|jpg|yaml|csv))\b"
)
KINDS = (".md", ".py", ".toml", ".sh", ".sbatch", ".def", ".yaml")
LOCAL = ["cluster.kind=local", "cluster.workers=2", "catalog.sample.per_class=5", "output=runs/try"]


def files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout of git")
    return [ROOT / name for name in listed.stdout.split() if name.endswith(KINDS)]


def test_every_file_of_the_repository_that_a_text_names_is_there():
    missing = {
        (str(path.relative_to(ROOT)), name)
        for path in files()
        if path.is_file() and not path.is_relative_to(ROOT / "tests")
        for name in NAMED.findall(path.read_text())
        if not (ROOT / name).exists() and not (path.parent / name).exists()
    }
    assert missing == set()


def test_links_of_the_readme_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


@pytest.fixture
def lamost(tmp_path):
    simulate_lamost(tmp_path / "spectra", objects=60, layout="plan")
    paths = {"catalog.path": tmp_path / "spectra" / "catalog.csv", "archive.root": tmp_path / "spectra"}
    return [f"{key}={path}" for key, path in {**paths, "output": tmp_path / "run"}.items()]


def test_the_job_for_three_million_spectra_can_be_planned(lamost):
    job = load_job(ROOT / "jobs" / "lamost-slurm.toml", lamost)
    assert job.cluster.kind == "slurm"
    assert make_plan(job).size("object") == 60


def test_its_first_try_on_a_laptop_can_be_planned_too(lamost):
    job = load_job(ROOT / "jobs" / "lamost-slurm.toml", [*lamost, *LOCAL])
    plan = make_plan(job)
    assert job.cluster.kind == "local"
    assert 0 < plan.size("object") < 60


def test_the_messages_that_the_page_on_trouble_explains_are_those_of_the_code():
    """Messages are written where they arise, with what differs in them (`…` on the page), so no list can be made."""
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    messages = re.findall(r"^\| `([^`]+)`", page.partition("## By message")[2].partition("\n## ")[0], re.MULTILINE)
    assert len(messages) > 10
    texts = "\n".join(filter(None, map(texts_in, (ROOT / "survey_batch").rglob("*.py"))))
    assert not [(message, part) for message in messages for part in message.split("…") if part.strip() not in texts]


def texts_in(file):
    """Return a module's texts, one a line; each part of a text with values in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return "\n".join(
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
