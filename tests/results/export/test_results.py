"""Results of a run at any moment of it: final statuses and predictions in the order of the plan."""

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.results.export import export_table
from survey_batch.results.export import results as module
from survey_batch.results.export.results import find_results
from survey_batch.stages import make_stage
from survey_batch.store.products import open_group
from tests.report.outputs import CLASSES, cutouts_job, make_predictions, make_spectra, spectra_job
from tests.results.export.finished import CLASSES as NAMES
from tests.results.export.finished import COLUMNS, NOT_OK, REASON, ROWS, by_id, features_of

OBJECTS = 24


@pytest.fixture
def job(tmp_path, monkeypatch):
    plan = pa.table({"object_id": [f"object-{row}" for row in range(OBJECTS)]})
    monkeypatch.setattr(module, "planned_rows", lambda _: OBJECTS)
    monkeypatch.setattr(module, "read_plan_part", lambda _, names, rows: plan[rows].select(names))
    return spectra_job(tmp_path)


def read_results(job):
    """All results in memory."""
    results = find_results(job)
    return results.read(slice(0, results.rows))


def test_before_a_product_is_there_all_of_its_rows_are_pending(job):
    make_spectra(job, OBJECTS)
    found = read_results(job)
    assert found.column_names == ["object_id", "status"]
    assert set(found["status"].to_pylist()) == {"pending"}


def test_the_status_is_the_worst_of_all_products(job):
    status = np.full(OBJECTS, Status.OK, np.uint8)
    status[3] = Status.PARTIAL
    make_spectra(job, OBJECTS, status=status)
    make_predictions(job, OBJECTS)
    group = open_group(job.output, "predictions")
    marks = np.array(group["status"][...])
    marks[:] = Status.OK
    marks[4], marks[5] = Status.FAILED, Status.PENDING
    group["status"][...] = marks
    found = read_results(job)
    assert found["object_id"].to_pylist() == [f"object-{row}" for row in range(OBJECTS)]
    assert found["status"].to_pylist()[2:6] == ["ok", "partial", "failed", "pending"]
    for name in ("predicted_class", "confidence", *(f"probability_{one}" for one in CLASSES)):
        values = found[name].to_pylist()
        assert values[4] is values[5] is None, name
        assert values[2] is not None, name


def test_probabilities_are_those_of_the_product_and_missing_where_there_are_none(job):
    make_spectra(job, OBJECTS)
    make_predictions(job, OBJECTS)
    group = open_group(job.output, "predictions")
    marks = np.full(OBJECTS, Status.OK, np.uint8)
    group["status"][...] = marks
    probability = np.array(group["probability"][...])
    probability[7] = np.nan
    group["probability"][...] = probability
    found = read_results(job)
    for place, name in enumerate(CLASSES):
        column = found[f"probability_{name}"]
        assert column.null_count == 1
        assert column[7].as_py() is None
        assert column[0].as_py() == probability[0, place]
    assert found.schema.field("predicted_class").type == pa.string()


def test_what_has_no_objects_or_has_not_begun_is_refused(tmp_path):
    frames = cutouts_job(tmp_path).model_copy(update={"stages": ("frames",)})
    with pytest.raises(ConfigurationError, match="stages: frames make no product of objects"):
        read_results(frames)
    with pytest.raises(ConfigurationError, match="holds no product yet: run the job first"):
        read_results(spectra_job(tmp_path))


def test_features_come_by_name_with_unit_and_meaning_and_null_where_absent(finished):
    table = export_table(finished, ["features=*"])
    assert table["obsid"].to_pylist() == [1000 + row for row in range(ROWS)][::-1]
    stage = make_stage(finished, "features")
    for place, feature in enumerate(stage.features()):
        field = table.schema.field(f"sb_feature_{feature.name}")
        assert field.metadata[b"description"].decode() == feature.description
        assert field.metadata.get(b"unit", b"1").decode() == feature.unit
        for row in range(ROWS):
            value = by_id(table)[str(1000 + row)][field.name]
            absent = row == NOT_OK or (row, place) == (7, 1)
            assert value is None if absent else value == pytest.approx(row + place / 100, rel=1e-6)


def test_patterns_choose_features_in_the_product_s_order(finished):
    names = features_of(finished)
    table = export_table(finished, ["features=h_*,block_*", "features"])
    assert [name for name in table.column_names if "_feature_" in name] == [f"sb_feature_{name}" for name in names]
    table = export_table(finished, [f"label,features={names[3]}, {names[0]}"])
    assert [name for name in table.column_names if "_feature_" in name] == [f"sb_feature_{names[n]}" for n in (0, 3)]
    assert "sb_label" in table.column_names


def test_label_split_and_reason_are_columns(finished):
    table = by_id(export_table(finished, ["label,split", "reason"]))
    for row in range(ROWS):
        found = table[str(1000 + row)]
        assert found["sb_label"] == (NAMES[row % 3] if row % 4 else None)
        assert found["sb_split"] is None
        assert found["sb_reason"] == (REASON if row == NOT_OK else None)


def test_variables_with_one_value_for_each_object_are_columns(finished):
    table = by_id(export_table(finished, ["spectra=snr,status"]))
    assert table["1003"]["sb_spectra_snr"] == 30
    assert table[str(1000 + NOT_OK)]["sb_spectra_snr"] is None
    assert table[str(1000 + NOT_OK)]["sb_spectra_status"] == "not_found"


def test_names_of_classes_need_no_quotes_and_their_exact_name_is_kept(finished):
    table = export_table(finished)
    assert [name for name in table.column_names if "probability" in name] == list(COLUMNS)
    for name, exact in zip(COLUMNS, NAMES, strict=True):
        assert table.schema.field(name).metadata[b"class"].decode() == exact
        assert table.schema.field(name).metadata[b"description"].decode() == f"probability of class {exact}"
