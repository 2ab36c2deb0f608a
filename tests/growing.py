"""A catalogue of a small LAMOST archive that grows, and runs of its job in this process, without a cluster."""

from collections.abc import Iterable
from pathlib import Path

from survey_batch.execution.plan_runner import Runner
from survey_batch.execution.run_cluster import RunCluster
from survey_batch.execution.shard_task import run_shard
from survey_batch.monitor.progress import LineProgress
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import fingerprint, provenance_of
from survey_batch.preflight.relabel import mark_labelled
from survey_batch.stages import make_stages
from survey_batch.store.growth import GENERATIONS
from survey_batch.store.products import create_product
from tests.jobs import lamost_job


class Growing:
    """The job, and its catalogue, which has some of the rows of the archive's."""

    def __init__(self, archive, folder, **tables):
        self.path = Path(folder) / "growing.csv"
        self.head, *self.all = Path(archive["catalog"]["path"]).read_text().splitlines()
        catalog = {"path": str(self.path), **tables.pop("catalog", {})}
        keys = {"spectral_features": {"blocks": 3, "components": 0}, **tables}
        self.job = lamost_job({**archive, "catalog": catalog}, Path(folder) / "out", **keys)

    def rows(self, numbers: Iterable[int]):
        """Write a catalogue of these rows, in this order, and plan it."""
        self.path.write_text("\n".join([self.head, *(self.all[number] for number in numbers)]) + "\n")
        return self.plan()

    def plan(self):
        return make_plan(self.job)

    def run(self, said=None):
        """Do what a run does, but for the cluster."""
        plan, stages = self.plan(), make_stages(self.job)
        progress = LineProgress()
        progress.say = (said if said is not None else []).append
        runner = Runner(plan, stages, progress)
        runner.work = lambda *_: self.work(plan)
        runner._run(RunCluster(self.job, progress))
        return plan

    def work(self, plan):
        """Make what is pending, shard by shard."""
        for stage in make_stages(self.job):
            if not Path(self.job.output, f"{stage.name}.zarr").exists():
                made_with = provenance_of(plan, stage)
                attrs = {"provenance": made_with, "fingerprint": fingerprint(made_with)}
                attrs |= {GENERATIONS: [plan.size("object")], "job": self.job.model_dump(mode="json")}
                learnt = stage.fit(plan.shards("object"), stage.fit_sample(plan)) if stage.requires_fit else None
                create_product(self.job.output, stage.schema(plan.size("object"), learnt), attrs)
                mark_labelled(plan, stage.name)
            for shard in plan.shards("object"):
                run_shard(self.job, stage.name, shard)
