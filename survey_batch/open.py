"""Open a product for reading, chunked as it is stored."""

from typing import TYPE_CHECKING

from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.products import product_url

if TYPE_CHECKING:
    import xarray as xr


def open_product(job: Job | str, product: str) -> "xr.Dataset":
    """Open a product as a Dask-backed dataset whose chunks are whole shards.

    `xarray.open_zarr` alone shows the inner chunks, of which a large product has millions.

    Parameters
    ----------
    job : Job or str
        A job, or its output.
    product : str
        "frames", "cutouts", "spectra", "features" or "predictions".

    Raises
    ------
    ConfigurationError
        There is no such product.
    """
    import xarray as xr

    url = product_url(job if isinstance(job, str) else job.output, product)
    try:
        lazy = xr.open_zarr(url, chunks=None)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no product {url}; run the job's stage {product!r} first") from error
    axis = lazy["status"].dims[0]
    shards = lazy["status"].encoding.get("shards") or (lazy.sizes[axis],)
    chunked: xr.Dataset = lazy.chunk({axis: int(shards[0])})
    return chunked
