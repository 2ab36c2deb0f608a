"""What every classifier is: an interface, and a folder that holds all that it needs.

The folder holds `manifest.json` (kind, classes, recipe, versions, checksums, metrics), the networks as `.keras`
files and fixed arrays as `.npz`. Nothing in it is unpickled: Keras loads in safe mode, numpy with
`allow_pickle=False`. A model family registers itself in `KINDS`, is a subclass of `Classifier`, says which product and
variables it works on and how it is fitted, and stores what it likes as long as it is one of these formats.
"""

import hashlib
import importlib.metadata
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from survey_batch.classifiers.manifest import MANIFEST, Manifest, Recipe
from survey_batch.errors import ConfigurationError
from survey_batch.paths import write_json

if TYPE_CHECKING:
    from survey_batch.classifiers.cross_validation import Fit
    from survey_batch.classifiers.labelled import Labelled
    from survey_batch.job import TrainSection

F4 = npt.NDArray[np.float32]
Block = Mapping[str, npt.NDArray[Any]]

log = logging.getLogger(__name__)

KINDS: dict[str, str] = {
    "spectral-type": "survey_batch.classifiers.spectral_type:SpectralTypeClassifier",
    "table": "survey_batch.classifiers.table:TableClassifier",
}
"""Kind in the manifest to `module:class`; imported when asked for, so that nothing imports Keras before."""

DEFAULT_BATCH = 256
"""Objects per call of a network."""


class Classifier(ABC):
    """A trained classifier: blocks of a product in, probabilities out.

    A subclass turns a block into the network's input (`prepare`) and runs the network on one batch (`_forward`).
    Padding, rows that cannot be classified, saving and loading are done here.

    Attributes
    ----------
    kind : str
        Its name in manifests and job files.
    product : str
        What it is trained on.
    variables : tuple of str
        What it reads of the product.
    only_classes : tuple of str or None
        The classes it always has; None where they are those of the training labels.
    why_not : str
        What is wrong with a row that cannot be classified.
    """

    kind: ClassVar[str]
    product: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]
    only_classes: ClassVar[tuple[str, ...] | None] = None
    why_not: ClassVar[str]

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.losses: list[float] = []
        """Training loss of each epoch; empty in a loaded classifier."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""
        return self.manifest.classes

    @property
    def recipe(self) -> Recipe:
        """What a product must be to be classified."""
        return self.manifest.recipe

    @classmethod
    @abstractmethod
    def recipe_of(cls, data: "Labelled", section: "TrainSection") -> Recipe:
        """Make the recipe for a product, as the job's table [train] wants it."""

    @classmethod
    @abstractmethod
    def fit(
        cls,
        block: Block,
        labels: npt.NDArray[np.str_],
        recipe: Recipe,
        *,
        classes: tuple[str, ...] | None = None,
        epochs: int = 40,
        members: int = 8,
        seed: int = 1,
    ) -> Self:
        """Train on a block whose rows all have labels among the classes, by default those that occur."""

    @classmethod
    def baselines(cls, data: "Labelled", section: "TrainSection", classes: tuple[str, ...]) -> "dict[str, Fit]":  # noqa: ARG003
        """What the family has to beat: each gives class numbers, or probabilities, of the same rows."""
        return {}

    @classmethod
    @abstractmethod
    def possible(cls, block: Block, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark the rows of a block that can be classified."""

    @abstractmethod
    def prepare(self, block: Block) -> F4:
        """Turn a block into the network's input (object, …), each row by itself; finite in possible rows."""

    @abstractmethod
    def _forward(self, inputs: F4) -> F4:
        """Probabilities (batch, class) of one batch of prepared rows, whose size is the same in every call."""

    @abstractmethod
    def write_parts(self, folder: Path) -> list[str]:
        """Write weights and arrays to a folder, in formats that hold no code, and name the files."""

    @classmethod
    @abstractmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read what `write_parts` wrote; checksums have been compared before."""

    def predict_proba(self, block: Block, batch: int = DEFAULT_BATCH) -> F4:
        """Probabilities of each class for each object of a block.

        Every call of the network has the same number of rows: the tail is padded. So one object alone gets the
        same answer as among others, to the last bit on one machine and backend, and nothing is compiled twice.

        Parameters
        ----------
        block
            Variables of the product named by the recipe, (object, …) each; others are ignored.
        batch
            Rows per call. Another batch size may change the last bits of a probability.

        Returns
        -------
        (object, class) float32
            Rows sum to 1; NaN in rows that cannot be classified (`possible` says which).

        Raises
        ------
        ConfigurationError
            The block lacks a variable, or one has another shape than the recipe's.
        """
        self.recipe.check_block(block)
        rows = len(block[self.recipe.variables[0]])
        probability = np.full((rows, len(self.classes)), np.nan, np.float32)
        for start in range(0, rows, batch):
            span = slice(start, min(start + batch, rows))
            part = {name: block[name][span] for name in self.recipe.variables}
            possible = self.possible(part, self.recipe)
            if possible.any():
                answer = self._forward(_pad(self.prepare(part), batch))[: len(possible)]
                probability[span] = np.where(possible[:, None], answer, np.nan)
        return probability

    def save(self, folder: str | Path) -> None:
        """Write the whole classifier to a folder; the manifest, with the checksum of each file, comes last."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True)
        names = self.write_parts(target)
        self.manifest = self.manifest.model_copy(
            update={"files": {name: sha256(target / name) for name in names}, "versions": versions()}
        )
        write_json(str(target / MANIFEST), self.manifest.model_dump(mode="json"))


def load_classifier(folder: str | Path) -> Classifier:
    """Load a trained classifier; a process keeps the last one of each folder until its content changes.

    Parameters
    ----------
    folder
        Local folder written by `Classifier.save`.

    Raises
    ------
    ConfigurationError
        The folder is no classifier, its content differs from its manifest, or it needs a newer package.
    """
    path = Path(folder).resolve()
    with _loading:  # by one thread, while the others wait for what it loads
        key = classifier_fingerprint(path)
        if path not in _loaded or _loaded[path][0] != key:
            _loaded[path] = (key, _load(path))
        return _loaded[path][1]


_loaded: dict[Path, tuple[str, Classifier]] = {}
_loading = Lock()


def classifier_fingerprint(folder: str | Path) -> str:
    """SHA-256 over the manifest and every file it names: two folders that share it give the same predictions."""
    path = Path(folder)
    manifest = read_manifest(path)
    digest = hashlib.sha256((path / MANIFEST).read_bytes())
    for name in sorted(manifest.files):
        digest.update(name.encode() + sha256(path / name).encode())
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read and check a folder's manifest, and that the files it names are there."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"no trained classifier in {folder} ({MANIFEST}: {error.strerror}); "
            "name a folder written by `survey-batch train`"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{folder / MANIFEST} is no classifier's manifest ({where}: {first['msg']}); train again"
        ) from error
    if missing := [name for name in manifest.files if not (folder / name).is_file()]:
        raise ConfigurationError(f"classifier {folder} lacks {missing}; copy the whole folder, or train again")
    return manifest


