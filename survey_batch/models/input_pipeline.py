"""The preprocessing of one's own model: steps read from text, and done in order.

A step is written `name` or `name:argument,argument`, as in `normalise:median` or `grid:log,3800,9000,3000`. A recipe
keeps them under the keys "1", "2", …, so that they travel with the model.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from survey_batch.core.arrays import Flags, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models import input_layout, input_steps
from survey_batch.models.input_layout import Data
from survey_batch.models.recipe import Recipe

STEPS: Mapping[str, Callable[..., Data]] = {
    function.__name__: function
    for function in (
        *(input_steps.mask, input_steps.grid, input_steps.normalise, input_steps.subtract, input_steps.divide),
        *(input_steps.asinh, input_steps.clip, input_steps.nan),
        *(input_layout.select, input_layout.crop, input_layout.channels, input_layout.stack, input_layout.flatten),
        input_layout.take,
    )
}
"""Every step by its name."""

READS = {"mask": ("flux", "ivar", "mask")}
"""Variables that a step reads, as far as the product has them, whether or not the model takes them."""


@dataclass(frozen=True)
class Step:
    """One step with its arguments."""

    text: str
    name: str
    arguments: tuple[Any, ...]

    @classmethod
    def read(cls, text: str) -> "Step":
        """Read a step from its text.

        Raises
        ------
        ConfigurationError
            There is no such step, or its arguments are not what it takes.
        """
        name, _, rest = text.strip().partition(":")
        if name not in STEPS:
            raise ConfigurationError(
                f"there is no preprocessing step {name!r}; there are {', '.join(map(usage, STEPS))}"
            )
        words = [word.strip() for word in rest.split(",")] if rest.strip() else []
        return cls(text.strip(), name, _arguments(name, words))

    def __call__(self, data: Data) -> Data:
        """Do the step."""
        return STEPS[self.name](data, *self.arguments)


def usage(name: str) -> str:
    """Say how a step is written: `crop:SIZE`, `stack[:first|last]`."""
    parts = [_placeholder(parameter) for parameter in _parameters(name)]
    optional = all(parameter.default is not parameter.empty for parameter in _parameters(name))
    text = f":{','.join(parts)}" if parts else ""
    return f"{name}[{text}]" if parts and optional else f"{name}{text}"


def _placeholder(parameter: inspect.Parameter) -> str:
    choices = getattr(parameter.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return f"{parameter.name.upper()}{',…' * (parameter.kind is parameter.VAR_POSITIONAL)}"


def _parameters(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(STEPS[name]).parameters.values())[1:]


def _arguments(name: str, words: Sequence[str]) -> tuple[Any, ...]:
    """Turn words into what a step's parameters ask for."""
    found: list[Any] = []
    try:
        bound = inspect.signature(STEPS[name]).bind(None, *words).arguments
        for parameter in _parameters(name):
            several = parameter.kind is parameter.VAR_POSITIONAL
            if several and parameter.name not in bound:
                raise TypeError("it needs at least one argument")
            given = bound.get(parameter.name, ())
            kind = TypeAdapter(parameter.annotation)
            found += [kind.validate_python(word) for word in (given if isinstance(given, tuple) else (given,))]
    except (TypeError, ValidationError) as error:
        why = error.errors()[0]["msg"].lower() if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(
            f"step '{name}{':' * bool(words)}{','.join(words)}' is not understood ({why}); write {usage(name)}"
        ) from error
    return tuple(found)


def read_steps(texts: Iterable[str]) -> tuple[Step, ...]:
    """Read steps from their texts, in order."""
    return tuple(Step.read(text) for text in texts)


def as_keys(steps: Iterable[Step]) -> dict[str, str]:
    """Return steps as a recipe keeps them."""
    return {str(number): step.text for number, step in enumerate(steps, 1)}


def steps_of(recipe: Recipe) -> tuple[Step, ...]:
    """Read the steps of a recipe, in order."""
    numbers = sorted(int(key) for key in recipe.steps if key.isdecimal())
    return read_steps(str(recipe.steps[str(number)]) for number in numbers)


def begin(block: Variables, recipe: Recipe) -> Data:
    """Take the variables of a recipe from a block."""
    values = {name: np.asarray(block[name]) for name in recipe.variables}
    return Data(
        values=values,
        dims={name: recipe.dims[name] for name in recipe.variables},
        possible=np.ones(len(values[recipe.variables[0]]), bool),
        names=recipe.names,
        wavelength=recipe.grid.wavelength if recipe.grid else None,
    )


def finish(data: Data) -> Data:
    """Mark the objects that still lack a value as impossible, and fill theirs with 0, which harms no other object.

    A model that is handed missing values answers about objects that lack some.
    """
    possible = data.possible
    for values in data.values.values():
        if values.dtype.kind == "f" and not data.keeps_missing:
            possible = possible & np.isfinite(values.reshape(len(possible), -1)).all(axis=1)
    return only(data, possible)


def only(data: Data, possible: Flags) -> Data:
    """Keep these objects possible, and fill the values of the others with 0."""
    blanked = {name: _blanked(values, possible) for name, values in data.values.items()}
    return replace(data, values=blanked, possible=possible)


def _blanked(values: Any, possible: Any) -> Any:
    if possible.all():
        return np.ascontiguousarray(values)
    return np.where(possible.reshape(-1, *[1] * (values.ndim - 1)), values, values.dtype.type(0))


def run_steps(data: Data, steps: Iterable[Step]) -> Data:
    """Do steps in order, then `finish`."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # what is not finite is dealt with at the end
        for step in steps:
            data = step(data)
    return finish(data)
