"""Paths and URLs alike: joined, compared, listed, and files written whole."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import (
    absolute,
    create_bytes,
    exists,
    files_in,
    is_url,
    join,
    make_folder,
    read_bytes,
    read_json,
    remove,
    same_or_within,
    write_bytes,
    write_json,
    write_where_asked,
)


@pytest.fixture(params=["path", "file url", "memory url"])
def folder(request, tmp_path):
    """A folder by its path, by a URL of it, and in another file system."""
    return {"path": str(tmp_path), "file url": f"file://{tmp_path}", "memory url": f"memory://{uuid4().hex}"}[
        request.param
    ]


def test_a_local_path_counts_from_the_root_and_a_url_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("runs/a") == f"{tmp_path}/runs/a"
    assert absolute("/runs/a") == "/runs/a"
    assert absolute("s3://bucket/runs") == "s3://bucket/runs"


@pytest.mark.parametrize(
    ("path", "url"), [("s3://bucket/x", True), ("file:///x", True), ("/x/y", False), ("C:/x", False), ("a:b", False)]
)
def test_a_url_has_a_protocol(path, url):
    assert is_url(path) == url


@given(st.sampled_from(["", "/"]), st.lists(st.text("abc.", min_size=1, max_size=5), max_size=4))
def test_names_are_joined_by_one_slash_each(end, parts):
    assert join(f"s3://bucket/run{end}", *parts) == "/".join(["s3://bucket/run", *parts])


@given(st.binary(max_size=50))
def test_what_was_written_is_read(content):
    path = f"memory://{uuid4().hex}/a/b"
    write_bytes(path, content)
    assert read_bytes(path) == content


def test_a_file_is_written_with_the_folders_above_it_and_replaces_another(folder):
    path = join(folder, "plan", "x.json")
    assert not exists(path)
    write_json(path, {"a": [1, Path("b")]})
    assert exists(path)
    assert read_json(path) == {"a": [1, "b"]}
    write_bytes(path, b"2")
    assert read_json(path) == 2
    assert [name.rpartition("/")[2] for name in files_in(join(folder, "plan"), "")] == ["x.json"]


def test_a_file_that_must_be_new_replaces_none(folder):
    path = f"{folder}/new"
    create_bytes(path, b"first")
    with pytest.raises(FileExistsError):
        create_bytes(path, b"second")
    assert read_bytes(path) == b"first"
    assert len(files_in(folder, "")) == 1
    remove(path)
    remove(path)
    assert not exists(path)


def test_a_file_that_is_not_there_is_an_error_that_says_so(folder):
    with pytest.raises(FileNotFoundError):
        read_bytes(join(folder, "absent"))


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_json(str(path), 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(str(path), 2)
    assert json.loads(path.read_text()) == 1


def test_where_nothing_can_be_written_the_option_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"--to .*/file/x: cannot be written \(\w+: .*check the address"):
        write_where_asked(str(tmp_path / "file" / "x"), b"")
    with pytest.raises(ConfigurationError, match="--to nowhere://x: cannot be written"):
        write_where_asked("nowhere://x", b"")


def test_files_are_listed_in_order_by_their_ending_and_a_folder_s_name_is_no_pattern(folder):
    runs = join(folder, "runs[1]")
    for name in ("b.zarr", "a.zarr", "c.json"):
        write_bytes(join(runs, name, "x") if name.endswith("zarr") else join(runs, name), b"")
    assert [path.rpartition("/")[2] for path in files_in(runs, ".zarr")] == ["a.zarr", "b.zarr"]
    assert files_in(join(folder, "runs1"), ".zarr") == []


def test_folders_are_made_where_they_are_needed(tmp_path):
    make_folder(str(tmp_path / "a" / "b"))
    make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    make_folder("s3://bucket/none-is-made-nor-asked-for")


def test_one_file_has_many_names(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "c.csv").write_text("")
    (tmp_path / "hard.csv").hardlink_to(real / "c.csv")
    for path in (link / "c.csv", f"file://{real}/c.csv", real / ".." / "real" / "c.csv", tmp_path / "hard.csv"):
        assert same_or_within(str(path), str(real / "c.csv")), path
    assert same_or_within(str(link / "new" / "x"), str(real))
    assert not same_or_within(str(real), str(real / "c.csv"))
    assert not same_or_within(str(tmp_path / "real2"), str(real))


def test_urls_are_compared_within_their_file_system(tmp_path):
    assert same_or_within("memory://a/b/c", "memory://a/b")
    assert not same_or_within("memory://a/bc", "memory://a/b")
    assert not same_or_within("memory:///a", str(tmp_path))
    assert not same_or_within("nowhere://a", "nowhere://a")
