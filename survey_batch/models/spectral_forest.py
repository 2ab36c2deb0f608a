"""Spectral type, O to M or non-stellar, by extremely randomised trees on smoothed line strengths, helium and Ca II K.

The input is the lines of a spectrum over two continua, smoothed to some 1700 km/s and sampled every 2200 km/s. At this
resolution narrower features tell no more about a star's letter, and every further column adds a chance to learn the
scatter of a few hundred spectra. The helium lines, which separate O, B and A, and Ca II K are exceptions: each is also
measured by itself, with its error. Trees (Geurts et al. 2006, Machine Learning 63, 3) use a line's depth as a
threshold, which one bad pixel or a step between the two arms does not move.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from typing_extensions import override

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.arrays import F4, F8, Variables
from survey_batch.models.classes import SEQUENCE
from survey_batch.models.fitted import Extra
from survey_batch.models.helium import HELIUM, HeliumRule, equivalent_widths, strengths
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import step
from survey_batch.models.rare_classes import rare_examples, survey_weights
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.models.sklearn_family import SklearnClassifier
from survey_batch.models.spectral_type import SpectralTypeClassifier, bins_of, recipe_for

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit

STEPS: dict[str, float | int | str] = {
    "method": "smoothed-relative-bins",
    "bin_pixels": 8,
    "broad_bins": 25.0,
    "narrow_bins": 8.0,
    "floor": 0.02,
    "ceiling": 2.5,
    "smooth_bins": 3.0,
    "every": 4,
    "least_good_share": 0.3,
    **HELIUM,
}
"""Bins of 8 pixels over the continua of variant `lines`, smoothed by a Gaussian (sigma: 24 pixels), every fourth kept;
then `helium.strengths`."""

LEAST_LEAF, COLUMNS_TRIED = 2, 0.5
"""Minimum spectra in a leaf, and share of the columns tried for each split."""


class SpectralForest(HeliumRule, SklearnClassifier[SpectralTypeTraining]):
    """Extremely randomised trees on smoothed line strengths; see the module.

    Rare classes are learnt from spectra made from templates, if the job names any. Synthetic O and B spectra weigh as
    much as such stars in the survey, and helium decides between O, B and A (`survey_batch.models.helium`). A class
    without training spectra is never predicted. A spectrum with less than `least_good_share` (0.3) of good pixels is
    not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "spectral-type"
    variant: ClassVar[str] = "forest"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = SpectralTypeClassifier.variables
    only_classes: ClassVar[tuple[str, ...] | None] = (*SEQUENCE, "non-stellar")
    why_not: ClassVar[str] = SpectralTypeClassifier.why_not
    default_step: ClassVar[bool] = True
    trusted: ClassVar[tuple[str, ...]] = ("sklearn.tree._tree.Tree",)

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: SpectralTypeTraining) -> Recipe:
        """Make the recipe on the product's grid."""
        return recipe_for(Grid.of(data.coordinates["wavelength"])).model_copy(update={"steps": STEPS})

    @classmethod
    def baselines(cls, data: Labelled, section: SpectralTypeTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return the same baselines as the other variants."""
        return SpectralTypeClassifier.baselines(data, section, classes)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough good pixels."""
        return SpectralTypeClassifier.valid_rows(block, recipe)

    def prepare(self, block: Variables) -> F4:
        """Compute smoothed line strengths over both continua, then `helium.strengths`, (object, column)."""
        steps = self.recipe.steps
        wide = smoothed(bins_of(block, steps), step(steps, "smooth_bins"), int(step(steps, "every")))
        return np.concatenate([wide, strengths(*equivalent_widths(block, self.recipe))], axis=1)

    @override
    def extra_examples(self, data: Labelled, section: SpectralTypeTraining) -> Extra | None:
        """Make spectra of rare classes."""
        return rare_examples(data, self.recipe, section, tuple(SEQUENCE), self.manifest.seed)

    @override
    def weights(self, labels: npt.NDArray[np.str_], real: int) -> F8:
        """Return the weights of `survey_weights`: synthetic O and B weigh as much as such stars in the survey."""
        return survey_weights(labels, real)

    @override
    def estimator(self, section: SpectralTypeTraining) -> Any:
        """Make the trees."""
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(
            section.trees, min_samples_leaf=LEAST_LEAF, max_features=COLUMNS_TRIED, random_state=self.manifest.seed
        )


def smoothed(bins: F4, sigma: float, every: int) -> F4:
    """Smooth rows (object, bin, width) along bins and keep one bin in `every`, (object, column)."""
    smooth = gaussian_filter1d(bins.astype(np.float64), sigma, axis=1)[:, every // 2 :: every]
    return np.asarray(smooth.reshape(len(bins), -1), np.float32)
