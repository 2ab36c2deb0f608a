"""The workspace of a training, and of its parts."""

from pathlib import Path

from survey_batch.models.fitting import Workspace


def test_a_part_has_a_folder_of_its_own_and_reports_to_the_same_ear_unless_told_otherwise():
    heard = []
    whole = Workspace(Path("a"), heard.append, 5.0)
    part, other = whole.below("fold-1"), whole.below("fold-2", print)
    assert (part.folder, part.seconds) == (Path("a/fold-1"), 5.0)
    part.report("half")
    assert heard == ["half"]
    assert (other.folder, other.report) == (Path("a/fold-2"), print)


def test_a_part_of_a_training_in_memory_stays_in_memory():
    assert Workspace().below("fold-1").folder is None
