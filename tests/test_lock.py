import json
import subprocess
import sys
import time

import pytest

from survey_batch.errors import ConfigurationError
from survey_batch.lock import locked

HOLD = """
import sys, time
from survey_batch.lock import locked
with locked(sys.argv[1]):
    print('held', flush=True)
    time.sleep(60)
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
    deadline = time.monotonic() + 10
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
