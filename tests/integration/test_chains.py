"""Users' own stages, and products that are handed on instead of being stored, on a real LocalCluster."""

import shutil

import numpy as np
import pandas as pd
import pytest
import zarr

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.preflight.phases import make_groups
from survey_batch.stages import make_stages
from survey_batch.store.products import product_exists, read_rows, read_status
from tests.compare import assert_equal_products
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive

OBJECTS = 40

FUNCTIONS = '''
import os
import time

import xarray as xr

def halved(block):
    """Half of the flux."""
    return xr.Dataset({"half": (block.flux / 2).assign_attrs(units="1", long_name="half of the flux")})

def level(block):
    """Three numbers of each spectrum."""
    half = block.half
    values = xr.concat([half.mean("wavelength"), half.min("wavelength"), half.max("wavelength")], "kind")
    return values.assign_coords(kind=["mean", "min", "max"]).rename("level").to_dataset()

def alone(block):
    """Fail where another call is under way."""
    real = bool(block.flux.notnull().any())
    if real:
        with open(f"{__file__}.busy", "x"):
            time.sleep(0.05)
        os.remove(f"{__file__}.busy")
    return block.flux.mean("wavelength").rename("mean").to_dataset()

def named(block):
    """Text beside a number."""
    return xr.Dataset({"bright": block.half.max("wavelength") > 60, "name": "star " + block.object_id.astype(object)})
'''


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "functions.py"
    path.write_text(FUNCTIONS)
    return path


def chain_job(archive, output, functions, keep=True, spectra=True, **tables):
    return lamost_job(
        archive,
        output,
        ("spectra", "halved", "level", "named"),
        spectra={"keep": spectra},
        custom={
            "halved": {"function": f"{functions}:halved", "input": "spectra", "variables": ["flux"], "keep": keep},
            "level": {"function": f"{functions}:level", "input": "halved", "variables": ["half"]},
            "named": {"function": f"{functions}:named", "input": "halved", "variables": ["half"]},
        },
        **tables,
    )


def test_a_users_function_is_a_stage_with_a_product_of_its_own(archive, cluster, functions, tmp_path):
    job = chain_job(archive, tmp_path / "out", functions)
    assert run(job, client=cluster).counts == {"ok": OBJECTS}
    level, spectra = sb.open_product(job, "level"), sb.open_product(job, "spectra")
    np.testing.assert_array_equal(level.level.sel(kind="max"), spectra.flux.max("wavelength") / 2)
    np.testing.assert_array_equal(level.object_id, spectra.object_id)
    halved = sb.open_product(job, "halved")
    assert halved.half.attrs == {"units": "1", "long_name": "half of the flux"}
    np.testing.assert_array_equal(halved.wavelength, spectra.wavelength)
    named = sb.open_product(job, "named")
    assert named.bright.dtype == bool
    assert str(named.name[3].values) == f"star {named.object_id[3].values}"


def test_what_is_not_kept_is_not_written_and_changes_nothing(archive, cluster, functions, tmp_path):
    whole = chain_job(archive, tmp_path / "whole", functions)
    handed_on = chain_job(archive, tmp_path / "handed-on", functions, keep=False, spectra=False)
    run(whole, client=cluster)
    summary = run(handed_on, client=cluster)
    assert summary.counts == {"ok": OBJECTS}
    assert {name for name, stage in summary.stages.items() if stage["counts"]} == {"level", "named"}
    assert summary.stages["spectra"]["rows_done"] == OBJECTS
    assert not product_exists(handed_on.output, "spectra")
    assert not product_exists(handed_on.output, "halved")
    for product in ("level", "named"):
        assert_equal_products(whole.output, handed_on.output, product)


def test_a_finished_chain_has_nothing_to_do(archive, cluster, functions, tmp_path):
    job = chain_job(archive, tmp_path / "out", functions, keep=False, spectra=False)
    assert run(job, client=cluster).worked
    assert not run(job, client=cluster).worked


