"""A catalogue that has grown: which products are given its new rows, what they say of it, and what a kill leaves."""

import itertools
import json
import re
import shutil
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.execution.plan_runner import Runner
from survey_batch.integrity.verify import verify
from survey_batch.monitor.progress import LineProgress
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import planned_rows
from survey_batch.preflight import relabel
from survey_batch.preflight.growth import find_growth
from survey_batch.preflight.provenance import check_made_by, made_already
from survey_batch.report.summary import summarize
from survey_batch.results.export.results import find_results
from survey_batch.stages import make_stages
from survey_batch.store import growth as store_growth
from survey_batch.store import products, root, small_files
from survey_batch.store.growth import generations
from survey_batch.store.products import open_group, read_rows, read_status
from survey_batch.store.schema import OBJECT_COORDINATES
from tests.growing import Growing
from tests.lamost_files import make_archive

OBJECTS = 20
TABLE = "spectral_features"
PRODUCTS = ("spectra", "features")
VARIABLES = {"spectra": ("flux", "ivar", "mask", "snr"), "features": ("value",)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS, missing=[5, 18])


@pytest.fixture
def growing(archive, tmp_path):
    return Growing.lamost(archive, tmp_path)


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """The products of the whole catalogue, made at once: for each object, all that they say of it."""
    made = Growing.lamost(archive, tmp_path_factory.mktemp("whole"))
    made.rows(range(OBJECTS))
    made.run()
    return values_of(made.job)


def values_of(job):
    """All values of each object in all products."""
    found = {}
    for product, names in VARIABLES.items():
        columns = (*(variable.name for variable in OBJECT_COORDINATES), "status", *names)
        rows = read_rows(job.output, product, slice(None), columns)
        for index, name in enumerate(rows["object_id"].astype(object)):
            found[product, name] = {key: np.asarray(values[index]).tobytes() for key, values in rows.items()}
    return found


def shard_files(job):
    """The files of all shards, and what is in them."""
    paths = itertools.chain(*(Path(job.output, f"{name}.zarr").glob("*/c/**/*") for name in PRODUCTS))
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def number(path):
    """The number of the shard in a file."""
    return int(path.parts[path.parts.index("c") + 1])


def test_a_catalogue_grown_in_five_steps_gives_what_one_made_at_once_does(growing, whole):
    random = Random(4)
    for rows in (3, 8, 9, 15, OBJECTS):
        numbers = random.sample(range(rows), rows)  # the file is in another order each time
        growing.rows(numbers)
        plan = growing.run()
    assert generations(growing.job.output, 0) == dict.fromkeys(PRODUCTS, (3, 8, 9, 15, OBJECTS))
    assert values_of(growing.job) == whole
    assert (
        plan.objects["object_id"].to_pylist()
        == read_rows(growing.job.output, "spectra", slice(None), ["object_id"])["object_id"].astype(object).tolist()
    )
    assert find_growth(make_plan(growing.job)) is None
    assert made_already(make_plan(growing.job), make_stages(growing.job))
    assert verify(growing.job, deep=True).ok


def test_the_shards_of_old_rows_keep_their_files_and_a_half_full_one_keeps_what_it_has(growing):
    growing.rows(range(12))
    growing.run()
    before, values = shard_files(growing.job), values_of(growing.job)
    growing.rows(range(OBJECTS))
    growing.run()
    after = shard_files(growing.job)
    assert {path: after[path] for path in before if number(path) == 0} == {
        path: found for path, found in before.items() if number(path) == 0
    }
    assert values_of(growing.job).items() >= values.items()


def test_only_new_rows_are_done(growing, monkeypatch):
    growing.rows(range(12))
    growing.run()
    done = []
    monkeypatch.setattr("survey_batch.execution.shard_task.note_problems", lambda *args: done.append(args[3].tolist()))
    growing.rows(range(14))
    growing.run()
    assert done == [[False] * 4 + [True] * 2] * 2  # the second shard of each product


def test_new_rows_are_in_order_among_themselves_and_behind_the_old_ones(growing):
    growing.rows([5, 3, 19])
    growing.run()
    plan = growing.rows([9, 19, 1, 3, 5, 0])
    assert plan.objects["object_id"].to_pylist() == ["1003", "1005", "1019", "1000", "1001", "1009"]


def test_it_is_told_before_and_while_it_is_done(growing, capsys):
    growing.rows(range(12))
    growing.run()
    plan, said = growing.rows(range(20)), []
    growth = find_growth(plan)
    assert (growth.rows, growth.products) == (20, dict.fromkeys(PRODUCTS, 12))
    growing.run(said)
    assert said == [
        "note: the catalogue has grown from 12 rows to 20: the products are given the 8 new ones, and nothing of the "
        "old ones is done again"
    ]
    history = open_group(growing.job.output, "spectra").attrs["history"]
    assert history.endswith(" run: the catalogue has grown from 12 rows to 20: the new ones are added")
    assert json.loads(open_group(growing.job.output, "spectra").attrs["generations"]) == [12, 20]


