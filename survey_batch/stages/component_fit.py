"""The fit of principal components to a product of spectra: which of them count, and how they are summed up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.hashing import hashes
from survey_batch.core.arrays import F4, Flags
from survey_batch.core.status import usable
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.spectra.pca import Moments
from survey_batch.stages.base import take
from survey_batch.store.products import open_group, read_rows, read_status, stored
from survey_batch.store.schema import Array, Shard

SPECTRUM = ("flux", "ivar", "mask")

SAMPLE_SEED = 1
"""Of the hash by which spectra are chosen for the fit."""

SUMMED_TOGETHER = 1024
"""Spectra of a sample that are summed up at once, at least: each sum costs as much as 500 spectra."""

FEW_CHUNKS = 1 / 3
"""Share of a shard's rows up to which their chunks are read one by one: one takes twice as long as in a whole shard."""


@dataclass(frozen=True)
class Part:
    """Sums over some shards for the principal components.

    Parameters
    ----------
    split
        Whether any of their objects has a split. If so, only objects of the training split count, here and in other
        parts.
    moments
        Moments of the prepared spectra that count.
    """

    split: bool
    moments: Moments

    def merge(self, other: "Part") -> "Part":
        """Add the sums of the next shards."""
        if self.split != other.split:
            return self if self.split else other
        return Part(self.split, self.moments.merge(other.moments))


class Sample(NamedTuple):
    """The spectra that principal components are fitted to, of a catalogue that has more than enough.

    It depends on the objects and on nothing else: not on shards, workers, or what is done already.
    """

    last: int
    """Hash of the last object; an object counts if the hash of its object_id is not larger."""
    split: bool
    """Whether any object of the catalogue has a split, so that only those of the training split count."""

    def holds(self, object_id: Array) -> Flags:
        """Tell which objects are in the sample, if they count at all."""
        return np.asarray(hashes(pa.array(object_id.astype(object), pa.string()), SAMPLE_SEED) <= np.uint64(self.last))


class Chosen(NamedTuple):
    """The spectra of one shard that count."""

    split: bool
    """As in `Part`."""
    rows: F4
    """Prepared, (object, wavelength)."""


def draw_sample(object_id: pa.Array | pa.ChunkedArray, size: int, split: bool) -> Sample | None:
    """Choose so many of the objects that count, by a hash of their object_id; None if there are no more than that.

    Parameters
    ----------
    object_id
        Of all objects that count.
    size
        How many are enough; 0 means all.
    split
        Whether any object has a split.
    """
    if not 0 < size < len(object_id):
        return None
    return Sample(int(np.partition(hashes(object_id, SAMPLE_SEED), size - 1)[size - 1]), split)


def sum_up(shards: Iterable[Chosen], sample: Sample | None) -> Part:
    """Sum up successive shards: each by itself or, of a sample, which has few rows in each, as many as fill one."""
    least = SUMMED_TOGETHER if sample else 0
    parts, waiting = list[Part](), list[Chosen]()
    for chosen in shards:
        waiting.append(chosen)
        if sum(len(one.rows) for one in waiting) >= least:
            parts = [reduce(Part.merge, (*parts, _summed(waiting)))]
            waiting = []
    return reduce(Part.merge, (*parts, _summed(waiting)) if waiting else parts)


def _summed(chosen: Sequence[Chosen]) -> Part:
    return Part(chosen[0].split, Moments.of(np.concatenate([one.rows for one in chosen])))


def which_count(columns: Rows, status: Array, sample: Sample | None) -> tuple[Flags, bool]:
    """Tell which spectra of a shard count, and whether any of its objects has a split.

    Parameters
    ----------
    columns
        `split` of each object and, if there is a sample, `object_id`.
    status
        Of each spectrum.
    sample
        What `draw_sample` chose.
    """
    split = columns["split"].astype(object)
    has_split = sample.split if sample else bool(np.any(split != ""))
    chosen = usable(status) & ((split == "train") | (not has_split))
    return (chosen & sample.holds(columns["object_id"]) if sample else chosen), has_split


def read_shard(output: str, shard: Shard, sample: Sample | None) -> tuple[Rows, Array]:
    """Read what `SpectralFeaturesStage.chosen_of` needs of a shard: columns and statuses of its rows.

    Of a sample, these are the rows of the chunks that hold its spectra, or of the whole shard unless they are few.
    """
    columns = read_rows(output, "spectra", shard.rows, ("split", *(("object_id",) if sample else SPECTRUM)))
    status = read_status(output, "spectra", shard.rows)
    if not sample or not (chosen := which_count(columns, status, sample)[0]).any():
        return columns, status
    runs = _runs(chosen, stored(open_group(output, "spectra", fresh=False), SPECTRUM[0]).chunks[0])
    near = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    begin = shard.rows.start
    read = [read_rows(output, "spectra", slice(begin + run.start, begin + run.stop), SPECTRUM) for run in runs]
    spectra = {name: np.concatenate([one[name] for one in read]) for name in SPECTRUM}
    return {**take(columns, near), **spectra}, status[near]


def _runs(chosen: Flags, chunk: int) -> list[slice]:
    """Return the rows of the chunks of so many objects that hold chosen ones; all rows unless these are few."""
    held = np.logical_or.reduceat(chosen, np.arange(0, len(chosen), chunk))
    edges = np.flatnonzero(np.diff(held, prepend=False, append=False)) * chunk
    runs = [slice(begin, min(end, len(chosen))) for begin, end in edges.reshape(-1, 2).tolist()]
    few = sum(run.stop - run.start for run in runs) <= FEW_CHUNKS * len(chosen)
    return runs if few else [slice(0, len(chosen))]


def counting_objects(plan: Plan) -> tuple[pa.ChunkedArray, bool]:
    """Tell which objects count for the fit if their spectra can be used, and whether any object has a split."""
    split, usable = plan.objects["split"], pc.equal(plan.objects["problem"], "")
    has_split = bool(pc.any(pc.not_equal(split, "")).as_py())
    return (pc.and_(usable, pc.equal(split, "train")) if has_split else usable), has_split
