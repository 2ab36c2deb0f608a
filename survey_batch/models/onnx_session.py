"""ONNX Runtime, set up as workers compute: one thread, the same bits each time, a GPU if there is one."""

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.threads import THREADS

ON_GPU: dict[str, dict[str, str]] = {
    # By default algorithms are chosen by timing them, and matrix products keep ten bits: neither gives the same bits
    # from run to run, or those of a CPU to 1e-6.
    "CUDAExecutionProvider": {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
}
"""Providers that compute on a GPU, best first, with their options."""

MATRIX_PRODUCT = bytes.fromhex(
    "08083a750a1e0a046c6566740a057269676874120770726f6475637422064d61744d756c1201675a180a046c65667412100a0e080112"
    "0a0a031201610a031201625a190a05726967687412100a0e0801120a0a031201620a03120163621b0a0770726f6475637412100a0e08"
    "01120a0a031201610a0312016342040a00100d"
)
"""An ONNX model of one product of two matrices of any size, `left` and `right`, float32."""


def check_onnxruntime() -> None:
    """Refuse an environment without ONNX Runtime; imports nothing.

    Raises
    ------
    ConfigurationError
        Says what to install.
    """
    if not find_spec("onnxruntime"):
        raise ConfigurationError(
            f"the model is an ONNX file, and ONNX Runtime is not installed in the environment of {sys.executable}: "
            "pip install 'survey-batch[onnx]', or onnxruntime-gpu where workers have GPUs"
        )


def open_session(model: Path | bytes, *, gpu: bool = True) -> Any:
    """Open a session of ONNX Runtime, on a GPU if it can use one.

    No library of custom operators is ever loaded: nothing of a model runs but operators that ONNX Runtime itself has.

    Parameters
    ----------
    model
        An ONNX file, or its bytes.
    gpu
        Whether a GPU may be used.

    Raises
    ------
    ConfigurationError
        ONNX Runtime is not installed, or cannot read the model.
    """
    check_onnxruntime()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = THREADS
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # its warnings are about speed
    available = onnxruntime.get_available_providers()
    providers = [(name, ON_GPU[name]) for name in ON_GPU if gpu and name in available]
    try:
        given = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(given, options, providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class of their own
        what = "the bytes" if isinstance(model, bytes) else str(model)
        raise ConfigurationError(f"ONNX Runtime cannot read {what}: {_reason(error)}") from error


@cache
def gpus_of_onnxruntime() -> tuple[str, ...]:
    """List the GPUs that ONNX Runtime can use: none if its build or the node lacks one."""
    first = open_session(MATRIX_PRODUCT).get_providers()[0]
    return (f"{first.removesuffix('ExecutionProvider')}:0",) if first in ON_GPU else ()


def _reason(error: Exception) -> str:
    said = str(error)
    if "is not a registered function/op" in said or "No opset import for domain" in said:
        return (
            f"{said} (custom operators are code of the model's author, which is never loaded: export the model with "
            "ONNX's own operators)"
        )
    if "external" in said.lower():  # PyTorch writes net.onnx.data beside net.onnx
        return (
            f"{said} (its weights lie in a file of their own: copy that file again, whole, into the folder of the "
            "model, or export the model with external_data=False)"
        )
    if "INVALID_PROTOBUF" in said or "No graph was found" in said:
        return f"{said} (it is damaged, or no ONNX file: copy it or export it again)"
    return said
