"""Comparing products bit for bit."""

import numpy as np
import xarray as xr
import zarr


def assert_equal_products(one, other, *products):
    """Compare every array of two outputs' products bit for bit; `one` and `other` are folders or URLs."""
    for product in products:
        a, b = (
            xr.open_zarr(f"{output}/{product}.zarr", mask_and_scale=False, chunks=None).load()
            for output in (one, other)
        )
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            assert a[name].dims == b[name].dims, f"{product}/{name} has other dimensions"
            assert equal_bits(a[name].values, b[name].values), f"{product}/{name} differs"


def equal_bits(a, b):
    """Tell whether two arrays are the same to the last bit, NaN payloads included."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.array_equal(a, b) if a.dtype.kind in "OTU" else a.tobytes() == b.tobytes()


def rows_done(output, product):
    """Count the rows of a product that have a status, as another process than the run's would."""
    try:
        status = zarr.open_array(f"{output}/{product}.zarr/status", mode="r")
    except FileNotFoundError:
        return 0
    return int((np.asarray(status[...]) != 0).sum())
