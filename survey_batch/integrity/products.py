"""Check one product: its shape, its statuses against the files of its shards, and on request every value."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zarr
from fsspec.core import url_to_fs

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url, join
from survey_batch.core.status import Status, usable
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted, size
from survey_batch.integrity.faults import Fault, Kind
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import to_numpy
from survey_batch.stages import Stage
from survey_batch.store.codecs import is_checked
from survey_batch.store.damage import Damage, UnreadableRowsError, damage_of, read_whole, why_unreadable
from survey_batch.store.products import product_url, stored
from survey_batch.store.schema import Array, Axis, Shard
from survey_batch.store.strict import STATUS

READERS = 4
"""Shards that are read at a time from an object store, where each waits for answers; from a disk it is one."""

IDENTITY = ("object_id", "ra", "dec")
"""Coordinates that the plan has too."""


@dataclass
class Look:
    """A look at a product, and what was read so far.

    Attributes
    ----------
    output, product, group
        Which.
    plan : Plan
        The current plan of the output.
    stage : Stage or None
        The stage that makes it; None if the job has no such stage.
    """

    output: str
    product: str
    group: zarr.Group
    plan: Plan
    stage: Stage | None = None
    nbytes: int = 0
    status: Array = field(default_factory=lambda: np.zeros(0, np.uint8))

    def shards(self) -> list[Shard]:
        """Return the shards of the product's own axis, whatever the plan says."""
        mark = stored(self.group, STATUS)
        rows, step = mark.shape[0], (mark.shards or mark.shape)[0]
        metadata: Any = mark.metadata
        axis: Axis = "frame" if "frame" in (metadata.dimension_names or ()) else "object"
        starts = enumerate(range(0, rows, max(step, 1)))
        return [Shard(axis, index, start, min(start + step, rows)) for index, start in starts]

    def done(self) -> list[Shard]:
        """Return the shards of which some rows are done."""
        return [shard for shard in self.shards() if np.any(self.status[shard.rows] != Status.PENDING)]

    def fault(self, array: str, shard: Shard | None, what: str) -> Fault:
        """Make a fault of a part of the product."""
        if shard is None:
            return Fault.of(Damage(self.product, array, None, what=what))
        return Fault.of(Damage(self.product, array, shard.index, shard.start, shard.stop, what))


def check_product(look: Look, *, deep: bool) -> Iterator[Fault]:
    """Check a product whose metadata can be read."""
    wrong = list(_check_shape(look))
    yield from wrong
    if wrong or STATUS not in look.group:
        return
    yield from _check_statuses(look)
    damaged = set[tuple[str, int]]()
    for fault in _check_files(look):
        if fault.damage is not None and fault.damage.shard is not None:
            damaged.add((fault.damage.array, fault.damage.shard))
        yield fault
    for name, array in look.group.arrays():
        if array.shards is None:
            yield from map(Fault.of, damage_of(look.product, name, array))
    if deep:
        yield from _check_values(look, damaged)


def _check_shape(look: Look) -> Iterator[Fault]:
    """Compare the arrays with the shape that the plan and the stage fix."""
    if look.stage is None:
        return
    try:
        schema = look.stage.schema(look.plan.size(look.stage.axis))
    except ConfigurationError:  # of the classifier, which is told by itself
        return
    for variable in (*schema.variables, schema.status):
        wanted: list[Any] = [schema.shape(variable), schema.chunk(variable)]
        if variable.name not in look.group:
            yield Fault(Kind.SETTINGS, f"{look.product}.zarr", f"it has no array {variable.name}")
            continue
        array = stored(look.group, variable.name)
        found: list[Any] = [array.shape, array.chunks]
        if variable.dtype != "string":
            wanted, found = [*wanted, np.dtype(variable.dtype)], [*found, array.dtype]
        if wanted != found:
            named = zip(("shape", "chunks", "type"), found, wanted, strict=False)
            what = ", ".join(f"{name} {there} instead of {asked}" for name, there, asked in named if there != asked)
            yield Fault(Kind.SETTINGS, f"{look.product}.zarr", f"{variable.name} has {what}")


