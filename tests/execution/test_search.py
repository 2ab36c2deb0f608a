"""The search for objects on frames: when their list is removed, kept, and written."""

import pytest

from survey_batch.catalog.detected import detected
from survey_batch.core.status import Status
from survey_batch.execution import detections, plan_runner
from survey_batch.execution.detections import write_detections
from survey_batch.execution.plan_runner import Runner
from survey_batch.execution.search import Search
from survey_batch.monitor.progress import LineProgress
from survey_batch.stages import make_stages
from survey_batch.store.damage import Damage, DamagedError
from tests.execution.test_detections import FIELDS, make


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A search of fields with these statuses, of which a run finds nothing left to do."""

    def search(*statuses, begun=False):
        job = make(str(tmp_path / "out"), [2] * len(statuses), statuses)
        fields = "".join(",".join(map(str, field)) + "\n" for field in FIELDS[: len(statuses)])
        (tmp_path / "f.csv").write_text("rerun,run,camcol,field\n" + fields)
        job = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": str(tmp_path / "f.csv")})})
        stages = [stage for stage in make_stages(job) if stage.from_fields]
        return Search(job, stages, LineProgress(), frozenset(), begun=begun)

    monkeypatch.setattr(Runner, "_run", lambda *_: None)
    return search


@pytest.mark.parametrize(("begun", "left"), [(False, False), (True, True)])
def test_a_search_that_is_killed_leaves_no_old_list_unless_its_objects_are_in_work(search, monkeypatch, begun, left):
    def killed(self, _):
        self._begin_anew()
        raise KeyboardInterrupt

    monkeypatch.setattr(Runner, "_run", killed)
    made = search(Status.OK, begun=begun)
    write_detections(made.job)
    with pytest.raises(KeyboardInterrupt):
        made.run(None, "log")
    assert detected(made.job) is left


@pytest.mark.parametrize(("last", "listed"), [(Status.NOT_FOUND, True), (Status.UNREACHABLE, False)])
def test_objects_are_listed_once_no_field_is_left(search, last, listed):
    made = search(Status.OK, last)
    made.run(None, "log")
    assert detected(made.job) is listed


def test_damage_that_is_met_while_listing_is_marked_and_searched_again(search, monkeypatch):
    made, damages = search(Status.OK), [Damage("detections", "flux", 0)]

    def once(job):
        if damages:
            raise DamagedError(job.output, [damages.pop()])
        return write_detections(job)

    marked = []
    monkeypatch.setattr(plan_runner, "mark_damaged", lambda *found: marked.append(found) or [])
    monkeypatch.setattr(detections, "write_detections", once)
    made.run(None, "log")
    assert len(marked) == 1
    assert detected(made.job)
