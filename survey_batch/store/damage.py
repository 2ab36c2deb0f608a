"""Stored data that cannot be read as it was written: what it is, where, and how an error of Zarr becomes a sentence."""

import errno
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import zarr

from survey_batch.core.errors import CHECKSUM_DIFFERS, SurveyBatchError
from survey_batch.store.schema import Array
from survey_batch.store.shard_parts import OF_DAMAGE, read_part

LOST = "zarr.json is not what was written, and no copy of it is left"


def rows_in_words(start: int, stop: int) -> str:
    """Name successive rows; `stop` is the first that is not among them."""
    return f"rows {start} to {stop - 1}" if stop - start > 1 else f"row {start}"


@dataclass(frozen=True, order=True)
class Damage:
    """A part of a product that cannot be read.

    Attributes
    ----------
    product, array : str
        `array` is empty for the whole product.
    shard : int or None
        None for what belongs to no shard: metadata, and coordinates that are written once.
    start, stop : int
        Rows of the shard.
    what : str
        What is wrong with it.
    """

    product: str
    array: str
    shard: int | None
    start: int = 0
    stop: int = 0
    what: str = ""

    def __str__(self) -> str:
        rows = "" if self.shard is None else f" of shard {self.shard} ({rows_in_words(self.start, self.stop)})"
        return ": ".join(filter(None, (f"{self.product}.zarr", f"{self.array}{rows}", self.what)))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        return asdict(self)


class DamagedError(SurveyBatchError):
    """Stored data is lost, cut short, or not what was written.

    Parameters
    ----------
    output
        Folder or URL of the products.
    damages
        What cannot be read.
    """

    def __init__(self, output: str, damages: Iterable[Damage]) -> None:
        self.output, self.damages = output, tuple(sorted(set(damages)))
        first, *others = self.damages
        more = f", and {len(others)} more like this" if others else ""
        super().__init__(
            f"{output}: stored data cannot be read: {first}{more}. survey-batch verify --deep lists all that is "
            "damaged, and with --repair a run makes it again"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return DamagedError, (self.output, self.damages), vars(self)


@contextmanager
def damage_told(group: zarr.Group, names: Sequence[str] = (), rows: slice | None = None) -> Iterator[None]:
    """Turn an error on reading a product into a DamagedError that says what cannot be read.

    Parameters
    ----------
    group
        The product, opened by `store.products`.
    names, rows
        The arrays that are read (all by default), and which rows.
    """
    try:
        yield
    except (*OF_DAMAGE, DamagedError) as error:
        if isinstance(error, OSError) and error.errno != errno.EIO:
            raise  # from a network or a file system, and perhaps not so the next time
        output, product = place_of(group)
        if not (found := list(find_damage(product, group, names, rows))):
            raise
        raise DamagedError(output, found) from error


def place_of(group: zarr.Group) -> tuple[str, str]:
    """Return the output and the name of a product."""
    layout: Any = getattr(group.store, "layout", None)
    return (layout.output, layout.product) if layout else ("", str(group.store_path))


def read_array(group: zarr.Group, name: str, rows: slice | None = None) -> Array:
    """Read an array of a product, whole or some rows; raise DamagedError if it is not what was written."""
    with damage_told(group, [name], rows):
        array: Any = group[name]
        return read_part(array, *([] if rows is None else [rows]))


def read_attribute(group: zarr.Group, name: str) -> dict[str, Any]:
    """Read an attribute that holds a table in JSON; empty if the product lacks it.

    Raises
    ------
    DamagedError
        It cannot be read as such.
    """
    try:
        found = json.loads(str(group.attrs.get(name, "{}")))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        output, product = place_of(group)
        raise DamagedError(output, [Damage(product, "", None, what=f"{name} in its zarr.json cannot be read")])
    return found


def find_damage(
    product: str, group: zarr.Group, names: Sequence[str] = (), rows: slice | None = None
) -> Iterator[Damage]:
    """Read arrays shard by shard, and yield the parts that cannot be read."""
    for name in names or sorted(group.array_keys()):
        array = group[name]
        if isinstance(array, zarr.Array):
            yield from damage_of(product, name, array, rows)


def damage_of(product: str, name: str, array: zarr.Array[Any], rows: slice | None = None) -> Iterator[Damage]:
    """Read an array shard by shard, and yield the parts that cannot be read."""
    if array.shards is None:
        if what := why_unreadable(array, slice(None)):
            yield Damage(product, name, None, what=what)
        return
    size, step = array.shape[0], array.shards[0]
    first, last, _ = (rows or slice(None)).indices(size)
    for index in range(first // step, -(-last // step)):
        span = slice(index * step, min((index + 1) * step, size))
        if what := why_unreadable(array, span):
            yield Damage(product, name, index, span.start, span.stop, what)


class UnreadableRowsError(Exception):
    """Why a part of an array cannot be read."""


def why_unreadable(array: zarr.Array[Any], rows: slice) -> str:
    """Read some rows of an array, and say why they cannot be read; empty if they can."""
    try:
        read_whole(array, rows)
    except UnreadableRowsError as error:
        return str(error)
    return ""


def read_whole(array: zarr.Array[Any], rows: slice) -> Array:
    """Read some rows of an array; raise UnreadableRowsError with the reason if they are not what was written."""
    try:
        return read_part(array, *([rows] if array.ndim else []))
    except DamagedError as error:
        raise UnreadableRowsError(error.damages[0].what) from error
    except OF_DAMAGE as error:
        if isinstance(error, OSError) and error.errno != errno.EIO:
            raise
        wrong = CHECKSUM_DIFFERS in str(error)
        what = "its bytes are not what was written (checksum)" if wrong else f"its bytes cannot be decoded ({error})"
        raise UnreadableRowsError(what) from error
