"""Checks of what goes into a run: the catalogue, the stages with their functions, and the classifier."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import GPU_PHASE
from survey_batch.core.findings import Findings, Site
from survey_batch.core.wording import counted, size
from survey_batch.models.artifact import read_manifest
from survey_batch.models.awaited import check_training, is_awaited
from survey_batch.models.loading import family_of
from survey_batch.models.manifest import Manifest
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.estimate import Estimate, estimate, refuse_small_workers
from survey_batch.preflight.growth import find_growth
from survey_batch.preflight.phases import make_groups
from survey_batch.preflight.provenance import made_already
from survey_batch.stages import make_stage, make_stages
from survey_batch.stages.functions import pin_functions
from survey_batch.training.needs import check_labels

PROBLEM_SHARE = 0.05
"""Share of a catalogue's rows. If more cannot be used, usually a column is misread."""


def catalogue_is_readable(site: Site, job: Job) -> Findings[Plan]:
    """Read the catalogue as a run would."""
    plan = make_plan(job)
    objects, invalid, fields = plan.size("object"), plan.invalid, plan.size("frame")
    notes = "".join(f"; {note}" for note in plan.notes)
    found = counted(objects, "object") + (f" in {counted(fields, 'field')}" if fields else "")
    problems = f"{invalid:,} of them ({invalid / max(objects, 1):.1%}) cannot be used{_commonest(plan)}"
    usable = f"{found}, {problems if invalid else 'all usable'}{notes}"
    if invalid > PROBLEM_SHARE * objects:
        advice = "if the columns have other names, set them in [catalog]; a run sets these rows aside"
        yield site.warning("catalogue", usable, advice)
    else:
        yield site.ok("catalogue", usable)
    return plan


def stages_fit(site: Site, job: Job, plan: Plan | None, later: Sequence[str] = ()) -> Findings[Estimate | None]:
    """Import the user's functions, check that the stages fit together, and find what their workers need.

    Those that come later wait for a classifier and are only named.
    """
    if plan is not None:
        job = job.model_copy(update={"frames": plan.job.frames})  # which says whether they are kept
    stages = make_stages(pin_functions(job))
    groups = make_groups(stages)
    if plan is not None:
        for stage in stages:
            stage.check_plan(plan)
        made_already(plan, [stage for stage in stages if stage.from_fields or plan.size("object")])
    growth = find_growth(plan, stages) if plan is not None else None
    phases = dict.fromkeys(group.stored[0].phase for group in groups)
    grown = f"; {growth}" if growth else ""
    waiting = f"; {' and '.join(later)} can be checked once there is a classifier" if later else ""
    yield site.ok("stages", f"{', '.join(job.stages)} fit together; phases: {', '.join(phases)}{waiting}{grown}")
    if plan is None:
        return None
    cost = estimate(plan if plan.job is job else Plan(job, plan.objects, plan.fields, plan.notes))
    yield from site.look("memory", "", _memory(site, plan, cost, job))
    return cost


def _memory(site: Site, plan: Plan, cost: Estimate, job: Job) -> Findings[None]:
    refuse_small_workers(Plan(job, plan.objects, plan.fields), cost)
    gpu = f", of [cluster.gpu] {job.cluster.for_phase(GPU_PHASE).memory}" if job.cluster.gpu else ""
    needed = size(cost.worker_bytes)
    yield site.ok("memory", f"a worker needs at most about {needed} and may have {job.cluster.memory}{gpu}")


def classifier_fits(site: Site, job: Job) -> Findings[bool]:
    """Check that the classifier's folder is whole, and that it was trained on what the job makes."""
    folder = job.predictions.classifier if job.predictions else ""
    if is_awaited(job) and job.train is not None:
        check_training(job)
        check_labels(job)
        family_of(job.train.kind, job.train.variant).check_environment()
        advice = "start with survey-batch run --train, which trains it before predicting"
        yield site.warning("classifier", f"there is none in {folder} yet; it will be trained as [train] says", advice)
        return False
    make_stage(job, "predictions").check()
    manifest = read_manifest(Path(folder))
    what = f"{manifest.kind} {manifest.variant}, {_answers(manifest)}, {counted(len(manifest.files), 'file')}"
    yield site.ok("classifier", f"{folder}: {what}, all as saved; takes {manifest.recipe.product} as this job makes it")
    return True


def _answers(manifest: Manifest) -> str:
    """Count what a model answers with."""
    if manifest.dimensions:
        return counted(manifest.dimensions, "dimension")
    if manifest.quantities:
        return counted(len(manifest.quantities), "quantity", "quantities")
    return counted(len(manifest.classes), "class", "classes")


def _commonest(plan: Plan) -> str:
    """Find the commonest reason why rows cannot be used; the values before it differ from row to row."""
    problems = plan.objects["problem"].filter(pc.not_equal(plan.objects["problem"], "")).to_pylist()
    counts = Counter(problem.rpartition("; ")[2] for problem in problems).most_common(1)
    return "".join(f", mostly: {reason} ({number:,})" for reason, number in counts)
