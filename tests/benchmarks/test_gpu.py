"""The script for a machine with a GPU works where there is none, and says so."""

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.timing import asked_gpu


def test_answers_are_compared_where_both_are_known():
    ours = np.array([[0.9, 0.1], [0.4, 0.6], [np.nan, np.nan]], np.float32)
    theirs = np.array([[0.9, 0.1], [0.6, 0.4], [np.nan, np.nan]], np.float32)
    assert gpu.against(ours, theirs) == "largest difference 2.0e-01, another class in 1 of 2"


def test_memory_is_halved_on_a_gpu_alone(tmp_path):
    assert list(gpu.halving("folder", tmp_path, np.zeros((1, 2), np.float32), ())) == ["not tried: there is no GPU"]


def test_a_backend_that_is_chosen_stays(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert gpu.choose_backend() == "torch"
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(gpu, "find_spec", lambda name: name != "tensorflow")
    monkeypatch.setattr(gpu.shutil, "which", lambda _: "/bin/nvidia-smi")
    monkeypatch.setattr(gpu, "sees_gpu", lambda name: name == "torch")
    assert gpu.choose_backend() == "torch"
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(gpu, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="nothing to run on"):
        gpu.choose_backend()


def test_the_gpu_that_may_be_used_is_asked_and_no_other(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\ncase "$1" in --id=3) echo 250;; --id=0) echo 7;; *) echo "[N/A]";; esac\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for visible, said, memory in (("3,5", 250, "262 MB"), ("", None, "-"), (None, 7, "7 MB"), ("9", None, "-")):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert asked_gpu("memory.used") == said
        assert gpu.device_memory() == memory


@pytest.mark.slow
def test_without_a_gpu_all_parts_are_measured_on_the_cpu(tmp_path):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "SURVEY_BATCH_DATA": str(tmp_path / "none")}
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--small", "--objects", "300"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert gpu.NOT_YET in done.stdout
    assert "FAILED" not in done.stdout
    # Later parts are left out, and say so, where the machine is too busy for all of them.
    assert "device against CPU: largest difference" in done.stdout
