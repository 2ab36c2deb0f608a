"""The GPU of a predicting worker: checking that there is one, and sharing its memory."""

import json
import os
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.manifest import Framework
from survey_batch.models.onnx_session import gpus_of_onnxruntime


def prepare_gpu(cluster: ClusterSection, framework: Framework = "keras") -> None:
    """Prepare a worker's GPU before the first use of the framework; only the first call in a process sets it up.

    Raises
    ------
    ConfigurationError
        The job asks for a GPU for each predicting worker, the framework sees none, and `cluster.gpu.allow_cpu` is not
        set.
    """
    found, allowed = visible_gpus(framework), cluster.gpu is not None and cluster.gpu.allow_cpu
    if cluster.wants_gpu and not found and not allowed:
        slurm_job = os.environ.get("SLURM_JOB_ID", "none")
        runs = f"Keras runs on {backend()}" if framework == "keras" else "the model runs on ONNX Runtime"
        raise ConfigurationError(
            f"a predicting worker on {os.uname().nodename} sees no GPU: {runs}, "
            f"CUDA_VISIBLE_DEVICES is {allowed_gpus()}, SLURM job {slurm_job}. Install the framework with its CUDA "
            "libraries in the workers' environment, check cluster.gpu.gres and partition, or set "
            "cluster.gpu.allow_cpu = true"
        )


def allowed_gpus() -> str:
    """Say which GPUs this process may see by CUDA_VISIBLE_DEVICES; an empty value hides all."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "not set") or "empty, which hides every GPU"


BACKENDS = ("tensorflow", "jax", "torch")
"""What Keras can run on."""


def check_backend() -> None:
    """Refuse an environment in which Keras has nothing to run on; imports nothing.

    Raises
    ------
    ConfigurationError
        No backend is installed, or not the one that KERAS_BACKEND names.
    """
    chosen = _chosen_backend()
    if find_spec(chosen):
        return
    others = [name for name in BACKENDS if find_spec(name)]
    raise ConfigurationError(
        f"Keras has nothing to run on: {chosen} is not installed in the environment of {sys.executable}. Install it "
        "there, for example pip install 'survey-batch[tensorflow]'"
        + (f", or set KERAS_BACKEND={others[0]}, which is installed" if others else "")
    )


def _chosen_backend() -> str:
    """Return the backend that Keras would take: as the environment says, else its own file, else TensorFlow."""
    if chosen := os.environ.get("KERAS_BACKEND"):
        return chosen
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return str(json.loads(file.read_text()).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def backend() -> str:
    """Return the framework that Keras runs on."""
    import keras

    return str(keras.backend.backend())


def visible_gpus(framework: Framework = "keras") -> tuple[str, ...]:
    """List the GPUs that the framework sees; makes TensorFlow take memory as needed, not all at once."""
    if framework == "onnxruntime":
        return gpus_of_onnxruntime()
    with _looking:  # one thread only: TensorFlow refuses this setting once it has started
        return _visible_gpus()


_looking = Lock()


@lru_cache(maxsize=1)
def _visible_gpus() -> tuple[str, ...]:
    name = backend()
    if name == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        for device in devices:
            tf.config.experimental.set_memory_growth(device, True)
        return tuple(device.name for device in devices)
    if name == "jax":
        import jax

        return tuple(str(device) for device in jax.devices() if device.platform == "gpu")
    import torch

    return tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
