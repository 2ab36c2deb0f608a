"""A SLURM that ends jobs for their memory: the shard at fault fails after three tries, with the keys to change."""

import re

import pyarrow.parquet as pq
import pytest

from survey_batch.cluster.slurm import TOO_LARGE
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.processes import command
from tests.slurm import SETTINGS, private_slurm

pytestmark = pytest.mark.slow

GREEDY = """
import time
import numpy as np

def greedy(block):
    if "1001" in block.object_id.values.astype(str).tolist():
        held = np.ones(200_000_000)  # 1.6 GB
        time.sleep(120)  # SLURM looks each second
        held += 1
    return block.flux.mean("wavelength").rename("greedy")
"""


def test_a_shard_that_needs_more_memory_than_its_job_asked_for_fails_after_three_jobs(tmp_path):
    files = make_archive(tmp_path / "archive", 8)
    function = tmp_path / "greedy.py"
    function.write_text(GREEDY)
    job = lamost_job(
        files,
        tmp_path / "out",
        ("spectra", "greedy"),
        shards={"objects": 4},
        spectra={"wavelength_min": 4000, "wavelength_max": 5000},
        custom={"greedy": {"function": f"{function}:greedy", "input": "spectra", "variables": ["flux"]}},
        # Dask would end the worker's process before SLURM looks.
        cluster={**SETTINGS, "workers": 1, "prologue": ["export DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE=False"]},
    )
    with private_slurm(tmp_path / "slurm", nodes=1, gpus=0, over_memory=True), command(job, tmp_path) as running:
        assert running.wait() == 1, running.messages
    notes = pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    assert [note["status"] for note in notes] == ["failed"] * 4
    reason = notes[0]["message"]
    assert reason.startswith("its worker died 3 times ("), reason
    assert TOO_LARGE in reason, reason
    # A machine that is very busy may let a worker fall silent, too.
    assert 1 <= len(re.findall(r"worker job \d+ ran out of memory on n1", running.messages)) <= 3, running.messages
