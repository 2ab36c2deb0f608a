"""The Zarr products: create one from a schema, write one shard, read its status.

A product is one Zarr v3 group. Every array whose first dimension is the product's axis (`object` or `frame`) is
sharded along it with the same number of rows, so that one task owns whole Zarr shards and no two tasks ever
write the same one. `status` is written last: a shard whose status holds no `pending` is committed. Every chunk has a
checksum, and every array of a committed shard has its file (`store/strict.py`).
"""

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr

from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.paths import join, remove
from survey_batch.core.status import Status
from survey_batch.store.codecs import codecs_of, text_codecs
from survey_batch.store.damage import Damage, DamagedError, damage_told, find_damage
from survey_batch.store.marks import read_marks
from survey_batch.store.root import leave_out, write_root
from survey_batch.store.schema import Array, Schema, Shard, Variable
from survey_batch.store.shard_parts import read_part
from survey_batch.store.strict import STATUS, strict
from survey_batch.store.together import together
from survey_batch.store.whole_shards import write_whole

CONVENTIONS = "CF-1.11"
"""The conventions that a product's attributes follow, https://cfconventions.org."""

WHOLE: Any = {"write_empty_chunks": True}
"""How fixed coordinates are written: chunks of nothing but fill values too, so that none may be missing."""

PROVENANCE, FORMER_PROVENANCE = "provenance", "pieces"
"""Attribute of a product with everything it depends on: its name now, and its name in earlier versions."""


def product_url(output: str, product: str) -> str:
    """Return the address of a product in a job's output."""
    return join(output, f"{product}.zarr")


def product_exists(output: str, product: str) -> bool:
    """Tell whether the product was created completely (its metadata is written last).

    Raises
    ------
    PlanMismatchError
        An earlier version created the product, and this version cannot read it.
    """
    try:
        return is_complete(open_group(output, product))
    except FileNotFoundError:
        return False


def is_complete(group: zarr.Group) -> bool:
    """Tell whether a product's metadata, which is written last, is there; raise errors as `product_exists` does."""
    if FORMER_PROVENANCE in group.attrs:
        raise earlier_version(str(group.store_path))
    return PROVENANCE in group.attrs


def earlier_version(path: str, lacks: Iterable[str] = ()) -> PlanMismatchError:
    """Return the error for a product of an earlier version, which may lack some variables."""
    without = f" (it has no {', '.join(lacks)})" if lacks else ""
    return PlanMismatchError(
        f"{path} was made by an earlier version of survey_batch{without}, and this version cannot continue it: choose "
        "another output, or delete it"
    )


def create_product(output: str, schema: Schema, attrs: Mapping[str, Any]) -> None:
    """Create all arrays of a product, its fixed coordinates and its metadata, and add it to the output's group.

    Consolidated metadata is written here, with all shapes; `store.growth` changes both together.
    `attrs` is written last of all and marks the product as created. Values that are not text become JSON, so that a
    part of the product can also be saved as netCDF.
    """
    leave_out(output, schema.product)
    group = zarr.create_group(product_url(output, schema.product), overwrite=True, zarr_format=3)
    for variable in (*schema.variables, schema.status):
        _create_array(group, schema, variable)
    for name, (dims, values, attributes) in schema.coordinates.items():
        dtype: Any = str if values.dtype.kind in "UOT" else values.dtype
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=dtype,
            compressors=text_codecs(),
            dimension_names=dims,
            attributes=dict(attributes),
            config=WHOLE,
        )
        array[...] = values
    named = [variable.name for variable in schema.variables if variable.coordinate]
    own = [name for name, (dims, _, _) in schema.coordinates.items() if dims != (name,)]
    coordinates = {"coordinates": " ".join(named + own)} if named + own else {}
    group.attrs.update({"Conventions": CONVENTIONS, **schema.attrs, **coordinates})
    group.attrs.update({key: value if isinstance(value, str) else json.dumps(value) for key, value in attrs.items()})
    _consolidate(group)
    write_root(output, schema.product)
    forget_products()


def open_group(output: str, product: str, *, fresh: bool = True) -> zarr.Group:
    """Open a product's group for reading and writing; raise FileNotFoundError if there is none."""
    return open_strictly(output, product, "r+") if fresh else _open_cached(output, product)


