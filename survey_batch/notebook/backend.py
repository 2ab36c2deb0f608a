"""xarray's engine "survey_batch": `xr.open_dataset("runs/x/cutouts.zarr", engine="survey_batch")`."""

from collections.abc import Iterable
from os import fspath
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

import survey_batch.notebook.accessor  # noqa: F401  (registers `ds.sb`)


class Engine(BackendEntrypoint):
    """Open a product as `survey_batch.open_product` does."""

    description = "Open a product of survey_batch: text as Python strings, chunked as it is stored"

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None) -> xr.Dataset:
        """Open `<output>/<product>.zarr`."""
        from survey_batch.lazy.products import open_product

        output, _, name = fspath(filename_or_obj).rstrip("/").rpartition("/")
        ds = open_product(output or ".", name.removesuffix(".zarr"))
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return ds.drop_vars(dropped, errors="ignore")
