"""The recipe of a classifier: what it reads of a product, and the check that a product suits it."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.spectra.grid import STEP, step_of

GRID_TOLERANCE = 1e-3
"""Largest difference [pixel] between a wavelength and the recipe's grid."""

LEAST_STEP, LARGEST_STEP = 1e-6, 0.1
"""Bounds of a grid's step [dex]."""

ORIGIN = ("archive.", "catalog", "custom.", "frames.")
"""Prefixes of a product's settings that say where its data came from. Bands are compared by name if there are
several."""
COMPARED_APART = frozenset(
    {
        *("variables", "shards.objects", "spectral_features.basis", "spectral_features.sample"),
        *("cutouts.aperture_correction", "spectra.dispersion"),
    }
)
"""Settings of a product that change none of its values, only its principal components (see `check_basis`), or which
variables it has."""

DIFFERENCES_NAMED = 3
"""Most differences or names that an error message lists."""


class Frozen(BaseModel):
    """A value read from a file that others may have written: strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Size = Annotated[int, Field(gt=0, le=1_000_000)]
"""Length of an axis."""
Shape = Annotated[tuple[Size, ...], Field(max_length=6)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Grid(Frozen):
    """A log-linear wavelength grid: pixel i is centred on 10^(step (first + i)) Angstrom, in vacuum."""

    first: Annotated[int, Field(ge=-10_000_000, le=10_000_000)]
    count: Size
    step: Annotated[float, Field(gt=0, le=LARGEST_STEP)] = STEP

    @classmethod
    def of(cls, wavelength: npt.NDArray[np.floating]) -> "Grid":
        """Find the grid of a product's wavelengths [Angstrom].

        Raises
        ------
        ConfigurationError
            The wavelengths are not a grid of this kind.
        """
        step = step_of(np.asarray(wavelength, np.float64))
        step = step if LEAST_STEP <= step <= LARGEST_STEP else STEP
        grid = cls(first=int(np.round(np.log10(wavelength[0]) / step)), count=len(wavelength), step=step)
        if not grid.matches(wavelength):
            raise ConfigurationError("the product's wavelengths are not log-linear; make it with stage 'spectra'")
        return grid

    @property
    def wavelength(self) -> npt.NDArray[np.float64]:
        """Pixel centres [Angstrom, vacuum], (count,) float64."""
        return np.asarray(10 ** (self.step * (self.first + np.arange(self.count))))

    def matches(self, wavelength: npt.NDArray[np.floating]) -> bool:
        """Tell whether wavelengths [Angstrom] lie on this grid."""
        if len(wavelength) != self.count:
            return False
        pixel = np.log10(wavelength) / self.step - self.first
        return bool(np.all(np.abs(pixel - np.arange(self.count)) < GRID_TOLERANCE))

    def settings(self) -> str:
        """Name the keys of `[spectra]` that make this grid: its outer edges, rounded by less than half a pixel."""
        low, high = 10 ** (self.step * (self.first + np.array([-0.5, self.count - 0.5])))
        digits = max(0, 1 + math.floor(-math.log10(low * (10**self.step - 1))))
        return f"wavelength_min = {low:.{digits}f}, wavelength_max = {high:.{digits}f} and step = {self.step:g}"

    def __str__(self) -> str:
        low, high = self.wavelength[[0, -1]]
        step = f" of {self.step:g} dex" if self.step != STEP else ""
        return f"{low:.2f} to {high:.2f} Angstrom in {self.count} pixels{step}"


class Recipe(Frozen):
    """The input of a classifier: a product's variables and their preprocessing."""

    product: str
    variables: Annotated[tuple[str, ...], Field(min_length=1)]
    units: dict[str, str] = {}
    shape: Shape
    """Shape of one object in each variable that is not in `shapes`."""
    shapes: dict[str, Shape] = {}
    """Shape of one object in variables whose shape differs."""
    dims: dict[str, tuple[str, ...]] = {}
    """Dimensions of one object in each variable, where the preprocessing needs their names."""
    grid: Grid | None = None
    names: dict[str, tuple[str, ...]] = {}
    """Text coordinates, in order: `feature`, `band` or `channel`."""
    steps: dict[str, float | int | str] = {}
    """Preprocessing, in the names and parameters of the model family."""
    basis: str | None = None
    """Fingerprint of the principal components, if the input includes their scores."""
    made: dict[str, Any] = {}
    """Settings of the product that was trained on, without those that say where its data came from."""
    _again: str = PrivateAttr("train again")

    def made_again_by(self, what: str) -> None:
        """Set what messages advise where a product does not fit: to train again, if nothing else is said."""
        self._again = what

    def check_block(self, block: Mapping[str, npt.NDArray[Any]]) -> None:
        """Refuse a block that lacks a variable or has the wrong shape.

        Raises
        ------
        ConfigurationError
            Names the variable and what is expected.
        """
        self.check_shapes({name: values.shape[1:] for name, values in block.items()})

    def check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Check the shapes of one object, as `check_block` does."""
        if wrong := self._wrong_shape(shapes):
            raise ConfigurationError(wrong)

    def check_product(
        self, coords: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        """Refuse a product with another wavelength grid, other names (features, bands) or another size.

        Parameters
        ----------
        coords
            The product's coordinates along dimensions other than `object`.
        shapes
            Shape of one object in each variable; not compared if None.

        Raises
        ------
        PlanMismatchError
            Says what is expected and what was found.
        """
        self._check_grid(coords)
        for dim, names in self.names.items():
            if dim not in coords:
                raise PlanMismatchError(
                    f"the product has no coordinate {dim!r}; the classifier takes {self.product} with {dim} names "
                    f"{_in_short(names)}"
                )
            if difference := _difference(names, [str(name) for name in np.atleast_1d(coords[dim])]):
                raise PlanMismatchError(
                    f"the {dim} names of {self.product} are not those the classifier takes: {difference}; "
                    f"make {self.product} with the settings that it takes, or {self._again}"
                )
        if shapes is not None and (wrong := self._wrong_shape(shapes)):
            raise PlanMismatchError(wrong)

    def check_made(self, settings: Mapping[str, Any]) -> None:
        """Refuse a product made with settings that differ from those in training.

        Raises
        ------
        PlanMismatchError
            Names the settings and their values in training.
        """
        here = made_with(settings)
        differences = [
            f"{key} is {here.get(key, 'not set')!r} and was {self.made.get(key, 'not set')!r}"
            for key in sorted({*here, *self.made})
            if self.made and here.get(key) != self.made.get(key)
        ]
        if differences:
            raise PlanMismatchError(
                f"{self.product} was made with other settings than the classifier takes: "
                f"{'; '.join(differences[:DIFFERENCES_NAMED])}; make it with the earlier settings, or {self._again}"
            )

    def check_basis(self, found: str | None) -> None:
        """Refuse scores along principal components other than those in training; if either is unknown, accept.

        Raises
        ------
        PlanMismatchError
            Says what to do.
        """
        if self.basis and found and found != self.basis:
            raise PlanMismatchError(
                "the classifier works on scores along principal components (component_*), and those of this "
                f"{self.product} are not those it was trained on: they were fitted to other spectra; set "
                "spectral_features.basis to the output of the job it was trained on and make the product again, or "
                "train without component_*"
            )

    def _check_grid(self, coords: Mapping[str, npt.NDArray[Any]]) -> None:
        if self.grid is None:
            return
        if "wavelength" not in coords:
            raise PlanMismatchError(
                f"the product has no coordinate 'wavelength'; the classifier takes {self.product} on {self.grid}"
            )
        wavelength = np.asarray(coords["wavelength"])
        if not self.grid.matches(wavelength):
            raise PlanMismatchError(
                f"the product's wavelengths, {wavelength[0]:.2f} to {wavelength[-1]:.2f} Angstrom in "
                f"{len(wavelength)} pixels, are not those the classifier takes ({self.grid}); set "
                f"{self.grid.settings()} in [spectra], or {self._again}"
            )

    def _wrong_shape(self, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
        """Say which variable is missing or differs in shape from the recipe."""
        for name in self.variables:
            if name not in shapes:
                return f"the classifier needs variable {name!r} of {self.product}; there are {sorted(shapes)}"
            if shapes[name] != (expected := self.shapes.get(name, self.shape)):
                return (
                    f"the classifier takes {name!r} of shape {expected} per object, not {shapes[name]}; make "
                    f"{self.product} with the settings that it takes, or {self._again}"
                )
        return None


def made_with(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings that decide a product's values from its attribute `provenance`."""
    kept = {key: value for key, value in settings.items() if not key.startswith(ORIGIN) and key not in COMPARED_APART}
    plain: dict[str, Any] = json.loads(json.dumps(kept))
    return plain


def _difference(expected: Sequence[str], found: Sequence[str]) -> str | None:
    """Describe the first differences between two lists of names."""
    pairs = enumerate(zip_longest(expected, found))
    texts = (f"number {i} is {there!r} and was {wanted!r}" for i, (wanted, there) in pairs if wanted != there)
    first = list(islice(texts, DIFFERENCES_NAMED))
    if not first:
        return None
    return f"{'; '.join(first)} ({len(found)} there, {len(expected)} in training)"


def _in_short(names: Sequence[str]) -> str:
    more = f" and {len(names) - DIFFERENCES_NAMED} more" if len(names) > DIFFERENCES_NAMED else ""
    return f"{list(names[:DIFFERENCES_NAMED])}{more}"
