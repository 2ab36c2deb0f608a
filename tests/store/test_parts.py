"""Unfinished files of killed writers."""

import os
import subprocess
import sys

import pytest

from survey_batch.store.lock import locked
from survey_batch.store.parts import parts_left, remove_parts

PARTS = [
    "log/.a.marker.0123456789abcdef0123456789abcdef.part",
    "problems/.spectra-000001.parquet.0123456789abcdef0123456789abcdef.part",
    "spectra.zarr/flux/c/0.0123456789abcdef0123456789abcdef.partial",
    "spectra.zarr/zarr.0123456789abcdef0123456789abcdef.partial",
]
OTHERS = [
    ".report.html.0123456789abcdef0123456789abcdef.part",
    "another/spectra.zarr/flux/c/0.0123456789abcdef0123456789abcdef.partial",
    "spectra.zarr/flux/c/0",
    "spectra.zarr/zarr.json",
    "spectra.zarr/my.part",
]


@pytest.fixture
def output(tmp_path):
    """An output that a run left a while ago."""
    for name in PARTS + OTHERS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (10.0, 10.0))
    return tmp_path


def files(output):
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}


def test_what_killed_writers_left_is_removed_and_nothing_else(output):
    assert parts_left(str(output)) == [str(output / name) for name in PARTS]
    assert remove_parts(str(output)) == len(PARTS)
    assert files(output) == set(OTHERS)


def test_what_is_younger_than_the_lock_is_a_live_writer_s(output):
    with locked(str(output)):
        young = output / PARTS[2].replace("0.", "1.")
        young.write_bytes(b"x")
        later = (output / "lock.json").stat().st_mtime + 1
        os.utime(young, (later, later))
        assert remove_parts(str(output)) == len(PARTS)
        assert young.exists()


WRITES = """
import os, sys, zarr
from pathlib import Path
from survey_batch.core.paths import write_bytes

Path.replace = lambda *_: os._exit(9)
write_bytes("plan/a.json", b"x") if sys.argv[1] == "ours" else zarr.create_array("a.zarr", shape=(2,), dtype="u1")
"""


@pytest.mark.parametrize("whose", ["ours", "zarr"])
def test_the_names_are_those_that_we_and_zarr_write(tmp_path, whose):
    killed = subprocess.run([sys.executable, "-c", WRITES, whose], cwd=tmp_path, check=False)
    assert killed.returncode == 9
    assert len(parts_left(str(tmp_path))) == 1


def test_an_output_elsewhere_or_not_made_yet_has_none(tmp_path):
    assert parts_left("memory://out") == parts_left(str(tmp_path / "none")) == []