def open_strictly(output: str, product: str, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open a product so that data which is lost is an error; raise FileNotFoundError if there is no product."""
    try:
        group = zarr.open_group(product_url(output, product), mode=mode, zarr_format=3)
    except FileNotFoundError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        what = f"its zarr.json cannot be read ({error})"
        raise DamagedError(output, [Damage(product, "", None, what=what)]) from error
    return strict(output, product, group)


def confirmed(error: DamagedError) -> list[Damage]:
    """Return what this process cannot read either of what another one could not: that one may see other files."""
    return [damage for damage in error.damages if _is_damaged(error.output, damage)]


def _is_damaged(output: str, damage: Damage) -> bool:
    try:
        group = open_group(output, damage.product)
    except (FileNotFoundError, DamagedError):
        return True
    if damage.array not in group:  # the product as a whole
        return True
    rows = None if damage.shard is None else slice(damage.start, damage.stop)
    return any(find_damage(damage.product, group, [damage.array], rows))


def forget_products() -> None:
    """Forget which arrays products have; each process that used a product needs this after the product is remade."""
    _open_cached.cache_clear()
    _array.cache_clear()


@lru_cache(maxsize=16)
def _open_cached(output: str, product: str) -> zarr.Group:
    return open_strictly(output, product, "r+")


@lru_cache(maxsize=512)
def _array(output: str, product: str, name: str) -> zarr.Array[Any]:
    """Get an array of a product that is open; Zarr asks its own thread for each, which takes a millisecond."""
    return stored(_open_cached(output, product), name)


def read_status(output: str, product: str, rows: slice | None = None) -> npt.NDArray[np.uint8]:
    """Read the status array, whole or for one shard."""
    if rows is not None:
        return np.asarray(read_rows(output, product, rows, [STATUS])[STATUS], dtype=np.uint8)
    return np.asarray(read_marks(output, product, open_group(output, product, fresh=False)), dtype=np.uint8)


def read_rows(output: str, product: str, rows: slice, names: Sequence[str]) -> dict[str, Array]:
    """Read some variables of some rows; raise DamagedError if they are not what was written."""
    with damage_told(open_group(output, product, fresh=False), names, rows):
        read = together(output, lambda name: read_part(_array(output, product, name), rows), names)
    return dict(zip(names, read, strict=True))


def write_shard(output: str, product: str, shard: Shard, data: Mapping[str, Array], status: Array) -> bytes:
    """Write one whole shard of every array, the status last, and return the file of the statuses (`store/marks.py`).

    A shard that was committed before is first marked `pending` again, so that an interrupted write is detected.
    """
    if np.any(read_status(output, product, shard.rows) != Status.PENDING):
        mark_pending(output, product, [shard])
    _write_whole(output, product, shard, data)
    return _write_status(output, product, shard, status)


def _write_whole(output: str, product: str, shard: Shard, values: Mapping[str, Array]) -> None:
    """Write a whole shard of some arrays, over whatever is there."""

    def write(name: str) -> None:
        write_whole(_array(output, product, name), shard, values[name])

    together(output, write, list(values))


def _write_status(output: str, product: str, shard: Shard, status: Array) -> bytes:
    """Write the statuses of a shard, and return their file."""
    mark = _array(output, product, STATUS)
    return write_whole(mark, shard, status, leave_out_empty=True)


def write_coordinates(output: str, product: str, shard: Shard, values: Mapping[str, Array]) -> None:
    """Rewrite some coordinates of the objects of a shard, unless the shard is still to be done.

    Parameters
    ----------
    output, product, shard
        The shard.
    values
        The coordinates of all objects of the product.
    """
    if np.any(read_status(output, product, shard.rows) != Status.PENDING):
        _write_whole(output, product, shard, {name: whole[shard.rows] for name, whole in values.items()})


def mark_pending(output: str, product: str, shards: Iterable[Shard]) -> None:
    """Mark shards as pending, so that a run does them again; also where the statuses themselves are damaged."""
    mark = _array(output, product, STATUS)
    for shard in shards:
        remove(join(product_url(output, product), STATUS, _key(mark, shard)))


def drop_shard(output: str, product: str, shard: Shard) -> None:
    """Mark a damaged shard as pending and delete its files."""
    mark_pending(output, product, [shard])
    for name, array in open_group(output, product, fresh=False).arrays():
        if array.shards is not None:
            remove(join(product_url(output, product), name, _key(array, shard)))


def rewrite_coordinate(output: str, product: str, name: str, values: Array) -> None:
    """Write a fixed coordinate again, whatever its file holds."""
    stored(open_group(output, product, fresh=False), name).with_config(WHOLE)[...] = values


def _key(array: zarr.Array[Any], shard: Shard) -> str:
    """Return where in an array's folder the file of a shard is."""
    metadata: Any = array.metadata
    return str(metadata.encode_chunk_key((shard.index, *[0] * (array.ndim - 1))))


def mark_rows_pending(output: str, product: str, rows: Array, shards: Iterable[Shard]) -> None:
    """Mark some rows, or bands of them, as pending; `rows` is true for these and has the shape of the status."""
    for shard in shards:
        if (chosen := rows[shard.rows]).any():
            status = np.where(chosen, np.uint8(Status.PENDING), read_status(output, product, shard.rows))
            _write_status(output, product, shard, status)


def stored(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Get an array of a product without reading it."""
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{group.store_path}: {name} is not an array")
    return array


def _create_array(group: zarr.Group, schema: Schema, variable: Variable) -> None:
    shape = schema.shape(variable)
    chunks = schema.chunk(variable)
    shards = tuple(
        -(-whole // part) * part for whole, part in zip((schema.shard_rows, *shape[1:]), chunks, strict=True)
    )
    group.create_array(
        variable.name,
        shape=shape,
        dtype=str if variable.dtype == "string" else variable.dtype,
        chunks=chunks,
        shards=shards,
        compressors=codecs_of(variable),
        fill_value=variable.fill,
        dimension_names=variable.dims,
        attributes=dict(variable.attrs),  # no _FillValue: xarray need not decode NaN
    )


def _consolidate(group: zarr.Group) -> None:
    with warnings.catch_warnings():
        # This is true, and known: readers that do not support consolidated metadata read each array's own metadata.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(group.store)
