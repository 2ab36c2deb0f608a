"""Versions of the packages that affect results: stored with the results, and compared with those of workers."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = (
    "survey-batch", "astropy", "dask", "distributed", "keras", "numpy", "scikit-learn", "scipy",
    "tensorflow-cpu", "tensorflow", "xarray", "zarr",
)  # fmt: skip


def own_version() -> str:
    """Return this package's version from its metadata; "unknown" if it is not installed."""
    return _version("survey-batch") or "unknown"


def versions() -> dict[str, str]:
    """Read the versions of the installed packages."""
    return {package: found for package in RECORDED_PACKAGES if (found := _version(package)) is not None}


@cache
def _version(package: str) -> str | None:
    """Search the installed packages once: it takes some milliseconds for each."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
