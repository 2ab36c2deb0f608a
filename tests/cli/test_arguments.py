"""A word that a verb does not expect."""

import json

import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "job.toml", "types.fits"), "'types.fits' is one word too many; to write there: --to types.fits"),
        (("report", "job.toml", "page.html"), "to write there: --to page.html"),
        (("psf-stars", "job.toml", "stars"), "to write there: --to stars"),
        (("export-model", "model", "out.onnx"), "to write there: --to out.onnx"),
        (("adopt", "job.toml", "model.onnx", "model"), "to write there: --to model"),
        (("export", "job.toml", "a.fits", "--to", "b.fits"), "put that before it: --with, --pictures"),
        (("init", "job.toml", "lamost"), "put that before it: --survey, --catalog, --root"),
        (("run", "job.toml", "shards.objects=3"), "to change a key: --set shards.objects=3"),
        (("catalog", "job.toml", "other.toml"), "'other.toml' is one word too many"),
    ],
)
def test_a_word_too_many_is_told_with_its_option(command, words, said):
    code, out, _ = command(*words, "--json")
    assert code == 2
    assert said in json.loads(out)["error"]["message"]


def test_help_comes_before_a_word_too_many(command):
    assert command("export", "job.toml", "types.fits", "--help")[0] == 0
