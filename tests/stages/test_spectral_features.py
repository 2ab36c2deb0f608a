from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA as REFERENCE

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.estimate import estimate, refuse_what_cannot_fit
from survey_batch.spectra.features import prepare
from survey_batch.stages import base, make_stage
from survey_batch.stages.spectral_features import SpectralFeaturesStage
from survey_batch.store.products import create_product, open_group, read_rows, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS, SHARD = 40, 4
RANGE = {"wavelength_min": 4800.0, "wavelength_max": 5300.0}


def stored_spectra(tmp_path, split, status=Status.OK):
    """Write a `spectra` product of random spectra, as the stage would; return the features stage and the shards."""
    archive = make_archive(tmp_path / "archive", OBJECTS)
    job = lamost_job(archive, tmp_path / "out", spectra=RANGE, shards={"objects": SHARD})
    plan, stage = make_plan(job), make_stage(job, "spectra")
    create_product(job.output, stage.schema(OBJECTS), {})
    rng = np.random.default_rng(0)
    size = stage.sizes()["wavelength"]
    flux = 100 + rng.normal(0, 1, (OBJECTS, 3)) @ rng.normal(0, 3, (3, size)) + rng.normal(0, 1, (OBJECTS, size))
    for shard in plan.shards("object"):
        block = stage.empty_block(len(shard))
        block.data["flux"][:] = flux[shard.rows]
        block.data["ivar"][:] = 1
        given = np.broadcast_to(status, OBJECTS)[shard.rows].astype("u1")
        own = {variable.name: plan.objects[variable.name].to_numpy()[shard.rows] for variable in OBJECT_COORDINATES}
        own["split"] = split[shard.rows].astype(object)
        write_shard(job.output, "spectra", shard, {**block.data, **own}, given)
    return make_stage(job, "features"), plan.shards("object")


def prepared(stage, chosen):
    rows = read_rows(stage.context.output, "spectra", slice(0, OBJECTS), ["flux", "ivar", "mask"])
    return prepare(*(rows[name][chosen] for name in ("flux", "ivar", "mask")), stage.section)


