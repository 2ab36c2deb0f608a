"""One run of a plan: what is left of it, phase by phase, through damaged data."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from survey_batch.cluster import kind_of
from survey_batch.cluster.base import Connection
from survey_batch.cluster.lost import scheduler_watched
from survey_batch.core.redaction import redacted_values
from survey_batch.core.status import Status, count_statuses, unfinished
from survey_batch.core.steps import step
from survey_batch.core.versions import own_version, versions
from survey_batch.core.wording import counted
from survey_batch.execution.accounts import Accounts
from survey_batch.execution.engine import Engine
from survey_batch.execution.first_look import FirstLook
from survey_batch.execution.reduction import fit
from survey_batch.execution.retry import mark_for_retry, rows_to_retry
from survey_batch.execution.run_cluster import RunCluster
from survey_batch.integrity.marking import mark_damaged
from survey_batch.monitor.progress import LineProgress
from survey_batch.monitor.record import Record
from survey_batch.planning.footers import forget_plan
from survey_batch.planning.plan import Plan
from survey_batch.preflight.estimate import estimate
from survey_batch.preflight.growth import find_growth, grow
from survey_batch.preflight.phases import Group, make_groups
from survey_batch.preflight.provenance import fingerprint, made_already, provenance_of
from survey_batch.preflight.refusals import refuse_what_cannot_work
from survey_batch.preflight.relabel import mark_labelled, relabel
from survey_batch.stages import Stage
from survey_batch.store.damage import Damage, DamagedError
from survey_batch.store.growth import GENERATIONS
from survey_batch.store.history import history_line
from survey_batch.store.products import PROVENANCE, create_product, forget_products, read_status
from survey_batch.store.root import restore_metadata, settle, write_root
from survey_batch.store.schema import Array, Shard

log = logging.getLogger(__name__)

SHOWN_DAMAGES = 5
"""Damages named on a terminal; all are in the log."""


class Runner:
    """One run of a plan."""

    def __init__(
        self,
        plan: Plan,
        stages: Sequence[Stage],
        progress: LineProgress,
        retry: frozenset[Status] = frozenset(),
    ) -> None:
        self.retry, self.all_stages = retry, stages
        self.plan, self.job, self.progress = plan, plan.job, progress
        self.groups = make_groups(stages)
        self.stages = [stage for stage in stages if stage.stored]
        self.accounts = Accounts(plan, stages)

    def run(self, cluster: RunCluster, log_path: str) -> None:
        """Do the remaining work, and account for it if it ends in an error."""
        try:
            self._run_through_damage(cluster)
        except Exception as error:
            if self.accounts.summary.worked:
                self.accounts.account_for(error, log_path)
            raise

    def _run_through_damage(self, cluster: RunCluster) -> None:
        """Work; where stored data turns out to be damaged, mark it with what depends on it, and work again.

        Data that is damaged again right after it was made, and metadata without a copy, end the run.
        """
        seen: set[Damage] = set()
        done = False
        while not done:
            restored = restore_metadata(self.job.output)
            for node in restored:
                self.progress.say(f"{node} was damaged, and is restored from its copy")
            try:
                self._run(cluster)
                done = True
            except DamagedError as error:
                found = {replace(damage, what="") for damage in error.damages}
                if error.output != self.job.output or found <= seen or not all(damage.array for damage in found):
                    raise
                seen |= found
                damages = list(map(str, error.damages))
                log.info("%s", error, extra={"event": "damaged", "damages": damages})
                for line in (
                    *map(str, error.damages[:SHOWN_DAMAGES]),
                    *mark_damaged(self.plan, self.stages, error.damages),
                ):
                    self.progress.say(f"damaged: {line}")

    def _run(self, cluster: RunCluster) -> None:
        existing = made_already(self.plan, self.stages)
        if existing:
            settle(self.job.output)
            write_root(self.job.output)
        self._grow(cluster)
        relabel(self.plan, existing, self.progress.say)
        marks = rows_to_retry(self.plan, self.all_stages, existing, self.retry) if self.retry else {}
        if self.retry and not marks:
            statuses = " or ".join(status.name.lower() for status in sorted(self.retry))
            self.progress.say(f"no row is {statuses}: none is tried again")
            self.retry = frozenset()
        left = marks or len(existing) < len(self.stages) or any(self.unfinished(stage) for stage in existing)
        if not left:
            log.info("nothing to do: every row has its final status", extra={"event": "finished"})
            if self.plan.not_stored():  # lost or damaged since
                self.plan.store()
        else:
            self._refuse_what_cannot_work(cluster)
            self.plan.store()
            self._begin_anew()
            if marks:
                self._mark_for_retry(marks)
            self.work(existing, cluster)

    def _refuse_what_cannot_work(self, cluster: RunCluster) -> None:
        elsewhere = cluster.client is not None or kind_of(self.job.cluster).elsewhere
        refuse_what_cannot_work(self.plan, estimate(self.plan), elsewhere=elsewhere)

    def _grow(self, cluster: RunCluster) -> None:
        """Give products the rows by which the catalogue has grown, if nothing stands against the work on them."""
        if (growth := find_growth(self.plan, self.all_stages)) is None:
            return
        self._refuse_what_cannot_work(cluster)
        self.plan.store()  # first: it is what keeps the old rows where they are
        grow(self.plan, growth, self.progress.say)

    def _begin_anew(self) -> None:
        """Get ready; called when there is work, before any row of a product changes."""

    def _mark_for_retry(self, marks: Mapping[str, Array]) -> None:
        """Mark the rows that the user wants to be tried again, and say how many there are."""
        retried = self.accounts.summary.retried = mark_for_retry(self.plan, self.stages, marks)
        self.retry = frozenset()  # once, also if the run begins again because of damaged data
        self.progress.say(
            "trying again: " + ", ".join(f"{counted(count, 'row')} of {name}" for name, count in retried.items())
        )

    def unfinished(self, stage: Stage) -> bool:
        """Tell whether a product has rows left for a run to work on."""
        return bool(unfinished(read_status(self.job.output, stage.name)).any())

    def work(self, existing: Sequence[Stage], cluster: RunCluster) -> None:
        """Run all phases, each with its own workers."""
        self.accounts.summary.worked = True
        log.info("run started: %s", self.job.name, extra={"event": "started", "job": self.job.model_dump()})
        left = [group for group in self.groups if self._anything_left(group, existing)]
        with self.progress:
            for note in self.plan.notes:
                self.progress.note(note)
            self._announce(left)
            for group in left:
                connection = cluster.for_phase(group.stored[0].phase)
                with scheduler_watched(connection.client), self.accounts.timed(group.stages):
                    self._run_group(connection, group, existing, cluster)

    def _announce(self, groups: Sequence[Group]) -> None:
        """Show the work to do before it begins."""
        for stage in (stage for group in groups for stage in group.stages):
            self.progress.stage(stage.name, self.plan.size(stage.axis))

    def _anything_left(self, group: Group, existing: Sequence[Stage]) -> bool:
        """Tell whether a group has rows to work on, so that no workers are requested without need."""
        return any(stage not in existing or self.unfinished(stage) for stage in group.stored)

    def _run_group(self, connection: Connection, group: Group, existing: Sequence[Stage], cluster: RunCluster) -> None:
        # If the client is the user's own, its workers may know products and the plan of an earlier run.
        for forget in (forget_products, forget_plan):
            connection.client.run(forget, on_error="ignore")
        for stage in group.stored:
            stage.check()  # again: its upstream stage may have learnt its components only now
            if stage not in existing:
                self._create(connection, stage)
        look = FirstLook(self.job, group)
        look.forget(self.plan.shards(group.stages[0].axis))
        shards = self._begin(group)
        if not shards:
            return

        def tick() -> None:
            self.progress.tick()
            cluster.show()

        engine = Engine(connection, self.job, group, self._record, tick, cluster.nodes)
        if first := look.shards(shards):
            step(f"checking the archive {self.job.archive.root} with {len(first):,} of {counted(len(shards), 'shard')}")
            look.knock(connection, self.plan)
            engine.run(first)
            look.judge(first)
        if rest := sorted(set(shards) - set(first), key=lambda shard: shard.start):
            step(f"making {', '.join(stage.name for stage in group.stages)}")
            engine.run(rest)

    def _begin(self, group: Group) -> list[Shard]:
        """Find the shards with work left in any of the stages, and show the others as done."""
        axis = group.stages[0].axis
        statuses = {stage.name: read_status(self.job.output, stage.name) for stage in group.stored}
        left = [
            shard
            for shard in self.plan.shards(axis)
            if any(unfinished(status[shard.rows]).any() for status in statuses.values())
        ]
        done = np.ones(self.plan.size(axis), dtype=bool)
        for shard in left:
            done[shard.rows] = False
        for stage in group.stages if left else ():
            counts = count_statuses(statuses[stage.name][done]) if stage.stored else {}
            self.progress.stage(stage.name, len(done), int(done.sum()), counts)
        return left

    def _create(self, connection: Connection, stage: Stage) -> None:
        """Fit the stage on the workers if it needs it, then fix the product's shape."""
        fitted = stage.fixed_coordinates()
        if stage.requires_fit:
            step(f"fitting {stage.name}")
            sample = stage.fit_sample(self.plan)
            fitted = fit(connection, self.job, stage.name, self.plan.shards(stage.axis), sample)
        provenance = provenance_of(self.plan, stage)
        attrs = {
            "title": f"{stage.name} of {self.job.name}",
            "source": f"survey_batch {own_version()}",
            "history": history_line("created"),
            "job": redacted_values(self.job.model_dump(mode="json")),
            PROVENANCE: provenance,
            **({} if stage.from_fields else {GENERATIONS: [self.plan.size("object")]}),
            "fingerprint": fingerprint(provenance),
            "versions": versions(),
        }
        create_product(self.job.output, stage.schema(self.plan.size(stage.axis), fitted), attrs)
        if stage.axis == "object":
            mark_labelled(self.plan, stage.name)
        # If the client is the user's own, workers outlive a run; a worker that is just leaving has nothing to forget.
        connection.client.run(forget_products, on_error="ignore")

    def _record(self, record: Record) -> None:
        self.accounts.record(record)
        self.progress.record(record)
