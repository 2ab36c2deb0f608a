"""What a report knows of the objects: a bounded, reproducible sample of every product's small columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zarr

from survey_batch.products import Array
from survey_batch.report.reading import read_array, read_group, shard_rows, stored
from survey_batch.report.style import STATUS_COLORS, class_colors
from survey_batch.status import Status, final_status, usable
from survey_batch.summary import RunStatus

MAX_OBJECTS = 500_000
"""Objects read at most; whole shards, evenly spaced over the product."""

MAX_LABELS = 24
"""A column with more values is no class."""

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Objects:
    """Small columns of a sample of the objects, one entry each.

    Attributes
    ----------
    total : int
        Objects of the job.
    row : (n,) int
        Place on the products' object axis.
    object_id, label, split, predicted : (n,) str
        "" where there is none.
    ra, dec : (n,) float64
        Degrees.
    status : (n,) str
        The final one.
    usable : (n,) bool
        Whether the first product (cutouts or spectra) holds data of it.
    probability : (n, class) or None
        None where there are no predictions.
    classes : tuple of str
        The classifier's, else the labels' where they are few.
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

    def __len__(self) -> int:
        return len(self.row)

    @property
    def group(self) -> Array:
        """What objects are told apart by: predicted class, else label, else status."""
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
        """Say which objects these are, where they are not all."""
        return (
            "" if len(self) == self.total else f"{len(self):,} of {self.total:,} objects, evenly spaced whole shards. "
        )


def read_objects(status: RunStatus) -> Objects | None:
    """Read the sample; None where no object-wise product holds anything yet."""
    groups = {stage.name: read_group(status.output, stage.name) for stage in status.stages if stage.axis == "object"}
    made = {name: group for name, group in groups.items() if group is not None}
    if not made:
        return None
    first = next(iter(made.values()))
    total = stored(first, "status").shape[0]
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
    if predictions is None:
        predicted, probability = np.full(begun.sum(), "", dtype=object), None
        classes = label_classes(texts["label"])
    else:
        predicted = column("predicted_class", predictions)[begun]
        probability = column("probability", predictions)[begun]
        classes = tuple(str(name) for name in read_array(predictions, "class"))
    return Objects(total, row[begun], predicted=predicted, probability=probability, classes=classes, **columns)


def sample_blocks(total: int, shard_rows: int, limit: int = MAX_OBJECTS) -> list[slice]:
    """Choose whole shards, evenly spaced, that hold at most `limit` rows together; at least one."""
    shards = -(-total // shard_rows)
    kept = min(shards, max(1, limit // shard_rows))
    chosen = np.unique(np.linspace(0, shards - 1, kept).round().astype(int))
    return [
        slice(int(s) * shard_rows, min((int(s) + 1) * shard_rows, total, int(s) * shard_rows + limit)) for s in chosen
    ]


def label_classes(label: Array) -> tuple[str, ...]:
    """Labels that occur, in order; none where they are too many to be classes."""
    found = sorted({str(value) for value in label} - {""})
    return tuple(found) if len(found) <= MAX_LABELS else ()


def spread(places: Sequence[int] | Index, count: int) -> Index:
    """Choose up to `count` of some places, evenly spaced."""
    places = np.asarray(places, dtype=np.intp)
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(np.intp)
    return np.take(places, chosen)
