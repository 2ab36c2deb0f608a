"""`survey_batch.core.world`: what a machine must see, and errors that are the machine's fault."""

import pickle

import pytest

from survey_batch.core import world
from survey_batch.core.errors import StrangeNodeError
from survey_batch.core.world import (
    World,
    blaming_the_node,
    expect,
    forget,
    landmarks_in,
    last_read,
    node_name,
    node_of,
    noticed,
    refuse_another_world,
)


@pytest.fixture
def seen(tmp_path):
    """What is there: a marker, and a file of an archive."""
    (tmp_path / "marker").write_text("this run")
    (tmp_path / "a.fits").touch()
    yield World(str(tmp_path / "marker"), "this run", (str(tmp_path / "a.fits"),), "out")
    forget(World("", "", output="out"))


def test_who_sees_everything_has_no_fault(seen):
    assert seen.fault(0) == ""


def test_each_fault_says_what_is_not_seen(seen, tmp_path):
    assert World(seen.marker, "another").fault(0).startswith("sees an old state of the run's output")
    (tmp_path / "a.fits").unlink()
    assert seen.fault(0) == f"does not see the archive: {tmp_path}/a.fits is missing there"
    (tmp_path / "marker").unlink()
    assert "cannot be read (FileNotFoundError)" in seen.fault(0)


def test_a_marker_that_comes_late_is_waited_for(seen, tmp_path, monkeypatch):
    (tmp_path / "marker").unlink()
    monkeypatch.setattr(world.time, "sleep", lambda _: (tmp_path / "marker").write_text("this run"))
    assert seen.fault(60) == ""


def test_an_error_where_the_world_is_another_is_the_nodes(seen, tmp_path):
    expect(seen)
    (tmp_path / "a.fits").unlink()
    with pytest.raises(StrangeNodeError, match="a.fits is missing") as raised, blaming_the_node("out"):
        raise ValueError("anything")
    assert isinstance(raised.value.__cause__, ValueError)
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301
    assert (copy.node, copy.fault, str(copy)) == (node_name(), raised.value.fault, str(raised.value))


def test_an_error_where_the_world_is_right_stays_and_says_where_it_was(seen, monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "n7")
    expect(seen)
    with pytest.raises(ValueError, match="anything") as raised, blaming_the_node("out"):
        raise ValueError("anything")
    assert node_of(pickle.loads(pickle.dumps(raised.value))) == "n7"  # noqa: S301
    assert node_of(None) == node_of(KeyError()) == ""


def test_landmarks_are_the_first_files_on_the_way_down(tmp_path):
    for name in ("b/2.fits", "b/1.fits", "a/.hidden", "c/3.fits"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert landmarks_in(str(tmp_path)) == (str(tmp_path / "b/1.fits"), str(tmp_path / "b/2.fits"))
    assert landmarks_in(str(tmp_path / "none")) == landmarks_in("https://archive.org/data") == ()


def test_a_file_that_another_run_read_from_another_archive_is_no_landmark():
    """Workers of a user's own cluster outlive a run, and may do two at once."""
    noticed("/archive/a.fits")
    assert last_read("/archive") == last_read("/archive/") == "/archive/a.fits"
    assert last_read("/arch") == last_read("https://archive.org/data") == ""


def test_each_run_has_its_own_world(seen, tmp_path):
    """Two runs may share the workers of a scheduler, and one may have been killed there."""
    expect(World(str(tmp_path / "none"), "another run", output="other"))
    expect(seen)
    refuse_another_world("out")
    with pytest.raises(StrangeNodeError, match="does not see the run's output"):
        refuse_another_world("other")
    forget(World("", "", output="other"))
    refuse_another_world("other")
