"""Questions that a worker answers: what is seen of a folder, and how soon."""

from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.paths import join
from survey_batch.doctor import probes
from survey_batch.doctor.probes import describe_worker, exchange, wait_for_file


def test_what_was_written_there_is_answered_backwards(tmp_path):
    given, answer = (join(str(tmp_path), name) for name in ("token", "answer"))
    (tmp_path / "token").write_text("abc")
    text, seconds = exchange(given, answer)
    assert text == "abc"
    assert seconds >= 0
    assert wait_for_file(answer)[0] == "cba"


def test_a_file_that_never_comes_is_given_up_and_none_is_answered(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(probes.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(probes.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    assert exchange(str(tmp_path / "token"), str(tmp_path / "answer")) is None
    assert now[0] == pytest.approx(probes.SHARED_SECONDS, abs=0.2)
    assert not (tmp_path / "answer").exists()


def test_a_file_that_comes_late_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(probes.time, "sleep", lambda _: (tmp_path / "token").write_text("late"))
    assert wait_for_file(str(tmp_path / "token"))[0] == "late"


def test_a_worker_tells_of_its_memory_and_disk(tmp_path, monkeypatch):
    worker = SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=None), local_directory=str(tmp_path))
    monkeypatch.setattr(probes, "get_worker", lambda: worker)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    about = describe_worker()
    assert (about["memory_limit"], about["slurm_job"], about["scratch"]) == (0, "7", str(tmp_path))
    assert about["versions"]["numpy"] == np.__version__
    assert 0 < about["memory_here"] <= about["memory_total"]
