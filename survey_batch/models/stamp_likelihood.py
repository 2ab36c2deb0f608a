"""Spectral class of a star from one wide-band image, by the likelihood of each class's point-spread function.

If a model of the optics is known, nothing has to be learnt. The image of a star of each class is computed at the
star's position, its flux and sub-pixel centre are fitted, and chi-square gives the likelihood of each class. With known
noise, a flat prior and the true field no classifier can do better. Labelled stars, if there are any, correct the
errors of the model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from typing_extensions import override

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.arrays import F4, F8, Index, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.artifact import read_arrays, write_arrays
from survey_batch.models.base import Classifier, Inputs
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.cross_validation import grouped_folds
from survey_batch.models.fitted import Arrays, valid_rows_of
from survey_batch.models.fitting import Fit, Predict, Workspace
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest
from survey_batch.models.psf_fit import fit_classes
from survey_batch.models.recipe import Recipe
from survey_batch.models.stamp_optics import (
    FIELD_POSITION,
    IMAGES,
    StampOptics,
    enough_pixels,
    exposure_known,
    exposures_named,
    read_optics,
    stamp_recipe,
)
from survey_batch.optics.diffraction import OVERSAMPLING
from survey_batch.optics.seds import CLASSES, read_seds

MODEL = "psf-model.npz"

LEAST_GOOD_SHARE = 0.8
"""Minimum share of a stamp's pixels that must be measured."""
LEAST_STARS = 50
"""With fewer labelled stars nothing is corrected."""
FOLDS = 5
PRIOR_SIGMA = 0.5
"""Prior standard deviation of a class's offset, in nats."""
CERTAIN = 2.0
"""Standard errors by which a correction must beat none: otherwise a few labels could do harm by chance."""


