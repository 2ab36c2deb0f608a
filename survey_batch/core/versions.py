"""Versions of the packages on which results depend: stored with them, and compared with those of workers."""

from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = (
    "survey-batch", "astropy", "dask", "distributed", "keras", "numpy", "scikit-learn", "scipy",
    "tensorflow-cpu", "tensorflow", "xarray", "zarr",
)  # fmt: skip


def own_version() -> str:
    """Version of this package, as its metadata has it; "unknown" where it runs without being installed."""
    return versions().get("survey-batch", "unknown")


def versions() -> dict[str, str]:
    """Read those that are installed."""
    found: dict[str, str] = {}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
