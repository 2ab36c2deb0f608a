"""A table in FITS as astropy reads it: names, units, comments and limits."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table

from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export import fits_table
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.fits_table import MOST_COLUMNS, write_fits
from survey_batch.results.export.joined import Joined


def fits_bytes(table, changes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.fits"
        write_fits(Joined.of(table, changes), path)
        return path.read_bytes()


def written(table, changes=None):
    table = table if isinstance(table, pa.Table) else pa.table(table)
    return io.BytesIO(fits_bytes(table, changes or Changes()))


def test_unsigned_integers_and_gaps_are_read_as_they_were():
    columns = {
        "u": pa.array([0, 2**64 - 1], pa.uint64()),
        "i": pa.array([None, -5], pa.int32()),
        "v": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
        "t": pa.array(["G2V", ""]),
    }
    found = Table.read(written(columns), format="fits")
    assert [int(value) for value in found["u"]] == [0, 2**64 - 1]
    assert found["i"].mask.tolist() == [True, False]
    assert found["i"][1] == -5
    np.testing.assert_array_equal(found["v"], [[1, 2], [3, 4]])
    assert found["t"][0] == "G2V"


def test_lists_of_unequal_length_are_rows_of_their_own_length_also_where_they_are_long(monkeypatch):
    columns = {"a": pa.array([[1], [2, 3], []], pa.list_(pa.int16()))}
    for limit, descriptor in ((2**31 - 1, "PI"), (1, "QI")):
        monkeypatch.setattr(fits_table, "MOST_HEAP_BYTES", limit)
        with fits.open(written(columns)) as file:
            assert file[1].header["TFORM1"].startswith(descriptor)
            assert [row.tolist() for row in file[1].data["a"]] == [[1], [2, 3], []]


def test_fields_of_a_struct_are_columns_of_their_own_and_that_is_told():
    changes = Changes()
    found = Table.read(written({"s": pa.array([{"x": 1, "y": {"z": 2.5}}])}, changes), format="fits")
    assert len(found.colnames) == 2
    assert any("fields are columns of their own: s.x, s.y" in line for line in changes.lines())


def test_units_and_descriptions_of_the_catalogue_are_those_of_the_columns():
    field = pa.field("ra", pa.float64(), metadata={"unit": "deg", "description": "caf\xe9"})
    with fits.open(written(pa.table([pa.array([1.0])], schema=pa.schema([field])))) as file:
        assert file[1].header["TUNIT1"] == "deg"
        assert file[1].header["TCOMM1"] == r"caf\xe9"


def test_what_was_changed_is_the_history_of_the_table():
    changes = Changes()
    changes.note("left as text", "caf\xe9")
    with fits.open(written({"a": pa.array([True, None])}, changes)) as file:
        history = "".join(file[1].header["HISTORY"])
    assert r"caf\xe9: left as text" in history
    assert "Booleans with gaps are bytes" in history


def test_more_columns_than_fits_can_number_are_refused_with_another_format():
    many = {f"c{number}": [1] for number in range(MOST_COLUMNS + 1)}
    with pytest.raises(ConfigurationError, match=r"holds 999 columns, and there are 1000: export to a \.parquet file"):
        fits_bytes(pa.table(many), Changes())
