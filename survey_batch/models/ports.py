"""What a model takes and gives: its inputs and outputs, and whether a product's variables fit them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Shape = tuple[int | None, ...]
"""Lengths of the axes; None where any length will do."""


@dataclass(frozen=True)
class Port:
    """An input or an output of a model.

    Attributes
    ----------
    name : str
    shape : tuple of int or None
        Shape for one object, without the axis of objects.
    dtype : str
        Name of numpy's type; "" if any will do.
    batch : int or None
        Objects that it takes at once; None for any number.
    """

    name: str
    shape: Shape
    dtype: str = ""
    batch: int | None = None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether one object's values fit."""
        return len(shape) == len(self.shape) and all(
            mine in (None, theirs) for mine, theirs in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        lengths = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"{self.name} ({lengths}{',' * (len(self.shape) == 1)})"


def matched(ports: Sequence[Port], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str] | None:
    """Find the variable for each input of a model: by name, or the only one; None if they do not fit.

    Parameters
    ----------
    ports
        The model's inputs.
    shapes
        Shape of one object in each variable after preprocessing.
    """
    if len(ports) != len(shapes):
        return None
    names = {port.name: port.name for port in ports}
    if len(ports) == 1:
        names = {ports[0].name: next(iter(shapes))}
    fit = all(names[port.name] in shapes and port.fits(shapes[names[port.name]]) for port in ports)
    return names if fit else None
