"""Values that astropy marks as absent in columns of masks, and that must not be read as if they were there."""

import numpy as np
import pytest
from astropy import units
from astropy.table import MaskedColumn, QTable
from astropy.utils.masked import Masked

from survey_batch.catalog.formats import open_source
from tests.catalog.sky import assert_read, read_sky, sky_table

WRITE = {
    "c.parquet": {},
    "c.fits": {"serialize_method": "data_mask"},
    "c.ecsv": {"serialize_method": "data_mask"},
}


def masked_table():
    table = QTable(sky_table())
    table["snr"] = Masked([1.0, 2.0, 3.0] * units.dimensionless_unscaled, mask=[False, True, False])
    table["class"] = MaskedColumn(["A", "F", "G"], mask=[True, False, False])
    return table


@pytest.mark.parametrize("name", WRITE)
def test_masked_values_of_astropys_tables_are_missing(tmp_path, name):
    masked_table().write(tmp_path / name, **WRITE[name])
    catalog = read_sky(tmp_path / name, label="class")
    assert_read(catalog)
    np.testing.assert_array_equal(catalog.table["snr"].to_numpy(), np.float32([1, np.nan, 3]))
    assert catalog.table["label"].to_pylist() == ["", "F", "G"]


def test_masks_of_one_file_of_a_folder_hold_for_that_file(tmp_path):
    table = masked_table()
    table["snr"], table["class"] = [4.0, 5.0, 6.0] * units.dimensionless_unscaled, ["K", "K", "K"]
    table[:1].write(tmp_path / "a.parquet")
    masked_table()[1:].write(tmp_path / "b.parquet")
    catalog = read_sky(tmp_path, label="class")
    np.testing.assert_array_equal(catalog.table["snr"].to_numpy(), np.float32([4, np.nan, 3]))
    assert catalog.table["label"].to_pylist() == ["K", "F", "G"]


def test_masked_elements_of_vectors_are_null(tmp_path):
    table = sky_table()
    table["mags"] = MaskedColumn(np.arange(6.0).reshape(3, 2), mask=[[False, True], [False, False], [True, False]])
    table.write(tmp_path / "c.parquet")
    rows = open_source(str(tmp_path / "c.parquet")).read(["mags"])
    assert rows.table.column_names == ["mags"]
    assert rows.table["mags"].to_pylist() == [[0, None], [2, 3], [None, 5]]


def test_files_without_a_column_of_vectors_have_nulls_beside_those_with_masks(tmp_path):
    table = sky_table()
    table[:1].write(tmp_path / "a.parquet")
    table["mags"] = MaskedColumn(np.arange(6.0).reshape(3, 2), mask=[[False, True], [False, False], [True, False]])
    table[1:].write(tmp_path / "b.parquet")
    rows = open_source(str(tmp_path)).read(["mags"])
    assert rows.table["mags"].to_pylist() == [None, [2, 3], [None, 5]]