def test_an_unreadable_file_is_unreadable_in_the_product_at_the_chains_end(cluster, functions, tmp_path):
    archive = make_archive(tmp_path / "archive", 16)
    (tmp_path / "archive" / "spec-55000-TEST_sp01-004.fits").write_bytes(b"SIMPLE  = no")
    job = chain_job(archive, tmp_path / "out", functions, keep=False, spectra=False)
    assert run(job, client=cluster).counts == {"ok": 15, "unreadable": 1}
    problems = sb.open_product(job, "level")
    assert int(problems.status[3]) == Status.UNREADABLE
    assert np.isnan(problems.level[3]).all()
    notes = pd.read_parquet(tmp_path / "out" / "problems.parquet")
    assert list(notes.stage) == ["spectra"]
    assert "spec-55000-TEST_sp01-004.fits" in notes.source[0]


def test_a_failure_inside_a_chain_fails_the_products_at_its_end_and_the_next_run_mends_them(
    archive, cluster, functions, tmp_path
):
    broken = FUNCTIONS.replace('"""Half of the flux."""', 'assert "1011" not in block.object_id, "bad luck"')
    functions.write_text(broken)
    job = chain_job(archive, tmp_path / "out", functions, keep=False)
    counts = run(job, client=cluster).counts
    assert counts == {"ok": OBJECTS - 8, "failed": 8}  # the shard of 8 objects that holds 1011
    notes = pd.read_parquet(tmp_path / "out" / "problems.parquet")
    assert set(notes.stage) == {"level", "named"}
    assert notes.message.str.contains("halved: AssertionError: bad luck").all()
    # The function's text is part of the product: another one makes another product.
    functions.write_text(FUNCTIONS)
    with pytest.raises(PlanMismatchError, match=r"custom\.halved\.function: its text has changed"):
        run(job, client=cluster)


def test_only_unfinished_rows_are_made_again(archive, cluster, functions, tmp_path):
    job = chain_job(archive, tmp_path / "out", functions, keep=False, spectra=False)
    run(job, client=cluster)
    before = read_rows(job.output, "level", slice(0, OBJECTS), ["level"])["level"]
    group = zarr.open_group(f"{job.output}/level.zarr")
    group["status"][5:7] = Status.UNREACHABLE
    group["level"][5:7] = np.nan
    summary = run(job, client=cluster)
    assert summary.stages["level"]["rows_done"] == 2
    np.testing.assert_array_equal(read_rows(job.output, "level", slice(0, OBJECTS), ["level"])["level"], before)
    assert (read_status(job.output, "level") == Status.OK).all()


