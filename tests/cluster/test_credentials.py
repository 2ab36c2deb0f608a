"""Who may join a run's scheduler and read its dashboard."""

from pathlib import Path

import dask

from survey_batch.cluster.credentials import LINK, ORIGINS, credentials, dashboard_settings, stored, worker_arguments
from survey_batch.cluster.folders import KEYS, run_folder
from survey_batch.config.job import ClusterSection


def test_each_run_has_a_certificate_of_its_own_that_all_must_show():
    first, second = credentials(), credentials()
    assert first.require_encryption
    assert first.tls_scheduler_cert == first.tls_worker_cert == first.tls_client_cert != second.tls_client_cert


def test_the_keys_of_workers_that_a_command_starts_end_with_the_run(tmp_path):
    with run_folder(str(tmp_path), "own") as folder:
        words = worker_arguments(stored(credentials(), folder / KEYS))
        files = [Path(word) for word in words[1::2]]
        assert words[::2] == ["--tls-ca-file", "--tls-cert", "--tls-key"]
        assert all(path.is_file() for path in files)
    assert not any(path.exists() for path in files)


def test_only_pages_of_this_machine_may_read_a_dashboard():
    settings = dashboard_settings(ClusterSection())
    assert settings == {ORIGINS: None, LINK: "{scheme}://localhost:{port}/status"}
    assert not dashboard_settings(ClusterSection(dashboard=":8787", dashboard_open_to_network=True))
    with dask.config.set({ORIGINS: ["hub.example.org"]}):
        assert not dashboard_settings(ClusterSection())


def test_keys_are_files_that_only_the_user_can_read(tmp_path):
    security = credentials()
    kept = stored(security, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["ca_file.pem", "cert.pem", "key.pem"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert kept.get_tls_config_for_role("worker")["key"] == str(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_text() == security.tls_worker_key
