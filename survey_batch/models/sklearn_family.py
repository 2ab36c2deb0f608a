"""Base class of families with a scikit-learn model: fitting, saving, and loading without unpickling."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Inputs, Section, Workspace
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.fitted import FittedClassifier
from survey_batch.models.labelled import Labelled


class SklearnClassifier(FittedClassifier[Section]):
    """A family with a scikit-learn estimator, fitted to prepared rows that are all in memory.

    A subclass defines `recipe_of`, `valid_rows`, `prepare` (object, column) and `estimator`, and `learn` if its
    preprocessing is fitted to training rows.

    Attributes
    ----------
    trusted : tuple of str
        Types that a saved model may hold besides those that skops trusts by default.
    """

    model_file: ClassVar[str] = "model.skops"
    trusted: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def estimator(cls, section: Section, seed: int, inputs: Inputs) -> Any:
        """Make an unfitted estimator, with `predict_proba`, for these training rows."""

    @classmethod
    def training_inputs(cls, draft: Self, data: Labelled, section: Section, seed: int) -> tuple[Inputs, Any]:  # noqa: ARG003
        """Prepare training rows and their labels; a subclass may add augmented copies."""
        return draft.prepare(data.block), data.label

    @classmethod
    def weights(cls, data: Labelled, labels: npt.NDArray[np.str_]) -> F8 | None:  # noqa: ARG003
        """Weigh the training inputs, which begin with the rows of the data; by default all weigh the same."""
        return None

    @classmethod
    def fit(  # noqa: D102 - as in the interface
        cls,
        data: Labelled,
        section: Section,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,  # noqa: ARG003
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        seed, place = section.seed if seed is None else seed, workspace or Workspace()
        draft, data = cls.prepare_fit(data, section, classes, seed)
        inputs, labels = cls.training_inputs(draft, data, section, seed)
        place.report(f"fitting {cls.variant} to {len(inputs)} rows of {inputs.shape[1]} columns")
        weight = cls.weights(data, labels)
        weighted = {} if weight is None else {"sample_weight": weight}
        model = cls.estimator(section, seed, inputs).fit(inputs, class_numbers(labels, draft.classes), **weighted)
        return cls(draft.manifest, draft.arrays, model)

    def _forward(self, inputs: Inputs) -> F4:
        raw = np.zeros((len(inputs), len(self.classes)))
        # The model has no column for a class without training rows.
        raw[:, self.model.classes_] = self.model.predict_proba(inputs)
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    def write_model(self, path: Path) -> None:
        """Write the model."""
        import skops.io

        skops.io.dump(self.model, path)

    @classmethod
    def read_model(cls, path: Path) -> Any:
        """Read the model; refuse it if it holds types that this family does not expect."""
        import skops.io

        try:
            strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(cls.trusted))
            if not strange:
                return skops.io.load(path, trusted=list(cls.trusted))
        except Exception as error:  # skops has no error of its own for a bad file
            raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error
        raise ConfigurationError(
            f"{path} holds types that no such classifier needs ({', '.join(strange)}): do not use it"
        )
