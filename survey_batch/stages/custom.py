"""Stages from a user's own functions, which turn a block of one product into a block of the next, as xarray datasets.

The function is given a dataset of some objects and returns one with the same objects in the same order:

    def colours(block):
        flux = block.flux.sum(("y", "x"))
        return xr.Dataset({"g_r": -2.5 * np.log10(flux.sel(band="g") / flux.sel(band="r"))})

The result for an object must depend only on that object, because blocks can have any size.
"""

import json
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.config.sections.custom import CustomSection
from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.core.wording import counted
from survey_batch.planning.plan import LABELS, Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Phase, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.functions import load_function, source_of
from survey_batch.store.schema import OBJECT_COORDINATES, Array, Variable

if TYPE_CHECKING:
    import xarray as xr

CUSTOM_CPU_SECONDS = 1e-3
"""Assumed time of a user's function for one object."""

STORABLE = "biufOUT"
"""Kinds of numpy types that a product can hold: booleans, numbers and text."""

RESERVED = {"status", *(variable.name for variable in OBJECT_COORDINATES)}


class CustomStage(Stage):
    """Stage that applies a user's function to a product, block by block.

    To learn the form of the result, the stage calls the function with one object of fill values (NaN, or 0 for
    integers).
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.name = context.name
        self.section = context.table(CustomSection)
        self.upstream = self.section.input
        self.input_variables = self.section.variables
        self.gpu = self.in_steps = self.section.gpu

    @property
    def phase(self) -> Phase:  # type: ignore[override]
        """`predict` if the stage needs a GPU or its input has that phase; otherwise `prepare`."""
        return "predict" if self.gpu or self._input().phase == "predict" else "prepare"

    def settings(self) -> dict[str, Any]:
        """Return the input's settings, and a hash of the file with the function."""
        return {
            **self._input().settings(),
            f"custom.{self.name}.function": self.section.function.rpartition(":")[2],
            f"custom.{self.name}.source": source_of(self.section, self._key),
            f"custom.{self.name}.input": self.section.input,
            f"custom.{self.name}.variables": list(self.input_variables),
        }

    def sizes(self) -> dict[str, int]:
        """Return the lengths of the dimensions of the function's result."""
        return {str(dim): int(size) for dim, size in self._template().sizes.items() if dim != "object"}

    def variables(self) -> tuple[Variable, ...]:
        """Return the variables of the function's result."""
        return tuple(
            Variable(str(name), tuple(map(str, array.dims)), _dtype(array), dict(array.attrs))
            for name, array in self._template().data_vars.items()
        )

    def coordinates(self) -> Coordinates:
        """Return the coordinates of the function's result, without those of the objects."""
        return {
            str(name): (tuple(map(str, array.dims)), np.asarray(array.values), dict(array.attrs))
            for name, array in self._template().coords.items()
            if "object" not in array.dims
        }

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Call the function on a block, and check that the result has the same form as for one object."""
        made = self._call(self._dataset(rows, inputs))
        block = self.empty_block(len(rows["ra"]))
        self._check_order(made, rows)
        for variable in self.variables():
            block.data[variable.name][...] = self._checked(made, variable, block.data[variable.name])
        return block

    def _check_order(self, made: "xr.Dataset", rows: Rows) -> None:
        """Refuse objects in another order; this can be checked only if the result has the object ids."""
        found = made.coords.get("object_id")
        if found is not None and not np.array_equal(found.values.astype(object), rows["object_id"].astype(object)):
            raise self._wrong("it returned the objects in another order, or not the objects it was given")

    def _checked(self, made: "xr.Dataset", variable: Variable, expected: Array) -> Array:
        """Compare a variable with the function's result for one object without data."""
        found = made.get(variable.name)
        if found is None or found.dims != variable.dims or found.shape != expected.shape:
            shape = "missing" if found is None else f"of shape {dict(found.sizes)}"
            raise self._wrong(
                f"variable {variable.name!r} is {shape} in a block of {counted(len(expected), 'object')}; for one "
                f"object its dimensions were {variable.dims}, with {expected.shape[1:]} after the object's"
            )
        if not _fits(found, expected):
            raise self._wrong(
                f"variable {variable.name!r} is {found.dtype} in a block and {variable.dtype} for one object without "
                "data: return the same type for NaN as for numbers, and text as str"
            )
        return np.asarray(found.values)

    def cost(self, plan: Plan) -> Cost:
        """Estimate the memory for a shard of input and output, and guess the function's time."""
        objects = min(self.context.shard_rows, plan.size("object"))
        worker = objects * (self._input().schema(1).row_nbytes + 2 * self.schema(1).row_nbytes)
        return Cost(worker_bytes=worker, cpu_seconds=plan.size("object") * CUSTOM_CPU_SECONDS)

    def check(self) -> None:
        """Refuse a function that cannot be found, or whose result cannot be stored."""
        has = [variable.name for variable in self._input().variables()]
        if missing := [name for name in self.input_variables if name not in has]:
            raise ConfigurationError(
                f"custom.{self.name}.variables: {self.section.input} has no {missing}; it has {has}"
            )
        self._template()

    def _input(self) -> Stage:
        return self.other(self.section.input)

    def _dataset(self, rows: Rows, inputs: Rows) -> "xr.Dataset":
        import xarray as xr

        stage = self._input()
        described = {variable.name: variable for variable in stage.variables()}
        # Copies: other stages of the shard may be given the same arrays.
        data = {n: (described[n].dims, np.array(inputs[n]), dict(described[n].attrs)) for n in self.input_variables}
        fixed = {
            name: (dims, values, dict(attrs))
            for name, (dims, values, attrs) in stage.coordinates().items()
            if set(dims) <= {dim for name in self.input_variables for dim in described[name].dims}
        }
        own = {v.name: ("object", rows[v.name]) for v in OBJECT_COORDINATES if v.name in rows}
        return xr.Dataset(data, coords={**fixed, **own})

    def _call(self, block: "xr.Dataset") -> "xr.Dataset":
        import xarray as xr

        function = load_function(self.section, self._key)
        try:
            made = function(block)
        except Exception as error:  # anything can go wrong in a user's function
            where = traceback.extract_tb(error.__traceback__)[1:]
            line = f" ({Path(where[0].filename).name}, line {where[0].lineno})" if where else ""
            raise SurveyBatchError(f"{type(error).__name__}: {error}{line}") from error
        if isinstance(made, xr.DataArray):
            made = made.to_dataset(name=made.name or self.name)
        if not isinstance(made, xr.Dataset):
            raise self._wrong(f"it returned {type(made).__name__}, not an xarray Dataset")
        if wrong := [str(name) for name, array in made.data_vars.items() if "object" not in array.dims]:
            raise self._wrong(f"{wrong} have no dimension 'object'; make them coordinates")
        return made.transpose("object", ..., missing_dims="ignore")  # it may hold no variable

    def _template(self) -> "xr.Dataset":
        key = json.dumps(self.settings(), sort_keys=True, default=str)
        if key not in _templates:
            _templates[key] = self._call_on_nothing()
        return _templates[key]

    def _call_on_nothing(self) -> "xr.Dataset":
        fills = self._input().empty_block(1).data
        rows = {v.name: v.empty((1,)) for v in OBJECT_COORDINATES if v.name not in LABELS}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                made = self._call(self._dataset(rows, fills))
        except (ConfigurationError, PlanMismatchError):
            raise
        except SurveyBatchError as error:
            raise self._wrong(f"{error}, given one object without data") from error
        self._check_storable(made)
        return made

    def _check_storable(self, made: "xr.Dataset") -> None:
        if not made.data_vars:
            raise self._wrong("it returned no variables")
        if wrong := sorted(RESERVED & {str(name) for name in made.data_vars}):
            raise self._wrong(f"it returned {', '.join(wrong)}; these names are reserved, choose others")
        extra = [str(name) for name, array in made.coords.items() if "object" in array.dims and name not in RESERVED]
        if extra:
            raise self._wrong(f"coordinates {extra} have the dimension 'object'; make them variables")
        if wrong := [str(name) for name, array in made.variables.items() if array.dtype.kind not in STORABLE]:
            raise self._wrong(f"{wrong} hold neither numbers nor text; convert them")
        try:
            json.dumps([dict(array.attrs) for array in made.variables.values()])
        except TypeError as error:
            raise self._wrong(f"attributes must be plain text and numbers: {error}") from error

    @property
    def _key(self) -> str:
        return f"custom.{self.name}"

    def _wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"custom.{self.name}: {self.section.function}: {what}")


def _fits(found: "xr.DataArray", expected: Array) -> bool:
    """Tell whether values can be stored with no loss except in precision."""
    if expected.dtype == object:
        return found.dtype.kind in "UT" or all(isinstance(value, str) for value in found.values.ravel())
    return bool(np.can_cast(found.dtype, expected.dtype, "same_kind"))


def _dtype(array: "xr.DataArray") -> str:
    return "string" if array.dtype.kind in "OUT" else str(array.dtype)


_templates: dict[str, "xr.Dataset"] = {}
