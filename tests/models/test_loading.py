"""Loading of trained classifiers."""

from types import SimpleNamespace
from typing import get_args

import pytest

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.models import loading
from survey_batch.models.artifact import classifier_fingerprint
from survey_batch.models.loading import family_of, load_classifier
from tests.models.folders import write_folder
from tests.models.test_artifact import rewrite


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A classifier's folder, of which anything that is read is a new object."""
    family = SimpleNamespace(read_parts=lambda _, manifest: SimpleNamespace(manifest=manifest))
    monkeypatch.setattr(loading, "family_of", lambda *_: family)
    write_folder(tmp_path / "classifier")
    return tmp_path / "classifier"


def test_the_same_classifier_is_loaded_once(folder):
    assert load_classifier(folder) is load_classifier(str(folder))


def test_another_content_is_loaded_again_and_has_another_fingerprint(folder):
    first, before = load_classifier(folder), classifier_fingerprint(folder)
    rewrite(folder, temperature=2.0)
    assert classifier_fingerprint(folder) != before
    assert load_classifier(folder) is not first
    assert load_classifier(folder).manifest.temperature == 2.0


def test_a_folder_that_was_altered_is_not_loaded(folder):
    (folder / "network.keras").write_bytes(b"another network")
    with pytest.raises(ConfigurationError, match="not the file that was saved"):
        load_classifier(folder)


def test_the_job_file_knows_every_kind_and_variant():
    for kind in plugins.offered(plugins.CLASSIFIERS):
        variants, fields = classifier_kind(kind).variants, classifier_kind(kind).training.model_fields
        if classifier_kind(kind).trained_here:
            assert get_args(fields["variant"].annotation) == tuple(variants)
            assert fields["variant"].default == next(iter(variants))
        assert [family_of(kind, variant).variant for variant in variants] == list(variants)
        assert {family_of(kind, variant).kind for variant in variants} == {kind}
