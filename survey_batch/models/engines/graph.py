"""A graph of ONNX operators, built node by node; `onnx` is imported only to write it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError

OPSET = 18
"""Version of ONNX's operators: ReduceMean takes its axes as an input since 18."""
IR_VERSION = 9
"""Version of the file format; ONNX Runtime 1.20 and OpenVINO 2024 read it, and not every later one."""
DOMAIN = "survey_batch"
TREES, TREES_OPSET = "ai.onnx.ml", 3
"""Domain of ONNX's operators for trees, and its version."""

Shape = tuple[int | None, ...]
"""Of a value; the first axis, the batch, is None."""


class Value(NamedTuple):
    """A value of the graph."""

    name: str
    shape: Shape


@dataclass(frozen=True)
class Node:
    """One operator with one output."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]
    domain: str = ""


class Graph:
    """Nodes in the order in which they run, and their constants. Values are known by name."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = f"{operator}_{len(self.nodes)}"
        self.nodes[name] = Node(operator, inputs, name, attributes, domain)
        return name

    def constant(self, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add an array of fixed values and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype)
        return name

    def integers(self, *values: int) -> str:
        """Add a list of int64: axes, shapes or bounds."""
        return self.constant(values, np.int64)

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Reorder axes; one reordering after another becomes one, or none."""
        before = self.nodes.get(x)
        if before and before.operator == "Transpose":
            x, order = before.inputs[0], [before.attributes["perm"][axis] for axis in order]
        return x if list(order) == sorted(order) else self.add("Transpose", x, perm=list(order))

    def each(self, x: str, change: Callable[[str], str]) -> str:
        """Change each value by itself; goes before a reordering of axes, so that the next one can undo that.

        OpenVINO 2026.4 answers wrongly where reordered axes, a product and another reordering follow each other.
        """
        before = self.nodes.get(x)
        if before and before.operator == "Transpose":
            return self.transpose(change(before.inputs[0]), before.attributes["perm"])
        return change(x)

    def write(self, inputs: Mapping[str, Shape], outputs: Mapping[str, Value], about: Mapping[str, str]) -> Any:
        """Make the model of what the outputs need.

        Parameters
        ----------
        inputs
            Shape of each input, float32.
        outputs
            Value of each output, float32.
        about
            Metadata.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        ConfigurationError
            The package `onnx` is not installed.
        """
        onnx = import_onnx()
        helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
        needed, asked = set(), [value for value, _ in outputs.values()]
        while asked:
            if (name := asked.pop()) not in needed:
                needed.add(name)
                asked += self.nodes[name].inputs if name in self.nodes else ()
        nodes = [
            helper.make_node(
                node.operator, node.inputs, [node.output], name=node.output, domain=node.domain, **node.attributes
            )
            for node in self.nodes.values()
            if node.output in needed
        ]
        versions = {"": OPSET, **{node.domain: TREES_OPSET for node in nodes if node.domain}}
        nodes += [helper.make_node("Identity", [value], [name]) for name, (value, _) in outputs.items()]
        graph = helper.make_graph(
            nodes,
            DOMAIN,
            [helper.make_tensor_value_info(name, numbers, _named(shape)) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, numbers, _named(shape)) for name, (_, shape) in outputs.items()],
            [onnx.numpy_helper.from_array(values, name) for name, values in self.constants.items() if name in needed],
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name=DOMAIN)
        helper.set_model_props(model, dict(about))
        onnx.checker.check_model(model, full_check=True)
        return model


def _named(shape: Shape) -> list[int | str]:
    return ["object" if size is None else size for size in shape]


def import_onnx() -> Any:
    """Import `onnx`, which writes the files.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ConfigurationError(
            "converting a model needs the package onnx: install the extra, pip install 'survey-batch[onnx]'"
        ) from error
    return onnx


def length(shape: Sequence[int | None]) -> int:
    """Count the values of a shape that is wholly known."""
    return math.prod(int(size or 0) for size in shape)
