"""Shards that one more death would set aside come last."""

from unittest.mock import Mock

from survey_batch.execution.chain import Chain
from survey_batch.execution.suspects import Suspects
from survey_batch.store.schema import Shard


def test_suspects_come_one_for_each_worker_and_only_once_it_is_known_what_became_of_their_workers():
    doubtful = {1}
    failures = Mock(in_doubt=lambda shard, _: shard.index in doubtful)
    suspects = Suspects(failures)
    for number in range(5):
        suspects.add(Chain(Shard("object", number, number, number + 1), ["spectra"]))

    def taken(workers):
        return [chain.shard.index for chain in suspects.take(workers)]

    assert taken(2) == [0, 2]
    assert taken(0) == [3], "a cluster that has no worker yet gets one"
    assert taken(2) == [4]
    assert taken(2) == []
    assert len(suspects) == 1
    doubtful.clear()
    assert taken(2) == [1]
    assert not suspects
