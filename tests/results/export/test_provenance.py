"""Where an export says that it comes from."""

import json

import pyarrow as pa
import pytest

from survey_batch.core.paths import write_json
from survey_batch.core.versions import own_version, versions
from survey_batch.results.export import export_table
from survey_batch.results.export.provenance import provenance_of
from tests.report.outputs import spectra_job


def test_the_metadata_say_where_the_table_comes_from(finished):
    said = export_table(finished).schema.metadata
    assert set(said) == {b"version", b"job", b"versions", b"classifier", b"classes"}
    assert b"archive.example" in said[b"job"]
    assert b'"kind": "spectral-type"' in said[b"classifier"]
    assert b"O8e (188001)" in said[b"classes"]


def test_before_a_run_has_ended_the_versions_are_those_installed_and_empty_entries_are_left_out(tmp_path):
    said = provenance_of(spectra_job(tmp_path), pa.schema([("ra", pa.float64())]))
    assert set(said) == {"version", "job", "versions"}
    assert said["version"] == own_version()
    assert json.loads(said["versions"]) == versions()


def test_versions_are_those_of_the_last_run_and_classes_have_their_exact_names(tmp_path):
    write_json(f"{tmp_path}/run.json", {"versions": {"numpy": "2.1"}})
    fields = [pa.field("sb_probability_O8e", pa.float32(), metadata={"class": "O8e (µ)"}), pa.field("x", pa.int8())]
    said = provenance_of(spectra_job(tmp_path), pa.schema(fields))
    assert json.loads(said["versions"]) == {"numpy": "2.1"}
    assert json.loads(said["classes"]) == {"sb_probability_O8e": "O8e (µ)"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://user:secret@archive.example/a", "https://***@archive.example/a"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("data/µ@home", "data/µ@home"),
    ],
)
def test_addresses_lose_their_passwords_and_nothing_else(tmp_path, url, kept):
    job = spectra_job(tmp_path)
    job = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": url})})
    assert json.loads(provenance_of(job, pa.schema([]))["job"])["catalog"]["path"] == kept
