"""Verify what is stored in an output, and on request mark what is wrong so that a run makes it again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from survey_batch.config.job import Job
from survey_batch.core.display import html_table
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.paths import files_in, join, remove
from survey_batch.core.status import count_statuses
from survey_batch.core.steps import step
from survey_batch.core.wording import size
from survey_batch.integrity.faults import Fault, Kind
from survey_batch.integrity.files import (
    check_accounts,
    check_classifiers,
    check_metadata,
    check_notes,
    check_plan,
    check_settings,
    correct_counts,
)
from survey_batch.integrity.marking import mark_damaged
from survey_batch.integrity.products import Look, check_product
from survey_batch.models.awaited import is_awaited, without_predictions
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.growth import find_growth
from survey_batch.stages import Stage, make_stages
from survey_batch.store.codecs import is_checked
from survey_batch.store.damage import DamagedError
from survey_batch.store.holder import is_dead
from survey_batch.store.lock import holder_of, locked
from survey_batch.store.marks import PROGRESS
from survey_batch.store.notes import collect_problems, rewrite_note
from survey_batch.store.parts import parts_left, remove_parts
from survey_batch.store.products import is_complete, open_group, stored
from survey_batch.store.root import damaged_metadata
from survey_batch.store.schema import Shard
from survey_batch.store.strict import STATUS

Say = Callable[[Fault], None]


@dataclass
class Verification:
    """What was verified, what is wrong, and what was done about it.

    Attributes
    ----------
    output : str
        The job's output.
    deep : bool
        Whether all values were read and compared with their checksums.
    counts : dict
        Rows by status in each product.
    nbytes : int
        Bytes of values that were read.
    faults : list of Fault
        What is wrong.
    notes : list of str
        What could not be verified, and why.
    mended : list of str
        What was done about it, in words.
    """

    output: str
    deep: bool
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    nbytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def __str__(self) -> str:
        how = f", {size(self.nbytes)} of values read" if self.deep else ", values not read"
        many = f"{len(self.faults):,} things are wrong" if self.faults[1:] else "one thing is wrong"
        return f"{self.output}: {', '.join(self.counts)}{how}: {many if self.faults else 'nothing is wrong'}"

    def __repr__(self) -> str:
        return "\n  ".join([f"<Verification of {self}", *map(str, self.faults)]) + ">"

    def _repr_html_(self) -> str:
        return html_table(str(self), {str(number): fault for number, fault in enumerate(self.faults, 1)})

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        faults = [fault.as_dict() for fault in self.faults]
        own = {name: getattr(self, name) for name in ("output", "deep", "ok", "counts", "nbytes", "notes", "mended")}
        return {**own, "faults": faults}


def verify(job: Job, *, deep: bool = False, repair: bool = False, say: Say = lambda _: None) -> Verification:
    """Verify an output: metadata, shapes, statuses, files, plan, accounts and classifiers.

    Parameters
    ----------
    job
        The job that made it.
    deep
        Also read all values, which compares them with their checksums and ids and positions with the catalogue.
    repair
        Restore metadata and small files, and mark what is damaged, and what was made from it, as pending.
    say
        Called with each fault as it is found.

    Raises
    ------
    ConfigurationError
        The catalogue cannot be read, there is no product, or a run holds the output that is to be repaired.
    """
    found = Verification(job.output, deep)
    with locked(job.output, what="process") if repair else nullcontext():
        _Verifier(job, found, say, repair=repair).verify()
    return found


class _Verifier:
    def __init__(self, job: Job, found: Verification, say: Say, *, repair: bool) -> None:
        self.output, self.found, self.say, self.repair = job.output, found, say, repair
        self.job = without_predictions(job) if is_awaited(job) else job
        self.unreadable: set[str] = set()  # products whose own zarr.json is not what was written
        self.notes: list[tuple[str, Shard]] = []

    def verify(self) -> None:
        names = [path.rpartition("/")[2].removesuffix(".zarr") for path in files_in(self.output, ".zarr")]
        if not names:
            raise ConfigurationError(f"there is no product in {self.output}: run the job first, or name its output")
        step("checking the classifiers")
        self._tell(check_classifiers(self.job))
        step("checking the metadata")
        metadata = damaged_metadata(self.output)
        self._tell(check_metadata(metadata))
        if self.repair:
            metadata.restore(self.output)
        damaged = [*metadata.lost, *(() if self.repair else metadata.copies)]
        self.unreadable = {node.removesuffix(".zarr") for node in damaged if "/" not in node}
        plan = make_plan(self.job)
        stages = self._stages()
        growth = find_growth(plan, skip=self.unreadable)
        shorter = growth.products if growth else {}
        if growth:
            self.found.notes.append(f"what a run has still to do: {growth}")
        self._tell(check_plan(plan, set(shorter.values())))
        running = self._is_run()
        for name in names:
            self._product(plan.first(shorter[name]) if name in shorter else plan, name, stages.get(name))
        self._parts()
        running = running or self._is_run()
        if running:
            self.found.notes.append("a run is under way: what it writes meanwhile may be told as damaged")
        step("checking the accounts and the notes of problems")
        self._tell(check_accounts(self.output, self.found.counts, running=running))
        for fault, stage, shard in check_notes(self.output, _shards(plan, stages)):
            self._tell([fault])
            self.notes.append((stage, shard))
        if self.repair and self.found.faults:
            self._mend(plan, stages)

    def _is_run(self) -> bool:
        """Tell whether a run is under way; while this process holds the output, none is."""
        holder = None if self.repair else holder_of(self.output)
        return holder is not None and not is_dead(holder)

    def _stages(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in make_stages(self.job)}

    def _tell(self, faults: "Iterator[Fault] | list[Fault]") -> None:
        for fault in faults:
            self.found.faults.append(fault)
            self.say(fault)

    def _product(self, plan: Plan, name: str, stage: Stage | None) -> None:
        step(f"{'reading' if self.found.deep else 'checking'} {name}.zarr")
        try:
            group = open_group(self.output, name)
            whole = is_complete(group)
        except FileNotFoundError:
            whole = False
        except DamagedError as error:
            self._tell([Fault.of(damage) for damage in error.damages if not self._known(damage.product)])
            return
        except PlanMismatchError as error:
            self._tell([Fault(Kind.SETTINGS, f"{name}.zarr", str(error))])
            return
        if not whole:
            self.found.notes.append(f"{name}.zarr: its creation was cut short; the next run makes it")
            return
        if not is_checked(stored(group, STATUS).metadata):  # type: ignore[arg-type]
            self.found.notes.append(
                f"{name}.zarr was made without checksums: bits that changed in it are found only where they cannot be "
                "decoded"
            )
        if stage is None:
            self.found.notes.append(f"{name}.zarr is no product of the job's stages; it was not compared with the plan")
        elif name in self.unreadable:
            stage = None  # what the product says of itself cannot be trusted
        elif foreign := list(check_settings(plan, stage)):
            self._tell(foreign)
            stage = None  # what another job made does not have this plan's shape
        look = Look(self.output, name, group, plan, stage)
        self._tell(check_product(look, deep=self.found.deep))
        self.found.counts[name] = count_statuses(look.status)
        self.found.nbytes += look.nbytes

    def _parts(self) -> None:
        """Name the files that a killed process left, or remove them; they are in nobody's way."""
        if self.repair:
            if removed := remove_parts(self.output):
                self.found.mended.append(f"unfinished files of killed processes are removed: {removed:,}")
            return
        left = (path.removeprefix(self.output.rstrip("/") + "/") for path in parts_left(self.output))
        self.found.notes += [f"{path}: left by a process that was killed; the next run removes it" for path in left]

    def _known(self, product: str) -> bool:
        """Tell whether it was told that a product's metadata is damaged."""
        return any(fault.file.startswith(f"{product}.zarr/") for fault in self.found.faults)

    def _mend(self, plan: Plan, stages: Mapping[str, Stage]) -> None:
        """Mend each kind of fault in its own way."""
        kinds, mended = {fault.kind for fault in self.found.faults}, self.found.mended
        step("mending")
        if Kind.METADATA in kinds:
            mended.append("damaged zarr.json files are restored from their copies")
        if Kind.SETTINGS in kinds:
            mended.append("nothing else is mended: what another job made is not to be made again by this one")
            return
        if Kind.PLAN in kinds:
            plan.store()
            mended.append("the plan is written again")
        damages = [fault.damage for fault in self.found.faults if fault.damage is not None]
        mended += mark_damaged(plan, list(stages.values()), damages)
        for stage, shard in self.notes:
            rewrite_note(self.output, stage, shard)
            mended.append(f"the notes of {stage} {shard} are those of problems.parquet, as far as it has them")
        if PROGRESS in {fault.file for fault in self.found.faults}:
            remove(join(self.output, PROGRESS))
            mended.append(f"{PROGRESS} is removed; it only saves time, and the next run writes it again")
        if Kind.ACCOUNTS in kinds:
            collect_problems(self.output, _shards(plan, stages))
            correct_counts(self.output, self.found.counts)
            mended.append("problems.parquet is collected again, and the next run writes a whole run.json")
        if Kind.CLASSIFIER in kinds:
            mended.append("a classifier is not mended: restore its folder, or train it again")


def _shards(plan: Plan, stages: Mapping[str, Stage]) -> dict[str, list[Shard]]:
    return {name: plan.shards(stage.axis) for name, stage in stages.items()}