def _load(folder: Path) -> Classifier:
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        if sha256(folder / name) != expected:
            raise ConfigurationError(
                f"{folder / name} is not the file that was saved (its SHA-256 differs from {MANIFEST}); "
                "restore the folder, or train again"
            )
    if manifest.kind not in KINDS:
        raise ConfigurationError(
            f"classifier {folder} is of kind {manifest.kind!r}; this version of survey-batch has {sorted(KINDS)}"
        )
    _check_versions(folder, manifest)
    return family_of(manifest.kind).read_parts(folder, manifest)


def family_of(kind: str) -> type[Classifier]:
    """Class of a kind; imports its module, and no framework."""
    module, name = KINDS[kind].split(":")
    family: type[Classifier] = getattr(import_module(module), name)
    return family


def versions() -> dict[str, str]:
    """Versions of the packages that decide what a network computes."""
    return {name: importlib.metadata.version(name) for name in ("survey-batch", "keras", "numpy")}


def _check_versions(folder: Path, manifest: Manifest) -> None:
    """Refuse weights of a newer or older major Keras, which may mean something else by the same file."""
    trained, here = manifest.versions["keras"], versions()["keras"]
    if trained.split(".")[0] != here.split(".")[0]:
        raise ConfigurationError(
            f"classifier {folder} was saved by Keras {trained}, and this is {here}; install Keras "
            f"{trained.split('.')[0]}, or train again"
        )
    if trained != here:
        log.info("classifier %s was saved by Keras %s, and this is %s", folder, trained, here)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pad(inputs: F4, rows: int) -> F4:
    """Fill a batch up with copies of its first row, whose values are harmless."""
    return np.concatenate([inputs, np.repeat(inputs[:1], rows - len(inputs), axis=0)])
