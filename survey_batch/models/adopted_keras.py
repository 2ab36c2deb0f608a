"""One's own model as a `.keras` file, loaded in Keras' safe mode."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.training_base import NetworkTraining
from survey_batch.models.adopted import Adopted
from survey_batch.models.input_layout import Array
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.ports import Port


class AdoptedKeras(Adopted, KerasClassifier[NetworkTraining]):
    """A network in a `.keras` file."""

    variant: ClassVar[str] = "keras"

    @cached_property
    @override
    def takes(self) -> tuple[Port, ...]:
        return tuple(
            Port(tensor.name, tuple(tensor.shape[1:]), str(tensor.dtype), tensor.shape[0])
            for tensor in self.model.inputs
        )

    @override
    def ask(self, given: Mapping[str, Array]) -> dict[str, Array]:
        alone = len(given) == 1
        inputs: Any = next(iter(given.values())) if alone else list(given.values())
        found = self.outputs(inputs)
        return found if isinstance(found, dict) else {"output": np.asarray(found)}
