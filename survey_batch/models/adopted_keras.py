"""One's own model as a `.keras` file, loaded in Keras' safe mode."""

from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.training_base import NetworkTraining
from survey_batch.models.adopted import Adopted
from survey_batch.models.fitted import Arrays
from survey_batch.models.input_layout import Array
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.ports import Port

_turn = Lock()


class AdoptedKeras(Adopted, KerasClassifier[NetworkTraining]):
    """A network in a `.keras` file."""

    variant: ClassVar[str] = "keras"

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        if not hasattr(model, "output_names"):  # a `Sequential` has no names, which half precision asks for too
            import keras

            model = keras.Model(model.inputs[0], model.outputs[0])
        super().__init__(manifest, arrays, model)
        self.gives = tuple(str(name) for name in model.output_names)

    @cached_property
    @override
    def takes(self) -> tuple[Port, ...]:
        return tuple(
            Port(tensor.name, tuple(tensor.shape[1:]), str(tensor.dtype), tensor.shape[0])
            for tensor in self.model.inputs
        )

    @property
    @override
    def one_for_two(self) -> bool:
        return len(self.classes) == 2 and self.model.outputs[0].shape[-1] == 1

    @override
    def ask(self, given: Mapping[str, Array]) -> dict[str, Array]:
        inputs: Any = list(given.values()) if len(given) > 1 else next(iter(given.values()))
        if len(self.gives) == 1:
            return {self.gives[0]: self.outputs(inputs)}
        with _turn:  # as in `outputs`
            found = self.model.predict_on_batch(inputs)
        if isinstance(found, dict):  # its keys are the author's, and `output_names` those of layers
            return {str(name): np.asarray(part) for name, part in found.items()}
        return {name: np.asarray(part) for name, part in zip(self.gives, found, strict=True)}
