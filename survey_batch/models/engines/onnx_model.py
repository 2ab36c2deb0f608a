"""Exporting a trained network or trees with their calibration as an ONNX file, for use without this package."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from survey_batch.core.arguments import PATH, takes
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import write_where_asked
from survey_batch.core.versions import own_version
from survey_batch.models.engines.graph import Graph, Shape, Value
from survey_batch.models.engines.network import INPUT, network_graph
from survey_batch.models.engines.running import OnnxRuntime
from survey_batch.models.engines.trees import trees_graph
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.sklearn_family import SklearnClassifier

TRIED, TOLERANCE = 64, 1e-5
"""Random inputs with which an export is compared, and the largest difference of an answer."""
MISSING = 0.1
"""Share of missing values, for models that can handle them."""


@takes(folder=PATH, to=PATH)
def export_model(folder: str | Path, to: str | Path) -> str:
    """Write a trained classifier as an ONNX file.

    Its input `inputs`, float32, is what `Classifier.prepared` makes of a product; so are inputs of other names, if the
    kind has a rule of its own (`helium` for spectral types, 1 where an ion is seen). Its output is `probability`
    (object, class), calibrated, or `value` and `error` (object, quantity), or `embedding` (object, dimension). The
    file's metadata say how it was made, and how inputs are prepared: `survey_batch.classes`, `.recipe`, `.kind`, ….

    Parameters
    ----------
    folder
        Written by `survey-batch train`.
    to
        A path or URL that ends in .onnx.

    Returns
    -------
    str
        The file's path.

    Raises
    ------
    ConfigurationError
        The folder holds neither a network nor trees, a layer or rule of it cannot be converted, or the extra `onnx` is
        not installed.
    """
    target = str(to)
    if not target.endswith(".onnx"):
        raise ConfigurationError(f"a model is exported to a file that ends in .onnx, not to {target}")
    classifier = load_classifier(folder)
    if classifier.manifest.framework == "onnxruntime":
        names = " and ".join(name for name in sorted(classifier.manifest.files) if ".onnx" in name)
        raise ConfigurationError(f"{folder} holds a network in ONNX already: copy {names} from it")
    if not isinstance(classifier, KerasClassifier | SklearnClassifier):
        raise ConfigurationError(
            f"{folder} holds a classifier of kind {classifier.kind} ({classifier.variant}), which is neither a network "
            "nor trees: only these are exported to ONNX"
        )
    write_where_asked(target, onnx_model(classifier))
    return target


Exportable = KerasClassifier[Any] | SklearnClassifier[Any]


def onnx_model(classifier: Exportable) -> bytes:
    """Convert a network or trees with all that makes its answer, and compare it with ours on random inputs.

    Raises
    ------
    ConfigurationError
        As `export_model`.
    """
    convert = network_graph if isinstance(classifier, KerasClassifier) else trees_graph
    graph, entry, output = convert(classifier.model)
    evidence = classifier.onnx_evidence
    answer = classifier.onnx_settle(
        graph, classifier.onnx_answer(graph, output.name), {name: name for name in evidence}
    )
    inputs = {INPUT: entry.shape, **evidence}
    model = graph.write(inputs, _outputs(graph, classifier.manifest, answer), _about(classifier.manifest))
    written = bytes(model.SerializeToString())
    _compare(classifier, written, inputs)
    return written


def _outputs(graph: Graph, manifest: Manifest, answer: str) -> dict[str, Value]:
    """Name the answer; errors of values become an output of their own."""
    if not manifest.errors:
        name = {"classes": "probability", "values": "value", "embedding": "embedding"}[manifest.outputs]
        return {name: Value(answer, (None, manifest.columns))}
    half, axis = len(manifest.quantities), graph.integers(1)
    bounds = {"value": (0, half), "error": (half, 2 * half)}
    return {
        name: Value(graph.add("Slice", answer, graph.integers(start), graph.integers(stop), axis), (None, half))
        for name, (start, stop) in bounds.items()
    }


def _about(manifest: Manifest) -> dict[str, str]:
    """Make the metadata: text as it is, everything else in JSON."""
    kept = manifest.model_dump(mode="json", exclude={"format", "files", "seed", "training", "metrics"})
    about = {name: value if isinstance(value, str) else json.dumps(value) for name, value in kept.items()}
    return {f"survey_batch.{name}": text for name, text in {**about, "exported_by": own_version()}.items()}


def _compare(classifier: Exportable, model: bytes, inputs: dict[str, Shape]) -> None:
    """Refuse a model that answers otherwise than the classifier, whose family has a rule that it does not convert.

    Trees are tried on numbers of all sizes, some of them missing: their thresholds may lie anywhere.
    """
    random = np.random.default_rng(0)
    given = {
        name: random.normal(size=(TRIED, *(size or 1 for size in shape[1:]))).astype(np.float32)
        for name, shape in inputs.items()
    }
    if isinstance(classifier, SklearnClassifier):
        values = given[INPUT] * 10 ** random.uniform(-4, 4, given[INPUT].shape)
        given[INPUT] = np.where(random.random(values.shape) < MISSING, np.nan, values).astype(np.float32)
    given |= {name: (values > 0).astype(np.float32) for name, values in given.items() if name != INPUT}
    evidence = {name: values > 0 for name, values in given.items() if name != INPUT}
    ours = classifier.predict_prepared({"inputs": given[INPUT], "possible": np.ones(TRIED, bool), **evidence}, TRIED)
    theirs = np.concatenate(OnnxRuntime(model).ask(given), axis=1)
    if not np.allclose(theirs, ours, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        raise ConfigurationError(
            f"the model of {type(classifier).__name__} was converted, but the file answers otherwise (by "
            f"{np.nanmax(np.abs(theirs - ours)):.2g}): if the class has its own `answer` or `settle`, it must have "
            "`onnx_answer` or `onnx_settle` too"
        )
