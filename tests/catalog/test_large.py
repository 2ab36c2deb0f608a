"""A catalogue with too many rows for memory is read slice by slice, with its columns on the disk, and is the same."""

import pytest

from survey_batch.catalog import gather, naming, objects, parquet_file, read, rows, stars
from survey_batch.catalog.read import read_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.core import cores
from survey_batch.planning import plan
from survey_batch.planning.hashing import hash_of
from survey_batch.planning.plan import plan_catalog
from survey_batch.simulate.catalog import simulate_catalog
from tests.jobs import sdss_job

SECTIONS = {
    "duplicates and a split by field": {"duplicates": {}, "split": {"train": 0.7, "test": 0.3, "group": "field"}},
    "a split by star": {"label": "class", "split": {"train": 0.5, "validation": 0.2, "test": 0.3}},
    "a sample": {"label": "class", "sample": {"per_class": 100}, "duplicates": {"by": ["id"], "keep": "snr"}},
    "a sample of crowded frames": {"label": "class", "sample": {"per_class": 200, "frames": "crowded"}},
    "ids that repeat": {"id": "objid"},
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate_catalog(tmp_path_factory.mktemp("large") / "c.parquet", objects=4000)


def planned(path, **keys):
    job = sdss_job("unused", "unused", "unused")
    section = CatalogSection.model_validate({"path": str(path), "id": "specobjid", **keys})
    catalog = read_catalog(section, job.archive)
    return catalog, plan_catalog(job, catalog)


@pytest.mark.parametrize("keys", SECTIONS.values(), ids=SECTIONS)
@pytest.mark.parametrize("threads", [1, 3], ids="{} threads".format)
def test_a_catalogue_read_slice_by_slice_gives_the_same_plan(path, keys, threads, monkeypatch):
    monkeypatch.setattr(cores, "cores", lambda: 1)
    catalog, expected = planned(path, **keys)
    monkeypatch.setattr(cores, "cores", lambda: threads)
    monkeypatch.setattr(gather, "IN_MEMORY_ROWS", -1)
    for module in (objects, naming, read, plan):
        monkeypatch.setattr(module, "SLICE_ROWS", 700)
    monkeypatch.setattr(rows, "SLICE", 900)
    monkeypatch.setattr(plan, "BUCKET_ROWS", 1100)
    monkeypatch.setattr(stars, "STRIP_ROWS", 800)
    monkeypatch.setattr(parquet_file, "BATCH_ROWS", 900)
    again, made = planned(path, **keys)
    assert made.objects.schema.equals(expected.objects.schema, check_metadata=True)
    assert hash_of(made.objects) == hash_of(expected.objects)
    assert hash_of(made.fields) == hash_of(expected.fields)
    assert (again.notes, again.counts) == (catalog.notes, catalog.counts)