def _check_statuses(look: Look) -> Iterator[Fault]:
    """Read the statuses shard by shard; those of a shard that cannot be read count as pending."""
    mark = stored(look.group, STATUS)
    look.status = np.zeros(mark.shape, np.uint8)
    for shard in look.shards():
        if what := why_unreadable(mark, shard.rows):
            yield look.fault(STATUS, shard, what)
            continue
        look.status[shard.rows] = mark[shard.rows]
        if (worst := int(look.status[shard.rows].max(initial=0))) > max(Status):
            yield look.fault(STATUS, shard, f"there is no status {worst}")


def _check_files(look: Look) -> Iterator[Fault]:
    """Compare the statuses with the files that are there; an array of nothing but fill values may have had none."""
    for name, array in sorted(look.group.arrays()):
        if array.shards is None or name == STATUS:
            continue
        sizes = _sizes(join(product_url(look.output, look.product), name, "c"))
        # Without checksums, an array of nothing but fill values had no file; images and spectra of objects are no such.
        checked = is_checked(array.metadata)  # type: ignore[arg-type]
        dense = array.ndim > 1 and array.dtype.kind == "f"
        for shard in look.done():
            found = sizes.get(shard.index)
            if found == 0 or (found is None and (checked or (dense and usable(look.status[shard.rows]).any()))):
                yield look.fault(name, shard, "its file is missing" if found is None else "its file is empty")


def _sizes(folder: str) -> dict[int, int]:
    """List the files of an array: index of the shard, and size in bytes."""
    filesystem, inside = url_to_fs(folder)
    filesystem.invalidate_cache()
    there = filesystem.find(inside, detail=True)
    root = inside.rstrip("/") + "/"
    places = {path.removeprefix(root).split("/")[0]: int(about["size"]) for path, about in there.items()}
    return {int(place): nbytes for place, nbytes in places.items() if place.isdigit()}


def _check_values(look: Look, damaged: Iterable[tuple[str, int]]) -> Iterator[Fault]:
    """Read all values of all shards that are done, which compares them with their checksums."""
    known, shards = set(damaged), look.done()
    arrays = [(name, array) for name, array in sorted(look.group.arrays()) if array.shards is not None]
    ids = _planned(look)

    def read(shard: Shard) -> tuple[int, list[Fault]]:
        nbytes, faults = 0, []
        for name, array in arrays:
            if (name, shard.index) in known:
                continue
            try:
                values = read_whole(array, shard.rows)
            except UnreadableRowsError as error:
                faults.append(look.fault(name, shard, str(error)))
                continue
            if name in ids and not _equal(values, ids[name][shard.rows], look.status[shard.rows]):
                faults.append(look.fault(name, shard, "it is not that of the plan"))
            nbytes += values.nbytes
        return nbytes, faults

    with ThreadPoolExecutor(READERS if is_url(look.output) else 1) as pool:
        for number, (nbytes, faults) in enumerate(pool.map(read, shards), 1):
            look.nbytes += nbytes
            detail(f"{look.product}: {number:,} of {counted(len(shards), 'shard')}, {size(look.nbytes)}")
            yield from faults


def _planned(look: Look) -> dict[str, Array]:
    objects = look.plan.objects
    if look.stage is None or look.stage.axis != "object" or objects.num_rows != len(look.status):
        return {}
    return {name: to_numpy(objects[name]) for name in IDENTITY if name in objects.column_names and name in look.group}


def _equal(values: Array, planned: Array, status: Array) -> bool:
    done = status != Status.PENDING
    if values.dtype.kind == "f":
        return bool(np.array_equal(values[done], planned[done], equal_nan=True))
    return bool(np.array_equal(values[done].astype(object), planned[done].astype(object)))
