import json
import socket
import subprocess
import sys
import time

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.store import lock
from survey_batch.store.lock import locked
from tests.patience import PATIENCE

HOLD = """
import sys, time
from survey_batch.store.lock import locked
with locked(sys.argv[1]):
    print('held', flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_with_the_holder_s_name(tmp_path, holder):
    with pytest.raises(ConfigurationError, match=f"process {holder.pid}.*--break-lock"), locked(str(tmp_path)):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()  # not reaped yet: it stays as a zombie
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with locked(str(tmp_path)):
                return
        except ConfigurationError:
            time.sleep(0.05)
    pytest.fail("the dead holder's lock was never taken over")


def test_the_lock_of_another_machine_is_respected_until_forced(tmp_path):
    other = {"host": "elsewhere", "pid": 1, "started": 0.0, "user": "ada", "since": "yesterday"}
    (tmp_path / "lock.json").write_text(json.dumps(other))
    with pytest.raises(ConfigurationError, match="of ada on elsewhere"), locked(str(tmp_path)):
        pass
    with locked(str(tmp_path), force=True):
        assert json.loads((tmp_path / "lock.json").read_text())["host"] != "elsewhere"


def test_the_lock_is_gone_afterwards_even_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), locked(str(tmp_path)):
        raise RuntimeError
    assert not (tmp_path / "lock.json").exists()


def test_a_driver_that_slurm_started_again_takes_over_the_lock_of_its_first_life(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    first = {"host": "n1", "pid": 1, "started": 0.0, "user": "ada", "since": "now", "slurm_job": "17"}
    (tmp_path / "lock.json").write_text(json.dumps({**first, "slurm_restart": "1"}))
    with pytest.raises(ConfigurationError, match="of ada on n1"), locked(str(tmp_path)):
        pass
    (tmp_path / "lock.json").write_text(json.dumps({**first, "slurm_restart": "0"}))
    with locked(str(tmp_path)):
        assert json.loads((tmp_path / "lock.json").read_text())["slurm_restart"] == "1"


DEAD = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 1.0, "user": "ada", "since": "yesterday"}
OTHER = {**DEAD, "host": "elsewhere", "user": "eve"}


def test_a_lock_that_another_took_over_meanwhile_is_left_to_it(tmp_path, monkeypatch):
    lock = tmp_path / "lock.json"
    lock.write_text(json.dumps(DEAD))

    def is_dead(holder):
        """Another one takes the dead lock over just after we have found it dead."""
        if holder["user"] == "ada":
            lock.write_text(json.dumps(OTHER))
        return holder["user"] == "ada"

    monkeypatch.setattr("survey_batch.store.lock.is_dead", is_dead)
    with pytest.raises(ConfigurationError, match="of eve on elsewhere"), locked(str(tmp_path)):
        pass
    assert json.loads(lock.read_text()) == OTHER
    assert list(tmp_path.iterdir()) == [lock]


def test_a_run_whose_lock_was_broken_leaves_the_new_one(tmp_path):
    lock, first = tmp_path / "lock.json", locked(str(tmp_path))
    first.__enter__()
    with locked(str(tmp_path), force=True):
        new = lock.read_text()
        first.__exit__(None, None, None)
        assert lock.read_text() == new
    assert not lock.exists()


def test_a_takeover_that_was_killed_half_way_is_taken_over_too(tmp_path, monkeypatch):
    lock = tmp_path / "lock.json"
    lock.write_text(json.dumps(DEAD))
    killed = pytest.MonkeyPatch()
    killed.setattr("survey_batch.store.lock.this_process", lambda: json.dumps({**DEAD, "token": "1"}).encode())
    killed.setattr("survey_batch.store.lock.write_bytes", lambda *_: pytest.fail("killed"))
    killed.setattr("survey_batch.store.lock.remove", lambda _: None)
    with pytest.raises(pytest.fail.Exception), locked(str(tmp_path)):
        pass
    killed.undo()
    assert len(list(tmp_path.iterdir())) == 2
    with locked(str(tmp_path)):
        assert json.loads(lock.read_text())["user"] != "ada"
    assert list(tmp_path.iterdir()) == []


RACE = """
import json, multiprocessing, os, sys
from pathlib import Path
from survey_batch.core.errors import ConfigurationError
from survey_batch.store.lock import locked

output, trials, starters = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lock = Path(output, "lock.json")

def start(barrier, holding, counts):
    for trial in range(trials):
        if barrier.wait() == 0:
            lock.write_text(sys.argv[4])
            counts[trial] = 0
        barrier.wait()
        try:
            with locked(output):
                with holding:
                    counts[trial] += 1
                barrier.wait()  # nobody lets go before all have tried
                assert counts[trial] > 1 or json.loads(lock.read_text())["pid"] == os.getpid()
        except ConfigurationError:
            barrier.wait()

fork = multiprocessing.get_context("fork")
counts = fork.Array("i", trials)
shared = fork.Barrier(starters), fork.Lock(), counts
processes = [fork.Process(target=start, args=shared) for _ in range(starters)]
for process in processes:
    process.start()
for process in processes:
    process.join()
assert not any(process.exitcode for process in processes)
print(*counts)
"""


def race(output, trials, starters=6):
    """Let some processes meet a dead lock at once, again and again; return how many held it together each time."""
    command = [sys.executable, "-c", RACE, str(output), str(trials), str(starters), json.dumps(DEAD)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(count) for count in done.stdout.split()]


def test_of_many_that_meet_a_dead_lock_one_takes_it_over(tmp_path):
    assert race(tmp_path, 100) == [1] * 100
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["make_folder", "create_bytes"])
def test_an_output_that_may_not_be_written_into_is_told(tmp_path, monkeypatch, step):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(lock, step, refuse)
    with pytest.raises(ConfigurationError, match=r"cannot write into .* \(Permission denied\): name another output"):
        locked(str(tmp_path)).__enter__()
