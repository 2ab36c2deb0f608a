"""`survey-batch simulate`: which options go to which simulator."""

import json

import pytest


def test_an_archive_is_made_and_the_commands_that_use_it_are_named(command, tmp_path):
    folder = tmp_path / "arch ive"
    words = ("simulate", "lamost", folder, "--objects", "2", "--layout", "plan")
    code, out, err = command(*words)
    assert (code, out.splitlines()[0]) == (0, f"{folder}/catalog.csv")
    assert (folder / "catalog.csv").exists()
    hints = [line.strip() for line in (out + err).splitlines() if "survey-batch" in line]
    assert any("init lamost-job.toml" in line and f"--root '{folder}'" in line for line in hints)
    assert [line for line in hints if "--set archive.layout=plan" in line]
    code, out, _ = command(*words, "--json")
    assert json.loads(out)["catalog"] == f"{folder}/catalog.csv"


def test_the_number_of_fields_is_no_list_of_fields(command, tmp_path):
    code, out, err = command("simulate", "sdss", tmp_path / "a", "--fields", "1", "--objects", "1")
    assert (code, "archive.fields" in out + err) == (0, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lamost", "--fields", "2"], "the simulator of survey 'lamost' does not take --fields: leave it out"),
        (
            ["sdss", "--flux-scatter", "0.1", "--layout", "flat"],
            "the simulator of survey 'sdss' does not take --layout, --flux-scatter",
        ),
        (["skyserver"], "survey 'skyserver' has no simulator"),
        (["sdds"], "did you mean 'sdss'?"),
    ],
)
def test_what_a_simulator_does_not_take_is_refused(command, tmp_path, words, said):
    code, _, err = command("simulate", words[0], tmp_path / "a", *words[1:])
    assert (code, said in err) == (2, True), err
    assert not (tmp_path / "a").exists()


def test_a_catalogue_alone_is_one_file(command, tmp_path):
    code, out, _ = command("simulate", "catalog", tmp_path, "--objects", "3")
    assert (code, out.splitlines()[0]) == (0, f"{tmp_path}/catalog.parquet")
