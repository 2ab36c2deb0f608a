import gc
import sys
from importlib.machinery import PathFinder

import pytest
from distributed.dashboard import scheduler as dashboard
from distributed.scheduler import Scheduler

from survey_batch.cluster import connect
from survey_batch.cluster.leftovers import forget_schedulers
from survey_batch.config.job import ClusterSection


def schedulers():
    return [one for one in gc.get_objects() if isinstance(one, Scheduler)]


@pytest.mark.slow
def test_nothing_is_left_of_a_runs_scheduler():
    before = {id(one) for one in schedulers()}  # of tests before
    with connect(ClusterSection(workers=1, memory="1 GB")):
        pass
    gc.collect()
    assert [one for one in schedulers() if id(one) not in before] == []


def test_a_version_of_dask_without_these_caches_is_no_fault(monkeypatch):
    monkeypatch.delattr("distributed.core._expects_comm")
    monkeypatch.setattr(dashboard, "template_variables", dict)
    forget_schedulers()


def test_a_folder_that_is_gone_is_no_longer_kept_as_one_to_import_from(tmp_path):
    stays, gone = tmp_path / "stays", tmp_path / "gone"
    for folder in (stays, gone):
        folder.mkdir()
        PathFinder.find_spec("no_such_module", [str(folder)])
        assert str(folder) in sys.path_importer_cache
    gone.rmdir()
    forget_schedulers()
    assert str(stays) in sys.path_importer_cache
    assert str(gone) not in sys.path_importer_cache
