"""Pages and files that texts name are there, and the files to copy work."""

import ast
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from docs.from_code import ENTRY
from survey_batch.cli import EXIT_CODES
from survey_batch.config.jobfile import load_job
from survey_batch.core.status import Status
from survey_batch.models.scores import scores_of
from survey_batch.planning.plan import make_plan
from survey_batch.simulate import simulate_lamost
from tests.metrics_page import missing_keys
from tests.models.scored import CLASSES, labelled

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


def test_links_to_entries_of_the_reference_name_their_page():
    """On a code host the page is found without its entries; a link to the entry alone would lead nowhere."""
    texts = [page.read_text() for page in (ROOT / "docs").rglob("*.md")]
    assert [link for text in texts for link in re.findall(r"\]\((#[a-z]+-[^)]*)\)", text)] == []
    assert any(map(ENTRY.search, texts))


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


def test_the_page_on_trouble_has_every_status_and_exit_code_that_asks_a_person_to_act():
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    statuses = [status.name.lower() for status in Status if status not in (Status.OK, Status.PENDING)]
    assert [name for name in statuses if f"| `{name}` |" not in page] == []
    assert [code for code in EXIT_CODES if f"| {code} |" not in page] == []


def test_the_page_on_figures_has_every_key_of_a_classifier_s_scores():
    data, probability = labelled()
    probability[:5] = np.nan
    scores = scores_of(data, {"classifier": probability, "guess": np.zeros(60, int)}, CLASSES, 1)
    assert missing_keys(scores) == ["guess"]


def texts_in(file):
    """Return a module's texts, one a line; each part of a text with values in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return "\n".join(
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
