"""Loading a trained classifier from its folder."""

from pathlib import Path
from threading import Lock
from typing import Any

from survey_batch.config.classifiers import classifier_kind
from survey_batch.config.sections.models import Engine, Precision
from survey_batch.models.artifact import check_folder, content_stamp
from survey_batch.models.base import Classifier


def load_classifier(folder: str | Path, precision: Precision = "float32", engine: Engine = "keras") -> Classifier[Any]:
    """Load a trained classifier; the process caches the last one loaded from each folder until its content changes.

    Parameters
    ----------
    folder
        Local folder written by `Classifier.save`.
    precision
        Precision in which a network computes.
    engine
        What runs a network.

    Raises
    ------
    ConfigurationError
        The folder holds no classifier, its content differs from its manifest, its kind or package versions do not fit
        this installation, or a precision other than float32 or an engine other than Keras is requested and it is not a
        network, or not one that the engine can run.
    """
    path = Path(folder).resolve()
    with _loading:  # one thread loads while the others wait
        key = (content_stamp(path), precision, engine)
        if path not in _loaded or _loaded[path][0] != key:
            _loaded[path] = (key, _load(path, precision, engine))
        return _loaded[path][1]


_loaded: dict[Path, tuple[object, Classifier[Any]]] = {}
_loading = Lock()


def _load(folder: Path, precision: Precision, engine: Engine) -> Classifier[Any]:
    manifest = check_folder(folder)
    classifier: Classifier[Any] = family_of(manifest.kind, manifest.variant).read_parts(folder, manifest)
    if engine != "keras":
        from survey_batch.models.engines.running import use_engine

        use_engine(classifier, engine, precision)
    elif precision != "float32":
        from survey_batch.models.precision import lower_precision

        lower_precision(classifier, precision)
    return classifier


def family_of(kind: str, variant: str) -> type[Classifier[Any]]:
    """Return the class of a kind and variant; imports its module, but no framework."""
    family: type[Classifier[Any]] = classifier_kind(kind).family(variant)
    return family
