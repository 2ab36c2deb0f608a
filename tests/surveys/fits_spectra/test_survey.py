"""Which columns, or which template, name the file of a spectrum."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.read import read_catalog
from survey_batch.catalog.source import Rows
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys.fits_spectra.survey import FITS_SPECTRA
from tests.jobs import archive_section, write_catalog


def archive(**keys):
    return archive_section("fits-spectra", **{"root": "/data/spectra", **keys})


def read(columns, **keys):
    draft = Draft(Rows(pa.table(columns)), {name: name for name in columns})
    key = FITS_SPECTRA.read_key(draft, archive(**keys))
    return key["file"].to_pylist(), draft.problem.tolist()


def test_a_column_names_the_file_below_the_root():
    files, problems = read({"file": ["a/b.fits", "/data/spectra/c.fits", "", "../d.fits", "/e.fits"]})
    assert files[:2] == ["a/b.fits", "c.fits"]
    assert problems[:2] == ["", ""]
    assert "the row names no file" in problems[2]
    assert all("outside the archive's root" in problem for problem in problems[3:])


@pytest.mark.parametrize("plate", [7, 7.0, "7", "7.0"])
def test_a_template_makes_the_name_of_columns_and_fills_numbers_with_zeros(plate):
    columns = {"{Plate}": [plate, None], "{run}": ["v5", "v5"]}
    files, problems = read(columns, file="{run}/spec-{Plate:04d}.fits")
    assert files == ["v5/spec-0007.fits", ""]
    assert (problems[0], "the row names no file" in problems[1]) == ("", True)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("spec.fits", "name columns of the catalogue in braces"),
        ("{plate", "expected '}'"),
        ("{}", "without the name of a column"),
        ("{plate:x}", "is not understood"),
    ],
)
def test_a_template_that_names_no_column_is_refused(file, said):
    with pytest.raises(ValidationError, match=said):
        archive(file=file)


def test_a_row_without_the_number_that_the_template_asks_for_names_no_file():
    files, problems = read({"{name}": ["abcdef", "abcdef"], "{n}": ["5", "x"]}, file="{name:.3}/{n:03d}.fits")
    assert files == ["abc/005.fits", ""]
    assert (problems[0], "the row names no file" in problems[1]) == ("", True)


def test_a_unit_that_is_none_of_flux_is_refused():
    for unit in ("Angstrom", "flurbs"):
        with pytest.raises(ValidationError, match='is no unit of flux density that astropy knows, nor "as-is"'):
            archive(flux_unit=unit)


def test_the_unit_as_is_and_none_make_the_same_numbers_of_a_file_that_is_read():
    none, as_is, said = (FITS_SPECTRA.settings(archive(flux_unit=unit)) for unit in (None, "as-is", "Jy"))
    assert none == as_is
    assert (none["archive.flux_unit"], said["archive.flux_unit"]) == (None, "Jy")
    assert none["archive.root"] == "/data/spectra"


def test_the_columns_of_a_template_are_found_in_the_catalogue_or_asked_for(tmp_path):
    section = CatalogSection(
        path=str(write_catalog(tmp_path / "c.csv", [{"PLATE": 7, "mjd": 5}, {"PLATE": 8, "mjd": 6}]))
    )
    table = read_catalog(section, archive(file="{plate:03d}-{mjd}.fits")).table
    assert table["file"].to_pylist() == ["007-5.fits", "008-6.fits"]
    assert table["object_id"].to_pylist() == ["007-5", "008-6"]
    with pytest.raises(ConfigurationError, match="no column found for '{plat}'"):
        read_catalog(section, archive(file="{plat}.fits"))
    with pytest.raises(ConfigurationError, match="no column found for 'file'.*\n.*\n.*a template in archive.file|file"):
        read_catalog(section, archive())
