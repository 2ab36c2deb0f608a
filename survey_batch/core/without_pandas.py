"""pyarrow without pandas, until something imports pandas.

pyarrow imports it at its first conversion, to see whether it was given something of pandas. Nobody can have given it
that before pandas was imported, and the import takes a third of a second in every process.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


def spare_pandas() -> None:
    """Have pyarrow look for pandas now and find none; it is told as soon as pandas is imported.

    From then on everything is as if this had never been called.
    """
    if "pandas" in sys.modules or not hasattr(pa.lib, "_pandas_api"):
        return
    if any(isinstance(one, _FindsPandas) for one in sys.meta_path):
        return
    finder = _FindsPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)
    finally:
        finder.hides = False


class _FindsPandas(MetaPathFinder):
    """Hides pandas from pyarrow, then finds it with a loader that tells pyarrow, until it is imported.

    Libraries also look for pandas without importing it (`importlib.util.find_spec`).
    """

    hides = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "pandas":
            return None
        if self.hides:
            raise ModuleNotFoundError("pandas is not looked for yet", name=name)
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self)
        return spec


class _Telling(Loader):
    def __init__(self, usual: Loader, finder: _FindsPandas) -> None:
        self.usual, self.finder = usual, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.usual
        if module.__spec__ is not None:
            module.__spec__.loader = self.usual
        self.usual.exec_module(module)
        with suppress(ValueError):
            sys.meta_path.remove(self.finder)
        _ = pa.lib._pandas_api.pd  # noqa: SLF001 - it looks again, and finds it
