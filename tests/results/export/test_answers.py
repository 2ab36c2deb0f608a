"""Columns of answers that are not classes."""

import numpy as np
import pytest
import zarr

from survey_batch.catalog.parquet_file import DESCRIPTION, UNIT
from survey_batch.results.export.answers import answer_columns

DONE = np.array([True, True, False])


@pytest.fixture
def product(tmp_path):
    """Make a product `predictions` of arrays, and return its output."""

    def make(**arrays):
        group = zarr.create_group(tmp_path / "predictions.zarr")
        for name, values in arrays.items():
            stored = np.asarray(values, dtype=np.dtypes.StringDType() if np.asarray(values).dtype.kind == "U" else None)
            group.create_array(name, data=stored)
        return str(tmp_path)

    return make


def test_values_and_errors_are_columns_with_units_and_null_where_there_is_none(product):
    output = product(
        quantity=["z", "teff"],
        unit=["1", "K"],
        description=["redshift", ""],
        value=np.array([[0.1, 5800], [np.nan, 4100], [0.3, 3000]], "f4"),
        error=np.array([[0.01, 90], [np.nan, 70], [0.02, 60]], "f4"),
    )
    (part,) = answer_columns(output, DONE)
    assert [field.name for field in part.fields] == ["value_z", "value_teff", "error_z", "error_teff"]
    said = [field.metadata for field in part.fields]
    assert UNIT.encode() not in said[0]
    assert said[1][UNIT.encode()] == said[3][UNIT.encode()] == b"K"
    assert [each[DESCRIPTION.encode()] for each in said] == [
        b"redshift",
        b"estimate of teff",
        b"error of z",
        b"error of teff",
    ]
    redshift, temperature, _, error = part.read(slice(0, 3))
    assert redshift.to_pylist() == [pytest.approx(0.1), None, None]
    assert temperature.to_pylist() == [5800, 4100, None]
    assert error.to_pylist() == [90, 70, None]


def test_an_embedding_has_no_columns(product):
    assert answer_columns(product(embedding=np.zeros((3, 4), "f4")), DONE) == []
