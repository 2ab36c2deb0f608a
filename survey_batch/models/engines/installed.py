"""Whether an engine is installed, and what it can do; imports none."""

from importlib.util import find_spec

from survey_batch.config.sections.models import Engine, Precision
from survey_batch.core.errors import ConfigurationError

PRECISIONS: dict[Engine, dict[Precision, str]] = {
    "onnxruntime": {"float32": "f32"},
    "openvino": {"float32": "f32", "mixed_bfloat16": "bf16"},
}
"""Precisions in which an engine computes, and OpenVINO's names of them."""
EXTRAS: dict[Engine, str] = {"onnxruntime": "onnx", "openvino": "openvino"}
"""Extra of this package that installs an engine."""


def check_engine(engine: Engine, precision: Precision) -> None:
    """Refuse an engine that is not installed, or cannot compute in a precision; imports nothing.

    Raises
    ------
    ConfigurationError
        Says what to install, or which precisions there are.
    """
    if engine == "keras":
        return
    if missing := [name for name in (engine, "onnx") if find_spec(name) is None]:
        raise ConfigurationError(
            f'predictions.engine = "{engine}" needs {" and ".join(missing)}, not installed here: '
            f"pip install 'survey-batch[{EXTRAS[engine]}]', on the workers too, or leave the key out"
        )
    if precision not in PRECISIONS[engine]:
        known = " or ".join(f'"{name}"' for name in PRECISIONS[engine])
        raise ConfigurationError(
            f'predictions.engine = "{engine}" computes in precision {known}, not "{precision}": change one of the keys'
        )
