"""What a person should know of a job's cost before the run: notes that `plan` shows."""

from collections.abc import Mapping

from survey_batch.config.sections.cluster import GPU_PHASE
from survey_batch.core.wording import counted, duration, size
from survey_batch.planning.plan import Plan
from survey_batch.preflight.stage_estimate import StageEstimate
from survey_batch.stages import make_stages
from survey_batch.store.products import product_exists

SPARSE = 20
"""If a job fetches more than this many times the bytes of its products, `plan` says what that costs."""

LONG_SECONDS = 900.0
"""If a shard takes longer on a core, `plan` advises smaller ones: a shard whose worker is lost starts again."""

SHORT_SECONDS = 300.0
"""What a shard of the advised size takes at most: as long as a worker on SLURM has to end its work
(`cluster.drain_seconds`)."""


def few_objects(plan: Plan, costs: Mapping[str, StageEstimate]) -> list[str]:
    """Say what an object costs if fields hold few objects: one needs most of a frame, or all of it."""
    usable, fields = plan.size("object") - plan.invalid, plan.size("frame")
    made = sum(costs[stage.name].product_bytes for stage in make_stages(plan.job) if stage.axis == "object")
    fetched = sum(cost.fetch_bytes for cost in costs.values())
    if not (usable and fields and made) or fetched < SPARSE * made:
        return []
    seconds = sum(cost.cpu_seconds for cost in costs.values()) / usable
    job, bands = plan.job, len(plan.job.frames.bands)
    ways = ["objects that share fields", *([f"fewer frames.bands (now {bands})"] if bands > 1 else [])]
    if job.cutouts.whole_frames and not (job.frames.keep or {"features", "predictions"} & set(job.stages)):
        ways.append(
            "cutouts.aperture_correction = false without cutouts.ivar, which fetches no more of frames than needed"
        )
    as_much = "as much" if job.cutouts.whole_frames else "less than twice as much"
    return [
        f"few objects per field, {usable / fields:.1f} on average: each costs {size(fetched / usable)} to fetch and "
        f"{seconds:.1f} s of a core, for {size(made / plan.size('object'))} of uncompressed data. The frames of a "
        f"field cost {as_much} with a thousand objects as with one: choose {', or '.join(ways)}"
    ]


def long_shards(plan: Plan, costs: Mapping[str, StageEstimate]) -> list[str]:
    """Advise smaller shards if one takes very long and no product has its layout yet."""
    on_gpu = GPU_PHASE if plan.job.cluster.gpu else ""  # what a GPU takes is not known
    stages = [stage for stage in make_stages(plan.job) if stage.axis == "object" and stage.phase != on_gpu]
    if not stages or any(product_exists(plan.job.output, stage.name) for stage in stages):
        return []
    longest = max((costs[stage.name] for stage in stages), key=lambda cost: cost.cpu_seconds)
    rows, now = plan.size("object"), plan.job.shards.objects
    each = longest.cpu_seconds / max(rows, 1)
    if each * min(now, rows) < LONG_SECONDS:
        return []
    fewer = 1
    while 2 * fewer * each <= SHORT_SECONDS:
        fewer *= 2
    shards, workers = counted(longest.shards, "shard"), counted(longest.shards, "worker")
    return [
        f"a shard of {longest.stage} takes about {duration(each * min(now, rows))} of a core. If its worker is lost, "
        f"it starts again, and {shards} can occupy {workers} at most: set shards.objects = {fewer} (now {now}) before "
        "the first run. Products keep the layout with which they begin"
    ]
