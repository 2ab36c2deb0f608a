"""Whether frames are stored, where the job leaves it open.

Frames that are stored are decompressed once. Cutouts straight from the archive need no room for frames, and a field is
decompressed again for each shard that holds some of its objects. So the objects per field decide, in shares of a shard.
A product that exists decides before that: the job goes on as it began.
"""

from survey_batch.config.job import Job
from survey_batch.store.products import product_exists

KEPT_FROM = 0.1
"""Objects per field, as a share of a shard's, from which storing frames takes less CPU time: with one tenth of a shard,
one field in ten is decompressed twice, which costs what storing all of them costs (`python -m benchmarks.sparse`)."""


def as_it_began(job: Job) -> Job:
    """Decide by the job's stages and the products that exist; where these leave it open, frames are stored."""
    return _decided(job, keep=_begun(job) is not False) if _is_open(job) else job


def by_density(job: Job, usable: int, fields: int) -> tuple[Job, str]:
    """Decide by the objects per field where nothing else does; if frames are not stored for that reason, say so.

    Parameters
    ----------
    job
        The job.
    usable, fields
        Objects that can be cut, and the fields that they lie in.
    """
    many = not usable or usable >= KEPT_FROM * job.shards.objects * fields  # none: they are still to be found
    if many or not _is_open(job) or _begun(job) is not None:
        return as_it_began(job), ""
    note = (
        f"frames are not stored: with {usable / fields:.1f} objects per field on average (fewer than "
        f"{KEPT_FROM * job.shards.objects:.0f}), cutting straight from the archive takes less time and room; "
        "frames.keep = true stores them, for example to cut with other sizes later"
    )
    return _decided(job, keep=False), note


def _is_open(job: Job) -> bool:
    return job.frames.keep is None and not {"frames", "cutouts"}.isdisjoint(job.stages)


def _begun(job: Job) -> bool | None:
    """Tell whether frames must be stored or cannot be; None if either would do."""
    if "cutouts" not in job.stages or not job.keeps("cutouts") or product_exists(job.output, "frames"):
        return True
    if "frames" not in job.stages or product_exists(job.output, "cutouts"):
        return False
    return None


def _decided(job: Job, *, keep: bool) -> Job:
    return job.model_copy(update={"frames": job.frames.model_copy(update={"keep": keep})})
