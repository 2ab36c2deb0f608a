import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.units import Unit

from survey_batch.catalog import read_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.planning.plan import make_plan
from survey_batch.results.export import _write, export_catalog
from survey_batch.results.export.units import fits_unit
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


def planned_job(tmp_path, ending="fits", ra_unit="h", said=None):
    """A job without results whose catalogue has right ascensions in hours, declinations in radians and fluxes in Jy."""
    tables = make_archive(tmp_path / "archive", 4)
    table = Table.read(tables["catalog"]["path"], format="ascii.csv", delimiter="|")
    table["ra"], table["dec"], table["flux"] = table["ra"] / 15, np.radians(table["dec"]), 1.5
    for name, unit in {"ra": ra_unit, "dec": "rad", "flux": "Jy"}.items():
        table[name].unit = unit
    path = tmp_path / f"catalog.{ending}"
    table.write(path, format="votable" if ending == "vot" else ending)
    if ending == "vot":
        text = path.read_text().replace('unit="Jy"/>', 'unit="Jy"><DESCRIPTION>of\n the peak</DESCRIPTION></FIELD>')
        path.write_text(text)
    tables["catalog"] |= {"path": str(path), "units": said or {}}
    job = lamost_job(tables, tmp_path / "out", stages=["spectra"])
    make_plan(job).store()
    return job


def positions(job):
    table = read_catalog(job.catalog, job.archive).table
    return np.transpose([table["ra"].to_numpy(), table["dec"].to_numpy()])


@pytest.mark.parametrize("ending", ["parquet", "fits"])
@pytest.mark.parametrize(
    "given",
    [{}, {"ending": "vot"}, {"ra_unit": None, "said": {"ra": "hourangle"}}, {"ra_unit": "deg", "said": {"ra": "h"}}],
)
def test_an_export_that_is_the_next_catalogue_has_the_same_positions(tmp_path, ending, given):
    job = planned_job(tmp_path, **given)
    path, _ = export_catalog(job, str(tmp_path / f"next.{ending}"))
    next_job = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": path, "units": {}})})
    np.testing.assert_allclose(positions(job)[:, 0], 10 + np.arange(4) / 100, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(positions(next_job), positions(job))


def test_units_and_descriptions_of_all_columns_are_kept_from_format_to_format(tmp_path):
    job = planned_job(tmp_path, "vot")
    for ending in ("fits", "parquet", "fits"):
        path, _ = export_catalog(job, str(tmp_path / f"next.{ending}"))
        job = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": path})})
    header = fits.getheader(path, 1)
    number = next(number for number in range(1, 20) if header[f"TTYPE{number}"] == "flux")
    assert (header[f"TUNIT{number}"], header[f"TCOMM{number}"]) == ("Jy", "of the peak")
    metadata = pq.read_schema(tmp_path / "next.parquet").field("flux").metadata
    assert metadata == {b"unit": b"Jy", b"description": b"of the peak"}


def test_fields_of_a_struct_and_renamed_columns_keep_their_units_in_fits(tmp_path):
    inner = pa.struct([pa.field("g", pa.float64(), metadata={"unit": "mag"}), pa.field("r", pa.float64())])
    fields = [
        pa.field("phot", inner, metadata={"unit": "Jy"}),
        pa.field("µ", pa.float64(), metadata={"unit": "Å", "description": "a width"}),
    ]
    _write(pa.table([[{"g": 1.0, "r": 2.0}], [3.0]], schema=pa.schema(fields)), str(tmp_path / "t.fits"))
    header = fits.getheader(tmp_path / "t.fits", 1)
    assert [header[f"TUNIT{number}"] for number in (1, 2, 3)] == ["mag", "Jy", "Angstrom"]
    assert header["TCOMM3"] == "column '\\\\xb5' of the catalogue: a width"


def as_astropy_writes(job, tmp_path, form):
    """The job on its catalogue as astropy writes it, with a description and a unit that FITS does not have."""
    table = Table.read(job.catalog.path)
    table.convert_bytestring_to_unicode()
    table["flux"].unit = Unit("electron / (s pix)")
    table["flux"].description = "of the peak" + ", in words that need more than one card of a header" * 3
    table["dec"].description = "Declination: 2000"
    path = tmp_path / f"astropy.{form}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the unit
        table.write(path, **({"format": "ascii.ecsv"} if form == "ecsv" else {}))
    catalog = job.catalog.model_copy(update={"path": str(path)})
    return job.model_copy(update={"catalog": catalog}), table


@pytest.mark.parametrize("ending", ["parquet", "fits"])
@pytest.mark.parametrize("form", ["fits", "parquet", "ecsv"])
def test_descriptions_and_units_that_astropy_wrote_are_kept(tmp_path, form, ending):
    job, table = as_astropy_writes(planned_job(tmp_path), tmp_path, form)
    path, _ = export_catalog(job, str(tmp_path / f"out.{ending}"))
    columns = {column.name: column for column in open_catalog(CatalogSection(path=path), job.archive).source.columns}
    for name in ("ra", "dec", "flux"):
        assert columns[name].description == (table[name].description or ""), name
        assert Unit(columns[name].unit) == table[name].unit, name


def test_positions_in_a_parquet_file_of_astropy_are_in_its_units(tmp_path):
    job, _ = as_astropy_writes(planned_job(tmp_path), tmp_path, "parquet")
    np.testing.assert_allclose(positions(job)[:, 0], 10 + np.arange(4) / 100, rtol=0, atol=1e-9)


def test_what_astropy_wrote_of_columns_is_passed_over_with_a_note_where_it_cannot_be_read(tmp_path):
    job, _ = as_astropy_writes(planned_job(tmp_path), tmp_path, "fits")
    with fits.open(job.catalog.path, mode="update") as hdus:
        comments = hdus[1].header["COMMENT"]
        comments[list(comments).index("datatype:")] = "datatype: ]["
    assert any("is not valid YAML and is ignored" in note for note in read_catalog(job.catalog, job.archive).notes)
    np.testing.assert_allclose(positions(job)[:, 0], 10 + np.arange(4) / 100, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("unit", "spelled"), [("deg (ICRS)", "deg (ICRS)"), ("°", "deg"), ("µfoo", "\\xb5foo")])
def test_units_are_spelled_in_ascii(unit, spelled):
    assert fits_unit(unit) == spelled