def test_what_a_product_learnt_from_the_first_rows_stays_and_all_say_so(archive, tmp_path):
    """19 spectra are more than the sample, and the 12 that the components were fitted to were not."""
    growing = Growing.lamost(archive, tmp_path, spectral_features={"blocks": 3, "components": 2, "sample": 15})
    growing.rows(range(12))
    growing.run()
    before, said = components(growing.job), []
    growing.rows(range(19))
    growing.run(said)
    stays = "what features.zarr learnt from the first 12 rows stays"
    assert said[0].endswith(f"; {stays} (to learn from all, delete features.zarr)")
    assert open_group(growing.job.output, "features").attrs["history"].endswith(f"; {stays}")
    assert "learnt" not in open_group(growing.job.output, "spectra").attrs["history"]
    assert components(growing.job) == before
    assert (read_status(growing.job.output, "features") != Status.PENDING).all()


def test_another_split_that_leaves_fewer_spectra_than_the_sample_changes_nothing_of_what_was_learnt(archive, tmp_path):
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    features = {"blocks": 3, "components": 2, "sample": 6}
    growing = Growing.lamost(
        archive, tmp_path, catalog={"label": "spectral_type", "split": shares}, **{TABLE: features}
    )
    assert growing.rows(range(12)).objects["split"].to_pylist().count("train") > 6
    growing.run()
    before = components(growing.job)
    split = growing.job.catalog.split.model_copy(update={"train": 0.2, "validation": 0.4, "test": 0.4})
    catalog = growing.job.catalog.model_copy(update={"split": split})
    growing.job = growing.job.model_copy(update={"catalog": catalog})
    assert growing.rows(range(14)).objects["split"].to_pylist().count("train") <= 6
    said = []
    growing.run(said)
    assert "the catalogue has grown from 12 rows to 14" in said[0]
    assert components(growing.job) == before
    fewer = growing.job.spectral_features.model_copy(update={"sample": 5})
    growing.job = growing.job.model_copy(update={TABLE: fewer})
    with pytest.raises(PlanMismatchError, match="spectral_features.sample: was 6, now"):
        growing.run()


def components(job):
    return open_group(job.output, "features")["pca_components"][:].tobytes()


def test_labels_of_old_rows_follow_and_are_counted(archive, tmp_path):
    growing = Growing.lamost(archive, tmp_path, catalog={"label": "spectral_type"})
    growing.rows(range(12))
    growing.run()
    growing.all[3] = growing.all[3].replace("|STAR|K5|", "|STAR|M1|").replace("|STAR|G5|", "|STAR|M1|")
    assert growing.all[3].count("M1") == 1
    growing.rows(range(16))
    said = []
    plan = growing.run(said)
    assert [text.partition(":")[0] for text in said] == ["note", "note"]
    assert "the label of 1 row changed" in said[1]
    for product in PRODUCTS:
        labels = read_rows(growing.job.output, product, slice(None), ["label"])["label"].astype(object)
        assert labels.tolist() == plan.objects["label"].to_pylist()


@pytest.mark.slow
def test_products_of_an_earlier_version_grow_too(growing):
    growing.rows(range(12))
    growing.run()
    for product in PRODUCTS:
        del open_group(growing.job.output, product).attrs["generations"]
    root.write_root(growing.job.output, *PRODUCTS)
    growing.rows(range(OBJECTS))
    growing.run()
    assert generations(growing.job.output, 0) == dict.fromkeys(PRODUCTS, (12, OBJECTS))


def test_no_classifier_is_trained_on_products_that_lack_new_rows(growing):
    growing.rows(range(12))
    growing.run()
    growing.rows(range(14))
    with pytest.raises(PlanMismatchError, match="has 2 rows that spectra.zarr in .* lacks: survey-batch run adds them"):
        check_made_by(growing.job, "spectra")


def test_rows_that_vanished_are_refused_by_name_after_a_growth_too(growing):
    growing.rows(range(12))
    growing.run()
    growing.rows(range(16))
    growing.run()
    growing.rows([*range(2, 16), 19])
    with pytest.raises(PlanMismatchError, match=r"2 of 16 rows are no longer there: '1000', '1001'\. A catalogue may"):
        growing.run()
    assert generations(growing.job.output, 0)["spectra"] == (12, 16)


