"""Stages: one thin module per product, which binds kernels to the product."""

from importlib import import_module

from survey_batch.config.job import Job
from survey_batch.stages.base import Block, Cost, Stage

STAGES = {
    "detections": "detections:DetectionsStage",
    "frames": "frames:FramesStage",
    "cutouts": "cutouts:CutoutsStage",
    "composites": "composites:CompositesStage",
    "spectra": "spectra:SpectraStage",
    "stamps": "stamps:StampsStage",
    "features": "image_features:ImageFeaturesStage",
    "predictions": "predictions:PredictionsStage",
}
"""Module and class of each stage; imported when used, because some take seconds to import."""

SURVEY_STAGES = {
    ("lamost", "features"): "features:FeaturesStage",
    ("skyserver", "composites"): "sky_images:SkyImagesStage",
}
"""Stages that differ for one survey."""

__all__ = ["Block", "Cost", "Stage", "make_stage", "make_stages"]


def make_stage(job: Job, name: str) -> Stage:
    """Bind a stage to a job."""
    if name in job.custom:
        from survey_batch.stages.custom import CustomStage

        return CustomStage(job, name)
    module, cls = SURVEY_STAGES.get((job.archive.survey, name), STAGES[name]).split(":")
    stage: Stage = getattr(import_module(f"survey_batch.stages.{module}"), cls)(job)
    return stage


def make_stages(job: Job) -> list[Stage]:
    """Bind the job's stages in order, the search for objects first; include `frames` only if frames are stored."""
    names = ("detections", *job.stages) if job.catalog.detect is not None else job.stages
    return [make_stage(job, name) for name in names if name != "frames" or job.frames.keep]
