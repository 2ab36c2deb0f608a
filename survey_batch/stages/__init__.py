"""Stages: one thin module per product, which binds kernels to the product."""

from survey_batch.config.job import Job
from survey_batch.config.stage_kind import resolve
from survey_batch.stages.base import Block, Cost, Stage
from survey_batch.stages.kinds import DETECTIONS

__all__ = ["Block", "Cost", "Stage", "make_stage", "make_stages"]


def make_stage(job: Job, name: str) -> Stage:
    """Bind a stage to a job."""
    if name in job.custom:
        from survey_batch.stages.custom import CustomStage

        return CustomStage(job, name)
    kind = DETECTIONS if name == "detections" else job.kinds[name]
    stage: Stage = resolve(kind.make)(job)
    return stage


def make_stages(job: Job) -> list[Stage]:
    """Bind the job's stages in order, the search for objects first; include `frames` only if frames are stored."""
    names = ("detections", *job.stages) if job.catalog.detect is not None else job.stages
    return [make_stage(job, name) for name in names if name != "frames" or job.frames.keep]
