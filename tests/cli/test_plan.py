"""What `plan` refuses, as `run` would before any work, and what it takes."""

import json

import pytest

from survey_batch.config.jobfile import load_job
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stages
from survey_batch.store.products import create_product
from survey_batch.store.schema import Schema
from tests.doctor.folders import write_classifier
from tests.preflight.test_differences import label_rows


@pytest.fixture
def predicting(job, tmp_path):
    """A job that predicts, and the folder of its classifier."""
    tables = f'predictions.classifier = "{tmp_path / "model"}"\n'
    job.write_text(tables + job.read_text().replace('["spectra"]', '["spectra", "predictions"]'))
    write_classifier(tmp_path / "model", load_job(job))
    return job, tmp_path / "model"


def change(folder, **keys):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def damage(folder):
    (folder / "network.keras").write_bytes(b"another")


def lose(folder):
    (folder / "network.keras").unlink()


def garble(folder):
    (folder / "manifest.json").write_bytes(b"\xff{")


def of_unknown_kind(folder):
    change(folder, kind="my-kind")


def of_another_product(folder):
    recipe = json.loads((folder / "manifest.json").read_text())["recipe"]
    change(folder, recipe={**recipe, "product": "cutouts"})


def of_other_settings(folder):
    recipe = json.loads((folder / "manifest.json").read_text())["recipe"]
    change(folder, recipe={**recipe, "made": {"spectra.wavelength_max": 8000.0}})


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (damage, 2, "SHA-256 differs"),
        (lose, 2, "lacks ['network.keras']"),
        (garble, 2, "is not a classifier's manifest"),
        (of_unknown_kind, 2, "kind 'my-kind' is not known; there are adopted, galaxy-quasar-star, "),
        (of_another_product, 2, "works on the product 'cutouts', which the job does not make"),
        (of_other_settings, 3, "was made with other settings than the classifier takes"),
    ],
)
def test_a_classifier_that_cannot_be_used_is_refused_before_any_work(
    command, predicting, tmp_path, verb, spoil, code, said
):
    job, folder = predicting
    spoil(folder)
    ended, _, err = command(verb, job)
    assert ended == code
    assert said in err
    assert not (tmp_path / "out" / "spectra.zarr").exists()


def test_a_whole_classifier_is_planned_with(command, predicting):
    code, out, _ = command("plan", predicting[0], "--json", "--set", "cluster.memory=4 GB")
    assert code == 0
    assert [stage["stage"] for stage in json.loads(out)["stages"]] == ["spectra", "predictions"]


def test_a_job_that_trains_its_classifier_is_planned_up_to_there_and_says_so(command, predicting, tmp_path):
    job, _ = predicting
    train = ("--set", f"train.classifier={tmp_path / 'new'}", "--set", f"predictions.classifier={tmp_path / 'new'}")
    code, out, _ = command("plan", job, "--json", *train)
    assert code == 0
    cost = json.loads(out)
    assert [stage["stage"] for stage in cost["stages"]] == ["spectra"]
    assert f"there is no classifier in {tmp_path / 'new'} yet: survey-batch run --train trains it" in cost["notes"][-1]
    code, _, err = command("run", job, *train)
    assert code == 2
    assert "survey-batch run --train trains it before it predicts" in err
    create_product(str(tmp_path / "out"), Schema("predictions", "object", {"object": 8}, 4, ()), {"provenance": {}})
    assert "predictions.zarr is of an earlier" in json.loads(command("plan", job, "--json", *train)[1])["notes"][-1]


def test_a_training_on_a_product_that_the_job_does_not_make_is_refused_by_plan_and_before_any_work(
    command, predicting, tmp_path
):
    job, _ = predicting
    table = (
        *("--set", "train.kind=table", "--set", f"train.classifier={tmp_path / 'new'}"),
        *("--set", f"predictions.classifier={tmp_path / 'new'}"),
    )
    for words in (("plan", job), ("run", job, "--train")):
        code, _, err = command(*words, *table)
        assert code == 2
        assert "is trained on the product 'features', which the job does not make" in err
        assert "add 'features' to stages" in err


def test_a_classifier_that_nobody_trains_is_refused(command, predicting):
    code, _, err = command("plan", predicting[0], "--set", "predictions.classifier=models/none")
    assert code == 2
    assert "no trained classifier in models/none" in err


def test_an_unknown_survey_is_refused_in_one_sentence_that_names_those_there_are(command, job):
    code, _, err = command("plan", job, "--set", "archive.survey=meadow")
    assert code == 2
    assert "archive.survey: 'meadow' is not known; there are desi, fits-images, fits-spectra, lamost, " in err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_stages_that_do_not_fit_are_refused_before_the_catalogue_is_read(command, job, verb):
    code, _, err = command(verb, job, "--set", "spectra.keep=false", "--set", "catalog.path=none.csv")
    assert code == 2
    assert "spectra.keep is false, and no stored product is made from it" in err
    assert "none.csv" not in err


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["output={folder}/archive"], "is also archive.root"),
        (["output={folder}/archive/catalog.csv"], "is a file"),
        (["archive.root={folder}/none"], "none is not a folder here: correct it"),
        (
            ['stages=["spectra", "features"]', "spectral_features.components=20"],
            "to be fitted to 8 usable objects: use 7 or fewer",
        ),
        (
            ['stages=["spectra", "features"]', "spectral_features.blocks=9000"],
            "spectral_features.blocks is 9000, and spectra have",
        ),
        (["cluster.kind=slurm", "cluster.workers=4", 'cluster.directives=["--mem=8G"]'], "set cluster.memory"),
    ],
)
def test_what_would_end_badly_later_is_refused_before_any_work(command, job, tmp_path, verb, changes, said):
    sets = [word for change in changes for word in ("--set", change.format(folder=tmp_path))]
    code, _, err = command(verb, job, *sets)
    assert code == 2
    assert said in err
    assert not list(tmp_path.rglob("*.zarr"))


