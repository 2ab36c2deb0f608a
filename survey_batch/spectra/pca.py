"""Exact principal components from sums over chunks, in one pass and in bounded memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from survey_batch.errors import ConfigurationError

F8 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating]

SMALLEST_VARIANCE = 1e-10
"""Share of the largest component's variance below which a component is rounding and is set to zero."""


@dataclass
class Moments:
    """Count, sum and sum of outer products of rows: all that principal components need.

    Moments of parts add up to those of the whole, so that each shard can be summed where it lies. Added up in the
    order of the shards, the result is the same bit for bit, whoever summed which.
    """

    count: int
    total: F8
    outer: F8

    @classmethod
    def empty(cls, size: int) -> Self:
        """Moments of no rows of `size` values."""
        return cls(0, np.zeros(size), np.zeros((size, size)))

    def add(self, block: Rows) -> Self:
        """Add the rows of (object, size); rows that are not finite throughout are left out."""
        rows = block[np.isfinite(block).all(axis=1)].astype(np.float64)
        self.count += len(rows)
        self.total += rows.sum(axis=0)
        self.outer += rows.T @ rows
        return self

    def merge(self, other: Self) -> Self:
        """Add the rows that another one holds."""
        self.count += other.count
        self.total += other.total
        self.outer += other.outer
        return self


@dataclass(frozen=True)
class PCA:
    """Principal components.

    Parameters
    ----------
    mean
        Mean row, (size,).
    components
        Orthonormal components by falling variance, (components, size); the loading of largest size is positive.
        Zero where there are fewer directions of variance than components.
    variance
        Variance along each component, (components,).
    """

    mean: F8
    components: F8
    variance: F8

    @classmethod
    def fit(cls, moments: Moments, components: int) -> Self:
        """Fit components to rows without NaN.

        Raises
        ------
        ConfigurationError
            There are fewer than two rows, or more components than values in a row.
        """
        size = moments.total.size
        if moments.count < 2:
            raise ConfigurationError(
                f"principal components need at least 2 usable training spectra, there are {moments.count}; "
                "check the catalogue's split, or set features.components = 0"
            )
        if not 1 <= components <= size:
            raise ConfigurationError(f"features.components is {components}, but spectra have {size} pixels")
        mean = moments.total / moments.count
        covariance = (moments.outer - moments.count * np.outer(mean, mean)) / (moments.count - 1)
        variance, vectors = eigh(covariance, subset_by_index=[size - components, size - 1])
        variance, vectors = np.maximum(variance[::-1], 0), vectors.T[::-1]
        real = (variance > SMALLEST_VARIANCE * variance[0]) & (np.arange(components) < moments.count - 1)
        largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1, keepdims=True), axis=1)
        return cls(mean, np.where(real[:, None], vectors * np.sign(largest), 0), np.where(real, variance, 0))

    def transform(self, rows: Rows) -> F8:
        """Scores of (object, size) rows, (object, components); NaN for rows with NaN.

        A row's scores do not depend on the rows beside it: einsum sums each by itself, where a matrix product may
        round in another order for another number of rows.
        """
        if rows.shape[1] != self.mean.size:
            raise ConfigurationError(
                f"components were fitted to {self.mean.size} pixels, these spectra have {rows.shape[1]}; "
                "use the wavelength range of the fit, or fit again"
            )
        return np.asarray(np.einsum("nw,cw->nc", rows - self.mean, self.components))

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        with path.open("wb") as file:
            np.savez(file, mean=self.mean, components=self.components, variance=self.variance)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; nothing is unpickled.

        Raises
        ------
        ConfigurationError
            The file is missing or holds no principal components.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["mean"], arrays["components"], arrays["variance"])
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise ConfigurationError(f"{path} holds no principal components ({error}); fit them again") from error
