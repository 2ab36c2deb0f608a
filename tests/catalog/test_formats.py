"""The format of a catalogue is told by its first bytes, and what cannot be opened is explained."""

import bz2
import gzip
import lzma

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from survey_batch.catalog.formats import open_source
from survey_batch.catalog.source import Choice
from survey_batch.core.errors import ConfigurationError

TABLE = {"ra": np.array([1.5, 2.5]), "dec": np.array([-1.0, 3.0])}
FORMATS = ["ascii.csv", "ascii.ecsv", "fits", "votable", "parquet", "ascii.ipac", "ascii.mrt"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_known_whatever_the_file_is_called(tmp_path, form):
    Table(TABLE).write(tmp_path / "catalogue.dat", format=form)
    found = open_source(str(tmp_path / "catalogue.dat"))
    assert found.url == str(tmp_path / "catalogue.dat")
    assert found.names == ("ra", "dec")
    assert [float(value.as_py()) for value in found.read(["dec"]).table["dec"]] == [-1, 3]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_known_without_an_ending(tmp_path, compress):
    (tmp_path / "catalogue").write_bytes(compress(b"ra,dec\n1,2\n"))
    assert open_source(str(tmp_path / "catalogue")).read(["ra"]).table["ra"].to_pylist() == ["1"]


def test_zstd_without_its_package_is_told(tmp_path, monkeypatch):
    (tmp_path / "catalogue").write_bytes(pa.compress(b"ra,dec\n1,2\n", codec="zstd", asbytes=True))
    monkeypatch.delitem(fsspec.compression.compr, "zstd", raising=False)
    with pytest.raises(ConfigurationError, match="is packed by zstd, which needs the package zstandard"):
        open_source(str(tmp_path / "catalogue"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n\t", "is empty"),
        (b"\x93\xfa\x8c\x8e,ra\n1,2\n", "save it as UTF-8 text"),
        (b"\x01\x00\x00\x02" * 9, r"is not text, Parquet or FITS \(it begins with"),
        (b"PAR1 and nothing else", r"cannot read .* \(Arrow"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_what_it_is(tmp_path, content, said):
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"catalog.path: .*{said}"):
        open_source(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=f"there is no file {tmp_path}/c.csv: correct the path"):
        open_source(str(tmp_path / "c.csv"))


def test_a_relative_path_to_no_file_is_told_with_the_folder_that_it_counts_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=f"no file lists/c.csv: .* count from the folder .*, now {tmp_path}$"):
        open_source("lists/c.csv")
    with pytest.raises(ConfigurationError, match="correct the path$"):
        open_source(str(tmp_path / "c.csv"))
    with pytest.raises(ConfigurationError, match="correct the path$"):
        open_source("memory://lists/c.csv")


def test_a_file_that_vanishes_between_opening_and_reading_is_named(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("ra,dec\n1,2\n")
    found = open_source(str(path))
    path.unlink()
    with pytest.raises(ConfigurationError, match="there is no file"):
        found.read(["ra"])


def test_choices_that_a_format_does_not_have_are_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("ra,dec\n1,2\n")
    with pytest.raises(ConfigurationError, match=r"catalog\.table: .* holds one table: remove this key"):
        open_source(str(path), Choice(table=2))
    with pytest.raises(ConfigurationError, match=r"catalog\.accept_overflow: .* is not a VOTable"):
        open_source(str(path), Choice(accept_overflow=True))


def test_bars_around_a_line_make_no_ipac_table(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("|ra|dec|\n|1|2|\n")
    assert "ra" in open_source(str(path)).names
