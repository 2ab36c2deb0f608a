"""A survey's example job with a user's own values."""

import tomllib

from survey_batch.config.example import can_predict, example_job, value_in


def test_a_value_is_replaced_and_its_comment_stays_in_its_column():
    before = example_job("sdss", "stars", {})
    after = example_job("sdss", "stars", {("catalog", "path"): "list.csv"})
    (old,), (new,) = ([line for line in text.splitlines() if line.startswith("path")] for text in (before, after))
    assert new.startswith('path = "list.csv" ')
    assert new.index("#") == old.index("#")
    assert before.replace(old, new) == after


def test_a_longer_value_pushes_its_comment_on():
    path = "s3://a-bucket/with/a/long/name/of/a/catalogue.parquet"
    text = example_job("sdss", "stars", {("catalog", "path"): path})
    assert f'path = "{path}"  # CSV' in text


def test_what_toml_must_escape_is_escaped():
    path = 'a "quoted" \\ path #1.csv'
    text = example_job("lamost", "stars", {("catalog", "path"): path, ("archive", "root"): "ü"})
    assert value_in(text, "catalog", "path") == path
    assert value_in(text, "archive", "root") == "ü"


def test_a_key_that_the_example_lacks_is_added_to_its_table():
    text = example_job("lamost", "stars", {("archive", "cache"): "raw"})
    assert tomllib.loads(text)["archive"]["cache"] == "raw"


def test_tables_of_stages_that_are_not_made_are_left_out():
    text = example_job("sdss", "stars", {("stages",): ["frames"]})
    assert "cutouts" not in tomllib.loads(text)
    assert "frames" in tomllib.loads(text)
    assert "shards" in tomllib.loads(text)


def test_a_key_that_is_not_there_has_no_value():
    text = example_job("lamost", "stars", {})
    assert value_in(text, "nothing", "here") is None
    assert value_in(text, "name", "here") is None


def test_predictions_bring_their_commented_tables_with_remarks_in_their_column():
    before, after = (
        example_job("skyserver", "s", {("stages",): ["composites", *more]}) for more in ([], ["predictions"])
    )
    assert "train" not in tomllib.loads(before)
    assert tomllib.loads(after)["train"] == {"kind": "stellar-image", "product": "composites", "classifier": "models/s"}
    assert tomllib.loads(after)["predictions"] == {"classifier": "models/s"}
    remarks = [
        next(
            line.index("# survey-batch run")
            for line in example_job("lamost", "s", keys).splitlines()
            if "--train" in line
        )
        for keys in ({}, {("stages",): ["spectra", "predictions"]})
    ]
    assert remarks[0] == remarks[1]


def test_predictions_of_quantities_come_with_the_columns_to_learn_and_a_split():
    before, after = (
        tomllib.loads(example_job("lamost-medium", "s", {("stages",): ["spectra", *more]}))
        for more in ([], ["predictions"])
    )
    assert "split" not in before["catalog"]
    assert after["train"]["columns"] == ["teff"]
    assert after["catalog"]["split"] == {"train": 0.7, "test": 0.3}


def test_predictions_without_labels_come_without_training():
    text = example_job("lamost", "stars", {("catalog", "label"): None, ("stages",): ["spectra", "predictions"]})
    assert value_in(text, "train") is None
    assert value_in(text, "predictions", "classifier") == "models/stars"
    assert 'and "predictions"' not in text


def test_only_an_example_with_such_tables_can_predict():
    assert all(can_predict(example_job(survey, "stars", {})) for survey in ("lamost", "sdss", "skyserver", "stamps"))
    assert not can_predict(example_job("sdss", "stars", {("stages",): ["frames", "predictions"]}))
