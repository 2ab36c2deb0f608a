"""The tests of bits under other BLAS kernels than the processor's own, which `make test` runs them under.

Whatever the environment says of oneDNN, our processes switch it off before they import TensorFlow.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
FILES = sorted(str(file) for file in Path(__file__).parent.rglob("test_*.py") if "mark.bits\n" in file.read_text())
"""To collect all others takes as long as these tests."""
TRY = """
import numpy as np
from threadpoolctl import threadpool_info
a = np.arange(90_000.0).reshape(300, 300) / 90_000
np.linalg.eigh(a @ a.T)
print({library.get("architecture") for library in threadpool_info()})
"""


def environment(kernel, onednn):
    rest = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    return {**rest, "TF_ENABLE_ONEDNN_OPTS": onednn, "OPENBLAS_CORETYPE": kernel}


@cache
def can_run(kernel):
    """Tell whether the processor has a kernel's instructions: without them a process ends with a signal."""
    command = [sys.executable, "-c", TRY]
    done = subprocess.run(command, env=environment(kernel, "0"), capture_output=True, text=True, check=False)
    return done.returncode == 0 and kernel in done.stdout


@pytest.mark.parametrize(("kernels", "onednn"), [(["Haswell"], "1"), (["SkylakeX", "Nehalem"], "0")])
def test_bits_hold(kernels, onednn):
    kernel = next(filter(can_run, kernels), None)
    if kernel is None:
        pytest.skip(f"this processor runs none of OpenBLAS' kernels {kernels}")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "bits", "-p", "no:cacheprovider", *FILES]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment(kernel, onednn), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
