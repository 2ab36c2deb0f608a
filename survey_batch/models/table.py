"""Classes from a table of measurements: any labels, with the product `features` of any survey."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_table import TableTraining
from survey_batch.core.arrays import F4, F8, Index, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.augment import Augmentation
from survey_batch.models.classes import class_numbers
from survey_batch.models.ensemble import EnsembleClassifier
from survey_batch.models.fitted import Arrays
from survey_batch.models.labelled import Labelled
from survey_batch.models.network import Design
from survey_batch.models.preprocessing import step
from survey_batch.models.recipe import Recipe

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit, Predict


CLIP = 5.0
"""Features are clipped at this many scatters from the median."""
QUARTILES_PER_SCATTER = 1.349
"""Distance of the quartiles of a normal distribution, in standard deviations."""


class TableClassifier(EnsembleClassifier[TableTraining]):
    """An ensemble of small networks on standardised features.

    A missing feature (not finite) takes the median of the training rows, and a separate column marks it as missing. A
    row without any of the chosen features is not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "table"
    variant: ClassVar[str] = "networks"
    product: ClassVar[str] = "features"
    variables: ClassVar[tuple[str, ...]] = ("value",)
    why_not: ClassVar[str] = "none of the classifier's features could be measured"
    # Columns have no order, so there is no shift; the noise is in standard deviations of the training rows.
    augmentation: ClassVar[Augmentation] = Augmentation(shift=0.0, noise=(-2.0, -0.7))
    # There are few columns, and each may matter: if half are dropped, 40 epochs do not suffice for a small table.
    design: ClassVar[Design] = Design(input_dropout=0.2, hidden_dropout=0.2)

    @classmethod
    def recipe_of(cls, data: Labelled, section: TableTraining) -> Recipe:
        """Make the recipe: all feature names, in order, and the patterns that select among them.

        Raises
        ------
        ConfigurationError
            A pattern matches no feature.
        """
        return table_recipe(data, section.features)

    @classmethod
    def baselines(cls, data: Labelled, section: TableTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return boosted trees on the same features."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        recipe = cls.recipe_of(data, section)

        def trees(trained: Labelled, seed: int) -> "Predict":
            columns = learnt_columns(trained, recipe)["column"]
            model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
            model.fit(_finite(trained.block, columns), class_numbers(trained.label, classes))
            return lambda other: np.asarray(model.predict(_finite(other.block, columns)), dtype=np.intp)

        return {"boosted_trees": trees}

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark rows with at least one of the chosen features."""
        return np.asarray(np.isfinite(block["value"][:, _columns(recipe)]).any(axis=1))

    @override
    def learn(self, data: Labelled, section: TableTraining) -> Arrays:
        """Standardise by the training rows."""
        return learnt_columns(data, self.recipe)

    def prepare(self, block: Variables) -> F4:
        """Compute standardised features, then a flag for each that can be missing (1 if it is): (object, column, 1)."""
        return standard_columns(block, self.arrays, self.recipe)


def table_recipe(data: Labelled, features: Sequence[str]) -> Recipe:
    """Make the recipe of features that match some patterns.

    Raises
    ------
    ConfigurationError
        A pattern matches no feature.
    """
    names = tuple(str(name) for name in data.coordinates["feature"])
    scores = any(names[column].startswith("component_") for column in chosen(names, features))
    return Recipe(
        product=TableClassifier.product,
        variables=TableClassifier.variables,
        shape=(len(names),),
        names={"feature": names},
        steps={"method": "robust-table", "features": " ".join(features), "clip": CLIP},
        basis=data.basis if scores else None,
    )


def standard_columns(block: Variables, learnt: Arrays, recipe: Recipe) -> F4:
    """Standardise features by what `learnt_columns` found, and flag the missing ones: (object, column, 1)."""
    clip = step(recipe.steps, "clip")
    values = (_finite(block, learnt["column"]) - learnt["median"]) / learnt["scatter"]
    standard = np.nan_to_num(np.clip(values, -clip, clip), nan=0.0)
    missing = ~np.isfinite(block["value"][:, learnt["flagged"]])
    return np.concatenate([standard, missing], axis=1)[..., None].astype(np.float32)


def chosen(names: Sequence[str], patterns: Sequence[str], key: str = "train.features") -> Index:
    """Find the indices of the names that match a pattern, in the order of the names; `key` is what gives the patterns.

    Raises
    ------
    ConfigurationError
        A pattern matches no name.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigurationError(
                f"{key}: {pattern!r} matches none of {counted(len(names), 'name')}, such as {list(names[:5])}"
            )
    fits = [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names]
    return np.flatnonzero(fits)


def learnt_columns(data: Labelled, recipe: Recipe) -> Arrays:
    """Compute medians and scatters of the features that vary, and find the features that are sometimes missing.

    Raises
    ------
    ConfigurationError
        All features are the same in all rows.
    """
    columns = _columns(recipe)
    values = _finite(data.block, columns)
    share = np.isfinite(values).mean(axis=0)
    columns_with_values = columns[share > 0]
    median, scatter = robust_scale(values[:, share > 0])
    varies, flagged = scatter > 0, columns[(share > 0) & (share < 1)]
    if not varies.any() and not len(flagged):
        raise ConfigurationError(
            f"features {recipe.steps['features']} are the same in all training rows; change train.features"
        )
    return {
        "column": columns_with_values[varies],
        "median": median[varies],
        "scatter": scatter[varies],
        "flagged": flagged,
    }


def robust_scale(values: F8) -> tuple[F8, F8]:
    """Compute the median and scatter of each column, (object, column), ignoring NaN; each column must have a value.

    The scatter comes from the quartiles, or is the standard deviation if the quartiles are equal.
    """
    low, median, high = np.nanpercentile(values, [25, 50, 75], axis=0)
    scatter = (high - low) / QUARTILES_PER_SCATTER
    return median, np.where(scatter > 0, scatter, np.nanstd(values, axis=0))


def _columns(recipe: Recipe) -> Index:
    return chosen(recipe.names["feature"], str(recipe.steps["features"]).split())


def _finite(block: Variables, columns: Index) -> F8:
    values = block["value"][:, columns].astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)