@pytest.mark.parametrize(
    ("custom", "says"),
    [
        ({"function": "nowhere.py:f"}, "cannot import 'nowhere.py'"),
        ({"function": "math:nothing_there"}, "no function 'nothing_there'"),
        ({"variables": ["flax"]}, r"spectra has no \['flax'\]"),
        ({"function": "math:floor"}, "TypeError"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused_before_any_work(archive, functions, tmp_path, custom, says):
    table = {"function": f"{functions}:halved", "input": "spectra", "variables": ["flux"], **custom}
    job = lamost_job(archive, tmp_path / "out", ("spectra", "halved"), custom={"halved": table})
    with pytest.raises(ConfigurationError, match=says):
        run(job)


def test_a_function_that_asks_for_a_gpu_is_run_one_shard_at_a_time_among_predictions(archive, functions, tmp_path):
    table = {"function": f"{functions}:alone", "input": "spectra", "variables": ["flux"], "gpu": True}
    gpu = {"gpu": {"allow_cpu": True, "workers": 1, "threads": 3}}
    job = lamost_job(archive, tmp_path / "out", ("spectra", "alone"), custom={"alone": table}, cluster=gpu)
    assert [group.stages[0].phase for group in make_groups(make_stages(job))] == ["ingest", "predict"]
    assert run(job).counts == {"ok": OBJECTS}


def test_a_product_that_nobody_keeps_or_uses_is_refused(archive, functions, tmp_path):
    table = {"function": f"{functions}:halved", "input": "spectra", "variables": ["flux"], "keep": False}
    job = lamost_job(archive, tmp_path / "out", ("spectra", "halved"), custom={"halved": table})
    with pytest.raises(ConfigurationError, match="no stored product is made from it"):
        run(job)


def test_components_are_not_learnt_from_spectra_that_are_not_kept(archive, tmp_path):
    job = lamost_job(archive, tmp_path / "out", spectra={"keep": False})
    with pytest.raises(ConfigurationError, match=r"spectra\.keep = true, or spectral_features\.components = 0"):
        run(job)


def test_a_worker_that_dies_in_a_chain_costs_nothing_but_time(archive, cluster, functions, tmp_path):
    mark = tmp_path / "died"
    kill = f"""
    import os, pathlib
    if "1011" in block.object_id and not pathlib.Path({str(mark)!r}).exists():
        pathlib.Path({str(mark)!r}).touch()
        os.kill(os.getpid(), 9)
"""
    functions.write_text(FUNCTIONS.replace('    """Half of the flux."""\n', kill))
    job = chain_job(archive, tmp_path / "out", functions, keep=False, spectra=False)
    assert run(job, client=cluster).counts == {"ok": OBJECTS}
    assert mark.exists()


def test_a_failure_in_the_middle_leaves_what_is_not_made_of_it_alone(archive, cluster, functions, tmp_path):
    functions.write_text(FUNCTIONS.replace('"""Half of the flux."""', "assert bool(block.flux.isnull().all()), 1"))
    table = {"input": "spectra", "variables": ["flux"]}
    job = lamost_job(
        archive,
        tmp_path / "out",
        ("spectra", "halved", "level", "other"),
        custom={
            "halved": {**table, "function": f"{functions}:halved", "keep": False},
            "level": {"function": f"{functions}:level", "input": "halved", "variables": ["half"]},
            "other": {**table, "function": f"{functions}:other"},
        },
    )
    functions.write_text(functions.read_text() + OTHER)
    summary = run(job, client=cluster)
    assert summary.stages["level"]["counts"] == {"failed": OBJECTS}
    assert summary.stages["other"]["counts"] == {"ok": OBJECTS}
    assert summary.counts == {"failed": OBJECTS}
    assert not summary.complete


OTHER = """
def other(block):
    return xr.Dataset({"mean": block.flux.mean("wavelength")})
"""


def one_stage(archive, tmp_path, text, name="mine", **section):
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\nimport xarray as xr\n\n" + text)
    table = {"function": f"{path}:mine", "input": "spectra", "variables": ["flux"], **section}
    return lamost_job(archive, tmp_path / "out", ("spectra", name), custom={name: table})


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("b.sortby('object_id', ascending=False).flux.max('wavelength')", "another order"),
        ("(b.flux.mean('wavelength').fillna(0).astype(int) if empty else b.flux.mean('wavelength'))", "same type"),
        ("b.flux.mean(('object', 'wavelength'))", "no dimension 'object'"),
        ("b.flux.isel(wavelength=0).assign_attrs(one=np.arange(2))", "attributes must be plain"),
        ("b.flux.isel(wavelength=0).astype('datetime64[ns]')", "neither numbers nor text"),
        ("b.flux.isel(wavelength=slice(0, 2 if empty else 3))", "in a block of 8"),
        ("missing_name", "NameError"),
    ],
)
def test_what_a_function_returns_is_checked(archive, cluster, tmp_path, returned, says):
    text = f"def mine(b):\n    empty = bool(b.flux.isnull().all())\n    return {returned}"
    with pytest.raises(ConfigurationError, match=says):
        run(one_stage(archive, tmp_path, text), client=cluster)


def test_a_file_that_cannot_be_imported_is_named(archive, tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot import .*mine\.py.*NameError"):
        run(one_stage(archive, tmp_path, "mine = missing_name"))


def test_a_file_that_is_edited_during_a_run_stops_it(archive, cluster, tmp_path):
    # Renamed into place, as editors do: another worker must never read half a file.
    text = "import os, pathlib\ndef mine(b):\n    p = pathlib.Path(__file__)\n    if not b.flux.isnull().all():\n"
    text += "        new = p.with_suffix(f'.{os.getpid()}')\n        new.write_text(p.read_text() + '#')\n"
    text += "        new.replace(p)\n    return b.flux.isel(wavelength=0)"
    with pytest.raises(PlanMismatchError, match="was edited during a run"):
        run(one_stage(archive, tmp_path, text), client=cluster)


def test_a_file_may_define_dataclasses_and_is_imported_anew_when_edited(archive, cluster, tmp_path):
    text = "from dataclasses import dataclass\n@dataclass\nclass Times:\n    n: int = {}\n"
    text += "def mine(b):\n    return (b.flux.isel(wavelength=0) * Times().n).rename('made')"
    values = []
    for factor in (1, 3):
        job = one_stage(archive, tmp_path, text.format(factor))
        shutil.rmtree(tmp_path / "out" / "mine.zarr", ignore_errors=True)
        run(job, client=cluster)
        values.append(sb.open_product(job, "mine").made.values)
    np.testing.assert_array_equal(values[1], 3 * values[0])


def test_a_product_that_was_deleted_is_made_in_its_new_shape_by_workers_that_knew_the_old_one(
    archive, cluster, tmp_path
):
    job = lamost_job(archive, tmp_path / "out", spectral_features={"components": 0, "blocks": 5})
    run(job, client=cluster)
    shutil.rmtree(tmp_path / "out" / "features.zarr")
    other = lamost_job(archive, tmp_path / "out", spectral_features={"components": 0, "blocks": 9})
    run(other, client=cluster)
    value = sb.open_product(other, "features").value.load()
    assert np.isfinite(value.sel(feature="block_008_mean")).all()


def test_a_function_cannot_change_what_others_are_given(archive, cluster, functions, tmp_path):
    functions.write_text(FUNCTIONS.replace("    half = block.half\n", "    half = block.half\n    half[:] = 0\n"))
    job = chain_job(archive, tmp_path / "out", functions, keep=False)
    run(job, client=cluster)
    assert (sb.open_product(job, "level").level == 0).all()
    assert sb.open_product(job, "named").bright.any()


@pytest.mark.parametrize(
    ("stages", "says"), [(("cutouts",), "add 'frames' to stages"), (("frames", "features"), "add 'cutouts' to stages")]
)
def test_a_stage_whose_input_no_stage_makes_is_refused(tmp_path, stages, says):
    catalog = tmp_path / "catalog.csv"
    catalog.write_text("objid,ra,dec,run,camcol,field\n1,10,10,1,1,1\n")
    with pytest.raises(ConfigurationError, match=says):
        run(sdss_job(catalog, tmp_path / "archive", tmp_path / "out", stages=stages))


def test_a_function_that_fails_is_named_with_its_line(archive, cluster, tmp_path):
    text = "def mine(b):\n    assert b.flux.isnull().all(), 'no luck'\n    return b.flux.isel(wavelength=0)"
    job = one_stage(archive, tmp_path, text)
    assert run(job, client=cluster).counts == {"failed": OBJECTS}
    notes = pd.read_parquet(tmp_path / "out" / "problems.parquet")
    assert set(notes.message) == {"AssertionError: no luck (mine.py, line 5)"}


def test_a_product_is_opened_by_job_output_or_job_file_and_others_are_listed(archive, cluster, tmp_path):
    job = lamost_job(archive, tmp_path / "out", ("spectra",))
    run(job, client=cluster)
    (tmp_path / "job.toml").write_text(
        f'name = "a"\noutput = "{tmp_path}/out"\nstages = ["spectra"]\n[catalog]\npath = "x"\n'
        '[archive]\nsurvey = "lamost"\nroot = "y"\n'
    )
    for opened in (job, job.output, tmp_path / "out", str(tmp_path / "job.toml")):
        assert sb.open_product(opened, "spectra").sizes["object"] == OBJECTS
    with pytest.raises(ConfigurationError, match=r"there is no product .*spectrum\.zarr \(there: spectra\)"):
        sb.open_product(job, "spectrum")
