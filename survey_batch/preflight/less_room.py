"""What would make the products of a job smaller."""

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.preflight.phases import make_groups
from survey_batch.stages import make_stages


def less_room(job: Job) -> str:
    """Say what would make the products of this job smaller."""
    kept = [stage.name for stage in make_stages(job) if stage.stored]
    ways = ["choose another output", "fewer objects"]
    ways += ["a smaller cutouts.size"] if "cutouts" in kept else []
    ways += [f"{name}.keep = false" for name in kept if _may_be_dropped(job, name)]
    return f"{', '.join(ways[:-1])} or {ways[-1]}"


def _may_be_dropped(job: Job, name: str) -> bool:
    """Tell whether the job would work without storing a product."""
    section = getattr(job, name, None)
    if not job.keeps(name) or "keep" not in getattr(type(section), "model_fields", {}):
        return False
    without = job.model_copy(update={name: section.model_copy(update={"keep": False})})  # type: ignore[union-attr]
    try:
        make_groups(make_stages(without))
    except ConfigurationError:
        return False
    return not without.keeps(name)
