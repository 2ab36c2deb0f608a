"""Whole jobs on spectra in FITS files of any origin: what they give, and how each fault ends."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from astropy.io import fits
from astropy.table import Table

from survey_batch.core.errors import ConfigurationError
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_fits_spectra
from tests.jobs import lamost_job, write_catalog


def job_of(root, output, catalog, **archive):
    tables = {"catalog": {"path": str(catalog)}, "archive": {"survey": "fits-spectra", "root": str(root), **archive}}
    return lamost_job(tables, output, stages=("spectra",), shards={"objects": 64})


def test_simulated_files_of_all_layouts_are_read_and_copied_where_grids_agree(cluster, tmp_path):
    catalog = simulate_fits_spectra(tmp_path / "files", objects=8, seed=3)
    job = job_of(tmp_path / "files", tmp_path / "out", catalog, flux_unit="1e-17 erg / (s cm2 Angstrom)")
    assert run(job, client=cluster).counts == {"ok": 8}
    product = xr.open_zarr(tmp_path / "out" / "spectra.zarr").load()
    files = pq.read_table(tmp_path / "out" / "plan" / "objects.parquet")["file"].to_pylist()
    row = files.index("000/spectrum-000004.fits")
    table = fits.getdata(tmp_path / "files" / files[row], 1)
    pixel = np.round((np.log10(table["wave_vac"]) - np.log10(product.wavelength.values[0])) / 1e-4).astype(int)
    inside = (pixel >= 0) & (pixel < product.sizes["wavelength"])
    assert inside.sum() > 3800
    assert np.array_equal(product.flux.values[row][pixel[inside]], table["flux"][inside])
    row = files.index("000/spectrum-000007.fits")
    values = product.flux.values[row]
    assert np.isfinite(values).mean() > 0.9
    with pytest.raises(ConfigurationError, match="objects and seed must be 0 or more"):
        simulate_fits_spectra(tmp_path, objects=-1)


def test_one_bad_file_of_each_kind_ends_with_its_status_and_a_reason(cluster, tmp_path):
    wavelength = 4000 + np.arange(900.0)
    good = {"wave_vac": wavelength, "flux": np.ones(900), "err": np.ones(900)}
    kinds = {
        "good": good,
        "no-unit": {**good, "unit": ""},
        "no-medium": {**{key: good[key] for key in ("flux", "err")}, "wave": wavelength},
        "no-errors": {key: good[key] for key in ("wave_vac", "flux")},
        "backward": {**good, "wave_vac": np.roll(wavelength, 5)},
        "elsewhere": {**good, "wave_vac": wavelength * 10},
        "nothing": {**good, "err": np.zeros(900)},
        "other": {"a": wavelength},
    }
    for name, columns in kinds.items():
        unit = columns.pop("unit", "Angstrom") if name == "no-unit" else "Angstrom"
        table = Table(columns)
        for key in ("wave_vac", "wave"):
            if key in table.colnames and unit:
                table[key].unit = unit
        table.write(tmp_path / f"{name}.fits")
    (tmp_path / "cut.fits").write_bytes((tmp_path / "good.fits").read_bytes()[:9000])
    (tmp_path / "page.fits").write_text("<html>no</html>")
    names = [*kinds, "cut", "page", "absent"]
    catalog = write_catalog(tmp_path / "c.csv", [{"file": f"{name}.fits"} for name in names] + [{"file": "../x.fits"}])
    job = job_of(tmp_path, tmp_path / "out", catalog)
    run(job, client=cluster)
    found = {
        one["object_id"]: (one["status"], one["message"])
        for one in pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    }
    assert {name: status for name, (status, _) in found.items()} == {
        **dict.fromkeys(set(names) - {"good", "absent"}, "unreadable"),
        "absent": "not_found",
        "x": "invalid",
    }
    said = {
        "no-unit": "archive.wavelength_unit",
        "no-medium": "archive.medium",
        "no-errors": "archive.without_errors",
        "backward": "not increasing",
        "elsewhere": "run from 40000 to 48990 Angstrom, and [spectra] from",
        "nothing": "there is nothing to use",
        "other": "no layout of spectra known here",
        "cut": "cut short",
        "page": "an HTML page",
        "absent": "no such file; if many are missing, check archive.root and archive.file",
        "x": "outside the archive's root",
    }
    for name, text in said.items():
        assert text in found[name][1], found[name]
    assert "good" not in found
