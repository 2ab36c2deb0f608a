"""HATS catalogues: rows divided by position."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export import export_catalog, hats_catalog
from survey_batch.results.export.hats_catalog import write_hats
from survey_batch.results.export.joined import Joined
from tests.results.export.finished import ROWS


def test_hats_divides_the_sky_into_files_with_few_rows(finished, tmp_path, monkeypatch):
    hats = pytest.importorskip("hats", reason="the extra hats is not installed")
    from hats.io.skymap import read_skymap
    from hats.io.validation import is_valid_catalog

    monkeypatch.setattr(hats_catalog, "MOST_ROWS", 4)
    path, _ = export_catalog(finished, str(tmp_path / "small.hats"))
    catalog = hats.read_hats(path)
    assert len(catalog.get_healpix_pixels()) > 5
    assert is_valid_catalog(path, strict=True)
    assert read_skymap(catalog, None).sum() == ROWS
    assert catalog.catalog_info.skymap_order == hats_catalog.ORDER
    assert {"hats_version", "hats_creation_date", "hats_estsize"} <= set(catalog.catalog_info.model_dump(by_alias=True))
    tables = [pq.read_table(file) for file in (tmp_path / "small.hats").rglob("Npix=*.parquet")]
    assert max(table.num_rows for table in tables) <= 4
    ids = pa.concat_tables(tables)["sb_object_id"].to_pylist()
    assert sorted(ids) == sorted(str(1000 + row) for row in range(ROWS))
    assert export_catalog(finished, path) == (path, ROWS), "an earlier one is replaced"


def test_rows_are_sorted_by_pixel_and_those_without_a_position_are_left_out_with_their_number(tmp_path):
    pytest.importorskip("hats", reason="the extra hats is not installed")
    ra, dec = [45.0, None, 300.0, 10.0], [40.0, 10.0, -40.0, None]
    table = Joined.of(pa.table({"µ": [1, 2, 3, 4], "sb_ra": ra, "sb_dec": dec}))
    assert write_hats(table, tmp_path / "two.hats") == 2
    files = sorted((tmp_path / "two.hats").rglob("Npix=*.parquet"))
    found = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    assert found["µ"].to_pylist() == [1, 3]
    # The first and the last row lie in the base pixels 0 and 11 (HEALPix, Gorski et al. 2005, figure 4).
    assert (found["_healpix_29"].to_numpy() >> 58).tolist() == [0, 11]
    assert table.changes.lines() == ["sb_ra: 2 rows without a position left out of the HATS catalogue"]
    properties = (tmp_path / "two.hats" / "hats.properties").read_text()
    assert "hats_nrows=2" in properties.replace(" ", "")


def test_a_table_without_a_position_is_refused(tmp_path):
    pytest.importorskip("hats", reason="the extra hats is not installed")
    nowhere = pa.array([None], pa.float64())
    with pytest.raises(ConfigurationError, match="no row has a position, .*: choose another format"):
        write_hats(Joined.of(pa.table({"sb_ra": nowhere, "sb_dec": nowhere})), tmp_path / "none.hats")


def test_without_the_package_hats_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hats.catalog", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'survey-batch\[hats\]', or export to a \.parquet file"):
        write_hats(Joined.of(pa.table({"sb_ra": [1.0], "sb_dec": [1.0]})), tmp_path / "t.hats")
