"""Base class of families with a scikit-learn model: fitting, saving, and loading without unpickling."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.base import Inputs, Section
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.engines.graph import Graph
from survey_batch.models.fitted import FittedClassifier
from survey_batch.models.fitting import Workspace
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import again


class SklearnClassifier(FittedClassifier[Section]):
    """A family with a scikit-learn estimator, fitted to prepared rows that are all in memory.

    A subclass defines `recipe_of`, `prepare` (object, column) and `estimator`, and `learn` if its preprocessing is
    fitted to training rows.

    Attributes
    ----------
    trusted : tuple of str
        Types that a saved model may hold besides those that skops trusts by default.
    """

    model_file: ClassVar[str] = "model.skops"
    trusted: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def estimator(self, section: Section) -> Any:
        """Make an unfitted estimator, with `predict_proba`; the draft knows its seed."""

    def training_inputs(self, data: Labelled, section: Section) -> tuple[Inputs, npt.NDArray[np.str_]]:
        """Prepare training rows, then extra ones, and their labels."""
        inputs, label = [self.prepare(block) for _, block in data.blocks()], data.label
        if (extra := self.extra_examples(data, section)) is not None:
            inputs.append(self.prepare(extra[0]))
            label = np.concatenate([label, extra[1]])
        return np.concatenate(inputs), label

    def weights(self, labels: npt.NDArray[np.str_], real: int) -> F8 | None:  # noqa: ARG002
        """Weigh the training inputs, of which the first `real` are rows of the product; by default all alike."""
        return None

    @classmethod
    @override
    def fit(
        cls,
        data: Labelled,
        section: Section,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        seed, workspace = section.seed if seed is None else seed, workspace or Workspace()
        draft, data = cls.prepare_fit(data, section, classes, seed)
        inputs, labels = draft.training_inputs(data, section)
        workspace.report(
            f"fitting {cls.variant} to {counted(len(inputs), 'row')} of {counted(inputs.shape[1], 'column')}"
        )
        weight = draft.weights(labels, len(data))
        weighted = {} if weight is None else {"sample_weight": weight}
        model = draft.estimator(section).fit(inputs, class_numbers(labels, draft.classes), **weighted)
        return cls(draft.manifest, draft.arrays, model)

    def misfit(self) -> str:
        """Compare the model's classes with the manifest's."""
        numbers = np.asarray(self.model.classes_)
        inside = np.issubdtype(numbers.dtype, np.integer) and numbers.min() >= 0 and numbers.max() < len(self.classes)
        return "" if inside else f"knows classes number {numbers.min()} to {numbers.max()} of {len(self.classes)}"

    def _forward(self, inputs: Inputs) -> F4:
        raw = np.zeros((len(inputs), len(self.classes)))
        # The model has no column for a class without training rows.
        raw[:, self.model.classes_] = self.model.predict_proba(inputs)
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    @override
    def onnx_answer(self, graph: Graph, output: str) -> str:
        numbers = np.asarray(self.model.classes_)
        if len(numbers) < len(self.classes):
            output = graph.add("MatMul", output, graph.constant(np.eye(len(self.classes))[numbers]))
        return super().onnx_answer(graph, output)

    def write_model(self, path: Path) -> None:
        """Write the model; refuse one that could not be read again.

        Raises
        ------
        ConfigurationError
            It holds types that are not in `trusted`.
        """
        import skops.io

        skops.io.dump(self.model, path)
        if strange := self._strange_types(path):
            raise ConfigurationError(
                f"the model of kind {self.kind!r}, variant {self.variant!r}, holds types that its class does not list, "
                f"so it could not be read again. If they belong to the estimator, add to {type(self).__name__}: "
                f"trusted = {(*self.trusted, *strange)}"
            )

    @classmethod
    def _strange_types(cls, path: Path) -> list[str]:
        import skops.io

        return sorted(set(skops.io.get_untrusted_types(file=path)) - set(cls.trusted))

    @classmethod
    def read_model(cls, path: Path) -> Any:
        """Read the model; refuse it if it holds types that this family does not expect."""
        import skops.io

        try:
            if not (strange := cls._strange_types(path)):
                return skops.io.load(path, trusted=list(cls.trusted))
        except Exception as error:  # skops has no error of its own for a bad file
            raise ConfigurationError(f"{path} cannot be loaded ({error}); {again(cls.kind)}") from error
        raise ConfigurationError(
            f"{path} holds types that no such classifier needs ({', '.join(strange)}): do not use it"
        )
