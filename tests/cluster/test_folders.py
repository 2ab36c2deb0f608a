"""Each run has a folder of its own for scripts and logs; keys never outlive a run."""

from survey_batch.cluster.folders import KEPT, KEYS, run_folder


def test_a_run_has_a_folder_that_only_the_user_can_read_and_its_keys_end_with_it(tmp_path):
    with run_folder(str(tmp_path), "slurm") as folder:
        assert folder.parent == tmp_path / "log" / "slurm"
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        (folder / KEYS / "key.pem").write_text("secret")
        (folder / "worker.sh").write_text("script")
    assert [path.name for path in folder.iterdir()] == ["worker.sh"]


def test_a_few_runs_are_kept_and_the_keys_of_a_killed_one_are_removed(tmp_path):
    base = tmp_path / "log" / "slurm"
    killed = base / "20200101T000000.000000"
    (killed / KEYS).mkdir(parents=True)
    (base / "my own").mkdir()
    made = []
    for _ in range(KEPT - 1):
        with run_folder(str(tmp_path), "slurm") as folder:
            made.append(folder)
        assert not (killed / KEYS).exists()
    assert killed.exists()
    with run_folder(str(tmp_path), "slurm") as folder:
        made.append(folder)
    assert set(base.iterdir()) == {*made, base / "my own"}
