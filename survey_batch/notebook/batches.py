"""Batches of a product for a training loop, in a new order each time, at the speed of reading whole shards."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arguments import DATASET, TEXTS, WHOLE, takes
from survey_batch.core.arrays import Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.notebook.rows import objects_in

if TYPE_CHECKING:
    import xarray as xr

Batch = dict[str, npt.NDArray[Any]]

BLOCK_OBJECTS = 1024
"""Objects read at a time from a dataset that is not chunked."""


class Batches:
    """Batches of objects, made by `batches`; iterate once per epoch."""

    def __init__(
        self, ds: "xr.Dataset", size: int, variables: Sequence[str] | None, *, shuffle: bool, mix: int, seed: int
    ) -> None:
        objects, known = objects_in(ds), [str(name) for name, part in ds.variables.items() if "object" in part.dims]
        names = known if variables is None else list(variables)
        if unknown := sorted(set(names) - set(known)):
            raise ConfigurationError(
                f"batches: this dataset has no variable {unknown[0]!r} of objects; there are {', '.join(sorted(known))}"
            )
        if not names:
            raise ConfigurationError("batches: variables is empty: name one of objects at least")
        if size < 1 or mix < 1:
            raise ConfigurationError(f"batches: size ({size}) and mix ({mix}) are 1 or more")
        self.dataset = ds[names].transpose("object", ...)
        self.size, self.shuffle, self.mix, self.seed = size, shuffle, mix, seed
        self.objects, self.variables, self.epoch = objects, tuple(names), 0
        lengths = ds[names].chunksizes.get("object") or _even(objects)
        ends = np.cumsum(lengths)
        self._blocks = [slice(int(end - length), int(end)) for end, length in zip(ends, lengths, strict=True)]

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return -(-self.objects // self.size)

    def __repr__(self) -> str:
        order = f"shuffled in groups of {counted(self.mix, 'block')}" if self.shuffle else "in their order"
        number, objects = counted(len(self), "batch", "batches"), counted(self.objects, "object")
        return f"<{number} of {self.size} of {objects}, {order}: {', '.join(self.variables)}>"

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch, each with an array (object, …) per variable."""
        random, self.epoch = np.random.default_rng((self.seed, self.epoch)), self.epoch + 1
        rest: Batch = {}
        for pool in self._pools(random):
            joined = {name: np.concatenate([rest[name], part]) if rest else part for name, part in pool.items()}
            whole = len(joined[self.variables[0]]) // self.size * self.size
            for start in range(0, whole, self.size):
                yield {name: part[start : start + self.size] for name, part in joined.items()}
            rest = {name: part[whole:] for name, part in joined.items()}
        if rest and len(rest[self.variables[0]]):
            yield rest

    def _pools(self, random: np.random.Generator) -> Iterator[Batch]:
        """Yield `mix` blocks at a time, shuffled together; the next blocks are read meanwhile."""
        order = random.permutation(len(self._blocks)) if self.shuffle else np.arange(len(self._blocks))
        with ThreadPoolExecutor(2) as readers:
            ahead: deque[Future[Batch]] = deque()
            left = deque(int(number) for number in order)
            while left or ahead:
                while left and len(ahead) < 2 * self.mix:
                    ahead.append(readers.submit(self._read, self._blocks[left.popleft()]))
                parts = [ahead.popleft().result() for _ in range(min(self.mix, len(ahead)))]
                pool = {name: np.concatenate([part[name] for part in parts]) for name in self.variables}
                yield _shuffled(pool, random) if self.shuffle else pool

    def _read(self, block: slice) -> Batch:
        part = self.dataset.isel(object=block).load(scheduler="synchronous")
        return {name: part[name].values for name in self.variables}


@takes(ds=DATASET, size=WHOLE, variables=TEXTS, mix=WHOLE, seed=WHOLE)
def batches(
    ds: "xr.Dataset",
    size: int = 256,
    variables: Sequence[str] | None = None,
    *,
    shuffle: bool = False,
    mix: int = 4,
    seed: int = 0,
) -> Batches:
    """Make batches of objects as NumPy arrays, for a training loop; iterate once per epoch.

    A single object costs as much to read as its chunk, so whole blocks (shards, for what `open_product` gave) are read
    in a random order, the next ones while you work. The objects of `mix` blocks are shuffled together. So neighbours in
    a batch come from `mix` parts of the catalogue. Each object comes once in an epoch, and each epoch has a new order.

    Parameters
    ----------
    ds : xarray.Dataset
        With the axis `object`. Choose objects beforehand, with `ds.sb.select` or xarray's `isel`.
    size : int
        Objects in a batch; the last one of an epoch may have fewer.
    variables : sequence of str, optional
        What to read; by default all variables with the axis `object`, the object's coordinates included.
    shuffle : bool
        False gives the objects in their order.
    mix : int
        Blocks that are shuffled together and held in memory, besides twice as many that are read ahead.
    seed : int
        Seed of the order; epoch k uses `(seed, k)`.

    Returns
    -------
    Batches
        An iterable with a length. Each batch is a dict with an array (object, …) per variable.

    Raises
    ------
    ConfigurationError
        The dataset has no objects or lacks a variable.

    Examples
    --------
    >>> for batch in sb.batches(spectra, 256, ["flux", "label"], shuffle=True):  # doctest: +SKIP
    ...     train_on(batch["flux"], batch["label"])
    """
    return Batches(ds, size, variables, shuffle=shuffle, mix=mix, seed=seed)


def _shuffled(pool: Batch, random: np.random.Generator) -> Batch:
    order: Index = random.permutation(len(next(iter(pool.values()))))
    return {name: values[order] for name, values in pool.items()}


def _even(objects: int) -> tuple[int, ...]:
    whole, rest = divmod(objects, BLOCK_OBJECTS)
    return (*[BLOCK_OBJECTS] * whole, *([rest] if rest else []))
