"""One's own model as an ONNX file, which PyTorch and most other frameworks can write; ONNX Runtime runs it."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted import Adopted
from survey_batch.models.input_layout import Array
from survey_batch.models.onnx_file import copy_model
from survey_batch.models.onnx_session import check_onnxruntime, open_session
from survey_batch.models.ports import Port

TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
"""Types of ONNX Runtime that numpy has."""


class AdoptedOnnx(Adopted):
    """A network in an ONNX file."""

    variant: ClassVar[str] = "onnx"
    model_file: ClassVar[str] = "network.onnx"

    @classmethod
    @override
    def check_environment(cls) -> None:
        check_onnxruntime()

    @classmethod
    @override
    def read_model(cls, path: Path) -> Any:
        """Open a session, and refuse inputs and outputs that are not arrays of numbers with objects first."""
        session = open_session(path)
        for port in session.get_inputs():
            if port.type not in TYPES or not port.shape:
                raise ConfigurationError(
                    f"{path} takes {port.name!r}, {port.type} of shape {port.shape}: inputs must be arrays of numbers "
                    "whose first axis is the object"
                )
        outputs = session.get_outputs()
        kinds = ", ".join(f"{port.name!r}, {port.type}" for port in outputs)
        if any("map(" in port.type for port in outputs):  # the array beside them is a class, and no probability
            raise ConfigurationError(
                f"{path} answers with {kinds}: export the model without maps, with skl2onnx by "
                "options={'zipmap': False}"
            )
        if not any(port.type in TYPES for port in outputs):
            raise ConfigurationError(
                f"{path} answers with {kinds}, and none is an array of numbers: export one that is"
            )
        return session

    @cached_property
    @override
    def takes(self) -> tuple[Port, ...]:
        return tuple(
            Port(port.name, tuple(map(_length, port.shape[1:])), TYPES[port.type], _length(port.shape[0]))
            for port in self.model.get_inputs()
        )

    @override
    def ask(self, given: Mapping[str, Array]) -> dict[str, Array]:
        names = [port.name for port in self.model.get_outputs() if port.type in TYPES]
        rows, fixed = len(next(iter(given.values()))), next((port.batch for port in self.takes if port.batch), None)
        if fixed is None or fixed == rows:
            return dict(zip(names, self.model.run(names, dict(given)), strict=True))
        # The file asks for so many objects at a time; the last call is filled up with copies of the last one.
        index = np.minimum(np.arange(-(-rows // fixed) * fixed), rows - 1).reshape(-1, fixed)
        parts = [self.model.run(names, {name: values[part] for name, values in given.items()}) for part in index]
        return {name: np.concatenate([part[i] for part in parts])[:rows] for i, name in enumerate(names)}

    @override
    def write_parts(self, folder: Path) -> list[str]:
        """Copy the model with its weights, wherever they lie."""
        if self.source is None:
            return super().write_parts(folder)
        return copy_model(self.source, folder / self.model_file)


def _length(axis: Any) -> int | None:
    """Return the length of an axis; None if the file names it or leaves it open."""
    return axis if isinstance(axis, int) and axis > 0 else None
