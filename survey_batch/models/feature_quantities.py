"""Quantities from a table of measurements, the product `features` of any survey."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.models import network
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Arrays
from survey_batch.models.gaussian import LOSS, heads
from survey_batch.models.labelled import Labelled
from survey_batch.models.quantities import QuantityNetworks
from survey_batch.models.recipe import Recipe
from survey_batch.models.table import TableClassifier, learnt_columns, standard_columns, table_recipe

DESIGN = network.Design(hidden=48, levels=5, input_dropout=0.05, hidden_dropout=0.1)


class FeatureQuantities(QuantityNetworks):
    """An ensemble of small networks on standardised features, which are those of kind `table`.

    A row without any of the chosen features gets no estimate.
    """

    kind: ClassVar[str] = "quantities"
    variant: ClassVar[str] = "networks"
    product: ClassVar[str] = "features"
    variables: ClassVar[tuple[str, ...]] = ("value",)
    why_not: ClassVar[str] = "none of the model's features could be measured"

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: QuantitiesTraining) -> Recipe:
        """Make the recipe: all feature names, in order, and the patterns that select among them."""
        return table_recipe(data, section.features)

    @classmethod
    @override
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark rows with at least one of the chosen features."""
        return TableClassifier.valid_rows(block, recipe)

    @override
    def learn_inputs(self, data: Labelled, section: QuantitiesTraining) -> Arrays:
        """Standardise by the training rows."""
        return learnt_columns(data, self.recipe)

    def prepare(self, block: Variables) -> F4:
        """Compute standardised features, then a flag for each that can be missing: (object, column, 1)."""
        return standard_columns(block, self.arrays, self.recipe)

    @override
    def training(self, section: QuantitiesTraining) -> Training:
        """Train each member separately, while the learning rate falls to zero."""

        def build(sample: npt.NDArray[Any]) -> Any:
            import keras

            seed = self.manifest.seed
            entry = keras.Input(sample.shape[1:], name="inputs")
            seen = network.stepped(entry, sample, DESIGN, seed)
            count = len(self.manifest.quantities)
            return keras.Model(entry, heads(seen, count, section.members, DESIGN.hidden, DESIGN.hidden_dropout, seed))

        return Training(build, decay="cosine", loss=LOSS)