def check(fitted, stage, chosen):
    reference = REFERENCE(3, svd_solver="full").fit(prepared(stage, chosen).astype("f8"))
    np.testing.assert_allclose(fitted["pca_mean"][1], reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(fitted["pca_variance"][1], reference.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(fitted["pca_ratio"][1], reference.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(fitted["pca_components"][1] * reference.components_, axis=1)), 1)
    assert fitted["pca_components"][2]["spectra_used"] == int(np.sum(chosen))


def test_components_are_those_of_the_training_split_alone(tmp_path):
    split = np.array(["train", "train", "test", "valid"] * (OBJECTS // 4))
    stage, shards = stored_spectra(tmp_path, split)
    fitted = stage.fit(shards)
    check(fitted, stage, split == "train")
    assert fitted["pca_mean"][2]["fitted_to"] == "20 spectra of the training split"


def test_where_no_object_has_a_split_all_usable_ones_count(tmp_path):
    status = np.where(np.arange(OBJECTS) % 5 == 0, Status.UNREADABLE, Status.OK)
    stage, shards = stored_spectra(tmp_path, np.full(OBJECTS, ""), status)
    check(stage.fit(shards), stage, status == Status.OK)


@pytest.mark.parametrize("without", [slice(0, 12), slice(20, 40)])
def test_shards_without_a_split_do_not_count_where_others_have_one(tmp_path, without):
    split = np.array(["train", "test"] * (OBJECTS // 2))
    split[without] = ""
    stage, shards = stored_spectra(tmp_path, split)
    check(stage.fit(shards), stage, split == "train")


@pytest.mark.bits
def test_a_cluster_that_adds_part_after_part_gets_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "FIT_SHARDS", 3)
    stage, shards = stored_spectra(tmp_path, np.array(["train", "test"] * (OBJECTS // 2)))
    groups = base.fit_groups(shards)
    assert len(groups) == 4
    parts = {number: stage.fit_part(groups[number]) for number in (2, 0, 3, 1)}
    whole = parts[0]
    for number in (1, 2, 3):
        whole = stage.fit_merge([whole, parts[number]])
    for name, (dims, values, attrs) in stage.fit(shards).items():
        again = stage.fit_end(whole)[name]
        assert again[0] == dims
        assert again[2] == attrs
        np.testing.assert_array_equal(again[1], values)


def test_adding_leaves_the_parts_as_they_were(tmp_path):
    stage, shards = stored_spectra(tmp_path, np.full(OBJECTS, "train"))
    parts = [stage.fit_part(pair) for pair in (shards[:5], shards[5:])]
    before = [part.moments.outer.copy() for part in parts]
    stage.fit_merge(parts)
    for part, outer in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part.moments.outer, outer)


def test_every_feature_has_a_unit(tmp_path):
    job = lamost_job(make_archive(tmp_path, 1), tmp_path / "out")
    coordinates = make_stage(job, "features").coordinates()
    assert coordinates["unit"][0] == coordinates["feature"][0] == ("feature",)
    assert coordinates["unit"][1].shape == coordinates["feature"][1].shape
    assert (coordinates["unit"][1] != "").all()


def test_a_job_without_components_learns_nothing(tmp_path):
    archive = make_archive(tmp_path, 1)
    assert make_stage(lamost_job(archive, tmp_path / "out"), "features").requires_fit
    assert not make_stage(
        lamost_job(archive, tmp_path / "out", spectral_features={"components": 0}), "features"
    ).requires_fit


def test_plan_counts_the_fit_of_components_by_its_sample_and_only_where_there_is_one(tmp_path):
    archive = make_archive(tmp_path / "archive", OBJECTS)

    def cost(**keys):
        job = lamost_job(archive, tmp_path / "out", spectral_features=keys)
        return make_stage(job, "features").cost(make_plan(job))

    none, quarter, all_of_them = cost(components=0), cost(components=3, sample=10), cost(components=3, sample=0)
    named = cost(components=3, basis=str(tmp_path / "other"))
    assert named.cpu_seconds == none.cpu_seconds
    assert named.start_seconds == none.start_seconds == 0 < quarter.start_seconds
    added = [one.cpu_seconds - none.cpu_seconds for one in (quarter, all_of_them)]
    assert 0 < added[0] == pytest.approx(added[1] / 4)


def test_what_is_kept_is_no_setting_and_what_is_measured_is(tmp_path):
    archive = make_archive(tmp_path, 1)
    one, other, fewer = (
        make_stage(lamost_job(archive, tmp_path / "out", spectral_features=features), "features").settings()
        for features in ({}, {"keep": False}, {"colours": False})
    )
    assert one == other
    assert one != fewer


def stored_features(stage, shards):
    """Create the product with the components fitted to its spectra."""
    fitted = stage.fit(shards)
    create_product(stage.context.output, stage.schema(OBJECTS, fitted), {"provenance": stage.settings()})
    return fitted


def elsewhere(stage, output, **keys):
    """Return the stage with another output and other settings."""
    tables = (stage.section.model_copy(update=keys),)
    return SpectralFeaturesStage(replace(stage.context, output=str(output), tables=tables))


def test_components_of_another_job_serve_where_the_job_names_it(tmp_path):
    split = np.repeat(["train", "test"], OBJECTS // 2)
    stage, shards = stored_spectra(tmp_path, split)
    fitted = stored_features(stage, shards)
    other = elsewhere(stage, tmp_path / "other", basis=stage.context.output)
    other.check()
    assert not other.requires_fit
    np.testing.assert_array_equal(other.fixed_coordinates()["pca_components"][1], fitted["pca_components"][1])
    assert other.basis() == stage.basis() == other.settings()["spectral_features.basis"]
    assert "spectral_features.basis" not in stage.settings(), "a job that fits its own is as it was"


def test_components_that_do_not_fit_are_refused(tmp_path):
    stage, shards = stored_spectra(tmp_path, np.repeat(["train", "test"], OBJECTS // 2))
    stored_features(stage, shards)

    def refused(match, output, **keys):
        other = elsewhere(stage, tmp_path / "other", basis=output, **keys)
        with pytest.raises(ConfigurationError, match=match):
            other.check()

    refused("no product 'features' with principal components", str(tmp_path / "nothing"))
    refused(r"has 3 components of \d+ pixels, this job wants 2 of", stage.context.output, components=2)
    refused("prepared with normalization = .*, and here it is 'l2'", stage.context.output, normalization="l2")


def test_components_of_other_wavelengths_are_refused(tmp_path):
    stage, shards = stored_spectra(tmp_path, np.repeat(["train", "test"], OBJECTS // 2))
    stored_features(stage, shards)
    product = open_group(stage.context.output, "features")
    moved = np.asarray(product["wavelength"]) * 1.01
    product["wavelength"][:] = moved
    other = elsewhere(stage, tmp_path / "other", basis=stage.context.output)
    with pytest.raises(ConfigurationError, match=f"fitted from {moved[0]:.2f} to .* use the wavelengths of the fit"):
        other.check()


@pytest.mark.parametrize(
    ("features", "split", "said"),
    [
        (
            {"components": 8},
            None,
            "spectral_features.components is 8.* to be fitted to 8 usable objects: use 7 or fewer",
        ),
        ({"components": 7}, None, None),
        ({}, None, None),
        (
            {"components": 3},
            {"train": 0.3, "test": 0.7},
            r"to be fitted to \d usable objects of split train: use \d or fewer",
        ),
        ({"components": 0}, {"train": 0.3, "test": 0.7}, None),
    ],
)
def test_components_that_so_few_objects_do_not_have_are_refused_before_anything_is_fetched(
    tmp_path, features, split, said
):
    archive = make_archive(tmp_path / "archive", 8)
    archive["catalog"]["split"] = split
    job = lamost_job(archive, tmp_path / "out", spectral_features=features)
    if said is None:
        make_stage(job, "features").check_plan(make_plan(job))
    else:
        with pytest.raises(ConfigurationError, match=said):
            make_stage(job, "features").check_plan(make_plan(job))


def test_one_object_has_no_components_whatever_the_job_says(tmp_path):
    job = lamost_job(make_archive(tmp_path / "archive", 1), tmp_path / "out", spectral_features={})
    with pytest.raises(ConfigurationError, match="to be fitted to 1 usable object: use 0$"):
        make_stage(job, "features").check_plan(make_plan(job))


@pytest.mark.parametrize("key", ["blocks", "components", "smoothing_window"])
def test_more_of_anything_than_pixels_is_refused(tmp_path, key):
    keys = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}
    job = lamost_job(keys, tmp_path / "out", spectra=RANGE, spectral_features={key: 5001})
    with pytest.raises(
        ConfigurationError, match=rf"features.{key} is 5001, and spectra have \d+ pixels .* or a wider range"
    ):
        make_stage(job, "features").check()


def test_lines_in_pixels_wider_than_a_line_are_refused_and_other_features_are_not(tmp_path):
    archive = make_archive(tmp_path / "archive", 1)
    wide = {"spectra": {**RANGE, "step": 5e-4}}
    with pytest.raises(ConfigurationError, match=r"spectra.step is 0.0005 dex, .* at most 0.00024: set"):
        make_stage(lamost_job(archive, tmp_path / "out", **wide), "features").check()
    only = {"lines": False, "indices": False, "blocks": 5, "components": 0}
    make_stage(lamost_job(archive, tmp_path / "out", **wide, spectral_features=only), "features").check()


def test_where_components_take_the_memory_smaller_shards_are_not_advised(tmp_path):
    archive = make_archive(tmp_path / "archive", 4)
    keys = {"spectra": {"step": 2e-5}, "cluster": {"memory": "1 GB"}, "shards": {"objects": 16}}
    plan = make_plan(lamost_job(archive, tmp_path / "out", **keys))
    with pytest.raises(ConfigurationError, match=r"lower spectral_features\.components to 0 \(they"):
        refuse_what_cannot_fit(plan, estimate(plan))
    coarser = make_stage(lamost_job(archive, tmp_path / "out", shards={"objects": 1024}), "features")
    assert coarser.less_memory == "shards.objects (now 1024)"


def test_more_pixels_take_more_time_and_memory(tmp_path):
    archive = make_archive(tmp_path / "archive", 4)
    costs = []
    for step in (1e-4, 2e-5):
        job = lamost_job(archive, tmp_path / "out", spectra={"step": step})
        plan = make_plan(job)
        costs.append([make_stage(job, name).cost(plan) for name in ("spectra", "features")])
    (spectra, features), (finer, measured) = costs
    assert finer.cpu_seconds == pytest.approx(5 * spectra.cpu_seconds, rel=1e-3)
    assert measured.cpu_seconds > 5 * features.cpu_seconds
    assert measured.worker_bytes > 20 * features.worker_bytes
    assert measured.start_seconds == pytest.approx(125 * features.start_seconds, rel=1e-2)
