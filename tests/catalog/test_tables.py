from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from survey_batch.catalog.formats import open_source
from survey_batch.errors import ConfigurationError


def test_nulls_and_padded_text_of_fits_columns(tmp_path):
    path = tmp_path / "t.fits"
    columns = [
        fits.Column("n", "J", null=-1, array=np.array([5, -1])),
        fits.Column("s", "8A", array=np.array(["ab  ", ""])),
        fits.Column("v", "3E", array=np.zeros((2, 3))),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    source = open_source(str(path))
    table = source.read(["n", "s", "v"]).table
    assert source.names == ("n", "s", "v")
    assert table["n"].to_pylist() == [5, None]
    assert table["s"].to_pylist() == ["ab", None]
    assert table["v"].to_pylist() == [[0, 0, 0], [0, 0, 0]]


def test_a_fits_image_is_no_catalogue(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(path)
    with pytest.raises(ConfigurationError, match="without a table"):
        open_source(str(path))


def test_votable_ids_and_masked_values(tmp_path):
    path = tmp_path / "t.xml"
    numbers = MaskedColumn(np.array([2**62 + 1, 7]), mask=[False, True])
    buffer = BytesIO()
    Table({"specobjid": numbers, "name": ["a", "b"]}).write(buffer, format="votable")
    path.write_bytes(buffer.getvalue())
    table = open_source(str(path)).read(["specobjid", "name"]).table
    assert table["specobjid"].to_pylist() == [2**62 + 1, None]
    assert table["name"].to_pylist() == ["a", "b"]


def test_xml_that_is_no_votable_is_refused(tmp_path):
    path = tmp_path / "t.xml"
    path.write_text("<?xml version='1.0'?><VOTABLE></VOTABLE>")
    with pytest.raises(ConfigurationError, match="as VOTable"):
        open_source(str(path))


def test_only_the_columns_asked_for_are_read(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1], "b": [2], "c": pa.array(["x"]).dictionary_encode()}), path)
    assert open_source(str(path)).read(["c", "a"]).table.to_pydict() == {"c": ["x"], "a": [1]}
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    assert open_source(str(tmp_path / "t.csv")).read(["b"]).table.to_pydict() == {"b": ["2"]}


def test_a_file_is_read_from_any_fsspec_address():
    import fsspec

    with fsspec.open("memory://catalogues/t.csv", "wt") as file:
        file.write("a,b\n1,2\n")
    assert open_source("memory://catalogues/t.csv").read(["a"]).table.to_pydict() == {"a": ["1"]}
