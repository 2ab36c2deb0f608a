"""What families share whose model is of scikit-learn: fitting, saving and loading without unpickling."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from survey_batch.classifiers.artifact import read_arrays, write_arrays
from survey_batch.classifiers.base import F4, Classifier, Inputs, Section, Workspace
from survey_batch.classifiers.calibration import apply_temperature
from survey_batch.classifiers.classes import class_numbers, classes_among
from survey_batch.classifiers.keras_family import ARRAYS, Arrays, check_labels, possible_rows
from survey_batch.classifiers.labelled import Labelled
from survey_batch.classifiers.manifest import Manifest, Recipe
from survey_batch.errors import ConfigurationError

MODEL = "model.skops"


class SklearnClassifier(Classifier[Section]):
    """A family whose model is an estimator of scikit-learn on prepared rows, all of them in memory.

    A subclass has `recipe_of`, `possible`, `prepare` (object, column) and `estimator`; `learn` where its preprocessing
    is fitted to training rows.

    Attributes
    ----------
    trusted : tuple of str
        Types, beyond those that skops trusts by itself, that a saved model may hold.
    """

    trusted: ClassVar[tuple[str, ...]] = ()

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest)
        self.arrays = arrays or {}
        """What `learn` found."""
        self.model = model

    @classmethod
    @abstractmethod
    def estimator(cls, section: Section, seed: int, inputs: Inputs) -> Any:
        """An estimator with `predict_proba`, not fitted yet, for these training rows."""

    @classmethod
    def learn(cls, data: Labelled, recipe: Recipe, section: Section) -> Arrays:  # noqa: ARG003
        """Fit the preprocessing to training rows, all of which are possible."""
        return {}

    @classmethod
    def training_inputs(cls, draft: Self, data: Labelled, section: Section, seed: int) -> tuple[Inputs, Any]:  # noqa: ARG003
        """Prepared training rows and their labels; a subclass may add changed copies."""
        return draft.prepare(data.block), data.label

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
        recipe = cls.recipe_of(data, section)
        recipe.check_shapes(data.shapes)
        classes = classes or cls.only_classes or classes_among(data.label)
        data = data.take(possible_rows(cls, data, recipe))
        check_labels(data, classes)
        manifest = Manifest(kind=cls.kind, variant=cls.variant, classes=classes, recipe=recipe, seed=seed)
        draft = cls(manifest, cls.learn(data, recipe, section))
        inputs, labels = cls.training_inputs(draft, data, section, seed)
        place.report(f"fitting {cls.variant} to {len(inputs)} rows of {inputs.shape[1]} columns")
        model = cls.estimator(section, seed, inputs).fit(inputs, class_numbers(labels, classes))
        return cls(manifest, draft.arrays, model)

    def _forward(self, inputs: Inputs) -> F4:
        raw = np.zeros((len(inputs), len(self.classes)))
        # A class that no training row had has no column of its own.
        raw[:, self.model.classes_] = self.model.predict_proba(inputs)
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    def write_parts(self, folder: Path) -> list[str]:
        """Write the model, and what was learnt before."""
        import skops.io

        skops.io.dump(self.model, folder / MODEL)
        if not self.arrays:
            return [MODEL]
        write_arrays(folder / ARRAYS, self.arrays)
        return [MODEL, ARRAYS]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the model and the arrays.

        Raises
        ------
        ConfigurationError
            A file is damaged, or the model holds a type that this family does not expect.
        """
        arrays = read_arrays(folder / ARRAYS) if ARRAYS in manifest.files else {}
        return cls(manifest, arrays, _read_model(folder / MODEL, cls.trusted))


def _read_model(path: Path, trusted: tuple[str, ...]) -> Any:
    import skops.io

    try:
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted))
        if not strange:
            return skops.io.load(path, trusted=list(trusted))
    except Exception as error:  # skops has no error of its own for a bad file
        raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error
    raise ConfigurationError(f"{path} holds types that no such classifier needs ({', '.join(strange)}): do not use it")
