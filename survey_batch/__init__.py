"""Survey archives into Zarr, and Zarr into classified catalogues, on Dask.

Examples
--------
>>> import survey_batch as sb
>>> job = sb.load_job("jobs/lamost-types.toml")  # doctest: +SKIP
>>> sb.run(job).counts  # doctest: +SKIP
{'ok': 312}
>>> sb.open_product(job, "spectra")  # doctest: +SKIP
"""

from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

from survey_batch.errors import (
    ConfigurationError,
    ObjectError,
    PlanMismatchError,
    SurveyBatchError,
    TransientError,
)
from survey_batch.job import Job
from survey_batch.status import Status

if TYPE_CHECKING:
    from survey_batch.jobfile import load_job
    from survey_batch.lazy import composites, features, predict, principal_components
    from survey_batch.open import open_product
    from survey_batch.plan import make_plan
    from survey_batch.runner import run

    __version__: str

__all__ = [
    "ConfigurationError",
    "Job",
    "ObjectError",
    "PlanMismatchError",
    "Status",
    "SurveyBatchError",
    "TransientError",
    "__version__",
    "composites",
    "features",
    "load_job",
    "make_plan",
    "open_product",
    "predict",
    "principal_components",
    "run",
]

_LAZY = {
    "composites": "lazy",
    "features": "lazy",
    "load_job": "jobfile",
    "make_plan": "plan",
    "open_product": "open",
    "predict": "lazy",
    "principal_components": "lazy",
    "run": "runner",
}
"""Module of each function. No module here has the name of one: importing it would put it in the function's place."""


_IMPORTING = RLock()
"""One thread at a time: where two import packages that import each other, Python hands out half of one."""


def __getattr__(name: str) -> Any:
    """Import the functions that need Dask, Zarr or xarray when they are first used: it takes seconds."""
    if name in _LAZY:
        with _IMPORTING:
            return getattr(import_module(f"survey_batch.{_LAZY[name]}"), name)
    if name == "__version__":
        return import_module("survey_batch.versions").own_version()
    raise AttributeError(f"module 'survey_batch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
