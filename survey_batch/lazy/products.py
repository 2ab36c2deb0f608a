"""Opening of products for reading, chunked as they are stored."""

from os import PathLike
from typing import TYPE_CHECKING

from survey_batch.config.job import Job
from survey_batch.config.jobfile import OUTPUT, output_of
from survey_batch.core.arguments import TEXT, takes
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import absolute, files_in
from survey_batch.lazy.datasets import finished, is_small_text, made_of
from survey_batch.store.products import open_strictly, product_url

if TYPE_CHECKING:
    import xarray as xr


@takes(job=OUTPUT, product=TEXT)
def open_product(job: Job | str | PathLike[str], product: str) -> "xr.Dataset":
    """Open a product as a Dask-backed dataset whose chunks are whole shards.

    `xarray.open_zarr` alone shows the inner chunks, and a large product has millions of them. Here text is Python
    strings, the stored layout is dropped so that parts can be saved, and the attribute `made_with` gives the settings
    with which the values were made. To save a part as Zarr, xarray needs chunks of one size: `load` a small part first,
    and rechunk a large one with `chunk(object=1024)`.

    A chunk that was written and is lost or changed is an error when it is read: a DamagedError for a lost file, Zarr's
    ValueError about a checksum for a changed one. `xarray.open_zarr` alone reads a lost file as NaN.

    Up to a million objects, text (`object_id`, `label`, `split`, `predicted_class`) is not Dask-backed. It is read when
    it is used and then kept (at most 80 MB a variable), because Dask neither groups by text nor joins its own text with
    text in memory. With more objects text is Dask-backed like the rest, because 10^8 ids would take 7 GB. Then call
    `ds.label.load()` before `groupby(ds.label)`, and join parts that are all loaded or all lazy. The same holds after
    `chunk`, which hands text to Dask.

    Parameters
    ----------
    job : Job, str or path
        A job, its output, or its file (`.toml`). A relative path counts from the folder at the time of this call.
    product : str
        Name of the stage that made it: "cutouts", "features" and so on, or a user's own stage.

    Raises
    ------
    ConfigurationError
        There is no such product.
    """
    import xarray as xr

    output = absolute(output_of(job))  # it is read later, maybe from another folder
    url = product_url(output, product)
    try:
        lazy = xr.open_zarr(open_strictly(output, product).store, chunks=None)
    except FileNotFoundError as error:
        found = ", ".join(products_in(output)) or "none at all"
        raise ConfigurationError(
            f"there is no product {url} (there: {found}); run the job's stage {product!r} first"
        ) from error
    axis = lazy["status"].dims[0]
    shards = lazy["status"].encoding.get("shards") or (lazy.sizes[axis],)
    text = {name: values for name, values in lazy.variables.items() if is_small_text(values)}
    return finished(lazy.chunk({axis: int(shards[0])}).assign(text), made_of(lazy))


def products_in(output: str) -> list[str]:
    """List the names of the products in an output."""
    return [path.rsplit("/", 1)[-1].removesuffix(".zarr") for path in files_in(output, ".zarr")]
