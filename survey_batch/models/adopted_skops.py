"""One's own scikit-learn model as a skops file, which is read without unpickling."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted import Adopted
from survey_batch.models.input_layout import Array
from survey_batch.models.ports import Port
from survey_batch.models.sklearn_family import SklearnClassifier

ANSWER = "answer"
"""Name of the only output."""

METHODS = {"classes": "predict_proba", "values": "predict", "embedding": "transform"}
"""What the estimator is asked for each kind of answer."""


KERNELS = ("ConstantKernel", "DotProduct", "Exponentiation", "ExpSineSquared", "Matern", "Product", "RationalQuadratic")

OF_SCIKIT_LEARN = (
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"sklearn.gaussian_process.kernels.{name}" for name in (*KERNELS, "RBF", "Sum", "WhiteKernel")),
    *(f"sklearn.metrics._dist_metrics.{name}Distance64" for name in ("Euclidean", "Manhattan", "Minkowski")),
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)
"""What scikit-learn's own estimators hold besides the types that skops trusts."""


class AdoptedSkops(Adopted, SklearnClassifier[TrainingSection]):
    """An estimator in a skops file."""

    variant: ClassVar[str] = "skops"
    trusted: ClassVar[tuple[str, ...]] = OF_SCIKIT_LEARN

    @override
    def estimator(self, section: TrainingSection) -> Any:
        raise ConfigurationError("an adopted model is not trained here")

    @classmethod
    @override
    def read_model(cls, path: Path) -> Any:
        """Read the estimator, and keep it to one process: threads add numbers in an order that changes."""
        model = super().read_model(path)
        if not hasattr(model, "get_params"):
            raise ConfigurationError(f"{path} holds no estimator of scikit-learn, but a {type(model).__name__}")
        alone = {name: None for name in model.get_params() if name.rpartition("__")[2] == "n_jobs"}
        return model.set_params(**alone)

    @classmethod
    @override
    def class_names(cls, model: Any) -> tuple[str, ...]:
        """Return the labels that it was trained with as text: those of pandas are objects, codes are numbers."""
        labels = getattr(model, "classes_", ())
        if isinstance(labels, list):  # it answers several questions
            return ()
        return tuple(map(_label, np.asarray(labels).tolist()))

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        return tuple(map(str, getattr(self.model, "feature_names_in_", ())))

    @cached_property
    @override
    def takes(self) -> tuple[Port, ...]:
        return (Port("X", (getattr(self.model, "n_features_in_", None),)),)

    @override
    def ask(self, given: Mapping[str, Array]) -> dict[str, Array]:
        method = METHODS[self.manifest.outputs]
        if not hasattr(self.model, method):
            raise ConfigurationError(
                f"{type(self.model).__name__} has no {method}, which a model with {self.manifest.outputs} is asked for"
            )
        (inputs,) = given.values()
        if self.manifest.errors:
            value, error = self.model.predict(inputs, return_std=True)
            return {ANSWER: np.column_stack([value, error])}
        found = getattr(self.model, method)(inputs)
        return {ANSWER: np.asarray(found.toarray() if hasattr(found, "toarray") else found)}


def _label(value: Any) -> str:
    """Write a label as the catalogue does: 1.0 is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
