"""A forest of decision trees on the features of a job: a classifier that needs no Keras."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from small_classifier.kind import ForestTraining
from survey_batch.models import Labelled, Recipe, SklearnClassifier, Variables


class SmallForest(SklearnClassifier[ForestTraining]):
    """Any classes, from any features."""

    kind: ClassVar[str] = "small-forest"
    variant: ClassVar[str] = "forest"
    product: ClassVar[str] = "features"
    variables: ClassVar[tuple[str, ...]] = ("value",)
    why_not: ClassVar[str] = "none of its features could be measured"
    trusted: ClassVar[tuple[str, ...]] = ("sklearn.tree._tree.Tree",)

    @classmethod
    def recipe_of(cls, data: Labelled, section: ForestTraining) -> Recipe:
        """Say what the model reads."""
        return data.recipe(cls.product, cls.variables)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark the objects with a feature; some are missing where a spectrum does not reach."""
        return np.asarray(np.isfinite(block["value"]).any(axis=1))

    def prepare(self, block: Variables) -> npt.NDArray[np.float32]:
        """Fill in what is missing."""
        return np.asarray(np.nan_to_num(block["value"]), np.float32)

    def estimator(self, section: ForestTraining) -> Any:
        """Make the forest, not yet fitted."""
        from sklearn.ensemble import RandomForestClassifier  # here, so that nothing but training waits for it

        return RandomForestClassifier(section.trees, random_state=self.manifest.seed)
