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

from survey_batch.core.errors import (
    ConfigurationError,
    ObjectError,
    PlanMismatchError,
    SurveyBatchError,
    TransientError,
)
from survey_batch.core.status import Status

if TYPE_CHECKING:
    from survey_batch.config.job import Job
    from survey_batch.config.jobfile import load_job
    from survey_batch.execution.runner import run
    from survey_batch.lazy.functions import composites, features, predict, principal_components
    from survey_batch.lazy.products import open_product
    from survey_batch.models.engines.onnx_model import export_model
    from survey_batch.notebook.batches import batches
    from survey_batch.notebook.fits import to_fits, wcs
    from survey_batch.notebook.run import open  # noqa: A004
    from survey_batch.planning.plan import make_plan
    from survey_batch.results.similar import similar
    from survey_batch.training.adoption import adopt
    from survey_batch.training.train import train

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
    "adopt",
    "batches",
    "composites",
    "export_model",
    "features",
    "load_job",
    "make_plan",
    "open",
    "open_product",
    "predict",
    "principal_components",
    "run",
    "similar",
    "to_fits",
    "train",
    "wcs",
]

_LAZY = {
    "Job": "config.job",
    "adopt": "training.adoption",
    "batches": "notebook.batches",
    "composites": "lazy.functions",
    "export_model": "models.engines.onnx_model",
    "features": "lazy.functions",
    "load_job": "config.jobfile",
    "make_plan": "planning.plan",
    "open": "notebook.run",
    "open_product": "lazy.products",
    "predict": "lazy.functions",
    "principal_components": "lazy.functions",
    "run": "execution.runner",
    "similar": "results.similar",
    "to_fits": "notebook.fits",
    "train": "training.train",
    "wcs": "notebook.fits",
}
"""Module of each name. No module here has the name of one: importing it would put it in the function's place."""


_IMPORTING = RLock()
"""One thread at a time: if two threads import packages that import each other, one may get a half-imported package."""


def __getattr__(name: str) -> Any:
    """Import what needs pydantic, Dask, Zarr or xarray when it is first used: it takes seconds."""
    if name in _LAZY:
        with _IMPORTING:
            if _LAZY[name].startswith(("lazy.", "notebook.")):
                import_module("survey_batch.notebook.accessor")  # whoever gets a dataset from here also gets `ds.sb`
            return getattr(import_module(f"survey_batch.{_LAZY[name]}"), name)
    if name == "__version__":
        return import_module("survey_batch.core.versions").own_version()
    raise AttributeError(f"module 'survey_batch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
