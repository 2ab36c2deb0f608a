"""A feature: one measured number of an object, with its unit and its meaning."""

from typing import NamedTuple


class Feature(NamedTuple):
    """One column of a product `features`."""

    name: str
    unit: str
    """As astropy writes it; "1" if it has none."""
    description: str
    source: str = ""
    """Publication or table that defines it; "" if the description does."""

    @property
    def error(self) -> "Feature":
        """The feature that is the standard error of this one."""
        return Feature(f"{self.name}_error", self.unit, f"standard error of {self.name}", self.source)
