"""The labelled objects of a product: what a classifier is trained and tested on."""

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.catalog.split import group_by_star
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.open import open_product
from survey_batch.status import usable

log = logging.getLogger(__name__)

STAR_RADIUS_ARCSEC = 3.0
"""Visits nearer than this are of one star, where the job does not say."""

TEXTS = ("label", "split", "object_id")


@dataclass(frozen=True)
class Labelled:
    """Rows of a product that can be used and have a label.

    Parameters
    ----------
    block
        Variables of the product, (object, …) each.
    label, split, object_id
        Text of each object.
    star
        Number of each object's star: repeat visits share it.
    wavelength
        Grid [Angstrom, vacuum].
    """

    block: dict[str, npt.NDArray[Any]]
    label: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    object_id: npt.NDArray[np.str_]
    star: npt.NDArray[np.int64]
    wavelength: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[Any]) -> "Labelled":
        """Some of the rows, by index or as a mask."""
        parts = {name: getattr(self, name)[rows] for name in (*TEXTS, "star")}
        return replace(self, block={name: values[rows] for name, values in self.block.items()}, **parts)

    def of_split(self, name: str) -> "Labelled":
        """The rows of one split."""
        return self.take(self.split == name)

    def fingerprint(self) -> str:
        """SHA-256 over identifiers, labels and data, in this order of rows."""
        digest = hashlib.sha256()
        for text in (self.object_id, self.label):
            digest.update("\0".join(str(value) for value in text).encode())
        for name in sorted(self.block):
            digest.update(np.ascontiguousarray(self.block[name]).tobytes())
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Objects of each class."""
        names, numbers = np.unique(self.label, return_counts=True)
        return {str(name): int(number) for name, number in zip(names, numbers, strict=True)}


def read_labelled(job: Job, variables: tuple[str, ...], classes: tuple[str, ...], split: str | None = None) -> Labelled:
    """Read the rows of a job's spectra that are usable and whose label is a class.

    Parameters
    ----------
    job
        Its stage `spectra` has run.
    variables
        What to read of the product.
    classes
        Labels to keep; what is left out is counted in the log.
    split
        Only this one.

    Raises
    ------
    ConfigurationError
        There is no product, or no such row in it.
    """
    product = open_product(job, "spectra")
    text = {name: np.array(product[name].to_numpy().tolist(), dtype=str) for name in TEXTS}
    known = usable(product["status"].to_numpy()) & np.isin(text["label"], classes)
    kept = np.flatnonzero(known & (text["split"] == split) if split else known)
    log.info("%d of %d objects are usable and have a label among %s", known.sum(), len(known), list(classes))
    if len(kept) == 0:
        which = f" of split {split!r}" if split else ""
        raise ConfigurationError(
            f"no usable spectrum{which} in {job.output} has a label among {list(classes)}; labels there are "
            f"{sorted(set(text['label']))}; set catalog.label and [catalog.split]"
        )
    ra, dec = (product[name].to_numpy()[kept].astype(np.float64) for name in ("ra", "dec"))
    radius = job.catalog.split.radius_arcsec if job.catalog.split else STAR_RADIUS_ARCSEC
    rows = product[list(variables)].isel(object=kept).load()
    return Labelled(
        {name: rows[name].to_numpy() for name in variables},
        star=group_by_star(ra, dec, radius),
        wavelength=product["wavelength"].to_numpy(),
        **{name: values[kept] for name, values in text.items()},
    )
