"""Every format of an export is opened by real readers. A reader that is not installed is skipped."""

import csv
import json
import shutil
import subprocess
import warnings

import duckdb
import numpy as np
import pandas as pd
import pyarrow.csv as pacsv
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

from survey_batch.catalog import read_catalog
from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export import export_catalog, export_table
from tests.results.export.finished import CLASSES, COLUMNS, ROWS

WITH = ["features=*", "label,split,reason"]
ENDINGS = ("parquet", "fits", "vot", "csv", "hats")
stilts = pytest.mark.skipif(not shutil.which("stilts"), reason="STILTS is not installed (apt install stilts)")
fitsverify = pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")


@pytest.fixture(scope="module")
def files(finished, tmp_path_factory):
    """An export in each format."""
    folder = tmp_path_factory.mktemp("exports")
    for ending in ENDINGS:
        if ending == "hats":
            pytest.importorskip("hats", reason="the extra hats is not installed")
        assert export_catalog(finished, f"{folder}/types.{ending}", with_=WITH) == (f"{folder}/types.{ending}", ROWS)
    return folder


@pytest.fixture(scope="module")
def rows(finished):
    """What every format holds, by id."""
    table = export_table(finished, WITH)
    return {row["sb_object_id"]: row for row in table.to_pylist()}


def same(found, wanted, *, blank=False):
    """Compare a reader's value with ours; a format without NULL for text has empty text."""
    if wanted is None or (blank and wanted == ""):
        return found is None or found is np.ma.masked or found is pd.NA or found in ("", False) or found != found
    if isinstance(wanted, float):
        return float(found) == pytest.approx(wanted, rel=1e-6)
    return str(found) == str(wanted) if isinstance(wanted, str) else found == wanted


PLAIN = ("obsid", "gaia", "ra", "dec", "sb_status", "sb_confidence", *COLUMNS, "sb_label", "sb_split", "sb_reason")


def check(read, rows, names=PLAIN, **how):
    """Compare columns, each a sequence under its name, with what they must hold."""
    ids = [str(each) for each in read["sb_object_id"]]
    assert sorted(ids) == sorted(rows)
    for name in names:
        assert all(same(value, rows[key][name], **how) for key, value in zip(ids, read[name], strict=True)), name


def test_parquet_is_read_by_duckdb_pandas_and_astropy(files, rows):
    path = f"{files}/types.parquet"
    check(duckdb.read_parquet(path).to_arrow_table().to_pydict(), rows)
    check(pd.read_parquet(path), rows)
    whole = [name for name in PLAIN if name not in ("sb_label", "sb_split", "sb_reason")]  # it fails on NULL in text
    astropy = Table.read(path, include_names=["sb_object_id", *whole])
    check({name: astropy[name].tolist() for name in ("sb_object_id", *whole)}, rows, [n for n in whole if n != "gaia"])
    found = duckdb.read_parquet(path).filter("sb_probability_O8e_188001 > 0.5").count("*").fetchall()
    assert found == [(sum((row[COLUMNS[2]] or 0) > 0.5 for row in rows.values()),)]


def test_parquet_is_read_by_polars(files, rows):
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    check(polars.read_parquet(f"{files}/types.parquet").to_dict(as_series=False), rows)


def test_csv_is_read_by_pandas_duckdb_arrow_and_astropy_and_tells_null_from_nothing(files, rows):
    path = f"{files}/types.csv"
    check(pd.read_csv(path, dtype={"gaia": "Int64", "sb_object_id": str}, keep_default_na=True), rows)
    check(duckdb.read_csv(path).to_arrow_table().to_pydict(), rows)
    options = pacsv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    arrow = pacsv.read_csv(path, convert_options=options)
    check(arrow.to_pydict(), rows, (*PLAIN, "remark"))
    astropy = Table.read(path)
    check({name: astropy[name].tolist() for name in PLAIN} | {"sb_object_id": astropy["sb_object_id"]}, rows)


def test_the_file_beside_csv_says_what_columns_mean(files):
    said = json.loads((files / "types.csv-metadata.json").read_text())
    columns = {column["titles"]: column for column in said["tableSchema"]["columns"]}
    assert said["url"] == "types.csv"
    assert list(columns) == next(csv.reader((files / "types.csv").open()))
    assert columns["flux"] == {
        "titles": "flux",
        "datatype": "string",
        "schema:unitText": "Jy",
        "dc:description": "peak flux, in two bands",
    }
    assert columns["sb_feature_h_alpha"]["schema:unitText"] == "Angstrom"
    assert said["rdfs:comment"] == ["flux: as JSON text"]
    assert "spectral-type" in said["schema:classifier"]


def test_fits_is_read_by_astropy_with_units_meanings_and_provenance(files, rows):
    table = Table.read(files / "types.fits")
    columns = {name: table[name].tolist() for name in PLAIN}
    check(columns | {"sb_object_id": table["sb_object_id"]}, rows, blank=True)
    header = fits.getheader(files / "types.fits", 1)
    places = {header[f"TTYPE{place}"]: place for place in range(1, header["TFIELDS"] + 1)}
    assert header[f"TUCD{places['ra']}"] == "pos.eq.ra;meta.main"
    assert header[f"TUCD{places['sb_predicted_class']}"] == "src.class"
    assert header[f"TCOMM{places[COLUMNS[2]]}"] == f"probability of class {CLASSES[2]}"
    assert header[f"TUNIT{places['sb_feature_h_alpha']}"] == "Angstrom"
    assert json.loads(header["SBCLASS"]) == dict(zip(COLUMNS, CLASSES, strict=True))
    assert json.loads(header["SBJOB"])["name"] == "test"


