"""`run.json` keeps how each run went."""

import time

from survey_batch.core.paths import read_json
from survey_batch.execution.runfile import write_run
from tests.planning.test_plan import plan_of


def test_each_run_is_added_to_those_before_and_the_counts_are_those_of_the_last(tmp_path):
    plan = plan_of([(1, ""), (2, "no key")], output=str(tmp_path))
    write_run(
        plan, {"failed": 2}, {"cutouts": {"counts": {"failed": 2}}}, time.time() - 60, "log/1", "error", "no disk"
    )
    write_run(plan, {"ok": 1, "invalid": 1}, {}, time.time(), "log/2", "complete")
    found = read_json(str(tmp_path / "run.json"))
    assert found["counts"] == {"ok": 1, "invalid": 1}
    assert found["objects"] == 2
    assert found["job"] == plan.job.model_dump(mode="json")
    first, second = found["runs"]
    assert (first["ended"], first["error"], first["log"]) == ("error", "no disk", "log/1")
    assert first["seconds"] >= 60
    assert (second["ended"], second["log"]) == ("complete", "log/2")
    assert "error" not in second
    assert first["started"] < second["started"]


def test_the_start_of_a_run_is_written_in_utc(tmp_path):
    write_run(plan_of([(1, "")], output=str(tmp_path)), {}, {}, 0.0, "", "complete")
    (only,) = read_json(str(tmp_path / "run.json"))["runs"]
    assert only["started"] == "1970-01-01T00:00:00+00:00"
