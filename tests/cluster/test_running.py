import json
from types import SimpleNamespace

import pytest
from distributed import LocalCluster
from distributed.comm import CommClosedError

from survey_batch.cluster import base, connect
from survey_batch.cluster.lost import LostSchedulerError
from survey_batch.cluster.running import address_of, check_versions, joined
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


def versions(python="3.11.7.final.0", **packages):
    return {"host": {"python": python}, "packages": {"dask": "2026.8.0", "numpy": "2.4.6", **packages}}


def test_the_same_environment_everywhere_is_taken():
    check_versions(
        {"client": versions(), "scheduler": versions(), "workers": {"tcp://a": versions("3.11.9.final.0")}}, ""
    )


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (versions(dask="2025.1.0"), "dask is 2025.1.0 on tcp://a, here 2026.8.0"),
        (versions("3.12.1.final.0"), "python is 3.12 on tcp://a, here 3.11"),
    ],
)
def test_other_versions_are_named_with_their_place(there, said):
    with pytest.raises(ConfigurationError, match=said):
        check_versions({"client": versions(), "scheduler": versions(), "workers": {"tcp://a": there}}, "tcp://s")


def test_a_scheduler_file_gives_its_address(tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": "tls://host:8786"}))
    assert address_of(str(path)) == "tls://host:8786"
    assert address_of("tcp://host:1") == "tcp://host:1"
    for text in ("", "{}"):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="is not a scheduler file"):
            address_of(str(path))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("survey_batch.cluster.running.CONNECT_SECONDS", 1)
    section = ClusterSection(kind="tcp://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="no Dask scheduler answers at tcp://127.0.0.1:1"), connect(section):
        pass


def test_a_scheduler_that_dies_while_a_run_joins_is_named_as_lost(monkeypatch):
    def die(*_):
        raise CommClosedError("Stream is closed")

    monkeypatch.setattr(base, "register", die)
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None, protocol="tcp") as cluster:
        section = ClusterSection(kind=cluster.scheduler_address)
        with pytest.raises(LostSchedulerError, match="run the same command again to continue"), connect(section):
            pass


def test_a_scheduler_that_cannot_load_this_package_is_refused_with_what_to_do(monkeypatch):
    def fail(*_):
        raise ModuleNotFoundError("No module named 'survey_batch'")

    monkeypatch.setattr(base, "register", fail)
    client = SimpleNamespace(scheduler=SimpleNamespace(address="tcp://a:1"))
    with pytest.raises(ConfigurationError, match=r"tcp://a:1 cannot load survey_batch \(.*\)\. Install the same env"):
        joined(client)
