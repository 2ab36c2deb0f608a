"""The form of a product of measurements: one value for each object and feature."""

from abc import abstractmethod

import numpy as np

from survey_batch.core.feature import Feature
from survey_batch.stages.base import Coordinates, Stage
from survey_batch.store.schema import Variable


class MeasuredStage(Stage):
    """Stage whose product holds one value for each object and feature, with the features' units and meanings."""

    @abstractmethod
    def features(self) -> list[Feature]:
        """Return the features, in order."""

    def sizes(self) -> dict[str, int]:
        """Return the number of features."""
        return {"feature": len(self.features())}

    def variables(self) -> tuple[Variable, ...]:
        """Return one value per object and feature."""
        attrs = {"long_name": "value of each feature", "comment": "in the unit that the coordinate `unit` gives"}
        return (Variable("value", ("object", "feature"), "f4", attrs),)

    def coordinates(self) -> Coordinates:
        """Return the features' names, units and meanings."""
        described = {name: f"{name} of each feature" for name in ("feature", "unit", "description")}
        described["feature"] = "name of each feature"
        columns = (np.array(part) for part in zip(*self.features(), strict=True))
        return {name: (("feature",), next(columns), {"long_name": text}) for name, text in described.items()}
