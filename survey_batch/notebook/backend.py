"""xarray's engine "survey_batch": for a product, `<output>/<product>.zarr`, and for an output, as a tree."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

import survey_batch.notebook.accessor  # noqa: F401  (registers `ds.sb`)


class Engine(BackendEntrypoint):
    """Open a product, or all products of an output, as `survey_batch.open_product` does."""

    description = "Open products of survey_batch: text as Python strings, chunked as they are stored"
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Recognise a local output folder; xarray's own engine recognises Zarr by the ending `.zarr` alone."""
        if not isinstance(filename_or_obj, (str, PathLike)):
            return False
        folder = Path(filename_or_obj)
        return (folder / "zarr.json").is_file() and (folder / "plan").is_dir()

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None) -> xr.Dataset:
        """Open `<output>/<product>.zarr`."""
        from survey_batch.lazy.products import open_product

        output, _, name = fspath(filename_or_obj).rstrip("/").rpartition("/")
        ds = open_product(output or ".", name.removesuffix(".zarr"))
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return ds.drop_vars(dropped, errors="ignore")

    def open_groups_as_dict(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None
    ) -> dict[str, xr.Dataset]:
        """Open all products of an output, by the names of their nodes, `/<product>.zarr`."""
        from survey_batch.core.paths import join
        from survey_batch.lazy.products import products_in

        output = fspath(filename_or_obj)
        names = [f"{name}.zarr" for name in products_in(output)]
        return {f"/{name}": self.open_dataset(join(output, name), drop_variables=drop_variables) for name in names}

    def open_datatree(self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None) -> xr.DataTree:
        """Open all products of an output as one tree."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables))
