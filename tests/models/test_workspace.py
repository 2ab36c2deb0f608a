import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.config.sections.train_table import TableTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.workspace import opened, settings_fingerprint


def stop(classifier):
    """A training that leaves a file and is stopped."""

    def train():
        with opened(classifier, "one", print) as workspace:
            (workspace.folder / "checkpoint").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()


def test_a_training_that_fails_leaves_its_checkpoints_and_one_that_ends_does_not(tmp_path):
    stop(tmp_path / "model")
    with opened(tmp_path / "model", "one", print) as workspace:
        assert (workspace.folder / "checkpoint").exists()
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_of_another_training_are_not_gone_on_from(tmp_path):
    stop(tmp_path / "model")
    said = []
    with opened(tmp_path / "model", "other", said.append) as workspace:
        assert not (workspace.folder / "checkpoint").exists()
    assert "another training" in said[0]


def test_what_changes_weights_changes_the_fingerprint_and_what_does_not_does_not():
    def fingerprint(data="a", **keys):
        return settings_fingerprint(TableTraining(classifier="-", **keys), {"fingerprint": data})

    assert fingerprint() == fingerprint(folds=5) == fingerprint(prior="equal")
    assert len({fingerprint(), fingerprint(epochs=3), fingerprint(seed=2), fingerprint("b")}) == 4


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "model.training").mkdir()
    (tmp_path / "model.training" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="holds something else"), opened(tmp_path / "model", "one", print):
        pass
    assert (tmp_path / "model.training" / "thesis.txt").read_text() == "mine"


def test_two_do_not_train_one_classifier_at_a_time(tmp_path):
    with (
        opened(tmp_path / "model", "one", print),
        pytest.raises(ConfigurationError, match="another training holds this output"),
        opened(tmp_path / "model", "other", print),
    ):
        pass


def test_a_file_that_a_setting_names_counts_by_its_contents(tmp_path):
    def fingerprint(text):
        (tmp_path / "templates.fits").write_text(text)
        return settings_fingerprint(
            SpectralTypeTraining(classifier="-", templates=str(tmp_path / "templates.fits")), {}
        )

    assert fingerprint("one") == fingerprint("one") != fingerprint("other")
