"""The input of networks that read a spectrum's flux and error in bins of the log grid."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Variables
from survey_batch.models.galaxy_quasar_star import (
    BIN_PIXELS,
    LEAST_GOOD_SHARE,
    VARIABLES,
    enough_good_pixels,
    spectra_recipe,
)
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import step
from survey_batch.models.recipe import Recipe
from survey_batch.models.spectrum_inputs import flux_channels


class BinnedSpectra:
    """What such families have in common; it goes before the base class of a family."""

    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = VARIABLES
    recipe: Recipe

    @classmethod
    def recipe_of(cls, data: Labelled, section: Any) -> Recipe:  # noqa: ARG003
        """Make the recipe: bins of flux and error on the product's grid."""
        steps: dict[str, float | int | str] = {
            "method": "flux-and-error-bins",
            "bin_pixels": BIN_PIXELS,
            "least_good_share": LEAST_GOOD_SHARE,
        }
        return spectra_recipe(data, steps)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough good pixels."""
        return enough_good_pixels(block, recipe)

    def prepare(self, block: Variables) -> F4:
        """Compute flux and its reliability in bins, (object, bin, 2)."""
        flux, ivar, mask = (block[name] for name in VARIABLES)
        return flux_channels(flux, ivar, mask, int(step(self.recipe.steps, "bin_pixels")))