@fitsverify
def test_fits_is_sound_to_fitsverify(files):
    run = subprocess.run(["fitsverify", str(files / "types.fits")], capture_output=True, text=True, check=False)
    assert "0 warning(s) and 0 error(s)" in run.stdout, run.stdout


def test_votable_is_read_by_astropy_with_null_in_every_type(files, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The unit 'Angstrom' has been deprecated in the VOUnit standard")
        file = parse(files / "types.vot", verify="exception")
    element = file.get_first_table()
    table = element.to_table(use_names_over_ids=True)
    columns = {name: table[name].tolist() for name in (*PLAIN, "clean", "remark")}
    check(columns | {"sb_object_id": table["sb_object_id"]}, rows, (*PLAIN, "clean", "remark"), blank=True)
    fields = {field.name: field for field in element.fields}
    assert fields["sb_object_id"].ucd == "meta.id;meta.main"
    assert fields["flux"].description == "peak flux, in two bands"
    assert str(fields["flux"].unit) == "Jy"
    assert all(check_ucd(field.ucd, check_controlled_vocabulary=True) for field in element.fields if field.ucd)
    infos = {info.name: info.value for info in file.resources[0].infos}
    assert json.loads(infos["survey_batch.classes"]) == dict(zip(COLUMNS, CLASSES, strict=True))
    np.testing.assert_array_equal(table["flux"][:, 0], np.arange(ROWS)[::-1])


@stilts
@pytest.mark.parametrize("ending", ["fits", "vot", "csv", "parquet"])
def test_stilts_counts_the_rows_and_asks_for_columns_without_quotes(files, finished, tmp_path, ending):
    out = tmp_path / "out.csv"
    select = f"select 'equals(sb_status, \"ok\") && {COLUMNS[2]} > 0.5'"
    command = [
        "stilts",
        "tpipe",
        f"in={files}/types.{ending}",
        f"cmd={select}",
        f"ifmt={ending.replace('vot', 'votable')}",
        "ofmt=csv",
        f"out={out}",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Unknown input format" in run.stderr or "parquet" in run.stderr.lower():
        pytest.skip("this STILTS does not read Parquet")
    assert run.returncode == 0, run.stderr
    wanted = [row for row in export_table(finished).to_pylist() if row["sb_status"] == "ok" and row[COLUMNS[2]] > 0.5]
    found = pd.read_csv(out, dtype={"sb_object_id": str})
    assert found["sb_object_id"].tolist() == [row["sb_object_id"] for row in wanted]
    np.testing.assert_allclose(
        found["sb_feature_h_beta"], [int(row["sb_object_id"]) - 1000 + 0.01 for row in wanted], rtol=1e-5
    )


@stilts
def test_stilts_finds_no_fault_with_the_votable(files):
    run = subprocess.run(
        ["stilts", "votlint", f"votable={files}/types.vot"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_hats_is_read_by_hats_and_by_our_own_catalogue_reader(files, finished, rows):
    hats = pytest.importorskip("hats", reason="the extra hats is not installed")
    catalog = hats.read_hats(files / "types.hats")
    assert len(catalog) == ROWS
    assert catalog.catalog_info.ra_column == "sb_ra"
    check(duckdb.sql(f"from '{files}/types.hats/dataset/**/Npix=*.parquet'").to_arrow_table().to_pydict(), rows)
    section = finished.catalog.model_copy(update={"path": f"{files}/types.hats"})
    assert sorted(read_catalog(section, finished.archive).table["object_id"].to_pylist()) == sorted(rows)


def test_hats_is_searched_and_crossmatched_by_lsdb(files, rows):
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed")
    catalog = lsdb.open_catalog(files / "types.hats")
    ours = rows["1012"]
    near = catalog.cone_search(ra=ours["ra"], dec=ours["dec"], radius_arcsec=10).compute()
    assert near["sb_object_id"].tolist() == ["1012"]
    whole = catalog.compute()
    check(whole, rows)
    assert (np.diff(whole.index.to_numpy()) >= 0).all()


def test_a_folder_that_is_no_hats_catalogue_is_not_replaced(finished, tmp_path):
    (tmp_path / "mine.hats").mkdir()
    with pytest.raises(ConfigurationError, match="something is there that is no HATS catalogue"):
        export_catalog(finished, str(tmp_path / "mine.hats"))


def test_hats_goes_to_a_url(finished):
    pytest.importorskip("hats", reason="the extra hats is not installed")
    import fsspec

    export_catalog(finished, "memory://exports/types.hats")
    found = fsspec.filesystem("memory").find("/exports/types.hats")
    assert any(name.endswith("/hats.properties") for name in found)
    assert any("/Npix=" in name for name in found)
