"""Open a product for reading, chunked as it is stored."""

from os import PathLike, fspath
from typing import TYPE_CHECKING

from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import files_in
from survey_batch.lazy.datasets import finished, is_small_text, made_of
from survey_batch.store.products import product_url

if TYPE_CHECKING:
    import xarray as xr


def open_product(job: Job | str | PathLike[str], product: str) -> "xr.Dataset":
    """Open a product as a Dask-backed dataset whose chunks are whole shards.

    `xarray.open_zarr` alone shows the inner chunks, of which a large product has millions. Here text is Python
    strings, the stored layout is forgotten, so that parts can be saved, and the attribute `made_with` says with which
    settings the values were made. A part that is saved as Zarr must have chunks of one size, as xarray says: `load`
    a small one first, and give a large one's objects chunks with `chunk(object=1024)`.

    Up to a million objects, text (`object_id`, `label`, `split`, `predicted_class`) is not of Dask, but read when it is
    used, and then kept (at most 80 MB a variable): Dask neither groups by text nor joins its own with text in memory.
    Of more objects it is of Dask like the rest, as 10^8 ids would take 7 GB: call `ds.label.load()` before
    `groupby(ds.label)`, and join parts that are all loaded or all lazy. So do after `chunk`, which hands text to Dask.

    Parameters
    ----------
    job : Job, str or path
        A job, its output, or its file (`.toml`).
    product : str
        Name of the stage that made it: "cutouts", "features" and so on, or that of a user's own.

    Raises
    ------
    ConfigurationError
        There is no such product.
    """
    import xarray as xr

    output = job.output if isinstance(job, Job) else fspath(job)
    if output.endswith(".toml"):
        output = load_job(output).output
    url = product_url(output, product)
    try:
        lazy = xr.open_zarr(url, chunks=None)
    except FileNotFoundError as error:
        found = ", ".join(_products_in(output)) or "none at all"
        raise ConfigurationError(
            f"there is no product {url} (there: {found}); run the job's stage {product!r} first"
        ) from error
    axis = lazy["status"].dims[0]
    shards = lazy["status"].encoding.get("shards") or (lazy.sizes[axis],)
    text = {name: values for name, values in lazy.variables.items() if is_small_text(values)}
    return finished(lazy.chunk({axis: int(shards[0])}).assign(text), made_of(lazy))


def _products_in(output: str) -> list[str]:
    return [path.rsplit("/", 1)[-1].removesuffix(".zarr") for path in files_in(output, ".zarr")]
