"""Text of datasets that is read when it is used, as xarray itself does without Dask.

Dask can neither divide text into blocks by size nor group by it, so joining it with text in memory, and `groupby`, fail
with Dask's own errors. This module is imported only when a dataset is made, because xarray takes a second to import.
"""

from typing import Any

import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from survey_batch.core.arrays import TEXT


class PythonStrings(BackendArray):
    """A variable's text as Python strings.

    Parameters
    ----------
    variable
        Variable of text, in a file or Dask-backed.
    """

    def __init__(self, variable: xr.Variable) -> None:
        self.variable, self.shape, self.dtype = variable, variable.shape, TEXT

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        return self.variable[key].values.astype(TEXT)


def read_when_used(variable: xr.Variable) -> xr.Variable:
    """Return text as Python strings that are read, whole or in part, at first use and then kept."""
    lazy: Any = indexing.LazilyIndexedArray(PythonStrings(variable))
    kept = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))  # type: ignore[no-untyped-call]
    return xr.Variable(variable.dims, kept, variable.attrs)