@pytest.fixture
def made(job):
    """A job whose product is made already, and whose function stands in a file of its own."""
    write_function(job, 2)
    table = f"""
[custom.half]
function = "{job.parent / "mine.py"}:share"
input = "spectra"
variables = ["flux"]
"""
    text = job.read_text().replace('["spectra"]', '["spectra", "half"]')
    job.write_text(text + table)
    wanted = load_job(job)
    plan = make_plan(wanted)
    for stage in make_stages(wanted):
        attrs = {"provenance": provenance_of(plan, stage), "job": wanted.model_dump(mode="json")}
        create_product(wanted.output, stage.schema(plan.size("object")), attrs)
    plan.store()
    return job


def write_function(job, parts):
    (job.parent / "mine.py").write_text(
        f"def share(block):\n    return (block.flux / {parts}).to_dataset(name='share')\n"
    )


def edit_function(job):
    write_function(job, 3)


def add_labels(job):
    job.write_text(job.read_text().replace('catalog.csv"', 'catalog.csv", label = "class", split = { train = 1.0 }'))


def other_shards(job):
    job.write_text(job.read_text().replace("objects = 4", "objects = 2"))


def other_wavelengths(job):
    job.write_text(job.read_text() + "\n[spectra]\nwavelength_max = 8000.0\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_function, "its text has changed"),
        (other_shards, "shards.objects: was 4, now 2"),
        (other_wavelengths, "spectra.wavelength_max: was"),
    ],
)
def test_products_that_another_job_made_are_refused_by_plan_in_the_words_of_run(command, made, change, said):
    assert command("plan", made, "--json")[0] == 0
    change(made)
    ended = [command(verb, made) for verb in ("plan", "run")]
    assert [code for code, _, _ in ended] == [3, 3]
    assert said in ended[0][2]
    assert ended[0][2] == ended[1][2]


def test_plan_says_what_new_labels_will_change(command, made):
    label_rows(make_plan(load_job(made)), "spectra")
    add_labels(made)
    code, out, _ = command("plan", made, "--json")
    assert code == 0
    (note,) = [note for note in json.loads(out)["notes"] if "changed" in note]
    assert "the split of" in note
    assert "nothing is done again" in note


def test_an_archive_that_only_the_workers_may_see_is_noted(command, job, tmp_path):
    elsewhere = ("--set", f"archive.root={tmp_path / 'none'}", "--set", "cluster.kind=tcp://host.invalid:8786")
    code, out, _ = command("plan", job, "--json", *elsewhere)
    assert code == 0
    assert "none is not a folder here; it must be one" in json.loads(out)["notes"][-1]


def test_how_many_workers_slurm_shall_start_must_be_said(command, job):
    job.write_text(job.read_text().replace("workers = 1, ", ""))
    code, _, err = command("plan", job, "--set", "cluster.kind=slurm")
    assert code == 2
    assert "cluster.workers is not set: set the number of worker processes that SLURM must start" in err


def test_one_file_is_not_called_files(command, tmp_path):
    (tmp_path / "list.csv").write_text("file\none.fits\n")
    (tmp_path / "one.fits").touch()
    path = tmp_path / "job.toml"
    path.write_text(
        f"""name = "one"
output = "{tmp_path / "out"}"
stages = ["spectra"]
catalog.path = "{tmp_path / "list.csv"}"
archive = {{ survey = "fits-spectra", root = "{tmp_path}" }}
cluster = {{ workers = 1, threads = 1 }}
"""
    )
    code, out, _ = command("plan", path)
    assert code == 0
    assert " 1 file, " in out
    assert "1 object (0 unusable rows)" in out
    assert "on 1 worker\n" in out


def test_columns_to_train_on_that_the_catalogue_lacks_are_told_before_any_work(command, job, tmp_path):
    text = job.read_text().replace("catalog = {", "catalog = {split = {train = 0.5, test = 0.5}, ")
    text = text.replace('["spectra"]', '["spectra", "features"]')
    train = f'\n[train]\nkind = "quantities"\nclassifier = "{tmp_path / "model"}"\ncolumns = ["teft"]\n'
    job.write_text(text + train)
    said = "train.columns: there is no column 'teft'"
    for verb in ("plan", "catalog"):
        code, out, _ = command(verb, job, "--json")
        assert code == 0
        assert any(f"training will be refused: {said}" in note for note in json.loads(out)["notes"])
