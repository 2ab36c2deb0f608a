"""Attributes of the products: every variable says what it is, in units and flags that readers understand."""

import numpy as np
import pytest
from astropy import units

from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.stages import make_stage
from survey_batch.stages.measured import MeasuredStage
from survey_batch.stages.spectra import ivar_units
from tests.jobs import lamost_job
from tests.sky_files import skyserver_job
from tests.stamp_files import stamps_job

SDSS = Job.model_validate(
    {
        "name": "test",
        "output": "unused",
        "stages": ["frames", "cutouts", "composites", "features"],
        "catalog": {"path": "unused", "detect": {}},
        "archive": {"survey": "sdss", "root": "unused"},
        "cutouts": {"ivar": True},
    }
)
LAMOST = lamost_job({"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}, "unused")
STAGES = [
    *((SDSS, name) for name in ("detections", "frames", "cutouts", "composites", "features")),
    *((LAMOST, name) for name in ("spectra", "features")),
    (skyserver_job("unused", "unused", "unused"), "composites"),
    (stamps_job("unused", "unused", "unused"), "stamps"),
]
IDS = [f"{job.archive.survey}-{name}" for job, name in STAGES]
UNITS_IN_A_COORDINATE = ("value",)


def described(job, name):
    """Yield every array of a stage's product: its name, type and attributes."""
    schema = make_stage(job, name).schema(5)
    for variable in (*schema.variables, schema.status):
        yield variable.name, "U" if variable.dtype == "string" else np.dtype(variable.dtype), variable.attrs
    for own, (_, values, attrs) in schema.coordinates.items():
        yield own, values.dtype, attrs


@pytest.mark.parametrize(("job", "name"), STAGES, ids=IDS)
def test_every_variable_says_what_it_is_and_in_which_unit(job, name):
    for variable, dtype, attrs in described(job, name):
        assert attrs["long_name"], variable
        if np.dtype(dtype).kind == "f" and variable not in UNITS_IN_A_COORDINATE:
            units.Unit(attrs["units"])


@pytest.mark.parametrize(("job", "name"), STAGES, ids=IDS)
def test_flags_fit_the_type_of_their_variable_and_have_a_meaning_each(job, name):
    for variable, dtype, attrs in described(job, name):
        for key in {"flag_values", "flag_masks"} & set(attrs):
            assert all(type(value) is int for value in attrs[key]), variable  # as JSON writes them
            assert np.asarray(attrs[key], dtype).tolist() == attrs[key], variable
            assert len(attrs["flag_meanings"].split()) == len(attrs[key]), variable


@pytest.mark.parametrize("job", [SDSS, LAMOST], ids=["sdss", "lamost"])
def test_every_feature_has_a_description_and_a_unit_that_astropy_reads(job):
    stage = make_stage(job, "features")
    assert isinstance(stage, MeasuredStage)
    assert all(feature.description for feature in stage.features())
    for feature in stage.features():
        units.Unit(feature.unit)
    assert set(stage.coordinates()) == {"feature", "unit", "description"}


def test_the_status_of_frames_is_that_of_each_band():
    said = {name: attrs for name, _, attrs in described(SDSS, "frames")}["status"]
    assert said["long_name"] == "status of each frame and band in this product"
    assert said["flag_values"] == [int(status) for status in Status]


@pytest.mark.parametrize("name", ["frames", "cutouts"])
def test_the_wcs_says_its_projection_and_the_system_of_its_coordinates(name):
    said = {name: attrs for name, _, attrs in described(SDSS, name)}["crval"]
    assert said["ctype"].split() == ["RA---TAN", "DEC--TAN"]
    assert [units.Unit(unit) for unit in said["cunit"].split()] == [units.deg, units.deg]
    assert said["radesys"] == "ICRS"


def test_a_nanomaggy_is_astropy_s_own_unit_and_the_variance_of_a_flux_has_its_square():
    said = {name: attrs for name, _, attrs in described(SDSS, "cutouts")}
    flux, ivar = (units.Unit(said[name]["units"]) for name in ("flux", "ivar"))
    zero = units.zero_point_flux(3631 * units.Jy)
    assert (flux * units.pixel).to(units.Jy, equivalencies=zero) == pytest.approx(3.631e-6)
    assert ivar == flux**-2


@pytest.mark.parametrize("flux", ["1", "1e-17 erg / (s cm2 Angstrom)", "nanomaggy"])
def test_the_unit_of_an_inverse_variance_is_one_over_the_square_of_the_flux_s(flux):
    assert units.Unit(ivar_units(flux)) == units.Unit(flux) ** -2


def test_a_unit_that_only_the_survey_knows_is_kept_as_it_is():
    assert ivar_units("counts of ours") == "(counts of ours)-2"


def test_the_time_is_a_number_that_xarray_leaves_alone():
    said = {name: attrs for name, _, attrs in described(SDSS, "cutouts")}["mjd_tai"]
    assert (said["units"], said["time_scale"]) == ("d", "TAI")
    assert "row 0" in said["comment"]
