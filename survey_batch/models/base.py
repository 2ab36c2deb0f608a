"""The base class of classifiers: the interface between a product's blocks and a model family.

A family is a subclass of `Classifier`. A `ClassifierKind` names it, and an entry point of the group
`survey_batch.classifiers` offers the kind. The family says which product and variables it reads and how it is fitted.
It may store any files that hold no code.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import write_json
from survey_batch.core.threads import one_thread
from survey_batch.models.artifact import sha256, versions
from survey_batch.models.batches import in_batches
from survey_batch.models.fitting import Fit, Workspace
from survey_batch.models.manifest import MANIFEST, Manifest, Quantity, again
from survey_batch.models.recipe import Recipe

if TYPE_CHECKING:
    from survey_batch.models.labelled import Labelled

Inputs = npt.NDArray[Any]
Section = TypeVar("Section", bound=TrainingSection)

DEFAULT_BATCH = 256
"""Objects per call of the model."""


class Classifier(ABC, Generic[Section]):
    """A trained classifier: blocks of a product in, probabilities out.

    A subclass turns a block into the model's input (`prepare`) and runs the model on one batch (`_forward`).
    This class handles padding, rows that cannot be classified, saving and loading.

    Attributes
    ----------
    kind, variant : str
        Its names in manifests and job files.
    product, variables : str, tuple of str
        The product it is trained on, and the variables of it that it reads.
    only_classes : tuple of str or None
        Its fixed classes; None if the training labels define them.
    why_not : str
        Why a row cannot be classified.
    needs_labels, default_step : bool
        Whether it must be fitted to labelled objects; whether it works on spectra with the default step alone, because
        widths in its recipe are counted in such pixels.
    """

    kind: ClassVar[str]
    variant: ClassVar[str]
    product: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]
    only_classes: ClassVar[tuple[str, ...] | None] = None
    why_not: ClassVar[str] = "a value that the classifier works on is missing"
    needs_labels: ClassVar[bool] = True
    default_step: ClassVar[bool] = False

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.history: dict[str, list[float]] = {}
        """`loss` of each epoch, and `val_loss` if objects were held out; empty in a loaded classifier."""
        self.largest_batch: float = math.inf
        """Largest batch that fitted the device's memory, once a larger one did not."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities; empty if the model answers with something else."""
        return self.manifest.classes

    @property
    def recipe(self) -> Recipe:
        """What the classifier requires of a product."""
        return self.manifest.recipe

    @classmethod
    def check_environment(cls) -> None:
        """Refuse an environment that lacks what training and predicting need; by default nothing is refused."""

    @classmethod
    def product_of(cls, section: Section) -> str:  # noqa: ARG003
        """The product that a classifier with this table [train] works on."""
        return cls.product

    @classmethod
    def variables_of(cls, section: Section) -> tuple[str, ...]:  # noqa: ARG003
        """The product's variables that it reads."""
        return cls.variables

    @classmethod
    def quantities_of(cls, section: Section) -> tuple[Quantity, ...]:  # noqa: ARG003
        """The quantities that it learns, each from a column of the catalogue; none if it learns labels."""
        return ()

    @classmethod
    @abstractmethod
    def recipe_of(cls, data: "Labelled", section: Section) -> Recipe:
        """Make the recipe for a product from the job's table [train]; `Labelled.recipe` helps.

        What `prepare` needs of the table goes into the recipe's steps, because the recipe travels with the model.
        """

    @classmethod
    @abstractmethod
    def fit(
        cls,
        data: "Labelled",
        section: Section,
        *,
        classes: tuple[str, ...] | None = None,
        validation: "Labelled | None" = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        data
            Labelled rows. Those that cannot be classified are left out.
        section
            The job's table [train].
        classes
            Names, in order; by default the family's own or, if it has none, those that occur.
        validation
            Rows that are not trained on; some families use them to decide when to stop.
        workspace
            Where to store checkpoints and report progress; by default no checkpoints, and reports go to the log.
        seed
            Replaces the section's seed.

        Raises
        ------
        ConfigurationError
            A label is not among the classes, or fewer than two classes have usable rows.
        """

    @classmethod
    def baselines(cls, data: "Labelled", section: Section, classes: tuple[str, ...]) -> dict[str, Fit]:  # noqa: ARG003
        """Baselines that the family has to beat: each predicts class numbers, or probabilities, for the same rows."""
        return {}

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark the rows of a block that can be classified: by default those with all their values."""
        finite = (np.isfinite(block[name].reshape(len(block[name]), -1)) for name in recipe.variables)
        return np.asarray(np.logical_and.reduce([values.all(axis=1) for values in finite]), bool)

    @abstractmethod
    def prepare(self, block: Variables) -> Inputs:
        """Turn a block into the model's input (object, …), each row by itself; finite in valid rows."""

    @abstractmethod
    def _forward(self, inputs: Inputs) -> F4:
        """Compute the answer (batch, column) for one batch of prepared rows; every batch has the same size."""

    def evidence(self, block: Variables) -> Variables:  # noqa: ARG002
        """Find what the kind's rule in `settle` checks an answer against, (object, …) each; by default nothing."""
        return {}

    def settle(self, probability: F4, prepared: Variables) -> F4:  # noqa: ARG002
        """Apply the kind's rule to the model's probabilities, (object, class), row by row; by default no rule."""
        return probability

    @abstractmethod
    def write_parts(self, folder: Path) -> list[str]:
        """Write weights and arrays to a folder, in formats that hold no code, and return the file names."""

    @classmethod
    @abstractmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read what `write_parts` wrote; the caller has already compared checksums."""

    @one_thread()
    def prepared(self, block: Variables) -> Variables:
        """Do the part of a prediction that needs no model.

        Parameters
        ----------
        block
            The variables named by the recipe, (object, …) each; others are ignored.

        Returns
        -------
        dict
            `inputs`, (object, …), `possible`, (object,) bool, and what `evidence` found, for `predict_prepared`.

        Raises
        ------
        ConfigurationError
            The block lacks a variable, or a variable's shape differs from the recipe's.
        """
        self.recipe.check_block(block)
        known = {name: block[name] for name in self.recipe.variables}
        return {"inputs": self.prepare(known), "possible": self.valid_rows(known, self.recipe), **self.evidence(known)}

    @one_thread()
    def predict_prepared(
        self, prepared: Variables, batch: int = DEFAULT_BATCH, index_in_shard: npt.NDArray[np.intp] | None = None
    ) -> F4:
        """Compute the model's answer for rows that `prepared` made.

        The rounding of matrix products depends on the batch size and, on some processors, on a row's slot in the
        batch. So every call of the model has the same number of rows, and row i of a shard is always in slot
        i % batch. A row then gets the same bits whichever other rows of the shard are predicted. Empty slots are
        padded.

        Parameters
        ----------
        prepared
            As `prepared` returns it.
        batch
            Rows per call; halved, repeatedly if needed, when the device has too little memory. Another batch size
            may change an answer by 1e-6 of it.
        index_in_shard : (object,) int, optional
            Each row's index in its shard, in rising order; by default the rows are the whole shard. Another index may
            change an answer by 1e-6 of it.

        Returns
        -------
        (object, column) float32
            One column for each class (the probabilities sum to 1), for each quantity and then each error, or for each
            dimension of an embedding. NaN in rows that the model cannot answer (where `possible` is False).

        Raises
        ------
        ConfigurationError
            Not even one object fits in memory, or an answer is not finite.
        """
        index_in_shard = np.arange(len(prepared["possible"])) if index_in_shard is None else index_in_shard
        answers = np.full((len(index_in_shard), self.manifest.columns), np.nan, np.float32)

        def ask(span: slice, batch: int) -> None:
            rows = slice(*np.searchsorted(index_in_shard, (span.start, span.stop)))
            inputs, possible = prepared["inputs"][rows], prepared["possible"][rows]
            if possible.any():
                slots = index_in_shard[rows] - span.start
                answer = self._forward(_in_slots(inputs, slots, batch))[slots]
                self._check_answer(answer[possible])
                answers[rows] = np.where(possible[:, None], answer, np.nan)

        batch = int(min(batch, self.largest_batch))
        if (fitting := in_batches(int(index_in_shard.max(initial=-1)) + 1, batch, ask)) < batch:
            self.largest_batch = fitting
        return self.settle(answers, prepared)

    def predict_proba(self, block: Variables, batch: int = DEFAULT_BATCH) -> F4:
        """Compute the model's answer for each object of a block: `prepared`, then `predict_prepared`."""
        self.recipe.check_block(block)
        if not len(block[self.recipe.variables[0]]):
            return np.zeros((0, self.manifest.columns), np.float32)
        return self.predict_prepared(self.prepared(block), batch)

    def _check_answer(self, answer: F4) -> None:
        if answer.shape[1:] != (self.manifest.columns,):
            wanted = {"classes": "classes", "values": "values and errors", "embedding": "dimensions"}
            raise ConfigurationError(
                f"the {self.manifest.kind} classifier ({self.manifest.variant}) answers with an array of shape "
                f"{answer.shape} for {self.manifest.columns} {wanted[self.manifest.outputs]}: its manifest does not "
                f"belong to it; restore the folder, or {again(self.manifest.kind)}"
            )
        if not np.isfinite(answer).all():
            raise ConfigurationError(
                f"the {self.manifest.kind} classifier ({self.manifest.variant}) answers with numbers that are not "
                "finite; if predictions.precision is mixed_float16, whose largest number is 65504, use mixed_bfloat16 "
                "or leave the key out"
            )

    def save(self, folder: str | Path) -> None:
        """Write the whole classifier to a folder; the manifest, with each file's checksum, is written last."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True)
        names = self.write_parts(target)
        self.manifest = self.manifest.model_copy(update={"files": {}, "versions": versions(self.manifest.kind)})
        self.list_files(target, names)

    def list_files(self, folder: Path, names: Iterable[str]) -> None:
        """Add files of a classifier's folder, with their checksums, to those that its manifest lists."""
        files = self.manifest.files | {name: sha256(folder / name) for name in names}
        self.manifest = self.manifest.model_copy(update={"files": files})
        write_json(str(folder / MANIFEST), self.manifest.model_dump(mode="json"))


def _in_slots(inputs: Inputs, slots: npt.NDArray[np.intp], batch: int) -> Inputs:
    """Put rows into their slots of a batch, and fill the others with copies of the first row, which are harmless."""
    if len(inputs) == batch:
        return inputs
    filled = np.repeat(inputs[:1], batch, axis=0)
    filled[slots] = inputs
    return filled
