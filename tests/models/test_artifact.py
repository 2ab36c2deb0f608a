"""A classifier's folder is checked before anything in it is loaded."""

import json
import os
import re
import shutil
from importlib.metadata import version

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.artifact import (
    check_folder,
    classifier_fingerprint,
    content_stamp,
    read_arrays,
    read_manifest,
    sha256,
    write_arrays,
)
from survey_batch.models.manifest import MANIFEST
from tests.models.folders import write_folder


@pytest.fixture
def copy(tmp_path):
    """A folder as `save` leaves it, but for what is in the network's file."""
    folder = tmp_path / "copy"
    write_folder(folder)
    return folder


def rewrite(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_altered_weights_are_refused(copy):
    weights = copy / "network.keras"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not the file that was saved"):
        check_folder(copy)


def test_missing_weights_are_refused(copy):
    (copy / "network.keras").unlink()
    with pytest.raises(ConfigurationError, match="lacks"):
        check_folder(copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no trained classifier"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["../weights.keras", "weights.pkl", "a/b.npz", "weights.h5"])
def test_a_manifest_that_names_unsafe_files_is_refused(copy, name):
    rewrite(copy, files={name: "0" * 64})
    with pytest.raises(ConfigurationError, match="plain"):
        check_folder(copy)


def test_a_manifest_with_an_unknown_key_is_refused(copy):
    rewrite(copy, code="print()")
    with pytest.raises(ConfigurationError, match="code"):
        check_folder(copy)


def test_an_unknown_kind_is_refused(copy):
    rewrite(copy, kind="horoscope")
    with pytest.raises(ConfigurationError, match="horoscope") as refused:
        check_folder(copy)
    said = str(refused.value)
    assert "is it the right folder?" in said
    assert f"install what it was trained with (survey-batch {version('survey-batch')}, or a plug-in" in said
    assert " forest" not in said  # its kinds are listed, not all their variants


def test_an_unknown_variant_is_refused_with_those_of_its_kind(copy):
    rewrite(copy, variant="zzz")
    with pytest.raises(ConfigurationError, match="of variant 'zzz' of kind 'spectral-type', .* its variants .*forest"):
        check_folder(copy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format":3', r"\(it is damaged JSON: EOF"),
        ("[]", r"\(it is no JSON object\)"),
        ("{}", r"\(its key 'kind': field required\)"),
        ('{"format": 99}', "has format 99, which this version of survey-batch cannot read: install the version"),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_the_reason_and_what_to_do(copy, text, said):
    (copy / MANIFEST).write_text(text)
    with pytest.raises(ConfigurationError, match=f"{said}.*or train again") as refused:
        check_folder(copy)
    assert "(: " not in str(refused.value)


@pytest.mark.parametrize("name", ["network2.keras", "model.pkl", "evil.py", "README"])
def test_a_file_that_the_manifest_does_not_list_is_refused_by_name(copy, name):
    (copy / name).write_bytes(b"")
    with pytest.raises(ConfigurationError, match=f"does not list: {name}; move away"):
        check_folder(copy)


def test_weights_that_are_there_but_not_listed_are_refused(copy):
    rewrite(copy, files={})
    with pytest.raises(ConfigurationError, match=r"does not list: network\.keras"):
        check_folder(copy)


@pytest.mark.parametrize("name", ["confusion.png", "metrics.json", ".DS_Store"])
def test_what_a_folder_may_hold_besides_is_ignored_by_name_unless_it_is_listed(copy, name):
    (copy / name).write_bytes(b"")
    assert check_folder(copy)
    if not name.startswith("."):
        rewrite(copy, files=dict(check_folder(copy).files) | {name: "0" * 64})
        with pytest.raises(ConfigurationError, match=f"{name} is not the file that was saved"):
            check_folder(copy)


RECIPE = {"product": "spectra", "variables": ["flux"], "shape": [8]}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"temperature": 1e9}, "temperature"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"seed": -1}, "seed"),
        ({"classes": ["A", "A"]}, "classes"),
        ({"classes": ["A", ""]}, "classes.1"),
        ({"classes": ["A"] * 10_001}, "classes"),
        ({"recipe": {**RECIPE, "shape": [0]}}, "recipe.shape.0"),
        ({"recipe": {**RECIPE, "shape": [10**9]}}, "recipe.shape.0"),
        ({"recipe": {**RECIPE, "shape": [1] * 7}}, "recipe.shape"),
        ({"recipe": {**RECIPE, "shapes": {"flux": [-1]}}}, "recipe.shapes.flux.0"),
        ({"recipe": {**RECIPE, "grid": {"first": 0, "count": 10**9}}}, "recipe.grid.count"),
        ({"recipe": {**RECIPE, "grid": {"first": 10**9, "count": 8}}}, "recipe.grid.first"),
        ({"recipe": {**RECIPE, "grid": {"first": 0, "count": 8, "step": 1e300}}}, "recipe.grid.step"),
    ],
)
def test_a_manifest_with_numbers_that_none_has_is_refused_with_the_key(copy, changes, key):
    rewrite(copy, **changes)
    with pytest.raises(ConfigurationError, match=rf"its key '{re.escape(key)}': "):
        check_folder(copy)


