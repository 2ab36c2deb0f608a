"""The telescope model of the stamp classifiers: the field of wavefront errors of each exposure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.labelled import Labelled
from survey_batch.models.recipe import Recipe
from survey_batch.optics.diffraction import Optics
from survey_batch.optics.exposure import exposure_key
from survey_batch.optics.psf_field import SAMPLING, PsfField, load_psf_field

IMAGES = ("flux", "ivar")
FIELD_POSITION = ("x_field", "y_field", "exposure_key")
"""Variables that give a star's exposure and its position in the field."""

AT_ONCE = 64
"""Number of stars whose point-spread functions are in memory at a time: 27 MB."""


@dataclass(frozen=True)
class StampOptics:
    """The fields of some exposures, all with the same sampling."""

    fields: Mapping[int, PsfField]
    """Field of each exposure, by its key."""

    @property
    def optics(self) -> Optics:
        """The sampling of pupil and stamp."""
        return next(iter(self.fields.values())).optics

    def planes(self, block: Variables) -> Iterator[tuple[slice, F4]]:
        """Compute oversampled monochromatic point-spread functions at each star's position, some stars at a time.

        Yields rows and their planes (star, wavelength, y, x). A star whose exposure has no field, or whose position is
        unknown, gets those of a perfect telescope.
        """
        keys = block["exposure_key"]
        for first in range(0, len(keys), AT_ONCE):
            span = slice(first, first + AT_ONCE)
            coefficients = np.zeros((len(keys[span]), len(self.optics.zernikes)))
            for key, field in self.fields.items():
                here = np.asarray(keys[span] == key) & np.isfinite(block["x_field"][span] + block["y_field"][span])
                coefficients[here] = field.zernikes(block["x_field"][span][here], block["y_field"][span][here])
            yield span, self.optics.planes(coefficients)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Convert the fields to arrays for saving."""
        some = self.fields.values()
        return {
            "exposure_key": np.array(list(self.fields), np.int64),
            "coefficients": np.array([field.coefficients for field in some]),
            "size": np.array([field.size for field in some]),
            "sampling": np.array([getattr(self.optics, name) for name in SAMPLING]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "StampOptics":
        """Rebuild the fields from the result of `arrays`."""
        optics = Optics(**dict(zip(SAMPLING, arrays["sampling"].tolist(), strict=True)))
        rows = zip(arrays["exposure_key"].tolist(), arrays["coefficients"], arrays["size"].tolist(), strict=True)
        return cls({key: PsfField(coefficients, size, optics) for key, coefficients, size in rows})


def read_optics(section: StampTraining) -> StampOptics:
    """Read the PSF models that a table [train] names.

    Raises
    ------
    ConfigurationError
        The table names none, one cannot be read, they differ in sampling or degree, or two are of one exposure.
    """
    if not section.psf_models:
        raise ConfigurationError(
            f"train.psf_model is not set: variant {section.variant!r} compares stars with the point-spread function of "
            "their position; name the psf-model.npz of each exposure"
        )
    read = [load_psf_field(path) for path in section.psf_models]
    if len({(field.optics, field.coefficients.shape) for field in read}) > 1:
        raise ConfigurationError("train.psf_model: the models differ in sampling or degree; make them alike")
    fields = {exposure_key(field.exposure): field for field in read}
    if len(fields) < len(read):
        raise ConfigurationError("train.psf_model: two of the models are of the same exposure; name one per exposure")
    return StampOptics(fields)


def stamp_recipe(data: Labelled, variables: tuple[str, ...], steps: Mapping[str, float | int | str]) -> Recipe:
    """Make the recipe of a stamp classifier: images, and scalars that give a star's exposure and position."""
    return Recipe(
        product="stamps",
        variables=variables,
        units=dict.fromkeys(IMAGES, "1"),
        shape=data.shapes["flux"],
        shapes={name: () for name in variables if name not in IMAGES},
        steps=dict(steps),
    )


def exposures_named(optics: StampOptics) -> str:
    """List the exposures' keys as text, for a recipe's steps."""
    return " ".join(str(key) for key in sorted(optics.fields))


def enough_pixels(block: Variables, least: float) -> npt.NDArray[np.bool_]:
    """Mark stamps in which at least this share of pixels has a flux and, if the block has ivar, a positive ivar."""
    good = np.isfinite(block["flux"])
    if "ivar" in block:
        good &= np.isfinite(block["ivar"]) & (block["ivar"] > 0)
    share: npt.NDArray[np.bool_] = good.mean(axis=(1, 2)) >= least
    return share


def exposure_known(block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
    """Mark stars with a PSF model of their exposure and a known position in the field."""
    keys = np.array(str(recipe.steps["exposures"]).split(), np.int64)
    return np.isin(block["exposure_key"], keys) & np.isfinite(block["x_field"]) & np.isfinite(block["y_field"])
