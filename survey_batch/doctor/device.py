"""The framework and the device of a worker that predicts."""

from pathlib import Path
from typing import Any

from survey_batch.cluster.tables import Table
from survey_batch.config.job import Job
from survey_batch.config.sections.models import PredictionsSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Finding, Findings, Site
from survey_batch.doctor.probes import PRODUCT_SIDE, try_framework
from survey_batch.doctor.visit import Visit
from survey_batch.models.artifact import read_manifest
from survey_batch.models.engines.installed import check_engine
from survey_batch.models.manifest import Framework

GPU_ADVICE = (
    "install the framework with its CUDA libraries in the workers' environment, check gres and partition of the "
    "table, or set cluster.gpu.allow_cpu = true"
)


def needed_framework(job: Job) -> Framework | None:
    """Find what runs the classifier's network, None if it has none; one that is not trained yet may have one."""
    try:
        return read_manifest(Path(job.predictions.classifier if job.predictions else "")).framework
    except ConfigurationError:
        return "keras"


def device_works(site: Site, job: Job, table: Table, visit: Visit, framework: Framework) -> Findings[None]:
    """Import the framework on the worker, and compute on its device; look for the engine that is to run networks."""
    yield judge_device(site, table, visit.ask(try_framework, job, framework))
    if job.predictions and job.predictions.engine != "keras":
        yield from site.look("engine", "", _engine(site, job.predictions, visit))


def _engine(site: Site, section: PredictionsSection, visit: Visit) -> Findings[None]:
    visit.ask(check_engine, section.engine, section.precision)
    yield site.ok("engine", f"{section.engine} is installed; Keras only reads the network")


def judge_device(site: Site, table: Table, tried: dict[str, Any]) -> Finding:
    """Make a finding from what `try_framework` returned."""
    gpus, seconds = tried["gpus"], tried["seconds"]
    seen = f"{len(gpus)} GPU ({', '.join(gpus)})" if gpus else "no GPU"
    about = f"{tried['backend']}, imported in {tried['import_seconds']:.1f} s, sees {seen}"
    if table.section.wants_gpu or gpus:
        about = f"{about}; CUDA_VISIBLE_DEVICES is {tried['visible']}"
    if tried["refusal"]:
        return site.failed("device", tried["refusal"].partition(". Install")[0], GPU_ADVICE)
    side = f"{PRODUCT_SIDE} x {PRODUCT_SIDE}"
    if tried["error"]:
        advice = (
            "usually driver and libraries do not match: see nvidia-smi on the node, and the framework's documentation"
        )
        return site.failed("device", f"{about}; a product of {side} matrices fails: {tried['error']}", advice)
    found = f"{about}; a product of {side} matrices in {1e3 * seconds:.1f} ms"
    if len(gpus) > 1:
        advice = f'a process uses only one GPU: set {table.name}.gres = "gpu:1" and processes = 1'
        return site.warning("device", found, advice)
    if table.section.wants_gpu and not gpus:
        return site.ok("device", f"{found}; predicting without a GPU is allowed (cluster.gpu.allow_cpu)")
    return site.ok("device", found)
