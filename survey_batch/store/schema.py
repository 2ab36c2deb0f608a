"""The shape of a product: its arrays, their chunks, and the shards of its axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from survey_batch.core.status import flag_attributes

Array = npt.NDArray[Any]
Axis = Literal["object", "frame"]

INNER_CHUNK_BYTES = 2_000_000
"""Target size of an inner chunk: 1 to 8 MB keep random reads cheap and sequential reads fast."""


@dataclass(frozen=True)
class Variable:
    """One array of a product.

    Attributes
    ----------
    name, dims, dtype : str
        `dtype` is a numpy type, or "string".
    attrs : mapping
        `long_name`, `units` and anything else a reader needs.
    chunks : tuple of int, optional
        Inner chunk; by default whole rows, about `INNER_CHUNK_BYTES` of them.
    coordinate : bool
        Whether xarray shows it as a coordinate.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    chunks: tuple[int, ...] | None = None
    coordinate: bool = False

    @property
    def fill(self) -> Any:
        """Value of a row without data: NaN, 0 or an empty string."""
        if self.dtype == "string":
            return ""
        return np.nan if np.dtype(self.dtype).kind == "f" else 0

    @property
    def itemsize(self) -> int:
        """Bytes of a value; 24 of a string."""
        return 24 if self.dtype == "string" else np.dtype(self.dtype).itemsize

    def empty(self, shape: Sequence[int]) -> Array:
        """Make an array of `shape` that holds only fill values."""
        if self.dtype != "string" and self.fill == 0:
            return np.zeros(shape, self.dtype)  # takes no memory, and no time, before it is written
        return np.full(shape, self.fill, dtype=object if self.dtype == "string" else self.dtype)


@dataclass(frozen=True)
class Schema:
    """Everything that fixes a product's shape before work begins.

    Attributes
    ----------
    product : str
        Name of the stage that makes the product.
    axis : str
        Dimension along which the product is sharded.
    sizes : mapping
        Length of every dimension.
    shard_rows : int
        Rows of the axis in one shard.
    variables : tuple of Variable
        Arrays that shards write; `status` is added by `create_product`.
    coordinates : mapping
        Small fixed arrays, written at creation: name to (dims, values, attributes).
    """

    product: str
    axis: Axis
    sizes: Mapping[str, int]
    shard_rows: int
    variables: tuple[Variable, ...]
    coordinates: Mapping[str, tuple[tuple[str, ...], Array, Mapping[str, Any]]] = field(default_factory=dict)
    status_dims: tuple[str, ...] = ("object",)
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Variable:
        """The commit mark."""
        return Variable("status", self.status_dims, "u1", flag_attributes(" and ".join(self.status_dims)))

    def shape(self, variable: Variable, rows: int | None = None) -> tuple[int, ...]:
        """Shape of a variable, for the whole product or for a block of `rows`."""
        whole = [self.sizes[dim] for dim in variable.dims]
        return (*((rows,) if rows is not None else (whole[0],)), *whole[1:])

    def chunk(self, variable: Variable) -> tuple[int, ...]:
        """Shape of an inner chunk of a variable."""
        if variable.chunks is not None:
            return variable.chunks
        row = variable.itemsize * int(np.prod(self.shape(variable)[1:], dtype=np.int64))
        rows = max(1, min(self.shard_rows, INNER_CHUNK_BYTES // row))
        while self.shard_rows % rows:
            rows -= 1
        return (rows, *self.shape(variable)[1:])

    @property
    def nbytes(self) -> int:
        """Uncompressed size of the product; a string counts as 24 bytes."""
        return sum(
            int(np.prod(self.shape(variable), dtype=np.int64)) * variable.itemsize
            for variable in (*self.variables, self.status)
        )

    @property
    def row_nbytes(self) -> int:
        """Uncompressed bytes of one row of the axis."""
        return -(-self.nbytes // max(self.sizes[self.axis], 1))


PRODUCTS_OF_FRAMES = ("detections", "frames")
"""Products with the axis `frame`; all others have the axis `object`."""

PRODUCTS_FROM_FIELDS = ("detections",)
"""Products made from a list of fields, whatever objects there are; they do not grow."""


def _coordinate(name: str, dtype: str, **attrs: str) -> Variable:
    return Variable(name, ("object",), dtype, attrs, coordinate=True)


OBJECT_COORDINATES = (
    _coordinate("object_id", "string", long_name="identifier; objects are joined by it, never by position"),
    _coordinate("ra", "f8", long_name="right ascension (ICRS)", units="degree"),
    _coordinate("dec", "f8", long_name="declination (ICRS)", units="degree"),
    _coordinate("label", "string", long_name="class in the catalogue"),
    _coordinate("split", "string", long_name="train, validation or test"),
)
"""Coordinates of the objects in every product with the axis `object`."""


@dataclass(frozen=True)
class Shard:
    """Rows `start` to `stop` (exclusive) of an axis; the unit of work, retry and resume."""

    axis: Axis
    index: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """Rows as a slice."""
        return slice(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.axis} shard {self.index} (rows {self.start} to {self.stop - 1})"


def cut_into_shards(axis: Axis, size: int, rows: int) -> list[Shard]:
    """Number the shards of an axis of `size` rows."""
    return [Shard(axis, index, start, min(start + rows, size)) for index, start in enumerate(range(0, size, rows))]
