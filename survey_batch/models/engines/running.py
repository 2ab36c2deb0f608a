"""ONNX Runtime and OpenVINO in the place of Keras: a trained network is converted in memory and run on the CPU.

Each call runs in the thread that makes it, and in no other (`core.threads`): a worker's threads predict side by side,
and the number of threads changes no rounding. OpenVINO compiles a network for one batch size at a time.
"""

from collections.abc import Mapping
from threading import Lock, local
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.models import Engine, Precision
from survey_batch.core.arrays import F4
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.threads import THREADS
from survey_batch.models.engines.installed import PRECISIONS, check_engine
from survey_batch.models.engines.network import INPUT, network_graph
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.onnx_session import open_session

OUTPUT = "outputs"
"""Name of a network's output before anything that the family makes of it."""


CLOSE: dict[Precision, float] = {"float32": 1e-4, "mixed_bfloat16": 0.1}
"""Largest difference from Keras' answer, as a share of it where it is larger than 1."""


class Network(Protocol):
    """What a classifier asks of its network."""

    def predict_on_batch(self, inputs: npt.NDArray[Any]) -> F4:
        """Compute the network's output (object, column) for a batch."""


def use_engine(classifier: Any, engine: Engine, precision: Precision) -> None:
    """Let an engine run a loaded classifier's network from now on.

    Parameters
    ----------
    classifier : Classifier
        Changed in place.
    engine, precision
        As in the table `[predictions]`.

    Raises
    ------
    ConfigurationError
        The classifier is not a network, a layer cannot be converted, the engine is not installed, or the processor
        lacks the precision.
    """
    if engine == "keras":
        return
    check_engine(engine, precision)
    if not isinstance(classifier, KerasClassifier):
        kind = f"{classifier.manifest.kind} {classifier.manifest.variant}"
        raise ConfigurationError(
            f'predictions.engine = "{engine}" is for networks, and the classifier is a {kind}; leave the key out'
        )
    graph, entry, output = network_graph(classifier.model)
    model = graph.write({INPUT: entry.shape}, {OUTPUT: output}, {}).SerializeToString()
    runtime: Network = OnnxRuntime(model) if engine == "onnxruntime" else OpenVino(model, precision)
    classifier.model = Checked(classifier.model, runtime, engine, CLOSE[precision])


class Checked:
    """A network on an engine, whose answer for the first batch of each size is compared with that of Keras.

    Engines rearrange a network for a batch size and a processor, and can be wrong: OpenVINO 2026.4 was, in one network
    of ours, until it was written otherwise.
    """

    def __init__(self, keras: Network, runtime: Network, engine: Engine, close: float) -> None:
        self.keras, self.runtime, self.engine, self.close = keras, runtime, engine, close
        self.sizes: set[int] = set()

    def predict_on_batch(self, inputs: npt.NDArray[Any]) -> F4:
        """Compute the network's output.

        Raises
        ------
        ConfigurationError
            The engine is wrong.
        """
        answer = self.runtime.predict_on_batch(inputs)
        if len(inputs) not in self.sizes:
            expected = np.asarray(self.keras.predict_on_batch(inputs))
            known = np.isfinite(expected)
            wrong = (np.abs(answer - expected) / np.maximum(np.abs(expected), 1))[known]
            if not (wrong <= self.close).all():
                raise ConfigurationError(
                    f'predictions.engine = "{self.engine}" answers otherwise than Keras, by {wrong.max():.2g}: '
                    "leave the key out, or use another engine"
                )
            self.sizes.add(len(inputs))
        return answer


class OnnxRuntime:
    """A network on ONNX Runtime's CPU provider."""

    def __init__(self, model: bytes) -> None:
        self.session = open_session(model, gpu=False)

    def predict_on_batch(self, inputs: npt.NDArray[Any]) -> F4:
        """Compute the network's output."""
        (answer,) = self.ask({INPUT: np.asarray(inputs, np.float32)})
        return answer

    def ask(self, inputs: Mapping[str, F4]) -> list[F4]:
        """Compute all outputs from all inputs."""
        return [np.asarray(answer) for answer in self.session.run(None, dict(inputs))]


class OpenVino:
    """A network on OpenVINO's CPU plugin, compiled for the batch size that was last asked for."""

    def __init__(self, model: bytes, precision: Precision) -> None:
        import openvino

        self.core, self.model, self.precision = openvino.Core(), model, PRECISIONS["openvino"][precision]
        if precision == "mixed_bfloat16" and "BF16" not in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ConfigurationError(
                'this processor has no bfloat16, so predictions.precision = "mixed_bfloat16" would change nothing with '
                'engine "openvino": leave the precision out, or run on processors with AVX512_BF16 or AMX'
            )
        self.compiling = Lock()
        self.compiled: tuple[int, Any] = (0, None)
        self.mine = local()
        """Each thread's own request, with the network that it belongs to."""

    def predict_on_batch(self, inputs: npt.NDArray[Any]) -> F4:
        """Compute the network's output."""
        network = self._network(inputs.shape)
        if getattr(self.mine, "network", None) is not network:
            self.mine.network, self.mine.request = network, network.create_infer_request()
        answers = self.mine.request.infer([np.ascontiguousarray(inputs, np.float32)], share_inputs=True)
        return np.array(answers[0])  # a copy: the next call writes over it

    def _network(self, shape: tuple[int, ...]) -> Any:
        with self.compiling:  # one thread compiles while the others wait
            if self.compiled[0] != shape[0]:
                model = self.core.read_model(self.model)
                model.reshape(list(shape))
                settings = {
                    "INFERENCE_PRECISION_HINT": self.precision,  # by itself it would choose bfloat16 where it can
                    "INFERENCE_NUM_THREADS": THREADS,
                    "NUM_STREAMS": 1,
                    "ENABLE_CPU_PINNING": False,
                }
                self.compiled = shape[0], self.core.compile_model(model, "CPU", settings)
            return self.compiled[1]
