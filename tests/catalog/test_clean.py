"""One batch of a catalogue as compact columns."""

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.catalog.clean import clean, label_of, reasons_of, signal_to_noise
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.config.job import CatalogSection
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")
FIELD = {"run": ["94", "94"], "rerun": ["301", "301"], "camcol": ["1", "9"], "field": ["11", "11"]}


def draft(**columns):
    return Draft(Rows(pa.table(columns)), {name: name for name in columns})


def section(**keys):
    return CatalogSection.model_validate({"path": "c.csv", **keys})


def test_a_batch_has_our_columns_and_the_numbers_of_its_rows_in_the_file():
    rows = draft(ra=["1", "2"], dec=["3", "4"], label=["A", "A"], split=["Train", None], object_id=["x", "y"], **FIELD)
    table = clean(rows, section(), SDSS, first=1000)
    assert table["row"].to_pylist() == [1000, 1001]
    assert table["split"].to_pylist() == ["train", ""]
    assert table["label"].to_pylist() == ["A", "A"]
    assert table["id"].to_pylist() == ["x", "y"]
    assert table.schema.field("camcol").type == pa.int32()
    assert pa.types.is_dictionary(table.schema.field("label").type)
    assert np.isnan(table["redshift"].to_numpy()).all()
    assert "primary" not in table.column_names
    assert reasons_of(rows, np.array([True, True]), 1000) == {1001: "camcol = '9'; camcol must lie from 1 to 6"}
    assert reasons_of(rows, np.array([True, False]), 1000) == {}


def test_which_spectra_are_primary_is_read_where_the_job_asks_for_it():
    rows = draft(ra=["1", "2"], dec=["3", "4"], primary=["Yes", "0"], **FIELD)
    table = clean(rows, section(duplicates={"keep": "primary"}), SDSS, first=0)
    assert table["primary"].to_pylist() == [True, False]


def test_the_first_known_signal_to_noise_is_taken_row_by_row():
    rows = draft(snrr=["", "2", ""], snrg=["3", "4", ""], snru=["5", "6", "7"])
    assert signal_to_noise(rows).tolist() == [3, 2, 7]
    assert np.isnan(signal_to_noise(draft(ra=["1"]))).all()


@pytest.mark.parametrize(
    ("labels", "expected", "noted"),
    [(["1.0", "2.0"], ["1", "2"], True), (["A", "none"], ["A", ""], False), ([None, "B"], ["", "B"], False)],
)
def test_classes_are_text_and_words_for_nothing_are_none(labels, expected, noted):
    rows = draft(label=labels)
    assert label_of(rows, section()).to_pylist() == expected
    assert bool(rows.notes) == noted
    assert rows.nothing == ({"none": 1} if "none" in labels else {})
    assert label_of(draft(ra=["1", "2"]), section()).to_pylist() == ["", ""]
