"""A classifier's folder is checked before anything in it is loaded."""

import json
from importlib.metadata import version

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.artifact import check_folder
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


def test_another_major_keras_is_refused(copy):
    rewrite(copy, versions={"keras": "2.15.0"})
    with pytest.raises(ConfigurationError, match=r"keras 2\.15\.0"):
        check_folder(copy)


def test_a_folder_of_an_older_format_is_refused(copy):
    rewrite(copy, format=2)
    with pytest.raises(ConfigurationError, match="train again"):
        check_folder(copy)
