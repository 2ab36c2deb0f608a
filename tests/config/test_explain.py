"""What is wrong with a job file, in words: the key, its value and what is allowed."""

import pytest
from pydantic import ValidationError

from survey_batch.config.classifiers import classifier_kind
from survey_batch.config.explain import NOTHING, Plugged, explain, model_at
from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import ClusterSection, GpuSection
from survey_batch.config.sections.images import CutoutsSection
from survey_batch.config.survey import find_survey

GOOD = {
    "name": "t",
    "output": "out",
    "stages": ["frames", "cutouts"],
    "catalog": {"path": "c.csv"},
    "archive": {"survey": "sdss", "root": "/archive"},
}


def problems(plugged=NOTHING, **tables):
    """The problems of a job: key, joined by points, to words."""
    with pytest.raises(ValidationError) as error:
        Job.model_validate({key: value for key, value in {**GOOD, **tables}.items() if value is not None})
    found = (explain(details, plugged) for details in error.value.errors(include_url=False))
    return {".".join(map(str, key)): said for key, said in found}


@pytest.mark.parametrize(
    ("tables", "key", "said"),
    [
        ({"name": None}, "name", "is missing: it must be set"),
        ({"catalog": None}, "catalog", "is missing: write a table [catalog] with path"),
        ({"archive": {"root": "/a"}}, "archive.survey", "is missing: it must be set"),
        ({"cutouts": {"size": "big"}}, "cutouts.size", "is 'big', but must be a whole number"),
        ({"cutouts": {"size": 2.5}}, "cutouts.size", "is 2.5, but must be a whole number"),
        ({"frames": {"keep": "perhaps"}}, "frames.keep", "is 'perhaps', but must be true or false"),
        ({"cutouts": 3}, "cutouts", "is 3, but must be a table"),
        ({"name": "a b"}, "name", "is 'a b'; allowed: letters, digits, '.', '_' and '-', with a letter or digit first"),
        (
            {"frames": {"bands": "g,r"}},
            "frames.bands",
            "is 'g,r'; allowed: one to sixteen letters or digits, one for each",
        ),
        ({"cutouts": {"size": 0}}, "cutouts.size", "is 0; must be "),
    ],
)
def test_a_problem_names_its_key_and_what_is_allowed(tables, key, said):
    found = problems(**tables)
    assert found.keys() == {key}
    assert found[key].startswith(said)


def test_swapped_letters_come_before_other_mistakes_and_all_keys_are_listed():
    said = problems(cutouts={"szie": 64})["cutouts.szie"]
    assert said.startswith("is not a key of [cutouts] (did you mean 'size'?); allowed: ")
    assert set(said.partition("allowed: ")[2].split(", ")) == set(CutoutsSection.model_fields)


def test_a_key_in_the_wrong_table_is_sent_home():
    assert (
        "is not a key of [cutouts] (did you mean catalog.path or catalog.match.path?)"
        in problems(cutouts={"path": "x"})["cutouts.path"]
    )
    assert "is not a key of the job file (did you mean cluster.memory" in problems(memory="2 GB")["memory"]


def test_a_word_that_is_not_allowed_has_the_nearest_one_named():
    said = problems(cutouts={"registration": "subpixle"})["cutouts.registration"]
    assert said.startswith("is 'subpixle' (did you mean 'subpixel'?); allowed: ")


def test_all_problems_of_a_job_are_told():
    assert problems(name=None, cutouts={"size": "x", "szie": 1}).keys() == {"name", "cutouts.size", "cutouts.szie"}


def test_the_table_to_train_has_the_keys_of_its_kind():
    forest = Plugged(classifier=classifier_kind("spectral-type"))
    said = problems(forest, train={"classifier": "m", "kind": "spectral-type", "epoch": 3})["train.epoch"]
    assert said.startswith("is not a key of [train] of kind 'spectral-type' (did you mean 'epochs'?)")


def test_tables_are_found_by_their_keys():
    assert model_at(()) is Job
    assert model_at(("cluster",)) is ClusterSection
    assert model_at(("cluster", "gpu")) is GpuSection
    assert model_at(("cluster", "memory")) is None
    assert model_at(("custom", "colours")) is model_at(("custom", "anything"))
    assert model_at(("nowhere",)) is None


def test_the_archive_s_table_is_that_of_its_survey():
    lamost = find_survey("lamost")
    assert "layout" not in model_at(("archive",)).model_fields
    assert model_at(("archive",), Plugged(survey=lamost)) is lamost.archive
