import numpy as np
import pyarrow.parquet as pq
import pytest

from survey_batch.catalog import mk_class, read_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.simulate import catalog as simulate
from survey_batch.simulate.catalog import STARS, simulate_catalog
from tests.jobs import archive_section


def test_classes_are_as_frequent_as_in_sdss(tmp_path):
    table = pq.read_table(simulate_catalog(tmp_path / "c.parquet", objects=60_000))
    label = mk_class(table["class"].combine_chunks(), table["subclass"].combine_chunks()).to_numpy(zero_copy_only=False)
    counts = {name: np.sum(label == name) + (np.sum(label == "OB") if name == "O" else 0) for name in STARS}
    for name, number in STARS.items():
        assert counts[name] / sum(counts.values()) == pytest.approx(number / sum(STARS.values()), rel=0.25)
    assert {"GALAXY", "QSO", "STAR"} == set(table["class"].to_pylist())
    assert {"WD", "CV", "carbon", "OB"} <= set(label)


def test_it_holds_repeated_rows_and_stars_seen_twice(tmp_path):
    path = simulate_catalog(tmp_path / "c.parquet", objects=20_000)
    section = {"path": str(path), "id": "specobjid", "duplicates": {}}
    found = read_catalog(CatalogSection.model_validate(section), archive_section(survey="sdss", root="/x"))
    left_out = found.counts.left_out
    assert 5 <= left_out["duplicates by id"] <= 50
    assert 400 <= left_out["duplicates by position"] <= 900
    primary = pq.read_table(path)["sciencePrimary"].to_numpy()
    assert np.sum(primary == 0) == pytest.approx(left_out["duplicates by position"], abs=60)
    assert set(found.table["problem"].to_pylist()) == {""}


def test_the_same_seed_gives_the_same_rows_in_either_format(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "BATCH", 300)
    paths = [simulate_catalog(tmp_path / name, objects=1000) for name in ("a.parquet", "b.parquet", "c.csv")]
    archive = archive_section(survey="sdss", root="/x")
    tables = [read_catalog(CatalogSection(path=str(path), id="specobjid"), archive).table for path in paths]
    assert tables[0].num_rows == 1000
    assert tables[0].equals(tables[1])
    names = [name for name in tables[0].column_names if name not in ("snr", "redshift")]
    assert tables[0].select(names).equals(tables[2].select(names))
    np.testing.assert_allclose(tables[0]["snr"].to_numpy(), tables[2]["snr"].to_numpy(), rtol=1e-6)
    other = simulate_catalog(tmp_path / "d.parquet", objects=1000, seed=2)
    assert not pq.read_table(other).equals(pq.read_table(paths[0]))
