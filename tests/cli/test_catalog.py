"""`survey-batch catalog` as a user meets it."""

import json

import pytest

from tests.lamost_files import make_archive

JOB = """
name = "stars"
output = "{output}"
stages = ["frames"]
archive = {{ survey = "sdss", root = "https://nowhere.invalid" }}

[catalog]
path = "{path}"
id = "specobjid"
label = "mk_class"
select = {{ object_class = ["STAR"], labels = ["F", "G", "K"] }}
sample = {{ per_class = 20 }}
split = {{ group = "field" }}
"""


@pytest.fixture
def job(command, tmp_path):
    code, out, _ = command("simulate", "catalog", tmp_path / "archive", "--objects", 3000)
    assert code == 0
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(output=tmp_path / "out", path=out.strip()))
    return path


def test_a_table_of_counts_and_the_files(command, job, tmp_path):
    code, out, _ = command("catalog", job)
    assert code == 0
    assert "2,940 of 3,000 rows left out" in " ".join(out.split())
    lines = [line.split() for line in out.splitlines()]
    assert next(line for line in lines if line[:1] == ["class"])[1:] == [
        "in", "file", "selected", "sampled", "train", "validation", "test"
    ]  # fmt: skip
    assert next(line for line in lines if line[:1] == ["all"])[3] == "60"
    names = {path.name for path in (tmp_path / "out" / "catalog").iterdir()}
    assert names == {"objects.parquet", "summary.csv", "summary.json", "catalog.png"}


def test_json_output_and_another_folder(command, job, tmp_path):
    code, out, _ = command(
        "catalog", job, "--json", "--output", tmp_path / "other", "--set", "catalog.sample.per_class=5"
    )
    assert code == 0
    found = json.loads(out)
    assert found["rows"] == 15
    assert found["rows"] + sum(found["left_out"].values()) == 3000
    assert found["files"][0] == f"{tmp_path}/other/catalog/objects.parquet"
    assert not (tmp_path / "out").exists()


def test_a_plan_works_on_what_was_chosen(command, job):
    code, out, _ = command("plan", job, "--json")
    assert code == 0
    assert json.loads(out)["objects"] == 60


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("catalog.select.lables=['F']", "did you mean 'labels'?"),
        ("catalog.sample.total=3", "per_class or total must be set, but not both"),
        ("catalog.split.group='plan'", "these rows have no plan"),
        ("catalog.select.labels=['X']", "is chosen"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_words(command, job, setting, message):
    code, _, err = command("catalog", job, "--set", setting)
    assert code == 2
    assert message in err


def test_what_was_noticed_is_printed_by_each_command_and_kept(command, tmp_path):
    make_archive(tmp_path / "archive", 2)
    catalog = tmp_path / "archive" / "catalog.csv"
    names, *rows = catalog.read_text().splitlines()
    catalog.write_text("\n".join([f"{names}|extra|extra", *(f"{row}|1|2" for row in rows)]) + "\n")
    job = tmp_path / "job.toml"
    text = 'name = "cli"\noutput = "{0}/out"\nstages = ["spectra"]\ncatalog.path = "{0}/archive/catalog.csv"\n'
    archive = 'archive = {{ survey = "lamost", root = "{0}/archive" }}\ncluster = {{ workers = 1, memory = "1 GB" }}\n'
    job.write_text((text + archive).format(tmp_path))
    note = "2 columns are called 'extra'"
    for verb in ("catalog", "plan", "run"):
        _, out, errors = command(verb, job)
        printed = " ".join((out + errors).split())
        assert note in printed
        assert '[catalog] columns = {<name> = "extra#2"}' in printed
    assert any(note in kept for kept in json.loads((tmp_path / "out" / "run.json").read_text())["notes"])


def test_a_catalogue_whose_column_looks_like_a_class_gets_a_hint(command, tmp_path):
    make_archive(tmp_path / "archive", 2)
    job = tmp_path / "job.toml"
    text = 'name = "cli"\noutput = "{0}/out"\nstages = ["spectra"]\ncatalog.path = "{0}/archive/catalog.csv"\n'
    job.write_text(text.format(tmp_path) + f'archive = {{ survey = "lamost", root = "{tmp_path}/archive" }}\n')
    note = "columns 'class' and 'subclass' look like classes, and no label is chosen: [catalog] label = \"class\""
    code, out, _ = command("catalog", job)
    assert code == 0
    assert note in out
    assert note not in command("catalog", job, "--set", "catalog.label=spectral_type")[1]
    assert note not in command("plan", job)[1]
