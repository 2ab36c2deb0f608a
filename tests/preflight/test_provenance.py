"""What a product depends on, and the refusal of one that was made otherwise."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import check_made_by, check_product, fingerprint, made_already, provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, write_shard
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive
from tests.planning.test_plan import plan_of

SETTINGS = st.dictionaries(st.sampled_from(["spectra.a", "spectra.b", "catalog"]), st.integers(0, 2), min_size=1)


@given(SETTINGS, SETTINGS)
def test_a_fingerprint_is_that_of_the_settings_in_any_order(one, other):
    backwards = dict(reversed(one.items()))
    assert fingerprint(backwards) == fingerprint(one)
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_a_provenance_is_json_as_it_comes_back():
    job = sdss_job("c", "a", "out", cutouts={"size": 24})
    plan = plan_of([(1, ""), (2, "")])
    made = provenance_of(plan, make_stage(job, "cutouts"))
    assert json.loads(json.dumps(made)) == made
    assert made["cutouts.size"] == 24
    assert made["shards.objects"] == 64


def test_labels_and_splits_are_no_part_of_it_and_positions_are():
    rows = [(1, ""), (2, "")]
    plan = plan_of(rows)
    stage = make_stage(plan.job, "cutouts")
    before = provenance_of(plan, stage)

    def changed(name, values):
        other = plan_of(rows)
        place = other.objects.column_names.index(name)
        object.__setattr__(other, "objects", other.objects.set_column(place, name, [values]))
        return provenance_of(other, stage) != before

    assert not changed("label", ["A", "F"])
    assert not changed("split", ["train", "test"])
    assert changed("ra", np.array([10.0, 10.5]))


@pytest.fixture
def keys(tmp_path):
    return make_archive(tmp_path / "archive", 4)


def create(job, name="spectra"):
    plan, stage = make_plan(job), make_stage(job, name)
    attrs = {"provenance": provenance_of(plan, stage), "job": job.model_dump(mode="json")}
    create_product(job.output, stage.schema(plan.size("object")), attrs)
    return plan, stage


def test_products_that_are_there_are_found_and_others_are_not(keys, tmp_path):
    job = lamost_job(keys, tmp_path / "out", spectral_features={"components": 0})
    stages = [make_stage(job, name) for name in ("spectra", "features")]
    assert made_already(make_plan(job), stages) == []
    plan, _ = create(job)
    assert [stage.name for stage in made_already(plan, stages)] == ["spectra"]
    assert not check_product(job.output, "features", {})


def test_each_difference_is_named_with_what_to_do(keys, tmp_path):
    plan, _ = create(lamost_job(keys, tmp_path / "out", ["spectra"]))
    other = lamost_job(keys, tmp_path / "out", ["spectra"], spectra={"wavelength_max": 8000}, shards={"objects": 2})
    with pytest.raises(PlanMismatchError) as refused:
        check_made_by(other, "spectra")
    said = str(refused.value)
    assert said.startswith(f"spectra.zarr in {tmp_path}/out was made by another job:\n")
    assert "spectra.wavelength_max" in said
    assert "shards.objects" in said
    assert said.endswith("It holds nothing yet: delete spectra.zarr, then give the same command again.")
    write_shard(plan.job.output, "spectra", plan.shards("object")[0], {}, np.full(4, Status.OK, np.uint8))
    with pytest.raises(PlanMismatchError, match=r"or delete spectra.zarr \(and what was made from it\)"):
        check_made_by(other, "spectra")


def test_what_is_not_there_needs_no_check_and_a_catalogue_that_is_gone_cannot_be_compared(keys, tmp_path, caplog):
    job = lamost_job(keys, tmp_path / "out", ["spectra"])
    check_made_by(job, "spectra")
    create(job)
    (tmp_path / "archive" / "catalog.csv").unlink()
    check_made_by(job, "spectra")
    assert "was not compared with the job" in caplog.text


def test_a_product_of_an_earlier_version_is_called_that(keys, tmp_path):
    job = lamost_job(keys, tmp_path / "out", ["spectra"])
    plan, stage = make_plan(job), make_stage(job, "spectra")
    create_product(job.output, stage.schema(4), {"provenance": {"catalog": "0123"}})
    with pytest.raises(PlanMismatchError, match="earlier version of survey_batch"):
        check_product(job.output, "spectra", provenance_of(plan, stage), plan)