class StampLikelihood(Classifier[StampTraining]):
    """The posterior of 13 classes from chi-square, with fitted flux and centre and a flat prior.

    A star is not classified if its exposure has no PSF model, or if it has less than `least_good_share` (0.8) of good
    pixels.
    """

    kind: ClassVar[str] = "stamp-type"
    variant: ClassVar[str] = "likelihood"
    product: ClassVar[str] = "stamps"
    variables: ClassVar[tuple[str, ...]] = (*IMAGES, *FIELD_POSITION)
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "too few good pixels, or the classifier has no PSF model of the star's exposure"
    needs_labels: ClassVar[bool] = False

    def __init__(self, manifest: Manifest, arrays: Arrays) -> None:
        super().__init__(manifest)
        self.arrays = arrays
        self.optics = StampOptics.from_arrays(arrays)
        self.weights = self.optics.optics.bin_weights(arrays["seds"], arrays["wavelengths"])

    @classmethod
    def recipe_of(cls, data: Labelled, section: StampTraining) -> Recipe:
        """Make the recipe: what is fitted, and the exposures with a known field."""
        steps: dict[str, float | int | str] = {
            "method": "polychromatic-chi-square",
            "fit_flux": int(section.fit_flux),
            "fit_centre": int(section.fit_centre),
            "least_good_share": LEAST_GOOD_SHARE,
            "exposures": exposures_named(read_optics(section)),
        }
        return stamp_recipe(data, cls.variables, steps)

    @classmethod
    @override
    def fit(
        cls,
        data: Labelled,
        section: StampTraining,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        if section.seds is None:
            raise ConfigurationError("train.seds is not set: name the .npy file with the photon spectra of the classes")
        if classes not in (None, CLASSES):
            raise ConfigurationError(f"the likelihood has the classes {list(CLASSES)}, not {list(classes or ())}")
        recipe, workspace = cls.recipe_of(data, section), workspace or Workspace()
        recipe.check_shapes(data.shapes)
        seeds = section.seed if seed is None else seed
        seds, wavelengths = read_seds(Path(section.seds))
        manifest = Manifest(kind=cls.kind, variant=cls.variant, classes=CLASSES, recipe=recipe, seed=seeds)
        plain = {"slope": np.array(1.0), "offsets": np.zeros(len(CLASSES))}
        model = cls(manifest, {**read_optics(section).arrays(), "seds": seds, "wavelengths": wavelengths, **plain})
        data = data.take(valid_rows_of(cls, data, recipe))
        if len(data) < LEAST_STARS:
            workspace.report(
                f"{counted(len(data), 'labelled star')}, fewer than {LEAST_STARS}: the likelihood is taken as it is"
            )
            return model
        workspace.report(f"checking the likelihood against {counted(len(data), 'labelled star')}")
        held_out = validation.take(valid_rows_of(cls, validation, recipe)) if validation else None
        return cls(manifest, {**model.arrays, **model._correction(data, held_out, seeds)})

    def _correction(self, data: Labelled, held_out: Labelled | None, seed: int) -> Arrays:
        """Learn a correction from labelled stars; held-out stars, or else folds, decide whether it is used."""
        number = class_numbers(data.label, CLASSES)
        likelihood = self._log_likelihood(data)
        if held_out is not None and len(held_out):
            rows = np.arange(len(data) + len(held_out))
            folds = [(rows[: len(data)], rows[len(data) :])]
            likelihood = np.concatenate([likelihood, self._log_likelihood(held_out)])
            number = np.concatenate([number, class_numbers(held_out.label, CLASSES)])
        else:
            folds = list(grouped_folds(data, min(FOLDS, len(np.unique(data.star))), seed))
        slope, offsets = learn_correction(likelihood, number, folds)
        return {"slope": np.array(slope), "offsets": offsets}

    def _log_likelihood(self, data: Labelled) -> F8:
        return np.concatenate([self.prepare(block) for _, block in data.blocks()]).astype(np.float64)

    @classmethod
    def baselines(cls, data: Labelled, section: StampTraining, classes: tuple[str, ...]) -> dict[str, Fit]:
        """Return the published support vector machine with the same PSF models, if there are enough stars for it."""
        from survey_batch.models.published_stamps import CALIBRATION_FOLDS, SimilaritySVM

        counts = data.counts()
        if len(counts) < 2 or min(counts.values()) < 2 * CALIBRATION_FOLDS:
            return {}

        def fitted(rows: Labelled, seed: int) -> Predict:
            machine = SimilaritySVM.fit(
                rows, section.model_copy(update={"variant": "svm-psf"}), classes=classes, seed=seed
            )
            return lambda other: np.concatenate([machine.predict_proba(block) for _, block in other.blocks()])

        return {"similarity_svm": fitted}

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark stars with enough good pixels, in an exposure with a known field."""
        return exposure_known(block, recipe) & enough_pixels(block, LEAST_GOOD_SHARE)

    def prepare(self, block: Variables) -> F4:
        """Compute the log-likelihood of each class, (object, class), relative to each star's best class (0)."""
        steps, result = self.recipe.steps, np.zeros((len(block["flux"]), len(CLASSES)), np.float32)
        for span, planes in self.optics.planes(block):
            found = fit_classes(
                block["flux"][span],
                block["ivar"][span],
                planes,
                self.weights,
                OVERSAMPLING,
                fit_flux=bool(steps["fit_flux"]),
                fit_centre=bool(steps["fit_centre"]),
            )
            result[span] = (found.chi_square.min(axis=1, keepdims=True) - found.chi_square) / 2
        return result

    def _forward(self, inputs: Inputs) -> F4:
        logits = corrected(inputs.astype(np.float64), float(self.arrays["slope"]), self.arrays["offsets"])
        return apply_temperature(probabilities(logits), self.manifest.temperature).astype(np.float32)

    def write_parts(self, folder: Path) -> list[str]:
        """Write the fields, the spectra and the correction."""
        write_arrays(folder / MODEL, self.arrays)
        return [MODEL]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the fields, the spectra and the correction."""
        return cls(manifest, read_arrays(folder / MODEL))


def corrected(likelihood: F8, slope: float, offsets: F8) -> F8:
    """Multiply log-likelihoods (star, class) by a slope, and add an offset for each class."""
    return slope * likelihood + offsets


def probabilities(logits: F8) -> F8:
    """Compute the softmax of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_correction(likelihood: F8, number: Index) -> tuple[float, F8]:
    """Fit the slope and offsets that minimise the log loss of labelled stars.

    This is a multinomial logistic regression with one slope for all classes; a normal prior with standard deviation
    `PRIOR_SIGMA` pulls offsets to 0.
    """
    target = np.eye(likelihood.shape[1])[number]

    def loss(parameters: F8) -> tuple[float, F8]:
        slope, offsets = parameters[0], parameters[1:]
        probability = probabilities(corrected(likelihood, slope, offsets))
        chosen = np.maximum(probability[np.arange(len(number)), number], 1e-300)
        surplus = probability - target
        gradient = np.concatenate([[np.sum(surplus * likelihood)], surplus.sum(axis=0) + offsets / PRIOR_SIGMA**2])
        value = -np.sum(np.log(chosen)) + 0.5 * np.sum((offsets / PRIOR_SIGMA) ** 2)
        return float(value) / len(number), gradient / len(number)

    start = np.concatenate([[1.0], np.zeros(likelihood.shape[1])])
    bounds: Any = [(0.02, 5.0), *[(None, None)] * likelihood.shape[1]]
    best = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return float(best[0]), np.asarray(best[1:])


def learn_correction(likelihood: F8, number: Index, folds: Sequence[tuple[Index, Index]]) -> tuple[float, F8]:
    """Fit slope and offsets, and accept them if they help on stars that were not used in the fit.

    Parameters
    ----------
    likelihood : (star, class) float64
        Log-likelihoods.
    number : (star,) int
        True classes.
    folds
        Rows to fit to, and rows to compare on. The accepted result is fitted to all rows that any fold fits to.

    Returns
    -------
    tuple of float and (class,) float64
        1 and zeros if the log loss does not fall by twice the standard error, or fewer stars are right.
    """
    fitted = [
        (corrected(likelihood[test], *fit_correction(likelihood[train], number[train])), test) for train, test in folds
    ]
    rows = np.concatenate([test for _, test in fitted])
    if not is_better(np.concatenate([logits for logits, _ in fitted]), likelihood[rows], number[rows]):
        return 1.0, np.zeros(likelihood.shape[1])
    everything = np.unique(np.concatenate([train for train, _ in folds]))
    return fit_correction(likelihood[everything], number[everything])


def is_better(logits: F8, plain: F8, number: Index) -> bool:
    """Tell whether corrected answers have a significantly smaller log loss, and are right at least as often."""
    rows = np.arange(len(number))
    losses = [-np.log(np.maximum(probabilities(one)[rows, number], 1e-300)) for one in (logits, plain)]
    right = [np.mean(one.argmax(axis=1) == number) for one in (logits, plain)]
    gain = losses[1] - losses[0]
    surely = gain.mean() > CERTAIN * gain.std(ddof=1) / np.sqrt(len(number))
    return bool(surely and right[0] >= right[1])
