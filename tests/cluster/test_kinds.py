"""Kinds of cluster: found by their names, told apart by their classes alone, and light to ask."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import survey_batch
from survey_batch.cluster import ClusterKind, kind_of
from survey_batch.config.job import ClusterSection
from survey_batch.config.jobfile import load_job
from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.cluster import SHARED, load_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError

OURS = ("local", "slurm", "srun", "running")
ROOT = Path(survey_batch.__file__).parent
JOB = """name = "a"
output = "o"
stages = ["spectra"]
catalog.path = "c.csv"
archive = { survey = "lamost", root = "r" }
[cluster]
"""


class Mine(ClusterKind):
    """A kind of another package."""

    reads = ("options", "python")

    def check_file(self, section):
        if "speed" in section.options:
            raise WrongKeyError("options: speed is not known", "options")
        if section.python == "slow":
            raise ValueError("python is slow")

    def connect(self, section, output, say, name):
        raise NotImplementedError


class Unfinished(ClusterKind):
    """A kind that cannot be connected to."""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Offer these kinds by a package of their own, beside one that is broken."""
    folder = tmp_path / "packages" / "mine-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    kinds = {"mine": f"{__name__}:Mine", "unfinished": f"{__name__}:Unfinished", "broken": "no_such_module:Kind"}
    lines = [f"{name} = {value}" for name, value in kinds.items()]
    (folder / "entry_points.txt").write_text("\n".join([f"[{plugins.CLUSTERS}]", *lines]))
    monkeypatch.syspath_prepend(folder.parent)
    for function in (plugins.offered, plugins.load):
        function.cache_clear()
    yield
    for function in (plugins.offered, plugins.load):
        function.cache_clear()


def refused(folder, cluster):
    """The only problem of a job file with such a table [cluster]."""
    path = folder / "job.toml"
    path.write_text(JOB + cluster)
    with pytest.raises(ConfigurationError) as error:
        load_job(path)
    (problem,) = str(error.value).split("\n")[1:]
    return problem


def test_ours_are_offered_like_anybody_s():
    assert set(OURS) <= set(plugins.offered(plugins.CLUSTERS))


@pytest.mark.parametrize("name", OURS)
def test_a_kind_reads_keys_that_there_are_and_that_not_all_read(name):
    reads = load_kind(name).reads
    assert set(reads) <= set(ClusterSection.model_fields) - set(SHARED)
    assert len(set(reads)) == len(reads)


@pytest.mark.parametrize("kind", ["tcp://host:8786", "tls://host:8786", "scheduler.json"])
def test_an_address_or_a_scheduler_file_is_a_running_scheduler(kind):
    assert type(kind_of(ClusterSection(kind=kind))) is type(load_kind("running"))


def test_workers_of_this_machine_alone_are_not_elsewhere():
    kinds = ("local", "slurm", "srun", "tcp://host:8786")
    assert [kind_of(ClusterSection(kind=kind)).elsewhere for kind in kinds] == [False, True, True, True]


@pytest.mark.usefixtures("mine")
def test_a_kind_of_another_package_is_used_by_its_name():
    assert isinstance(kind_of(ClusterSection(kind="mine", options={"nice": 5})), Mine)


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ('kind = "mein"', "line 7: cluster.kind = 'mein' is not known (did you mean 'mine'?); there are "),
        ('kind = "cloud"', 'named by its address, such as "tcp://host:8786", or its scheduler file (….json)'),
        ('kind = "running"', 'line 7: cluster.kind = "running" does not say which scheduler: write its address'),
        ('kind = "broken"', "line 7: cluster.kind: the package mine offers 'broken'"),
        ('kind = "unfinished"', "line 7: cluster.kind = 'unfinished' cannot be used: Can't instantiate abstract class"),
        ('kind = "mine"\noptions = { speed = 2 }', "line 8: cluster.options: speed is not known"),
        ('kind = "mine"\n[cluster.gpu]\noptions = { speed = 2 }', "line 9: cluster.gpu.options: speed is not known"),
        ('kind = "mine"\npython = "slow"', "line 6: cluster: python is slow"),
        ('kind = "mine"\nwalltime = "60"', 'for cluster.kind = "slurm", and that is "mine"'),
        ('kind = "mine"\ntls_files = { ca = "a" }', "for cluster.kind = a running scheduler, and that is"),
        ('python = "p"', 'for cluster.kind = "slurm" or "srun" or "mine", and that is "local"'),
        ('kind = "slurm"\n[cluster.gpu]\noptions = { cores = 2 }', "line 9: cluster.gpu.options: cores would replace"),
        ('kind = "slurm"\n[cluster.gpu]\ncores = 0', "line 9: cluster.gpu.cores is 0"),
    ],
)
def test_what_a_kind_does_not_take_is_refused_with_its_line(tmp_path, cluster, said):
    problem = refused(tmp_path, cluster)
    assert said in problem.replace('"srun" or "slurm"', '"slurm" or "srun"')


def test_options_belong_to_the_kind():
    assert ClusterSection(options={"cores": 2}).options == {"cores": 2}
    with pytest.raises(ValidationError, match="options: cores would replace what survey-batch sets"):
        ClusterSection(kind="slurm", options={"cores": 2})


def test_no_module_but_the_kinds_asks_for_the_name_of_one():
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.Dict | ast.match_case)
        for part in ast.walk(node.pattern if isinstance(node, ast.match_case) else node)
        if isinstance(part, ast.Constant) and part.value in OURS[:3]  # "running" is also a status of Dask's client
    ]
    assert not wrong


def test_a_job_file_is_checked_without_what_opens_a_cluster():
    code = "from survey_batch.config.job import ClusterSection as C; import sys\n"
    code += "for kind in ('local', 'slurm', 'srun', 'tcp://host:1'): C(kind=kind)\n"
    code += "assert not {'distributed', 'dask_jobqueue'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
