"""Base class of families that estimate quantities, numbers of the catalogue, with their errors."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.base import Inputs
from survey_batch.models.engines.graph import Graph
from survey_batch.models.examples import Examples, Training
from survey_batch.models.fitted import Arrays, Extra
from survey_batch.models.gaussian import mixture
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Quantity
from survey_batch.models.scales import back, forward

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit, Predict

LEAST_ROWS = 10
"""Fewer rows teach nothing."""
LINEAR_ROWS = 5000
"""Most training rows of the linear regression, whose memory grows with their number."""
RIDGE = np.logspace(-2, 6, 9)
"""Penalties tried by the linear regression; it takes the best by leave-one-out errors."""


class QuantityNetworks(KerasClassifier[QuantitiesTraining]):
    """Networks that learn columns of the catalogue, each on its scale and standardised by the training rows.

    A subclass defines `recipe_of`, `valid_rows`, `prepare` and `training`, and `learn_inputs` if its preprocessing is
    fitted to training rows.
    """

    @classmethod
    @override
    def quantities_of(cls, section: QuantitiesTraining) -> tuple[Quantity, ...]:
        columns: dict[str, str] = {}
        for column in section.columns:
            if (other := columns.setdefault(name := quantity_name(column), column)) != column:
                raise ConfigurationError(
                    f"train.columns: the estimates of {other!r} and {column!r} would both be called {name!r}: rename "
                    "one of the columns in the catalogue, or train two models"
                )
        return tuple(
            Quantity(
                name=quantity_name(column),
                units=section.units.get(column, "1"),
                description=f"estimate of the catalogue's {column}",
                column=column,
                scale=section.scale.get(column, "linear"),
            )
            for column in section.columns
        )

    @classmethod
    @override
    def answers_from(cls, data: Labelled, classes: tuple[str, ...]) -> dict[str, Any]:
        if len(data) < LEAST_ROWS:
            raise ConfigurationError(
                f"training needs at least {LEAST_ROWS} usable objects with a number in every column of train.columns; "
                f"there are {len(data)}"
            )
        return {"outputs": "values", "quantities": data.quantities, "errors": True}

    @classmethod
    @override
    def baselines(cls, data: Labelled, section: QuantitiesTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return the mean of the training rows, and a linear regression on the same inputs."""

        def mean(trained: Labelled, seed: int) -> "Predict":  # noqa: ARG001
            learnt = forward(trained.targets, trained.quantities)
            centre = back(learnt.mean(axis=0, keepdims=True), learnt.std(axis=0, keepdims=True), trained.quantities)
            return lambda other: np.repeat(centre, len(other), axis=0)

        def linear(trained: Labelled, seed: int) -> "Predict":
            from sklearn.linear_model import RidgeCV

            some = trained.take(np.sort(np.random.default_rng(seed).permutation(len(trained))[:LINEAR_ROWS]))
            draft, some = cls.prepare_fit(some, section, None, seed)
            model = RidgeCV(RIDGE).fit(_rows(draft, some), forward(some.targets, some.quantities))

            def predict(other: Labelled) -> F8:
                learnt = np.asarray(model.predict(_rows(draft, other))).reshape(len(other), -1)
                return back(learnt, np.zeros_like(learnt), some.quantities)[:, : learnt.shape[1]]

            return predict

        return {"mean_of_training": mean, "linear_regression": linear}

    @override
    def learn(self, data: Labelled, section: QuantitiesTraining) -> Arrays:
        """Find mean and scatter of the targets, and what `learn_inputs` finds."""
        learnt = forward(data.targets, data.quantities)
        centre, scatter = learnt.mean(axis=0), learnt.std(axis=0)
        if len(same := np.flatnonzero(~(scatter > 0))):
            raise ConfigurationError(
                f"train.columns: {data.quantities[same[0]].column!r} is the same in all of "
                f"{counted(len(data), 'training object')}: there is nothing to learn"
            )
        return {**self.learn_inputs(data, section), "centre": centre, "spread": scatter}

    def learn_inputs(self, data: Labelled, section: QuantitiesTraining) -> Arrays:  # noqa: ARG002
        """Fit the preprocessing of the inputs to training rows; by default nothing."""
        return {}

    @override
    def examples(
        self,
        data: Labelled,
        section: QuantitiesTraining,
        how: Training,
        file: Path | None,
        extra: Extra | None = None,
    ) -> Examples:
        """Prepare rows to train on; every member has the same targets, (row, member, quantity)."""
        learnt = (forward(data.targets, data.quantities) - self.arrays["centre"]) / self.arrays["spread"]
        each = np.broadcast_to(learnt[:, None], (len(learnt), section.members, learnt.shape[1]))
        return Examples(self._prepared(data, file, None, len(data)), each.astype(np.float32), augment=how.augment)

    @override
    def answer(self, inputs: Inputs) -> F4:
        """Compute the quantities and then their errors, (object, column)."""
        mean, deviation = mixture(self.outputs(inputs))
        spread = self.arrays["spread"]
        answers = back(mean * spread + self.arrays["centre"], deviation * spread, self.manifest.quantities)
        return answers.astype(np.float32)

    @override
    def onnx_answer(self, graph: Graph, output: str) -> str:
        raise ConfigurationError(
            f"a {self.manifest.kind} model mixes the answers of its members after the network, which an ONNX file from "
            "here cannot hold: use it by `survey-batch run` or sb.predict; predictions.engine makes it faster"
        )


def quantity_name(column: str) -> str:
    """Turn the name of a column into that of a quantity: letters, digits and underscores."""
    plain = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
    return (plain if plain[:1].isalpha() else f"q_{plain}")[:100]


def _rows(draft: QuantityNetworks, data: Labelled) -> F8:
    """Prepare inputs for a model that needs them all at once, (object, column); 0 where there is none."""
    parts = [np.nan_to_num(draft.prepare(block)).reshape(stop.stop - stop.start, -1) for stop, block in data.blocks()]
    return np.concatenate(parts).astype(np.float64)
