"""Users' functions: found by module or file, and known by the text that they were read from."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from survey_batch.config.job import CustomSection, Job
from survey_batch.core.errors import ConfigurationError, PlanMismatchError

if TYPE_CHECKING:
    import xarray as xr

Function = Callable[["xr.Dataset"], "xr.Dataset"]

_modules: dict[str, tuple[str, ModuleType]] = {}
"""What was imported here, by its place in the job file, with the hash of its text at that time."""


def load_function(section: CustomSection, key: str) -> Function:
    """Import the function of a table `[custom.NAME]`, whose name is `key`.

    Raises
    ------
    ConfigurationError
        There is no such file, module or function, it cannot be imported, or it was edited since it was.
    PlanMismatchError
        It is not the text that the run began with.
    """
    place, _, name = section.function.rpartition(":")
    module = _import(place, key)
    if not callable(function := getattr(module, name, None)):
        raise ConfigurationError(f"{key}.function: there is no function {name!r} in {place}")
    if section.source is not None and (found := _hash_of(module, function)) != section.source:
        raise PlanMismatchError(
            f"{key}.function: {section.function} was edited while a run was under way ({found} instead of "
            f"{section.source}). What is finished was made by the text before: take the edit back, or delete "
            f"{key.removeprefix('custom.')}.zarr and run again"
        )
    made: Function = function
    return made


def source_of(section: CustomSection, key: str) -> str:
    """Hash of the text that a function comes from: the file that is named, and its own where that is another."""
    function = load_function(section, key)
    return _hash_of(_import(section.function.rpartition(":")[0], key), function)


def pin_functions(job: Job) -> Job:
    """Write into the job which text each of its functions has, so that no worker uses another."""
    pinned = {
        name: section.model_copy(update={"source": source_of(section, f"custom.{name}")})
        if name in job.stages
        else section
        for name, section in job.custom.items()
    }
    return job.model_copy(update={"custom": pinned})


def _import(place: str, key: str) -> ModuleType:
    try:
        return _import_file(Path(place)) if place.endswith(".py") else _import_module(place, key)
    except ConfigurationError:
        raise
    except Exception as error:  # anything can go wrong in a file of others
        raise ConfigurationError(f"{key}.function: cannot import {place!r}: {type(error).__name__}: {error}") from error


def _import_file(path: Path) -> ModuleType:
    """Import a file; one that was edited is imported anew."""
    digest = _hash(path)
    known = _modules.get(str(path))
    if known is None or known[0] != digest:
        spec = importlib.util.spec_from_file_location(f"survey_batch_custom_{digest}", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses and pickle look there
        spec.loader.exec_module(module)
        _modules[str(path)] = (digest, module)
    return _modules[str(path)][1]


def _import_module(name: str, key: str) -> ModuleType:
    """Import a module; one that was edited since cannot be had without a new process."""
    module = importlib.import_module(name)
    digest = _hash_of_module(module)
    if _modules.setdefault(name, (digest, module))[0] != digest:
        raise ConfigurationError(
            f"{key}.function: module {name} was edited since this process imported it: start Python (and a running "
            "cluster's workers) again"
        )
    return module


def _hash_of(module: ModuleType, function: Any) -> str:
    texts = _hash_of_module(module)
    try:
        own = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:  # not a function that was written in Python
        own = None
    return (
        texts
        if own is None or own == module.__file__
        else hashlib.sha256(f"{texts}{_hash(Path(own))}".encode()).hexdigest()[:16]
    )


def _hash_of_module(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return _hash(Path(file)) if file else module.__name__


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
