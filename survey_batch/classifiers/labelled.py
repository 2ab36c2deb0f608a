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

LABELS_NAMED = 20
"""Labels that an error message lists."""

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
    coordinates
        The product's coordinates along the variables' other dimensions: `wavelength` [Angstrom, vacuum], `feature`, ….
    """

    block: dict[str, npt.NDArray[Any]]
    label: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    object_id: npt.NDArray[np.str_]
    star: npt.NDArray[np.int64]
    coordinates: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[Any]) -> "Labelled":
        """Some of the rows, by index or as a mask."""
        parts = {name: getattr(self, name)[rows] for name in (*TEXTS, "star")}
        return replace(self, block={name: values[rows] for name, values in self.block.items()}, **parts)

    def of_split(self, name: str) -> "Labelled":
        """The rows of one split."""
        return self.take(self.split == name)

    def of_classes(self, classes: tuple[str, ...]) -> "Labelled":
        """The rows whose label is one of some classes; how many others there are is logged."""
        known = np.isin(self.label, classes)
        if not known.all():
            others = sorted({str(label) for label in self.label[~known]})
            log.warning("%d objects of other classes are left out: %s", np.sum(~known), others)
        return self.take(known)

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


def read_labelled(
    job: Job, product: str, variables: tuple[str, ...], classes: tuple[str, ...] | None = None, split: str | None = None
) -> Labelled:
    """Read the rows of a job's product that are usable and have a label.

    Parameters
    ----------
    job
        Its stage of that product has run.
    product
        Such as "spectra" or "features".
    variables
        What to read of it.
    classes
        Labels to keep, by default all; what is left out is counted in the log.
    split
        Only this one.

    Raises
    ------
    ConfigurationError
        There is no product, or no such row in it.
    """
    data = open_product(job, product)
    text = {name: np.array(data[name].to_numpy().tolist(), dtype=str) for name in TEXTS}
    wanted = text["label"] != "" if classes is None else np.isin(text["label"], classes)
    known = usable(data["status"].to_numpy()) & wanted
    kept = np.flatnonzero(known & (text["split"] == split) if split else known)
    among = f" among {list(classes)}" if classes else ""
    log.info("%d of %d objects are usable and have a label%s", known.sum(), len(known), among)
    if len(kept) == 0:
        which = f" of split {split!r}" if split else ""
        raise ConfigurationError(
            f"no usable object{which} of {product} in {job.output} has a label{among}; labels there are "
            f"{sorted(set(text['label']))[:LABELS_NAMED]}; set catalog.label and [catalog.split]"
        )
    ra, dec = (data[name].to_numpy()[kept].astype(np.float64) for name in ("ra", "dec"))
    radius = job.catalog.split.radius_arcsec if job.catalog.split else STAR_RADIUS_ARCSEC
    rows = data[list(variables)].isel(object=kept).load()
    return Labelled(
        {name: rows[name].to_numpy() for name in variables},
        star=group_by_star(ra, dec, radius),
        coordinates={str(dim): data[dim].to_numpy() for dim in rows.dims if dim != "object" and dim in data.coords},
        **{name: values[kept] for name, values in text.items()},
    )
