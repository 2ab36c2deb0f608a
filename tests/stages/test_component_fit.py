"""The spectra to which principal components are fitted: all, or always the same sample of them."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.lazy.functions import principal_components
from survey_batch.lazy.products import open_product
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.spectra.pca import PCA, Moments
from survey_batch.stages import base, component_fit, make_stage
from survey_batch.stages.component_fit import FEW_CHUNKS, _runs, draw_sample
from survey_batch.store import schema
from survey_batch.store.products import read_rows
from tests.jobs import lamost_job
from tests.stages import test_spectral_features as of_stage
from tests.stages.test_spectral_features import OBJECTS, RANGE, SHARD, prepared, stored_spectra

NAMES = np.array([f"object {number}" for number in range(50)], object)
SAMPLE = "spectral_features.sample"


def drawn(names, size=20, *, split=False):
    sample = draw_sample(pa.array(names, pa.string()), size, split)
    return set(names[sample.holds(names)])


def test_a_sample_has_the_size_that_is_asked_for_and_is_the_same_in_any_order():
    chosen = drawn(NAMES)
    assert len(chosen) == 20
    for seed in range(3):
        assert drawn(np.random.default_rng(seed).permutation(NAMES)) == chosen


def test_a_larger_sample_holds_the_smaller_one():
    assert drawn(NAMES, 10) < drawn(NAMES, 20) < drawn(NAMES, 49)


@pytest.mark.parametrize("size", [0, 50, 51, 20_000])
def test_where_there_are_no_more_all_count(size):
    assert draw_sample(pa.array(NAMES, pa.string()), size, split=False) is None


def job_of(stage, sample, tmp_path, shard=SHARD):
    """The features stage of the job that wrote the spectra, with a sample of another size."""
    given = {"archive": {"survey": "lamost", "root": str(tmp_path / "archive")}}
    given["catalog"] = {"path": str(next((tmp_path / "archive").glob("*.csv")))}
    table = {"blocks": 5, "components": 3, "sample": sample}
    job = lamost_job(given, stage.context.output, spectra=RANGE, shards={"objects": shard}, spectral_features=table)
    return make_stage(job, "features"), make_plan(job)


def with_split(plan, split):
    column = plan.objects.column_names.index("split")
    return replace(plan, objects=plan.objects.set_column(column, "split", pa.array(split.tolist())))


@pytest.mark.bits
def test_components_are_those_of_the_sample_however_it_is_divided(tmp_path, monkeypatch):
    split = np.array(["train", "train", "test", "train"] * (OBJECTS // 4))
    status = np.where(np.arange(OBJECTS) % 7 == 0, Status.UNREADABLE, Status.OK)
    stage, shards = stored_spectra(tmp_path, split, status)
    stage, plan = job_of(stage, 12, tmp_path)
    plan = with_split(plan, split)
    sample = stage.fit_sample(plan)
    names = plan.objects["object_id"].to_numpy()
    assert sum(sample.holds(names) & (split == "train")) == 12

    chosen = sample.holds(names) & (split == "train") & (status == Status.OK)
    expected = PCA.fit(Moments.of(prepared(stage, chosen)), 3)
    fitted = stage.fit(shards, sample)
    np.testing.assert_array_equal(fitted["pca_components"][1], expected.components)
    np.testing.assert_array_equal(fitted["pca_mean"][1], expected.mean)
    assert fitted["pca_mean"][2]["spectra_used"] == chosen.sum()

    monkeypatch.setattr(component_fit, "SUMMED_TOGETHER", 3)
    monkeypatch.setattr(base, "FIT_SHARDS", 3)
    near = stage.fit(shards, sample)
    assert near["pca_mean"][2]["spectra_used"] == chosen.sum()
    np.testing.assert_allclose(near["pca_components"][1], expected.components, atol=1e-9)
    groups = base.fit_groups(shards)
    parts = {number: stage.fit_part(groups[number], sample) for number in reversed(range(len(groups)))}
    again = stage.fit_end(reduce(lambda a, b: stage.fit_merge([a, b]), (parts[number] for number in sorted(parts))))
    np.testing.assert_array_equal(again["pca_components"][1], near["pca_components"][1])


@pytest.mark.bits
def test_a_catalogue_below_the_size_keeps_its_bits_and_its_provenance(tmp_path):
    stage, shards = stored_spectra(tmp_path, np.full(OBJECTS, ""))
    (whole, plan), (default, _) = (job_of(stage, sample, tmp_path) for sample in (0, 20_000))
    assert whole.fit_sample(plan) is default.fit_sample(plan) is None
    assert provenance_of(plan, whole) == provenance_of(plan, default)
    assert SAMPLE not in provenance_of(plan, whole)
    for name, (_, values, _) in whole.fit(shards, None).items():
        np.testing.assert_array_equal(default.fit(shards, None)[name][1], values)
        np.testing.assert_array_equal(stage.fit(shards)[name][1], values)


def test_the_size_is_in_the_provenance_where_it_changes_values(tmp_path):
    stage, _ = stored_spectra(tmp_path, np.full(OBJECTS, ""))
    for size, there in ((OBJECTS - 1, True), (OBJECTS, False), (0, False)):
        changed, plan = job_of(stage, size, tmp_path)
        assert (provenance_of(plan, changed).get(SAMPLE) == size) is there
        assert SAMPLE not in changed.settings(), "what is trained on the features does not depend on it but by them"


def test_spectra_of_shards_without_a_chosen_object_are_not_read(tmp_path, monkeypatch):
    stage, shards = stored_spectra(tmp_path, np.full(OBJECTS, ""))
    stage, plan = job_of(stage, 4, tmp_path)
    sample, read = stage.fit_sample(plan), []
    noting = lambda *asked: read.append(asked) or read_rows(*asked)  # noqa: E731
    monkeypatch.setattr(component_fit, "read_rows", noting)
    stage.fit(shards, sample)
    holding = [shard for shard in shards if sample.holds(plan.objects["object_id"].to_numpy()[shard.rows]).any()]
    assert [asked[2] for asked in read if "flux" in asked[3]] == [shard.rows for shard in holding]
    assert 0 < len(holding) <= 4 < len(shards)


@pytest.mark.bits
@pytest.mark.parametrize("size", [0, 15])
def test_a_notebook_fits_to_the_same_spectra_with_the_same_bits(tmp_path, monkeypatch, size):
    monkeypatch.setattr(component_fit, "SUMMED_TOGETHER", 4)
    monkeypatch.setattr(base, "FIT_SHARDS", 3)
    split = np.array(["train", "test"] * (OBJECTS // 2))
    stage, shards = stored_spectra(tmp_path, split)
    stage, plan = job_of(stage, size, tmp_path)
    fitted = stage.fit(shards, stage.fit_sample(with_split(plan, split)))
    spectra = open_product(stage.context.output, "spectra")
    lazy = principal_components(spectra, 3, blocks=5, sample=size)
    for name in ("pca_mean", "pca_components", "pca_variance"):
        np.testing.assert_array_equal(lazy[name].values, fitted[name][1])


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 70))
def test_rows_to_read_are_whole_chunks_that_hold_all_that_are_chosen_and_no_other(chosen, chunk):
    chosen = np.array(chosen)
    read = np.zeros(len(chosen), bool)
    for run in _runs(chosen, chunk):
        assert not read[run].any()
        read[run] = True
    held = np.repeat(np.logical_or.reduceat(chosen, range(0, len(chosen), chunk)), chunk)[: len(chosen)]
    np.testing.assert_array_equal(read, held if held.mean() <= FEW_CHUNKS else np.ones_like(held))


@pytest.mark.bits
def test_of_few_spectra_of_a_shard_their_chunks_alone_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "INNER_CHUNK_BYTES", 2000)  # of flux, one spectrum
    monkeypatch.setattr(of_stage, "SHARD", OBJECTS)
    stage, shards = stored_spectra(tmp_path, np.full(OBJECTS, ""))
    stage, plan = job_of(stage, 5, tmp_path, OBJECTS)
    sample, read = stage.fit_sample(plan), []
    noting = lambda *asked: read.append(asked) or read_rows(*asked)  # noqa: E731
    monkeypatch.setattr(component_fit, "read_rows", noting)
    fitted = stage.fit(shards, sample)
    rows = [asked[2] for asked in read if "flux" in asked[3]]
    chosen = sample.holds(plan.objects["object_id"].to_numpy())
    assert sum(one.stop - one.start for one in rows) == chosen.sum() == 5
    expected = PCA.fit(Moments.of(prepared(stage, chosen)), 3)
    np.testing.assert_array_equal(fitted["pca_components"][1], expected.components)
