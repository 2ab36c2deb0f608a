"""Users' functions: found by module or file, and identified by their source text."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from survey_batch.config.job import CustomSection, Job
from survey_batch.core.errors import ConfigurationError, PlanMismatchError

if TYPE_CHECKING:
    import xarray as xr

Function = Callable[["xr.Dataset"], "xr.Dataset"]

_modules: dict[str, tuple[str, ModuleType]] = {}
"""Imported modules, keyed by the module or file that the job names, with the hash of the text at import."""


def load_function(section: CustomSection, key: str) -> Function:
    """Import the function of a table `[custom.NAME]`, whose name is `key`.

    Raises
    ------
    ConfigurationError
        The file, module or function does not exist, cannot be imported, or was edited since its import.
    PlanMismatchError
        The text differs from the text at the start of the run.
    """
    origin, _, name = section.function.rpartition(":")
    module = _import(origin, key)
    if not callable(function := getattr(module, name, None)):
        raise ConfigurationError(f"{key}.function: there is no function {name!r} in {origin}")
    if section.source is not None and (found := _hash_of(module, function)) != section.source:
        raise PlanMismatchError(
            f"{key}.function: {section.function} was edited during a run ({found} instead of "
            f"{section.source}). Finished shards were made by the earlier text: undo the edit, or delete "
            f"{key.removeprefix('custom.')}.zarr and run again"
        )
    made: Function = function
    return made


def source_of(section: CustomSection, key: str) -> str:
    """Hash a function's source text: the named file, and the function's own file if it is a different one."""
    function = load_function(section, key)
    return _hash_of(_import(section.function.rpartition(":")[0], key), function)


def pin_functions(job: Job) -> Job:
    """Write the hash of each function's text into the job, so that no worker uses a different text."""
    pinned = {
        name: section.model_copy(update={"source": source_of(section, f"custom.{name}")})
        if name in job.stages
        else section
        for name, section in job.custom.items()
    }
    return job.model_copy(update={"custom": pinned})


def _import(origin: str, key: str) -> ModuleType:
    try:
        return _import_file(Path(origin)) if origin.endswith(".py") else _import_module(origin, key)
    except ConfigurationError:
        raise
    except Exception as error:  # anything can go wrong in a user's file
        raise ConfigurationError(
            f"{key}.function: cannot import {origin!r}: {type(error).__name__}: {error}"
        ) from error


def _import_file(path: Path) -> ModuleType:
    """Import a file; if it was edited, import it again."""
    digest = _hash(path)
    known = _modules.get(str(path))
    if known is None or known[0] != digest:
        name = f"survey_batch_custom_{digest}"
        spec = importlib.util.spec_from_file_location(name, path, loader=_FromText(name, str(path)))
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses and pickle look up modules there
        spec.loader.exec_module(module)
        _modules[str(path)] = (digest, module)
    return _modules[str(path)][1]


class _FromText(SourceFileLoader):
    """Loader that reads the text itself: bytecode on disk may be that of an earlier text of equal size and time."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Compile the file."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _import_module(name: str, key: str) -> ModuleType:
    """Import a module; a module edited after its import needs a new process."""
    module = importlib.import_module(name)
    digest = _hash_of_module(module)
    if _modules.setdefault(name, (digest, module))[0] != digest:
        raise ConfigurationError(
            f"{key}.function: module {name} was edited since this process imported it: restart Python (and the "
            "workers of a running cluster)"
        )
    return module


def _hash_of(module: ModuleType, function: Any) -> str:
    texts = _hash_of_module(module)
    try:
        own = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:  # not a Python function
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
