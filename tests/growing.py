"""A catalogue that grows, and runs of its job in this process, without a cluster."""

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
from survey_batch.store.products import create_product, product_exists
from tests.jobs import lamost_job


class Growing:
    """A job, and its catalogue, which has some of the rows of a longer one.

    Parameters
    ----------
    job
        Its catalogue is at `path`.
    lines
        The longer catalogue: the line with the names of the columns, and one for each row.
    """

    def __init__(self, job, path, lines):
        self.job, self.path, (self.head, *self.all) = job, Path(path), lines

    @classmethod
    def lamost(cls, archive, folder, **tables):
        """Spectra and features of an archive of `tests.lamost_files`."""
        path, narrow = Path(folder) / "growing.csv", {"wavelength_min": 6000.0, "wavelength_max": 6600.0}
        catalog = {"path": str(path), **tables.pop("catalog", {})}
        keys = {"spectra": narrow, "spectral_features": {"blocks": 3, "components": 0}, **tables}
        lines = Path(archive["catalog"]["path"]).read_text().splitlines()
        return cls(lamost_job({**archive, "catalog": catalog}, Path(folder) / "out", **keys), path, lines)

    def rows(self, numbers: Iterable[int]):
        """Write a catalogue of these rows, in this order, and plan it."""
        self.path.write_text("\n".join([self.head, *(self.all[number] for number in numbers)]) + "\n")
        return make_plan(self.job)

    def run(self, said=None):
        """Do what a run does, but for the cluster; return the plan."""
        plan, progress = make_plan(self.job), LineProgress()
        progress.say = (said if said is not None else []).append
        runner = Runner(plan, make_stages(self.job), progress)
        runner.work = lambda *_: self.work(plan)
        runner._run(RunCluster(self.job, progress))
        return plan

    def work(self, plan):
        """Make what is pending, shard by shard."""
        for stage in make_stages(self.job):
            if not product_exists(self.job.output, stage.name):
                made_with = provenance_of(plan, stage)
                attrs = {"provenance": made_with, "fingerprint": fingerprint(made_with)}
                attrs |= {GENERATIONS: [plan.size("object")], "job": self.job.model_dump(mode="json")}
                learnt = stage.fit(plan.shards("object"), stage.fit_sample(plan)) if stage.requires_fit else None
                create_product(self.job.output, stage.schema(plan.size(stage.axis), learnt), attrs)
                if stage.axis == "object":
                    mark_labelled(plan, stage.name)
            for shard in plan.shards(stage.axis):
                run_shard(self.job, stage.name, shard)