@pytest.mark.slow
def test_a_lost_plan_is_found_in_the_products(growing):
    growing.rows(range(6, 14))
    growing.run()
    growing.rows(range(16))
    plan = growing.run()
    for path in Path(growing.job.output, "plan").iterdir():
        path.unlink()
    growing.rows(reversed(range(20)))
    again = growing.run()
    assert again.objects["object_id"].to_pylist()[:16] == plan.objects["object_id"].to_pylist()
    assert verify(growing.job, deep=True).ok


def test_a_catalogue_that_has_grown_and_was_not_run_yet_is_no_damage(growing):
    growing.rows(range(12))
    growing.run()
    growing.rows([14, *range(12), 13])
    found = verify(growing.job, deep=True)
    assert found.ok, found
    assert "the catalogue has grown from 12 rows to 14" in found.notes[0]


@contextmanager
def another_process(monkeypatch):
    """What is done here is unknown to what this process keeps of products."""
    with monkeypatch.context() as patched:
        patched.setattr(products, "_open_cached", lru_cache(products._open_cached.__wrapped__))
        yield


def test_rows_that_another_process_has_given_to_products_are_done(growing, monkeypatch):
    growing.rows(range(12))
    growing.run()
    assert read_status(growing.job.output, "spectra").size == 12
    with another_process(monkeypatch):
        growing.rows(range(14))
        grow_until(growing, monkeypatch)
    growing.run()
    for product in PRODUCTS:
        assert (read_status(growing.job.output, product) != Status.PENDING).sum() == 14


def test_workers_of_one_s_own_forget_what_products_were(growing, monkeypatch):
    growing.rows(range(12))
    growing.run()
    with another_process(monkeypatch):
        growing.rows(range(14))
        runner = Runner(growing.run(), make_stages(growing.job), LineProgress())
    assert read_status(growing.job.output, "spectra").size == 12
    worker = SimpleNamespace(client=SimpleNamespace(run=lambda function, **_: function()))
    runner._run_group(worker, runner.groups[0], runner.stages, None)
    assert read_status(growing.job.output, "spectra").size == 14


class Killed(BaseException):
    """What ends a process at once."""


def grow_until(growing, monkeypatch, step=None):
    """Grow, without the work on new rows, and end before a small file is written; return how many there were."""
    count, write = itertools.count(), store_growth.write_bytes

    def counted(path, data):
        if next(count) == step:
            raise Killed(path)
        write(path, data)

    with monkeypatch.context() as patched:
        for module in (store_growth, root, small_files, relabel):
            patched.setattr(module, "write_bytes", counted)
        patched.setattr(growing, "work", lambda _: None)
        growing.run()
    return next(count)


def metadata(job):
    """All metadata of the products and of the whole, but for the times in histories, which the checksums have too."""
    found = {}
    for path in sorted(Path(job.output).glob("**/zarr.json")):
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", "", path.read_text())
        found[path.relative_to(job.output)] = re.sub(r'"(features|spectra).zarr": "\w{64}"', "", text)
    return found


@pytest.mark.slow
def test_a_growth_that_is_killed_at_any_step_is_gone_on_with(archive, whole, tmp_path, monkeypatch):
    first = Growing.lamost(archive, tmp_path)
    first.rows(range(12))
    first.run()
    first.rows(range(OBJECTS))
    shutil.copytree(first.job.output, tmp_path / "as-it-was")
    steps = grow_until(first, monkeypatch)
    wanted = metadata(first.job)
    assert steps > 20, "the plan, and for two products the group twice, their own metadata and that of all arrays"
    for step in range(steps):
        shutil.rmtree(first.job.output)
        shutil.copytree(tmp_path / "as-it-was", first.job.output)
        with pytest.raises(Killed):
            grow_until(first, monkeypatch, step)
        status = summarize(first.job.output)
        assert {stage.rows for stage in status.stages} <= {12, OBJECTS}
        assert sum(status.counts.values()) in {12, OBJECTS}
        rows = planned_rows(first.job.output)
        assert find_results(first.job, ["features"]).read(slice(0, rows)).num_rows == rows
        found = verify(first.job)
        assert found.ok, (step, found)
        grow_until(first, monkeypatch)
        assert metadata(first.job) == wanted, step
        if step % 8 == 0:
            first.run()
            assert values_of(first.job) == whole, step


@pytest.mark.slow
def test_a_growth_that_is_killed_before_any_product_has_grown_can_be_taken_back(growing, monkeypatch):
    growing.rows(range(12))
    growing.run()
    growing.rows(range(OBJECTS))
    with pytest.raises(Killed):
        grow_until(growing, monkeypatch, 2)  # the plan is stored
    growing.rows([*range(12), 13])
    growing.run()
    assert generations(growing.job.output, 0)["spectra"] == (12, 13)
    assert verify(growing.job, deep=True).ok