def test_a_manifest_that_is_too_large_is_refused_before_it_is_parsed(copy, monkeypatch):
    monkeypatch.setattr("survey_batch.models.artifact.LARGEST_MANIFEST", 100)
    with pytest.raises(ConfigurationError, match="it has more than 100 bytes"):
        check_folder(copy)


def test_arrays_that_ask_for_more_memory_than_there_is_are_refused(tmp_path, monkeypatch):
    write_arrays(tmp_path / "a.npz", {"a": np.zeros(1000)})
    assert read_arrays(tmp_path / "a.npz")["a"].size == 1000
    monkeypatch.setattr("survey_batch.models.artifact.LARGEST_ARRAYS", 1000)
    with pytest.raises(ConfigurationError, match="its arrays have more than 1.0 kB"):
        read_arrays(tmp_path / "a.npz")


def test_another_major_keras_is_refused(copy):
    rewrite(copy, versions={"keras": "2.15.0"})
    with pytest.raises(ConfigurationError, match=r"keras 2\.15\.0"):
        check_folder(copy)


def test_a_folder_of_an_older_format_is_refused(copy):
    rewrite(copy, format=2)
    with pytest.raises(ConfigurationError, match="train again"):
        check_folder(copy)


def test_a_folder_as_it_was_saved_is_taken(copy):
    assert check_folder(copy).classes == ("A", "F")
    assert check_folder(str(copy)) == read_manifest(copy)


def test_a_fingerprint_is_that_of_the_content_wherever_it_is(copy, tmp_path):
    moved = shutil.copytree(copy, tmp_path / "moved")
    assert classifier_fingerprint(moved) == classifier_fingerprint(str(copy))
    (moved / "network.keras").write_bytes(b"another network")
    assert classifier_fingerprint(moved) != classifier_fingerprint(copy)


def test_a_change_is_seen_by_size_and_time_without_reading(copy):
    before = content_stamp(copy)
    assert [name for name, *_ in before] == [MANIFEST, "network.keras"]
    assert content_stamp(copy) == before
    os.utime(copy / "network.keras", ns=(0, 1))
    assert content_stamp(copy) != before


def test_a_kind_of_a_package_that_is_not_here_is_named_with_it(copy):
    rewrite(copy, kind="galaxy-zoo", versions={"survey-batch": "1", "galaxy-zoo-batch": "2.1"})
    with pytest.raises(ConfigurationError, match="'galaxy-zoo' from the package galaxy-zoo-batch 2.1, .* install it"):
        check_folder(copy)


def test_another_minor_keras_is_taken_and_another_minor_scikit_learn_is_not(copy, caplog):
    here = version("keras").split(".")
    rewrite(copy, versions={"keras": f"{here[0]}.9999"})
    with caplog.at_level("INFO"):
        check_folder(copy)
    assert f"was saved by keras {here[0]}.9999" in caplog.text
    (copy / "network.keras").rename(copy / "forest.skops")
    rewrite(copy, files={"forest.skops": sha256(copy / "forest.skops")}, versions={"scikit-learn": "0.24.1"})
    with pytest.raises(ConfigurationError, match=r"scikit-learn 0\.24\.1, .*; install scikit-learn 0\.24, or train"):
        check_folder(copy)


def test_arrays_come_back_as_they_were_and_objects_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"mean": np.arange(3.0), "names": np.array(["a", "bc"])}
    write_arrays(path, arrays)
    found = read_arrays(path)
    assert found.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(path, {"a": np.array([{}], object)})


@pytest.mark.parametrize("spoil", ["absent", "cut short", "pickled"])
def test_arrays_that_cannot_be_read_are_named(tmp_path, spoil):
    path = tmp_path / "a.npz"
    if spoil == "cut short":
        write_arrays(path, {"a": np.arange(1000.0)})
        path.write_bytes(path.read_bytes()[:-100])
    elif spoil == "pickled":
        np.savez(path, a=np.array([{}], object))
    with pytest.raises(ConfigurationError, match=r"a\.npz cannot be loaded .*; train again"):
        read_arrays(path)


def test_the_hash_of_a_file_is_its_sha_256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")  # the example of FIPS 180-2, B.1
    assert sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(ConfigurationError, match="cannot read .*absent: No such file"):
        sha256(tmp_path / "absent")
