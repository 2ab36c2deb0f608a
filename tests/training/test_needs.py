"""What a job lacks to train is said with lines that mend it."""

import re
import tomllib

import pytest

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.training.needs import check_labels, train_table
from tests.jobs import lamost_job, sdss_job

TRAIN = {"classifier": "m", "kind": "spectral-type", "variant": "forest"}


def lines_of(error):
    """The lines that an error gives to paste, as TOML."""
    return tomllib.loads(str(error.value).partition(":\n\n")[2])


def mended(job, lines):
    """The job with these lines in their places."""
    given = job.model_dump(exclude_unset=True) | {key: lines[key] for key in lines if key not in ("label", "split")}
    given["catalog"] = {**given["catalog"], **{key: lines[key] for key in ("label", "split") if key in lines}}
    return Job.model_validate(given)


def spectra_job(path="unused", catalog=(), **tables):
    keys = {"catalog": {"path": str(path), **dict(catalog)}, "archive": {"survey": "lamost", "root": "unused"}}
    return lamost_job(keys, "out", ("spectra", *(["predictions"] if "predictions" in tables else [])), **tables)


@pytest.mark.parametrize("predict", [True, False])
@pytest.mark.parametrize("tables", [{}, {"train": TRAIN}, {"predictions": {"classifier": "m"}}])
def test_the_lines_make_a_job_that_can_train(tables, predict):
    job = spectra_job(**tables)
    if "train" in tables and not predict:
        assert train_table(job, predict=False).classifier == "m"
        return
    with pytest.raises(ConfigurationError, match="; write into the job file:\n\n    ") as error:
        train_table(job, predict=predict)
    lines = lines_of(error)
    assert not lines.keys() & tables.keys()
    assert ("stages" in lines) == (predict and "predictions" not in tables)
    after = mended(job, lines)
    assert train_table(after, predict=predict).classifier == ("m" if tables else "models/test")
    assert not predict or after.stages == ("spectra", "predictions")


def test_the_lines_name_a_kind_that_the_survey_s_products_serve():
    job = sdss_job("list.csv", "archive", "out", stages=["frames", "cutouts"])
    with pytest.raises(ConfigurationError) as error:
        train_table(job, predict=True)
    assert lines_of(error)["train"]["kind"] == "stellar-image"


@pytest.mark.parametrize(
    ("columns", "catalog", "lines"),
    [
        ("class,subclass", {}, {"label": "spectral_type", "split": {"train": 0.7, "test": 0.3}}),
        ("my_type", {}, {"label": "my_type", "split": {"train": 0.7, "test": 0.3}}),
        ("my_type,split", {}, {"label": "my_type"}),
        ("my_type", {"label": "my_type"}, {"split": {"train": 0.7, "test": 0.3}}),
        ("label", {"split": {"train": 1.0}}, {}),
    ],
)
def test_labels_and_splits_that_are_missing_are_said_with_lines(tmp_path, columns, catalog, lines):
    path, count = tmp_path / "list.csv", columns.count(",") + 1
    path.write_text(f"obsid,filename,ra,dec,{columns}\n1,1.fits,1,1{',A' * count}\n")
    job = spectra_job(path, catalog, train=TRAIN)
    if not lines:
        check_labels(job)
        return
    with pytest.raises(ConfigurationError, match=re.escape("in the table [catalog]")) as error:
        check_labels(job)
    assert lines_of(error) == lines
    check_labels(mended(job, lines))


def test_a_catalogue_that_is_not_there_is_left_to_what_reads_it():
    check_labels(spectra_job("nothing.csv", train=TRAIN))


def test_columns_to_learn_that_the_catalogue_lacks_are_said_before_anything_is_fetched(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("obsid,filename,ra,dec,split,Teff\n1,1.fits,1,1,train,5000\n")
    quantities = {"classifier": "m", "kind": "quantities"}
    check_labels(spectra_job(path, train={**quantities, "columns": ["teff"]}))
    with pytest.raises(ConfigurationError, match="train.columns: there is no column 'teft' .did you mean 'Teff'"):
        check_labels(spectra_job(path, train={**quantities, "columns": ["teft"]}))
