"""Worker jobs and steps as SLURM's commands start, list and end them."""

from types import SimpleNamespace

from survey_batch.cluster.launch import Launcher


def test_a_step_that_failed_is_told_by_what_it_wrote_not_by_its_script(tmp_path):
    for name, text in (("worker-step0.log", "no such module"), ("worker-step0.sh", "exec dask worker")):
        (tmp_path / name).write_text(text)
    assert Launcher.log_of(SimpleNamespace(folder=tmp_path), "step0") == "no such module"
