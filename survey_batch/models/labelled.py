"""The labelled objects of a product: what a classifier is trained and tested on."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.catalog.groups import merge_groups, number_groups, sky_cells
from survey_batch.catalog.labels import possible_labels
from survey_batch.catalog.split import group_by_star
from survey_batch.catalog.splitting import KEYS
from survey_batch.models.manifest import made_with
from survey_batch.lazy.datasets import made_of
from survey_batch.core.errors import ConfigurationError
from survey_batch.config.job import Job
from survey_batch.lazy.products import open_product
from survey_batch.planning.plan import read_plan_columns
from survey_batch.stages.features import BASIS
from survey_batch.core.status import Status, usable

log = logging.getLogger(__name__)

STAR_RADIUS_ARCSEC = 3.0
"""Visits nearer than this are of one star, where the job does not say."""

LABELS_NAMED = 20
"""Labels that an error message lists."""

ROWS_AT_ONCE = 1024
"""Rows that are read at a time: a default shard."""

Block = dict[str, npt.NDArray[Any]]
Index = npt.NDArray[np.intp]

TEXTS = ("label", "split", "object_id")


@dataclass(frozen=True)
class Labelled:
    """Rows of a product that can be used and have a label. Of their data nothing is read until it is asked for.

    Parameters
    ----------
    source
        Variables of the product, (row, …) each: in memory, or read when they are indexed.
    label, split, object_id
        Text of each object.
    star
        Number of each object's star: repeat visits share it.
    coordinates
        The product's coordinates along the variables' other dimensions: `wavelength` [Angstrom, vacuum], `feature`, ….
    rows
        Rows of the source that the objects are, in this order; all by default.
    """

    source: Mapping[str, Any]
    label: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    object_id: npt.NDArray[np.str_]
    star: npt.NDArray[np.int64]
    coordinates: dict[str, npt.NDArray[Any]]
    rows: Index | None = None
    group: npt.NDArray[np.int64] | None = None
    """Number of what is never torn apart, where `catalog.split.group` says more than stars: fields, plans, sky."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """Settings with which the product was made."""
    basis: str | None = None
    """Fingerprint of the product's principal components."""
    possible_labels: tuple[str, ...] | None = None
    """Names that a label can have, whether an object has them or not; None where that is not known."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def block(self) -> Block:
        """All the data, read into memory: for models that need it whole."""
        return self.read(slice(None))

    def read(self, span: slice) -> Block:
        """Read the data of some objects."""
        rows: slice | Index = span if self.rows is None else self.rows[span]
        return {name: np.asarray(values[rows]) for name, values in self.source.items()}

    def blocks(self, size: int = ROWS_AT_ONCE) -> Iterator[tuple[slice, Block]]:
        """Read the data of all objects, some at a time."""
        for start in range(0, len(self), size):
            span = slice(start, min(start + size, len(self)))
            yield span, self.read(span)

    @property
    def apart(self) -> npt.NDArray[np.int64]:
        """Number of the group that must be on one side of any division of the objects."""
        return self.star if self.group is None else self.group

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one object in each variable."""
        return {name: tuple(values.shape[1:]) for name, values in self.source.items()}

    def take(self, rows: npt.NDArray[Any]) -> "Labelled":
        """Some of the rows, by index or as a mask."""
        parts = {name: getattr(self, name)[rows] for name in (*TEXTS, "star")}
        parts["group"] = None if self.group is None else self.group[rows]
        whole = np.arange(len(self)) if self.rows is None else self.rows
        return replace(self, rows=whole[rows], **parts)

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
        """SHA-256 over identifiers, labels and data, in this order of rows; all data is read once."""
        digest = hashlib.sha256()
        for text in (self.object_id, self.label):
            digest.update("\0".join(str(value) for value in text).encode())
        for _, block in self.blocks():
            for name in sorted(block):
                digest.update(np.ascontiguousarray(block[name]).data)
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Objects of each class."""
        names, numbers = np.unique(self.label, return_counts=True)
        return {str(name): int(number) for name, number in zip(names, numbers, strict=True)}


def read_labelled(
    job: Job,
    product: str,
    variables: tuple[str, ...],
    classes: tuple[str, ...] | None = None,
    split: str | None = None,
    *,
    needed: bool = True,
) -> Labelled:
    """Find the rows of a job's product that are usable and have a label; their data is read when it is used.

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
    needed
        Whether it is an error that there is no such row.

    Raises
    ------
    ConfigurationError
        There is no product, or no such row in it.
    """
    data = open_product(job, product)
    if missing := [name for name in variables if name not in data]:
        raise ConfigurationError(
            f"{product} of {job.output} has no variable {missing[0]!r}, which the classifier works on; it has "
            f"{sorted(str(name) for name in data.data_vars)}"
        )
    label = data["label"].to_numpy()
    wanted = label != "" if classes is None else np.isin(label, classes)
    status = data["status"].to_numpy()
    if pending := int(np.sum(status == Status.PENDING)):
        log.warning(
            "%d of %d rows of %s in %s are not done yet and take no part: finish the run first", pending, len(status),
            product, job.output,
        )  # fmt: skip
    known = usable(status) & np.asarray(wanted, bool)
    kept = np.flatnonzero(known & (data["split"].to_numpy() == split) if split else known)
    among = f" among {list(classes)}" if classes else ""
    log.info("%d of %d objects are usable and have a label%s", known.sum(), len(known), among)
    if len(kept) == 0 and needed:
        which = f" of split {split!r}" if split else ""
        splits = sorted({str(name) for name in data["split"].to_numpy()} - {""})
        raise ConfigurationError(
            f"no usable object{which} of {product} in {job.output} has a label{among}; labels there are "
            f"{sorted(map(str, set(label)))[:LABELS_NAMED]}, and splits {splits}; set catalog.label and [catalog.split]"
        )
    text = {name: np.array(data[name][kept].to_numpy().tolist(), dtype=str) for name in TEXTS}
    ra, dec = (data[name].to_numpy()[kept].astype(np.float64) for name in ("ra", "dec"))
    radius = job.catalog.split.radius_arcsec if job.catalog.split else STAR_RADIUS_ARCSEC
    source = {name: data[name] for name in variables}
    made = made_of(data) or {}
    dims = {str(dim) for values in source.values() for dim in values.dims} - {"object"}
    return Labelled(
        source,
        star=(star := group_by_star(ra, dec, radius)),
        group=_groups(job, kept, star, (ra, dec)),
        coordinates={dim: data[dim].to_numpy() for dim in sorted(dims) if dim in data.coords},
        rows=kept,
        made=made_with(made),
        basis=made.get(BASIS),
        possible_labels=possible_labels(job.catalog.label),
        **text,
    )


def _groups(job: Job, rows: Index, star: npt.NDArray[np.int64], place: tuple[Any, Any]) -> npt.NDArray[np.int64] | None:
    """Number of each object's field, plan or cell of sky, joined where a star lies in two; None where stars are all."""
    section = job.catalog.split
    if section is None or section.group == "star":
        return None
    if section.group == "sky":
        cell = number_groups(sky_cells(*place, section.cell_degrees))
    else:
        columns = read_plan_columns(job.output, KEYS[section.group])
        if not columns:
            return None
        cell = number_groups(*(np.unique(values[rows], return_inverse=True)[1] for values in columns.values()))
    return merge_groups(star, cell)
