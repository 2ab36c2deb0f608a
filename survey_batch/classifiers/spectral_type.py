"""Spectral type of a low-resolution spectrum: A, F, G, K, M or non-stellar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers import network
from survey_batch.classifiers.augment import Augmentation, soft_labels
from survey_batch.classifiers.base import Block, Classifier
from survey_batch.classifiers.calibration import apply_temperature
from survey_batch.classifiers.manifest import Grid, Manifest, Recipe
from survey_batch.classifiers.preprocessing import STEPS, good_share, relative_bins, step
from survey_batch.errors import ConfigurationError

F4 = npt.NDArray[np.float32]

CLASSES = ("A", "F", "G", "K", "M", "non-stellar")
ORDERED = 5
"""The first classes are a sequence of temperature."""
VARIABLES = ("flux", "ivar", "mask")
WEIGHTS = "network.keras"


def recipe_for(grid: Grid) -> Recipe:
    """The recipe of this family on a wavelength grid.

    Redshift and S/N are no input: they come from the archive's pipeline, as the labels do.
    """
    return Recipe(
        product="spectra",
        variables=VARIABLES,
        units={"flux": "relative", "ivar": "relative", "mask": "1"},
        shape=(grid.count,),
        grid=grid,
        steps=STEPS,
    )


class SpectralTypeClassifier(Classifier):
    """An ensemble of small networks on relative line strengths.

    A spectrum with less than `least_good_share` (0.3) of good pixels is not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "spectral-type"

    def __init__(self, manifest: Manifest, model: Any, losses: list[float] | None = None) -> None:
        super().__init__(manifest)
        self.model = model
        self.losses = losses or []
        """Training loss of each epoch; empty in a loaded classifier."""
        network.prepare_for_use(model)

    @classmethod
    def fit(
        cls,
        block: Block,
        labels: npt.NDArray[np.str_],
        recipe: Recipe,
        *,
        epochs: int = 40,
        members: int = 8,
        seed: int = 1,
        augmentation: Augmentation = Augmentation(),  # noqa: B008
    ) -> Self:
        """Train on rows that all have a label.

        Parameters
        ----------
        block
            `flux`, `ivar`, `mask` (object, wavelength).
        labels
            Class of each row, one of `CLASSES`.
        recipe
            See `recipe_for`.
        epochs
            Passes over the rows, each changed anew.
        members
            Networks in the ensemble.
        seed
            Of weights, dropout, order and augmentation: the same seed gives the same network on one machine.
        augmentation
            How training rows are changed.

        Raises
        ------
        ConfigurationError
            A label is not among the classes, or fewer than two classes have usable rows.
        """
        recipe.check_block(block)
        inputs, possible = prepare(block, recipe)
        number = class_numbers(labels)[possible]
        if len(np.unique(number)) < 2:
            raise ConfigurationError(
                f"training needs usable spectra of at least two classes; there are {int(possible.sum())} usable, "
                f"of classes {sorted(set(labels[possible]))}"
            )
        targets = soft_labels(number, len(CLASSES), ORDERED, augmentation.neighbour)
        design = network.Design(members=members)
        model, losses = network.train(inputs[possible], targets, design, augmentation, epochs, seed)
        return cls(Manifest(kind=cls.kind, classes=CLASSES, recipe=recipe, seed=seed), model, losses)

    def prepare(self, block: Block) -> tuple[F4, npt.NDArray[np.bool_]]:
        """Relative bins, and whether enough pixels are good."""
        return prepare(block, self.recipe)

    def _forward(self, inputs: F4) -> F4:
        raw = np.asarray(self.model.predict_on_batch(inputs))
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    def write_parts(self, folder: Path) -> list[str]:
        """Write the networks."""
        self.model.save(folder / WEIGHTS)
        return [WEIGHTS]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the networks in safe mode.

        Raises
        ------
        ConfigurationError
            Keras refuses the file.
        """
        import keras

        try:
            model = keras.saving.load_model(folder / WEIGHTS, compile=False, safe_mode=True)
        except Exception as error:  # Keras has no error of its own for a bad file
            raise ConfigurationError(f"{folder / WEIGHTS} cannot be loaded ({error}); train again") from error
        return cls(manifest, model)


def prepare(block: Mapping[str, npt.NDArray[Any]], recipe: Recipe) -> tuple[F4, npt.NDArray[np.bool_]]:
    """Prepare rows as a recipe says, (object, bin, width), and mark those with enough good pixels."""
    steps = recipe.steps
    flux, ivar, mask = (block[name] for name in VARIABLES)
    inputs = relative_bins(
        flux,
        ivar,
        mask,
        int(step(steps, "bin_pixels")),
        (step(steps, "broad_bins"), step(steps, "narrow_bins")),
        step(steps, "floor"),
        step(steps, "ceiling"),
    )
    return inputs, good_share(flux, ivar, mask) >= step(steps, "least_good_share")


def class_numbers(labels: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Place of each label in `CLASSES`.

    Raises
    ------
    ConfigurationError
        One is not among them.
    """
    place = {name: number for number, name in enumerate(CLASSES)}
    if unknown := sorted({str(label) for label in labels} - set(place)):
        raise ConfigurationError(f"labels {unknown} are not among the classes {list(CLASSES)}")
    return np.array([place[str(label)] for label in labels], dtype=np.intp)
