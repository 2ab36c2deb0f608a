"""Which stages run together, and which products are handed on to the next stage instead of being stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from survey_batch.core.errors import ConfigurationError
from survey_batch.stages import Stage
from survey_batch.stages.base import PHASES


@dataclass(frozen=True)
class Group:
    """Stages of one phase on one axis: each shard goes through all of them as one graph.

    Attributes
    ----------
    stages : tuple of Stage
        In order; a stage whose product is not stored comes before the stages that use it.
    """

    stages: tuple[Stage, ...]

    @property
    def stored(self) -> tuple[Stage, ...]:
        """Stages whose product is stored."""
        return tuple(stage for stage in self.stages if stage.stored)

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Return the stored products made from a product that is not stored, directly or through others like it."""
        users = [stage for stage in self.stages if stage.upstream == name]
        kept = [stage.name for stage in users if stage.stored]
        return (*kept, *(far for stage in users if not stage.stored for far in self.needed_by(stage.name)))


def make_groups(stages: Sequence[Stage]) -> list[Group]:
    """Order a job's stages into the groups that run one after the other.

    A stage whose product is not stored runs in the phases of the stages that use it, once in each such phase.

    Raises
    ------
    ConfigurationError
        A product is neither stored nor used, must be stored so that a stage can learn from it, or would be downloaded
        twice.
    """
    names = [stage.name for stage in stages]
    for number, stage in enumerate(stages):
        if stage.upstream and stage.upstream not in names[:number]:
            what = "put it after that" if stage.upstream in names else f"add {stage.upstream!r} to stages"
            raise ConfigurationError(f"stage {stage.name!r} works on the product {stage.upstream!r}: {what}")
        stage.check()
    groups = []
    for phase in PHASES:
        kept = [stage for stage in stages if stage.stored and stage.phase == phase]
        for axis in dict.fromkeys(stage.axis for stage in kept):
            wanted = _with_what_they_need([stage for stage in kept if stage.axis == axis], stages)
            groups.append(Group(tuple(stage for stage in stages if stage.name in wanted)))
    _check(stages, groups)
    return groups


def _with_what_they_need(kept: Sequence[Stage], stages: Sequence[Stage]) -> set[str]:
    named = {stage.name: stage for stage in stages}
    wanted: set[str] = set()
    for stage in kept:
        wanted.add(stage.name)
        while stage.upstream and not named[stage.upstream].stored:
            stage = named[stage.upstream]
            wanted.add(stage.name)
    return wanted


def _check(stages: Sequence[Stage], groups: Sequence[Group]) -> None:
    for stage in stages:
        if stage.stored:
            _check_fit(stage, stages)
            continue
        runs = [group for group in groups if stage in group.stages]
        if not runs:
            raise ConfigurationError(
                f"{stage.name}.keep is false, and no stored product is made from it: set it to true, or remove the "
                "stage from stages"
            )
        if stage.phase == "ingest" and len(runs) > 1:
            users = [group.needed_by(stage.name)[0] for group in runs]
            raise ConfigurationError(
                f"{stage.name}.keep is false, and {' and '.join(users)} run at different times: everything would be "
                f"downloaded {len(runs)} times. Set {stage.name}.keep = true"
            )


def _check_fit(stage: Stage, stages: Sequence[Stage]) -> None:
    upstream = next((other for other in stages if other.name == stage.upstream), None)
    if stage.requires_fit and upstream is not None and not upstream.stored:
        raise ConfigurationError(
            f"{upstream.name}.keep is false, and stage {stage.name!r} learns from the whole of {upstream.name} before "
            f"it measures the first object: set {upstream.name}.keep = true, or spectral_features.components = 0"
        )
