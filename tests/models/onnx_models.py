"""Tiny ONNX files, made without any framework."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

TYPES = {
    "f4": TensorProto.FLOAT,
    "f8": TensorProto.DOUBLE,
    "f2": TensorProto.FLOAT16,
    "u1": TensorProto.UINT8,
    "i8": TensorProto.INT64,
    "b": TensorProto.BOOL,
}


def write_model(path, nodes, inputs, outputs, weights=None, **domains):
    """Write a graph; inputs and outputs are (name, shape) or (name, shape, type)."""
    ports = [[info(*port) for port in side] for side in (inputs, outputs)]
    arrays = [numpy_helper.from_array(np.asarray(values), name) for name, values in (weights or {}).items()]
    graph = helper.make_graph(nodes, "tiny", *ports, arrays)
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, number) for name, number in domains.items())]
    save_model(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def info(name, shape, kind="f4"):
    return helper.make_tensor_value_info(name, TYPES[kind], shape)


def linear(path, weights, bias=0.0, shape=None, batch="object", kind="f4", softmax=False, outputs=("answer",)):
    """Write x -> flattened x @ weights + bias, or a softmax of it, for inputs of any shape for one object."""
    weights = np.asarray(weights, kind)
    size, columns = weights.shape
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum" if softmax else outputs[0]]),
        *([helper.make_node("Softmax", ["sum"], [outputs[0]], axis=1)] if softmax else []),
        *(helper.make_node("Neg", [outputs[0]], [name]) for name in outputs[1:]),
    ]
    constants = {"shape": np.array([-1, size], "i8"), "weights": weights, "bias": np.asarray(bias, kind)}
    taken = [("x", [batch, *(shape or (size,))], kind)]
    return write_model(path, nodes, taken, [(name, [batch, columns], kind) for name in outputs], constants)
