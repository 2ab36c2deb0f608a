"""Kinds of classifier: what other packages offer is a kind like ours, with a table [train] of its own."""

import pickle
import subprocess
import sys

import pytest

from survey_batch.config.classifiers import ClassifierKind, classifier_kind
from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.config.sections.train_table import TableTraining
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import family_of

MODULE = """
from pydantic import PositiveInt
from survey_batch.models import ClassifierKind, TrainingSection

class TinyTraining(TrainingSection):
    counts_with = {"depth": (lambda table: table.units > 1, "train.units above 1")}
    paths = ("classifier", "seeds")
    units: PositiveInt = 3
    depth: int = 1
    seeds: str = ""

TINY = ClassifierKind("tiny", TinyTraining, {"first": "pluggedkind:TinyTraining", "second": "no_such_module:Gone"})
OTHER = ClassifierKind("another", TinyTraining, {"first": "pluggedkind:TinyTraining"})
"""

HEAD = """name = "a"
output = "o"
stages = ["spectra"]
catalog.path = "c.csv"
archive = { survey = "lamost", root = "r" }
[train]
kind = "tiny"
classifier = "m"
"""


@pytest.fixture
def _tiny(tmp_path, monkeypatch):
    """Install a package that offers kinds."""
    info = tmp_path / "plugged-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.5\n")
    entries = "tiny = pluggedkind:TINY\nmisnamed = pluggedkind:OTHER\nnone = pluggedkind:MODULE\nodd = math:pi\n"
    (info / "entry_points.txt").write_text(f"[{plugins.CLASSIFIERS}]\n{entries}")
    (tmp_path / "pluggedkind.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    for function in (plugins.offered, plugins.load):
        function.cache_clear()
    yield
    sys.modules.pop("pluggedkind", None)
    for function in (plugins.offered, plugins.load):
        function.cache_clear()


@pytest.fixture
def load(tmp_path, _tiny):
    def write(keys="", *overrides):
        path = tmp_path / "job.toml"
        path.write_text(HEAD + keys)
        return load_job(path, overrides)

    return write


def test_a_job_names_another_package_s_kind_and_its_first_variant_is_the_default(load):
    train = load("units = 7").train
    assert (type(train).__name__, train.kind, train.variant, train.units) == ("TinyTraining", "tiny", "first", 7)
    assert load('variant = "second"').train.variant == "second"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("units = 0", "line 9: train.units is 0; must be greater than 0"),
        ("unit = 5", "line 9: train.unit is not a key of [train] of kind 'tiny' (did you mean 'units'?); allowed: "),
        ('variant = "third"', "line 9: train.variant is 'third'; allowed: 'first', 'second'"),
        ("depth = 2\nunits = 1", "line 9: train.depth: nothing reads it: it counts only with train.units above 1"),
        ('seeds = "$NO_SUCH_NAME/s"', "line 9: train.seeds names the environment variable NO_SUCH_NAME"),
    ],
)
def test_a_wrong_key_of_another_package_s_table_is_refused_with_its_line(load, keys, said):
    with pytest.raises(ConfigurationError) as refused:
        load(keys)
    assert said in str(refused.value)


def test_overrides_reach_the_keys_of_another_package_s_table(load):
    assert load("", "train.seeds=2026", "train.units=4").train.seeds == "2026"
    with pytest.raises(ConfigurationError, match=r"--set train\.kind=tyny: train\.kind: 'tyny' is not known \(did"):
        load("", "train.kind=tyny")
    assert load("", "train.features=2026", "train.kind=table", 'train.features=["x"]').train.kind == "table"


def test_a_job_with_another_package_s_table_is_copied_dumped_and_pickled_whole(load):
    job = load("units = 7")
    assert Job.model_validate(job.model_dump(mode="json")) == job
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301
    longer = job.model_copy(update={"train": job.train.model_copy(update={"units": 8})})
    assert longer.model_dump()["train"]["units"] == 8
    assert Job.model_validate({**job.model_dump(mode="json"), "train": job.train}) == job


def test_a_table_made_in_python_is_taken_as_it_is():
    table = TableTraining(classifier="m", members=2)
    job = {"name": "a", "output": "o", "stages": ["spectra"], "catalog": {"path": "c"}, "train": table}
    assert Job.model_validate({**job, "archive": {"survey": "lamost", "root": "r"}}).train is table


@pytest.mark.usefixtures("_tiny")
def test_the_class_of_a_variant_is_imported_when_it_is_asked_for():
    kind = classifier_kind("tiny")
    assert family_of("tiny", "first") is kind.training
    with pytest.raises(ConfigurationError, match="no_such.* cannot be loaded .ModuleNotFoundError"):
        family_of("tiny", "second")
    with pytest.raises(ConfigurationError, match="kind 'tiny' has no variant 'third'; it has first, second"):
        family_of("tiny", "third")


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("name", ["misnamed", "odd"])
def test_an_entry_point_that_is_no_kind_of_that_name_is_refused(name):
    with pytest.raises(ConfigurationError, match=f"the entry point '{name}' of survey_batch.classifiers must be"):
        classifier_kind(name)


def test_every_kind_that_the_package_registers_is_one():
    for name in plugins.offered(plugins.CLASSIFIERS):
        assert isinstance(classifier_kind(name), ClassifierKind)
        assert plugins.package(plugins.CLASSIFIERS, name) == "survey-batch"


def test_checking_a_job_that_trains_imports_no_framework():
    code = (
        "import sys\nfrom survey_batch.config.jobfile import load_job\nload_job('jobs/galaxy-quasar-star.toml')\n"
        "print(sorted({'keras', 'tensorflow', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
