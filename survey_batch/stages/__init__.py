"""Stages: one thin module per product, each binding kernels to it."""

from importlib import import_module

from survey_batch.job import Job
from survey_batch.stages.base import Block, Cost, Problem, Stage

STAGES = {
    "frames": "FramesStage",
    "cutouts": "CutoutsStage",
    "spectra": "SpectraStage",
    "features": "FeaturesStage",
    "predictions": "PredictionsStage",
}
"""The class of each stage, in the module of its name; imported when used, as some take seconds to import."""

__all__ = ["Block", "Cost", "Problem", "Stage", "make_stage", "make_stages"]


def make_stage(job: Job, name: str) -> Stage:
    """Bind a stage to a job."""
    module = import_module(f"survey_batch.stages.{name}")
    stage: Stage = getattr(module, STAGES[name])(job)
    return stage


def make_stages(job: Job) -> list[Stage]:
    """Bind the job's stages, in its order; `frames` only where frames are kept."""
    return [make_stage(job, name) for name in job.stages if name != "frames" or job.frames.keep]
