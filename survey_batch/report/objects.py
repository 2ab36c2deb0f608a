"""What the report knows about the objects: a bounded, reproducible sample of every product's small columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import zarr

from survey_batch.catalog.stars import group_by_star
from survey_batch.core.arrays import Index
from survey_batch.core.status import Status, final_status, usable
from survey_batch.core.wording import counted
from survey_batch.report.reading import read_array, read_group, shard_rows
from survey_batch.report.style import STATUS_COLORS, class_colors
from survey_batch.report.summary import RunStatus
from survey_batch.results.outliers import NEIGHBOUR, OutlierScore, reference_rows
from survey_batch.store.products import stored
from survey_batch.store.schema import Array
from survey_batch.training.labelled_rows import STAR_RADIUS_ARCSEC

MAX_OBJECTS = 500_000
"""Most objects that are read, in whole shards evenly spaced over the product."""

MAX_LABELS = 24
"""A column with more distinct values is not a class."""


@dataclass(frozen=True)
class Objects:
    """Small columns of a sample of the objects, one entry each.

    Attributes
    ----------
    total : int
        Objects of the job.
    row : (n,) int
        Index on the products' object axis.
    object_id, label, split, predicted : (n,) str
        "" where there is none.
    ra, dec : (n,) float64
        Degrees.
    status : (n,) str
        The final one.
    usable : (n,) bool
        Whether the first product (cutouts or spectra) holds data of the object.
    probability : (n, class) or None
        None where there are no predictions.
    classes : tuple of str
        The classifier's, else the labels' if they are few.
    embedding : (n, dimension) or None
        None where predictions are no embedding; NaN where an object has none.
    radius_arcsec : float
        Objects closer than this are visits of one star.
    problems : dict
        Of objects that the page shows, by row: the anchor of the problem's kind, and the object's own message.
    """

    total: int
    row: Index
    object_id: Array
    ra: npt.NDArray[np.float64]
    dec: npt.NDArray[np.float64]
    label: Array
    split: Array
    status: Array
    predicted: Array
    usable: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32] | None
    classes: tuple[str, ...]
    radius_arcsec: float = STAR_RADIUS_ARCSEC
    embedding: npt.NDArray[np.float32] | None = None
    problems: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float32]:
        """Largest probability of each object, (n,); NaN where there is none."""
        if self.probability is None:
            return np.full(len(self), np.nan, np.float32)
        return np.asarray(self.probability.max(axis=1))

    @cached_property
    def best(self) -> Array:
        """Most probable class of each object, (n,), even if the classifier abstained; "" where there is none."""
        if self.probability is None:
            return np.full(len(self), "", dtype=object)
        names = np.array(self.classes, dtype=object)[self.probability.argmax(axis=1)]
        return np.where(np.isfinite(self.confidence), names, "")

    @cached_property
    def outlier_score(self) -> npt.NDArray[np.float32]:
        """How unlike the others each object is, (n,); NaN where that is not known."""
        vectors = np.zeros((len(self), 1), np.float32) if self.embedding is None else self.embedding
        rows = reference_rows(np.asarray(np.isfinite(vectors).all(axis=1), bool))
        if self.embedding is None or len(rows) <= NEIGHBOUR:
            return np.full(len(self), np.nan, np.float32)
        return OutlierScore.from_reference(rows, vectors[rows]).scores(np.arange(len(self)), vectors)

    @cached_property
    def star(self) -> npt.NDArray[np.int64]:
        """Number of each object's star, (n,), shared by its visits."""
        return group_by_star(self.ra, self.dec, self.radius_arcsec).astype(np.int64)

    @property
    def group(self) -> Array:
        """How objects are grouped: by predicted class, else label, else status."""
        if self.probability is not None:
            return self.predicted
        return self.label if self.classes else self.status

    @property
    def group_title(self) -> str:
        """What `group` is."""
        return "predicted class" if self.probability is not None else "label" if self.classes else "status"

    @property
    def colors(self) -> Mapping[str, str]:
        """Colour of each group."""
        return class_colors(self.classes) if self.classes else STATUS_COLORS

    @property
    def sampled(self) -> str:
        """Say which objects these are, if they are not all."""
        part = f"{len(self):,} of {counted(self.total, 'object')}, evenly spaced whole shards. "
        return "" if len(self) == self.total else part


def read_objects(status: RunStatus) -> Objects | None:
    """Read the sample; None if no object-wise product holds anything yet."""
    groups = {stage.name: read_group(status.output, stage.name) for stage in status.stages if stage.axis == "object"}
    made = {name: group for name, group in groups.items() if group is not None}
    if not made:
        return None
    first = next(iter(made.values()))
    total = min(stored(group, "status").shape[0] for group in made.values())  # one may have grown before the others
    blocks = sample_blocks(total, shard_rows(first))
    row = np.concatenate([np.arange(block.start, block.stop) for block in blocks])

    def column(name: str, group: zarr.Group = first) -> Array:
        return np.concatenate([read_array(group, name, block) for block in blocks])

    first_status = column("status")
    begun = first_status != Status.PENDING  # rows of the others have no id or position yet
    if not begun.any():
        return None
    names = np.array([member.name.lower() for member in Status], dtype=object)
    texts = {name: column(name)[begun] for name in ("object_id", "label", "split")}
    columns = {**texts, "ra": column("ra")[begun], "dec": column("dec")[begun]}
    final = final_status([column("status", group) for group in made.values()])
    columns |= {"status": names[final][begun], "usable": usable(first_status)[begun]}
    predictions = made.get("predictions")
    if predictions is None or "probability" not in predictions:
        predicted, probability = np.full(begun.sum(), "", dtype=object), None
        classes = label_classes(texts["label"])
    else:
        predicted = column("predicted_class", predictions)[begun]
        probability = column("probability", predictions)[begun]
        classes = tuple(str(name) for name in read_array(predictions, "class"))
    vectors = predictions if predictions is not None and "embedding" in predictions else None
    split = status.job["catalog"].get("split") or {}
    return Objects(
        total,
        row[begun],
        predicted=predicted,
        probability=probability,
        classes=classes,
        embedding=None if vectors is None else column("embedding", vectors)[begun],
        radius_arcsec=float(split.get("radius_arcsec", STAR_RADIUS_ARCSEC)),
        **columns,
    )


def sample_blocks(total: int, shard_rows: int, limit: int = MAX_OBJECTS) -> list[slice]:
    """Choose whole shards, evenly spaced, that hold at most `limit` rows together; at least one."""
    shards = -(-total // shard_rows)
    kept = min(shards, max(1, limit // shard_rows))
    chosen = np.unique(np.linspace(0, shards - 1, kept).round().astype(int))
    return [
        slice(int(s) * shard_rows, min((int(s) + 1) * shard_rows, total, int(s) * shard_rows + limit)) for s in chosen
    ]


def label_classes(label: Array) -> tuple[str, ...]:
    """List the labels that occur, in order; none if they are too many to be classes."""
    found = sorted({str(value) for value in label} - {""})
    return tuple(found) if len(found) <= MAX_LABELS else ()


def spread(indices: Sequence[int] | Index, count: int) -> Index:
    """Choose up to `count` of some indices, evenly spaced."""
    indices = np.asarray(indices, dtype=np.intp)
    chosen = np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(np.intp)
    return np.take(indices, chosen)
