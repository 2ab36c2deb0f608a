"""A user's function as a stage: what it is given, and what it may return."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.planning.plan import make_plan
from survey_batch.stages import make_stage
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}

FUNCTIONS = """
import numpy as np
import xarray as xr

def halved(block):
    block.flux.values[...] /= 2
    return block[["flux"]].rename(flux="half")

def level(block):
    values = xr.concat([block.flux.mean("wavelength"), block.flux.max("wavelength")], "kind")
    return values.assign_coords(kind=["mean", "max"]).rename("level").assign_attrs(units="1")

def named(block):
    return xr.Dataset({"name": "star " + block.object_id.astype(object), "high": block.dec > 1})

def transposed(block):
    return block[["flux"]].rename(flux="half").transpose("wavelength", "object")

def reversed_(block):
    return block[["flux"]].rename(flux="half").isel(object=slice(None, None, -1))

def failing(block):
    return 1 // int(not np.isnan(block.flux.values).all())

def shorter(block):
    return xr.Dataset({"half": block.flux[:1, :]}).drop_vars("object_id")

def otherwise(block):
    return xr.Dataset({"half": block.flux.sum("wavelength") if len(block.object) == 1 else block.flux})

def whole(block):
    flux = block.flux.max("wavelength")
    return xr.Dataset({"half": flux.astype(int) if flux.notnull().all() else flux.fillna(0).astype("?")})

def nothing(block):
    return xr.Dataset()

def number(block):
    return 3

def unnamed(block):
    return xr.Dataset({"mean": block.flux.mean()})

def status(block):
    return xr.Dataset({"status": block.flux.max("wavelength")})

def coordinate(block):
    return block.flux.max("wavelength").rename("half").assign_coords(extra=("object", block.ra.values))

def complex_(block):
    return xr.Dataset({"half": block.flux.max("wavelength") * 1j})

def attributes(block):
    return xr.Dataset({"half": block.flux.max("wavelength").assign_attrs(of=block)})
"""


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Make the stage of a function."""
    file = tmp_path_factory.mktemp("functions") / "functions.py"
    file.write_text(FUNCTIONS)

    def stage(function, variables=("flux",), **keys):
        custom = {"own": {"function": f"{file}:{function}", "input": "spectra", "variables": variables, **keys}}
        spectra = {"wavelength_min": 4000, "wavelength_max": 4010}
        return make_stage(lamost_job(UNUSED, "unused", ("spectra", "own"), spectra=spectra, custom=custom), "own")

    return stage


def rows_of(count):
    names = np.array([str(number) for number in range(count)], object)
    return {"object_id": names, "ra": np.arange(count) + 0.5, "dec": np.arange(count) * 1.0}


def inputs_of(stage, count, seed=1):
    (shape,) = stage.other("spectra").empty_block(1).data["flux"].shape[1:]
    return {"flux": np.random.default_rng(seed).normal(10, 1, (count, shape)).astype(np.float32)}


def test_the_form_of_the_product_is_that_of_the_result_for_one_object(make):
    stage = make("level")
    (variable,) = stage.variables()
    assert (variable.name, variable.dims, variable.dtype) == ("level", ("object", "kind"), "float32")
    assert variable.attrs["units"] == "1"
    assert stage.sizes() == {"kind": 2}
    dims, values, _ = stage.coordinates()["kind"]
    assert (dims, values.tolist()) == (("kind",), ["mean", "max"])


def test_values_are_those_of_the_function(make):
    stage = make("level")
    inputs = inputs_of(stage, 5)
    block = stage.compute(rows_of(5), inputs)
    expected = np.stack([inputs["flux"].mean(axis=1), inputs["flux"].max(axis=1)], axis=1)
    np.testing.assert_allclose(block.data["level"], expected, rtol=1e-6)


def test_a_function_is_given_the_objects_coordinates_and_may_return_text_and_booleans(make):
    stage = make("named")
    block = stage.compute(rows_of(4), inputs_of(stage, 4))
    assert block.data["name"].tolist() == ["star 0", "star 1", "star 2", "star 3"]
    assert block.data["high"].tolist() == [False, False, True, True]
    assert {variable.name: variable.dtype for variable in stage.variables()} == {"name": "string", "high": "bool"}


