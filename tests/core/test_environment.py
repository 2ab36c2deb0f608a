"""What a worker's environment sets, for processes that others start, too."""

import os
import subprocess
import sys

import pytest
from dask.config import collect_env
from dask.utils import parse_timedelta
from distributed.config import defaults

from survey_batch.cluster.base import SCHEDULER_SETTINGS
from survey_batch.core import environment
from survey_batch.core.environment import WORKER_ENVIRONMENT, as_variable, compute_like_a_worker, worker_exports


def test_dask_reads_a_setting_from_the_variable_that_is_named_for_it():
    read = collect_env({as_variable("distributed.worker.memory-limit"): "'2 GB'"})
    assert read == {"distributed": {"worker": {"memory_limit": "2 GB"}}}


def test_exports_hold_dask_s_settings_beside_the_variables(monkeypatch):
    monkeypatch.setattr(environment, "WORKER_SETTINGS", {"distributed.worker.profile.enabled": False})
    assert worker_exports() == {**WORKER_ENVIRONMENT, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}


def test_workers_that_slurm_starts_do_not_keep_a_thousand_profiles():
    assert worker_exports()["DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH"] == "20"


@pytest.mark.parametrize("what", ["system-monitor", "tick"])
def test_processes_look_at_themselves_less_often_than_dask_s_own(what):
    setting = f"distributed.admin.{what}.interval"
    ours = parse_timedelta(worker_exports()[as_variable(setting)])
    assert parse_timedelta(SCHEDULER_SETTINGS[setting]) == ours
    assert ours > parse_timedelta(defaults["distributed"]["admin"][what]["interval"])


def test_a_shell_sets_what_the_module_prints():
    asked = f'eval "$({sys.executable} -m survey_batch.core.environment)"; env'
    said = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {f"{name}={value}" for name, value in worker_exports().items()} <= set(said)


def test_rounding_is_a_worker_s_whatever_the_user_set_and_the_rest_is_the_user_s(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    compute_like_a_worker()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == WORKER_ENVIRONMENT["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_nothing_is_set_that_tensorflow_would_not_read_any_more(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    compute_like_a_worker()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
