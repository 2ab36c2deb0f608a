import pyarrow.parquet as pq
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.plan import make_plan
from survey_batch.results.export import export_catalog, export_table, joined, matching
from survey_batch.results.export.names import plain_names
from survey_batch.stages import make_stage
from tests.results.export.finished import CLASSES, COLUMNS, NOT_OK, REASON, ROWS, features_of, finished_job


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return finished_job(tmp_path_factory.mktemp("finished"))


def by_id(table):
    return {row["sb_object_id"]: row for row in table.to_pylist()}


def test_features_come_by_name_with_unit_and_meaning_and_null_where_absent(job):
    table = export_table(job, ["features=*"])
    assert table["obsid"].to_pylist() == [1000 + row for row in range(ROWS)][::-1]
    stage = make_stage(job, "features")
    for place, feature in enumerate(stage.features()):
        field = table.schema.field(f"sb_feature_{feature.name}")
        assert field.metadata[b"description"].decode() == feature.description
        assert field.metadata.get(b"unit", b"1").decode() == feature.unit
        for row in range(ROWS):
            value = by_id(table)[str(1000 + row)][field.name]
            absent = row == NOT_OK or (row, place) == (7, 1)
            assert value is None if absent else value == pytest.approx(row + place / 100, rel=1e-6)


def test_patterns_choose_features_in_the_product_s_order(job):
    names = features_of(job)
    table = export_table(job, ["features=h_*,block_*", "features"])
    assert [name for name in table.column_names if "_feature_" in name] == [f"sb_feature_{name}" for name in names]
    table = export_table(job, [f"label,features={names[3]}, {names[0]}"])
    assert [name for name in table.column_names if "_feature_" in name] == [f"sb_feature_{names[n]}" for n in (0, 3)]
    assert "sb_label" in table.column_names


def test_label_split_and_reason_are_columns(job):
    table = by_id(export_table(job, ["label,split", "reason"]))
    for row in range(ROWS):
        found = table[str(1000 + row)]
        assert found["sb_label"] == (CLASSES[row % 3] if row % 4 else None)
        assert found["sb_split"] is None
        assert found["sb_reason"] == (REASON if row == NOT_OK else None)


def test_variables_with_one_value_for_each_object_are_columns(job):
    table = by_id(export_table(job, ["spectra=snr,status"]))
    assert table["1003"]["sb_spectra_snr"] == 30
    assert table[str(1000 + NOT_OK)]["sb_spectra_snr"] is None
    assert table[str(1000 + NOT_OK)]["sb_spectra_status"] == "not_found"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "lable",
            r"'lable' is neither .* \(did you mean 'label'\?\); there are label, split, reason, spectra, features",
        ),
        ("features=block_0_*", r"--with features=block_0_\*: no column .* it has h_alpha"),
        ("features=h_alpa", r"did you mean 'h_alpha'"),
        ("label=A", "'label' is none"),
        ("spectra=flux", "no column of the product 'spectra' matches; it has redshift, snr"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(job, words, message):
    with pytest.raises(ConfigurationError, match=message):
        export_table(job, [words])


def test_names_of_classes_need_no_quotes_and_their_exact_name_is_kept(job):
    table = export_table(job)
    assert [name for name in table.column_names if "probability" in name] == list(COLUMNS)
    for name, exact in zip(COLUMNS, CLASSES, strict=True):
        assert table.schema.field(name).metadata[b"class"].decode() == exact
        assert table.schema.field(name).metadata[b"description"].decode() == f"probability of class {exact}"


def test_names_are_made_plain_and_differ():
    assert plain_names(["K/M", "K M", "k_m", "µ", "(?)", "É"]) == ["K_M_2", "K_M_3", "k_m", "mu", "column_5", "E"]


def test_added_columns_of_an_earlier_export_are_replaced(job, tmp_path):
    words = ["features", "label,split,reason", "spectra=snr"]
    first, _ = export_catalog(job, str(tmp_path / "first.parquet"), with_=words)
    again = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": first})})
    assert export_table(again, words).equals(export_table(job, words))
    left = set(export_table(again).column_names) - set(export_table(job).column_names)
    assert left == {"sb_spectra_snr"}, "only what this export would add, or every export adds, is known as an export's"


@pytest.mark.parametrize("rows", [1, 5, 7, 100])
def test_batches_of_any_size_join_to_the_same_table(job, monkeypatch, rows):
    words = ["features", "label,reason"]
    whole = export_table(job, words)
    monkeypatch.setattr(joined, "BATCH_ROWS", rows)
    monkeypatch.setattr(matching, "BATCH_ROWS", rows)
    monkeypatch.setattr(matching, "SLICE_ROWS", 6)
    monkeypatch.setattr(joined, "BLOCK_BYTES", 1)
    assert export_table(job, words).equals(whole)


def test_a_catalogue_in_another_order_than_when_it_was_planned_is_joined_by_id(job, tmp_path):
    table = pq.read_table(job.catalog.path)
    pq.write_table(table.take(list(range(ROWS - 1, 3, -1))), tmp_path / "other.parquet")
    other = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": str(tmp_path / "other.parquet")})})
    found, given = by_id(export_table(other, ["features"])), by_id(export_table(job, ["features"]))
    assert list(found) == list(given)[:3:-1]
    assert all(found[name] == given[name] for name in found)


def test_ids_that_the_catalogue_repeats_are_joined_as_the_plan_names_them(tmp_path):
    job = finished_job(tmp_path)
    table = pq.read_table(job.catalog.path)
    table = table.set_column(0, "obsid", [[1000] * 2 + list(range(2, ROWS))])
    pq.write_table(table, job.catalog.path)
    make_plan(job).store()
    assert export_table(job)["sb_object_id"].to_pylist()[:2] != ["1000", "1000"]


def test_the_metadata_say_where_the_table_comes_from_without_passwords(job):
    said = export_table(job).schema.metadata
    assert set(said) == {b"version", b"job", b"versions", b"classifier", b"classes"}
    assert b"archive.example" in said[b"job"]
    assert b"secret" not in said[b"job"]
    assert b'"kind": "spectral-type"' in said[b"classifier"]
    assert b"O8e (188001)" in said[b"classes"]