def test_what_a_function_changes_is_its_own(make):
    stage = make("halved")
    inputs = inputs_of(stage, 3)
    before = inputs["flux"].copy()
    np.testing.assert_array_equal(stage.compute(rows_of(3), inputs).data["half"], before / 2)
    np.testing.assert_array_equal(inputs["flux"], before)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 6))
def test_blocks_of_any_size_give_the_same_values(make, count, cut):
    stage = make("level")
    rows, inputs = rows_of(count), inputs_of(stage, count, seed=count)
    whole = stage.compute(rows, inputs).data["level"]
    for part in (slice(0, cut), slice(cut, None)):
        if len(rows["ra"][part]):
            found = stage.compute(
                {name: values[part] for name, values in rows.items()},
                {name: values[part] for name, values in inputs.items()},
            )
            np.testing.assert_allclose(found.data["level"], whole[part], rtol=1e-6)


def test_the_order_of_dimensions_is_the_product_s(make):
    stage = make("transposed")
    inputs = inputs_of(stage, 2)
    assert stage.variables()[0].dims == ("object", "wavelength")
    np.testing.assert_array_equal(stage.compute(rows_of(2), inputs).data["half"], inputs["flux"])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("reversed_", "it returned the objects in another order, or not the objects it was given"),
        ("shorter", r"variable 'half' is of shape .* in a block of 3 objects"),
        ("otherwise", r"variable 'half' is of shape .* for one object its dimensions were \('object',\)"),
        ("whole", "variable 'half' is int64 in a block and bool for one object without data"),
    ],
)
def test_a_block_of_another_form_than_one_object_is_refused(make, function, said):
    stage = make(function)
    with pytest.raises(ConfigurationError, match=f"custom.own: .*functions.py:{function}: {said}"):
        stage.compute(rows_of(3), inputs_of(stage, 3))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nothing", "it returned no variables"),
        ("number", "it returned int, not an xarray Dataset"),
        ("unnamed", r"\['mean'\] have no dimension 'object'; make them coordinates"),
        ("status", "it returned status; these names are reserved, choose others"),
        ("coordinate", r"coordinates \['extra'\] have the dimension 'object'; make them variables"),
        ("complex_", r"\['half'\] hold neither numbers nor text; convert them"),
        ("attributes", "attributes must be plain text and numbers"),
        ("failing", "ZeroDivisionError: .*functions.py, line 23.*, given one object without data"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_any_work(make, function, said):
    with pytest.raises(ConfigurationError, match=said):
        make(function).check()


def test_a_function_that_fails_on_real_objects_fails_their_shard_alone(make, monkeypatch):
    stage = make("level")
    monkeypatch.setattr("survey_batch.stages.custom.load_function", lambda *_: lambda block: block.flux["nowhere"])
    with pytest.raises(SurveyBatchError, match="KeyError") as failure:
        stage.compute(rows_of(2), inputs_of(stage, 2))
    assert not isinstance(failure.value, ConfigurationError)


def test_a_variable_that_the_input_lacks_is_refused_with_what_it_has(make):
    with pytest.raises(ConfigurationError, match=r"custom.own.variables: spectra has no \['fluxes'\]; it has \['flux'"):
        make("level", ("fluxes",)).check()


def test_a_stage_that_needs_a_gpu_is_run_with_the_predictions(make):
    assert (make("level").phase, make("level", gpu=True).phase) == ("prepare", "predict")
    assert make("level", gpu=True).in_steps


def test_settings_are_those_of_the_input_and_the_text_of_the_function_s_file(make):
    stage = make("level")
    found = stage.settings()
    assert stage.other("spectra").settings().items() <= found.items()
    assert found["custom.own.function"] == "level"
    assert found["custom.own.variables"] == ["flux"]
    assert found["custom.own.source"] == make("halved").settings()["custom.own.source"]


def test_memory_is_estimated_for_a_shard_or_for_all_objects_if_there_are_fewer(make, tmp_path):
    stage = make("level")
    plan = make_plan(lamost_job(make_archive(tmp_path / "archive", 3), tmp_path / "out", ["spectra"]))
    row = stage.other("spectra").schema(1).row_nbytes + 2 * stage.schema(1).row_nbytes
    assert stage.cost(plan).worker_bytes == 3 * row
