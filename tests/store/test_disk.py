"""An output that has gone is told in one sentence."""

import shutil

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.store import disk
from survey_batch.store.disk import refuse_if_vanished
from survey_batch.store.lock import locked


@pytest.mark.parametrize("left", [False, True], ids=["deleted", "unmounted"])
def test_an_output_that_this_process_holds_has_gone_if_its_lock_has(tmp_path, left):
    output = tmp_path / "out"
    with locked(str(output)):
        refuse_if_vanished(str(output))
        shutil.rmtree(output)
        if left:
            output.mkdir()
        with pytest.raises(
            ConfigurationError, match=r"/out is not there any more: its disk was unmounted, or somebody"
        ):
            refuse_if_vanished(str(output))


def test_a_store_that_does_not_answer_has_not_gone(monkeypatch):
    def silent(_):
        raise ConnectionError("no answer")

    monkeypatch.setattr(disk, "exists", silent)
    refuse_if_vanished("s3://bucket/out")
