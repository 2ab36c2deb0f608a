"""Versions of the packages that affect results: stored with the results, and compared with those of workers."""

from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = (
    "survey-batch", "astropy", "dask", "distributed", "keras", "numpy", "scikit-learn", "scipy",
    "tensorflow-cpu", "tensorflow", "xarray", "zarr",
)  # fmt: skip


def own_version() -> str:
    """Return this package's version from its metadata; "unknown" if it is not installed."""
    return versions().get("survey-batch", "unknown")


def versions() -> dict[str, str]:
    """Read the versions of the installed packages."""
    found: dict[str, str] = {}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
