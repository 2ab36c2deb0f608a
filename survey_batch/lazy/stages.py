"""Stages that work on a dataset instead of a job's output."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import ValidationError

from survey_batch.config.explain import explain
from survey_batch.config.sections.base import Section
from survey_batch.config.sections.images import CompositesSection, CutoutsSection, FramesSection, ImageFeaturesSection
from survey_batch.config.sections.spectra import SpectralFeaturesSection, SpectraSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.lazy.datasets import made_of
from survey_batch.lazy.inputs import refuse_cut
from survey_batch.spectra.grid import STEP, log_grid, step_of
from survey_batch.stages.base import Stage
from survey_batch.stages.composites import CompositesStage
from survey_batch.stages.context import Context
from survey_batch.stages.cutouts import CutoutsStage
from survey_batch.stages.frames import NOT_MEASURED
from survey_batch.stages.image_features import ImageFeaturesStage
from survey_batch.stages.spectra import SpectraStage
from survey_batch.stages.spectral_features import SpectralFeaturesStage
from survey_batch.store.schema import Array

if TYPE_CHECKING:
    import xarray as xr

S = TypeVar("S", bound=Section)

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
    if "wavelength" not in spectra.variables:
        raise ConfigurationError(
            "the dataset has no coordinate 'wavelength': give spectra, as open_product returns them"
        )
    wavelength = np.atleast_1d(np.asarray(spectra["wavelength"], np.float64))
    if not wavelength.size:
        raise ConfigurationError("the dataset's spectra have no pixel: take a wider range of wavelengths")
    grid = SpectraStage(in_notebook("spectra", _section(made_of(spectra) or {}, wavelength)))
    recipe = valid("spectral_features", SpectralFeaturesSection, settings)
    stage = SpectralFeaturesStage(in_notebook("features", recipe, spectra=grid))
    if not _same(stage.wavelength, wavelength):
        raise ConfigurationError(
            "the dataset's wavelengths are not a log10 grid like that of the product 'spectra', 10^(step k) for whole k"
        )
    return stage


def _section(made: Mapping[str, Any], wavelength: Array) -> SpectraSection:
    """Return the settings with which a grid was made or, if it has been cut since, those of its wavelengths."""
    stated = {name: made[f"spectra.{name}"] for name in LIMITS if f"spectra.{name}" in made}
    stated["step"] = made.get("spectra.step", STEP)
    if len(stated) > len(LIMITS) and _same(log_grid(**stated), wavelength):
        return valid("spectra", SpectraSection, stated)
    limits = dict(zip(LIMITS, (wavelength[0] * (1 - MARGIN), wavelength[-1] * (1 + MARGIN)), strict=True))
    if wavelength.size == 1 and not (stated["step"] == STEP and _is_usual(wavelength)):
        raise ConfigurationError(
            f"the dataset's spectra have one pixel, which does not show a step other than {STEP:g} dex: take two pixels"
        )
    return valid("spectra", SpectraSection, {**limits, "step": step_of(wavelength)})


def _is_usual(wavelength: Array) -> bool:
    """Tell whether wavelengths lie on pixels of the default step."""
    with np.errstate(all="ignore"):  # they may be anything
        return _same(10 ** (np.rint(np.log10(wavelength) / STEP) * STEP), wavelength)


def _same(ours: Array, theirs: Array) -> bool:
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=MARGIN / 10))


def image_stage(name: str, cutouts: "xr.Dataset", settings: Mapping[str, Any]) -> Stage:
    """Give a stage its settings, and a dataset's own bands and size.

    Raises
    ------
    ConfigurationError
        The dataset has no bands, its images are not square, or a setting is wrong.
    """
    if "band" not in cutouts.coords:
        raise ConfigurationError("the dataset has neither a dimension 'wavelength' nor a coordinate 'band'")
    sides = [int(cutouts.sizes.get(dim, 0)) for dim in ("y", "x")]
    if sides[0] != sides[1] or not sides[0]:
        raise ConfigurationError(
            f"cutouts must be square, and the dataset's have {sides[0]} rows (y) and {sides[1]} columns (x)"
        )
    bands = "".join(str(band) for band in np.atleast_1d(cutouts["band"]))
    cut = CutoutsStage(
        in_notebook(
            "cutouts",
            valid("frames", FramesSection, {"bands": bands}),
            valid("cutouts", CutoutsSection, {"size": cutouts.sizes["x"], "ivar": "ivar" in cutouts}),
        )
    )
    cut.masked = "mask" in cutouts
    if name == "composites":
        recipe = valid(name, CompositesSection, settings)
        return CompositesStage(in_notebook(name, recipe, cutouts=cut))
    refuse_cut(cutouts, "x_object", "y_object")
    measure = valid("image_features", ImageFeaturesSection, settings)
    stage = ImageFeaturesStage(in_notebook(name, measure, cutouts=cut))
    factor = cutouts.variables.get("aperture_correction")
    stage.corrected = factor is None or factor.attrs.get("comment") != NOT_MEASURED
    return stage


def in_notebook(name: str, *tables: Section, **others: Stage) -> Context:
    """Make the context of a stage that works on a dataset: it has no output and no archive."""
    return Context(name, tables, others.__getitem__)


def valid(table: str, kind: type[S], settings: Mapping[str, Any]) -> S:
    """Validate settings by the model of their table."""
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, reason = explain({**first, "loc": (table, *first["loc"])})
        raise ConfigurationError(f"{'.'.join(map(str, key))}{'' if reason.startswith(':') else ' '}{reason}") from error
