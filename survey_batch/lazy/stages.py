"""Binding of stages to a dataset instead of a job's output, by a job that only carries settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.lazy.datasets import made_of
from survey_batch.spectra.grid import log_grid
from survey_batch.stages.spectral_features import SpectralFeaturesStage
from survey_batch.store.products import Array

if TYPE_CHECKING:
    import xarray as xr

LIMITS = ("wavelength_min", "wavelength_max")

MARGIN = 1e-6
"""Relative widening of a grid's limits, so that its first and last pixels lie inside them."""


def spectral_stage(spectra: "xr.Dataset", settings: Mapping[str, Any]) -> SpectralFeaturesStage:
    """Bind the stage to a dataset's own grid.

    Raises
    ------
    ConfigurationError
        The wavelengths are not on our grid, or a setting is wrong.
    """
    wavelength = np.asarray(spectra["wavelength"], np.float64)
    limits = _limits(made_of(spectra) or {}, wavelength)
    stage = SpectralFeaturesStage(settings_job("lamost", spectra=limits, spectral_features=settings))
    if not _same(stage.wavelength, wavelength):
        raise ConfigurationError(
            "the dataset's wavelengths are not a log10 grid with a step of 1e-4 like that of the product 'spectra'"
        )
    return stage


def _limits(made: Mapping[str, Any], wavelength: Array) -> Mapping[str, float]:
    """Return the limits with which a grid was made or, if it has been cut since, those of its wavelengths."""
    stated = {name: made[f"spectra.{name}"] for name in LIMITS if f"spectra.{name}" in made}
    if len(stated) == len(LIMITS) and _same(log_grid(**stated), wavelength):
        return stated
    return dict(zip(LIMITS, (wavelength[0] * (1 - MARGIN), wavelength[-1] * (1 + MARGIN)), strict=True))


def _same(ours: Array, theirs: Array) -> bool:
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=MARGIN / 10))


def image_job(cutouts: "xr.Dataset", **tables: Mapping[str, Any]) -> Job:
    """Bind tables of settings to a dataset's own bands and size."""
    if "band" not in cutouts.coords:
        raise ConfigurationError("the dataset has neither a dimension 'wavelength' nor a coordinate 'band'")
    bands = "".join(str(band) for band in np.atleast_1d(cutouts["band"]))
    size = {"size": cutouts.sizes["x"], "ivar": "ivar" in cutouts}
    return settings_job("sdss", frames={"bands": bands}, cutouts=size, **tables)


def settings_job(survey: str, **tables: Mapping[str, Any]) -> Job:
    """Make a job that only carries settings: it has no catalogue, no archive and no output."""
    from pydantic import ValidationError

    stages = {"sdss": ["cutouts"], "lamost": ["spectra"]}[survey]
    nowhere = {"name": "lazy", "output": "", "catalog": {"path": ""}, "archive": {"survey": survey, "root": ""}}
    try:
        return Job.model_validate({**nowhere, "stages": stages, **tables})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
