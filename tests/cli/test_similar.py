"""`survey-batch similar`: what it says."""

import json

import numpy as np
import pytest

from tests.report.outputs import make_embedding, spectra_job

JOB = """
name = "similar"
output = "{output}"
stages = ["spectra", "predictions"]
catalog = {{ path = "unused" }}
archive = {{ survey = "lamost", root = "unused" }}
predictions = {{ classifier = "unused" }}
"""


@pytest.fixture
def embedded(tmp_path):
    """The file of a job with an embedding of 24 objects along a line."""
    vectors = np.stack([np.arange(24), np.zeros(24)], axis=1).astype(np.float32)
    job = spectra_job(tmp_path)
    make_embedding(job, vectors)
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(output=job.output))
    return path


def test_a_table_for_each_object(command, embedded):
    code, out, _ = command("similar", embedded, "object-0", "object-9", "--top", 2)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert [line[-1] for line in lines if line[:3] == ["most", "like", line[-1]]] == ["object-0", "object-9"]
    assert ["1", "object-1", "1", "G", "359.99100", "2.00100", "pending"] in lines


def test_a_program_gets_the_numbers(command, embedded):
    code, out, _ = command("similar", embedded, "object-3", "--top", 1, "--metric", "cosine", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["metric"] == "cosine"
    (neighbour,) = answer["neighbours"]
    assert (neighbour["object"], neighbour["rank"], neighbour["object_id"]) == ("object-3", 1, "object-1")
    assert neighbour["distance"] == pytest.approx(0, abs=1e-12)


def test_an_unknown_id_ends_with_a_message(command, embedded):
    code, _, err = command("similar", embedded, "object-99")
    assert code == 2
    assert "no object of" in err


def test_without_an_id_it_says_what_one_is_and_where_to_find_it(command, embedded):
    code, out, _ = command("similar", embedded, "--json")
    assert code == 2
    assert json.loads(out)["error"]["message"] == (
        "Missing argument 'ID…'. Ids of one object or several, as in the column sb_object_id of an export."
    )
