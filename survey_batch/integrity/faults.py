"""What `verify` finds wrong, and how it can be mended."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypedDict

from survey_batch.store.damage import Damage


class Kind(StrEnum):
    """What is wrong, which decides how it is mended."""

    DATA = "data"
    """Part of a product cannot be read: its rows become pending."""
    METADATA = "metadata"
    """A `zarr.json` is not what was written: it is restored from its copy."""
    PLAN = "plan"
    """The stored plan is not that of the catalogue: it is written again."""
    ACCOUNTS = "accounts"
    """A file about runs and problems cannot be read, or does not agree with the products: it is written again."""
    SETTINGS = "settings"
    """A product is another job's. Nothing mends that but the user."""
    CLASSIFIER = "classifier"
    """A classifier's files are not those that were saved. Nothing mends that but the user."""


class FaultFacts(TypedDict):
    """One thing that is wrong, for JSON; what is not of a shard has no shard and no rows."""

    kind: str
    """`data`, `metadata`, `plan`, `accounts`, `settings` or `classifier`."""
    file: str
    """Product or file, below the output or in full."""
    found: str
    """What is wrong."""
    product: str | None
    """For data: the product."""
    array: str | None
    """Its array; empty for the whole product."""
    shard: int | None
    """Number of the shard."""
    start: int | None
    """First row of the shard."""
    stop: int | None
    """Row after its last one."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes
    ----------
    kind : Kind
    file : str
        Product or file, below the output or in full.
    found : str
        What is wrong.
    damage : Damage or None
        For data: what cannot be read, or what has to be made again.
    """

    kind: Kind
    file: str
    found: str
    damage: Damage | None = None

    @classmethod
    def of(cls, damage: Damage) -> "Fault":
        """Make the fault of a damaged part of a product."""
        return cls(Kind.DATA, f"{damage.product}.zarr", str(damage).partition(": ")[2], damage)

    def __str__(self) -> str:
        return f"{self.file}: {self.found}"

    def as_dict(self) -> FaultFacts:
        """Everything as plain values, for JSON."""
        damage = asdict(self.damage) if self.damage else {}
        return FaultFacts(
            kind=str(self.kind),
            file=self.file,
            found=self.found,
            product=damage.get("product"),
            array=damage.get("array"),
            shard=damage.get("shard"),
            start=damage.get("start"),
            stop=damage.get("stop"),
        )
