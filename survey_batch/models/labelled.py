"""The labelled objects of a product, on which classifiers are trained and tested."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index, Variables
from survey_batch.core.wording import counted
from survey_batch.models.manifest import Quantity
from survey_batch.models.recipe import Grid, Recipe

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1024
"""Rows read at a time: the size of a default shard."""


TEXTS = ("label", "split", "object_id")
OPTIONAL = ("group", "target")


@dataclass(frozen=True)
class Labelled:
    """Usable rows of a product that have a label; their data is read only when needed.

    Parameters
    ----------
    source
        Variables of the product, (row, …) each: in memory, or read when indexed.
    label, split, object_id
        Text of each object.
    star
        Number of each object's star; repeat visits share it.
    coordinates
        The product's coordinates along the variables' other dimensions: `wavelength` [Angstrom, vacuum], `feature`, ….
    rows
        The objects' rows in the source, in this order; all by default.
    """

    source: Mapping[str, Any]
    label: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    object_id: npt.NDArray[np.str_]
    star: npt.NDArray[np.int64]
    coordinates: dict[str, npt.NDArray[Any]]
    rows: Index | None = None
    group: npt.NDArray[np.int64] | None = None
    """Number of each object's indivisible group, if `catalog.split.group` is wider than stars: field, plan, sky."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """Settings that made the product."""
    basis: str | None = None
    """Fingerprint of the product's principal components."""
    possible_labels: tuple[str, ...] | None = None
    """All possible labels, whether or not an object has them; None if unknown."""
    quantities: tuple[Quantity, ...] = ()
    """What is learnt instead of labels, if anything."""
    target: F8 | None = None
    """Each object's values of them in the catalogue, (object, quantity)."""

    @property
    def targets(self) -> F8:
        """Each object's values of the quantities in the catalogue, (object, quantity)."""
        return np.zeros((len(self), 0)) if self.target is None else self.target

    def __len__(self) -> int:
        return len(self.label)

    @property
    def block(self) -> Variables:
        """All the data, read into memory, for models that need it at once."""
        return self.read(slice(None))

    def read(self, span: slice) -> Variables:
        """Read the data of some objects."""
        rows: slice | Index = span if self.rows is None else self.rows[span]
        return {name: np.asarray(values[rows]) for name, values in self.source.items()}

    def blocks(self, size: int = ROWS_AT_ONCE) -> Iterator[tuple[slice, Variables]]:
        """Read the data of all objects, `size` at a time."""
        for start in range(0, len(self), size):
            span = slice(start, min(start + size, len(self)))
            yield span, self.read(span)

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """Number of each object's group, which must stay on one side of any division."""
        return self.star if self.group is None else self.group

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one object in each variable."""
        return {name: tuple(values.shape[1:]) for name, values in self.source.items()}

    def take(self, rows: npt.NDArray[Any]) -> "Labelled":
        """Select rows, by index or mask."""
        parts = {name: getattr(self, name)[rows] for name in (*TEXTS, "star")}
        parts |= {name: values[rows] for name in OPTIONAL if (values := getattr(self, name)) is not None}
        whole = np.arange(len(self)) if self.rows is None else self.rows
        return replace(self, rows=whole[rows], **parts)

    def of_split(self, name: str) -> "Labelled":
        """Select the rows of one split."""
        return self.take(self.split == name)

    def of_classes(self, classes: tuple[str, ...]) -> "Labelled":
        """Select the rows labelled with one of the classes; log how many others there are."""
        known = np.isin(self.label, classes)
        if not known.all():
            others = sorted({str(label) for label in self.label[~known]})
            log.warning("%s of other classes left out: %s", counted(int(np.sum(~known)), "object"), others)
        return self.take(known)

    def recipe(self, product: str, variables: Sequence[str], **steps: float | int | str) -> Recipe:
        """Make the recipe of a classifier that works on some variables of this product.

        A product to predict from must have the same shapes, wavelengths and names of features, bands or channels.

        Parameters
        ----------
        product, variables
            The product's name, and the variables to read.
        **steps
            Names and parameters of the preprocessing.

        Raises
        ------
        ConfigurationError
            The wavelengths are not the grid of stage `spectra`.
        """
        shapes = {name: self.shapes[name] for name in variables}
        shape = shapes[variables[0]]
        wavelength = self.coordinates.get("wavelength")
        texts = {name: values for name, values in self.coordinates.items() if values.dtype.kind in "OTU"}
        names = {name: tuple(str(value) for value in values) for name, values in texts.items()}
        scores = any(name.startswith("component_") for name in names.get("feature", ()))
        return Recipe(
            product=product,
            variables=tuple(variables),
            shape=shape,
            shapes={name: other for name, other in shapes.items() if other != shape},
            grid=None if wavelength is None else Grid.of(wavelength),
            names=names,
            steps=steps,
            basis=self.basis if scores else None,
        )

    def fingerprint(self) -> str:
        """Compute the SHA-256 of identifiers, labels, targets and data, in row order; reads all data once."""
        digest = hashlib.sha256()
        for text in (self.object_id, self.label):
            digest.update("\0".join(str(value) for value in text).encode())
        digest.update(np.ascontiguousarray(self.targets).data)
        for _, block in self.blocks():
            for name in sorted(block):
                digest.update(np.ascontiguousarray(block[name]).data)
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Count the objects of each class."""
        names, numbers = np.unique(self.label, return_counts=True)
        return {str(name): int(number) for name, number in zip(names, numbers, strict=True)}
