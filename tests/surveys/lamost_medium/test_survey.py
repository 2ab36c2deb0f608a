"""Paths of medium-resolution files, and a whole job on a simulated archive."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from astropy.io import fits

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_lamost_medium
from survey_batch.simulate.lamost_medium import ARMS, ONE_ARM, STEP
from survey_batch.spectra.grid import BAD_IVAR, NO_DATA, log_grid, to_grid
from survey_batch.store.problems import read_problems
from survey_batch.surveys.lamost_medium.files import read_spectrum
from survey_batch.surveys.lamost_medium.reader import LamostMediumSpectra
from survey_batch.surveys.lamost_medium.survey import LAMOST_MEDIUM
from tests.jobs import archive_section, lamost_job

ROW = {"obsid": "650412013", "obsdate": "2018-05-29", "lmjd": 58268, "planid": "HIP1", "spid": 12, "fiberid": 76}


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("flat", "med-58268-HIP1_sp12-076.fits.gz"),
        ("plan", "20180529/HIP1/med-58268-HIP1_sp12-076.fits.gz"),
        ("obsid", "medspectrum/fits/650412013"),
    ],
)
def test_files_are_named_as_in_the_archive(layout, path):
    reader = LamostMediumSpectra(archive_section("lamost-medium", root="/a", layout=layout))
    assert reader.path(ROW) == path
    assert 'survey "lamost-medium"' in LAMOST_MEDIUM.purpose(reader.archive)
    assert "MRS General Catalog" in LAMOST_MEDIUM.purpose(reader.archive)


def medium_job(root, output, stages=("spectra",), **spectra):
    return lamost_job(
        {
            "catalog": {"path": str(root / "catalog.csv")},
            "archive": {"survey": "lamost-medium", "root": str(root)},
            "cluster": {"kind": "local", "workers": 1},
        },
        output,
        stages=stages,
        **({"spectral_features": {"blocks": 5, "components": 0}} if "features" in stages else {}),
        spectra={"wavelength_min": 4950.0, "wavelength_max": 6800.0, **spectra},
    )


def coadds(path):
    """What astropy reads of a file: arm to wavelength, flux, ivar and AND mask."""
    with fits.open(path) as file:
        tables = {hdu.name: hdu.data for hdu in file[1:] if hdu.name.startswith("COADD")}
        found = {}
        for name, data in tables.items():
            columns = {column: np.ravel(data[column]) for column in data.names}
            wavelength = columns.get("WAVELENGTH")
            wavelength = 10 ** columns["LOGLAM"] if wavelength is None else wavelength
            found[name[-1]] = wavelength, columns["FLUX"], columns["IVAR"], columns["ANDMASK"]
        return found


BAD = ("no coadded spectrum", "has no column FLUX", "no pixel from 4950 to 6800", "another object", "cut short")
"""What is said of the first files, in the order of their names."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("medium") / "archive"
    simulate_lamost_medium(root, objects=ONE_ARM + len(BAD), seed=2)
    for path, what in zip(paths_of(root), BAD, strict=False):
        with fits.open(path) as file:
            damaged = file
            if what == "no coadded spectrum":
                damaged = fits.HDUList([hdu for hdu in file if not hdu.name.startswith("COADD")])
            elif what == "has no column FLUX":
                file["COADD_B"].columns.change_name("FLUX", "LIGHT")
            elif what == "another object":
                file[0].header["OBSID"] = 1
            for hdu in file[1:] if what.startswith("no pixel") else ():
                hdu.data["FLUX"][:] = np.nan
            damaged.writeto(path, overwrite=True)
        if what == "cut short":
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:30000]))
    return root


def paths_of(root):
    return sorted(root.glob("med-*.fits.gz"))


def test_a_grid_with_the_files_step_has_their_values_bit_for_bit_and_bad_files_a_reason(archive, tmp_path):
    run(medium_job(archive, tmp_path / "out", ("spectra", "features"), step=STEP))
    product = xr.open_zarr(tmp_path / "out" / "spectra.zarr").load()
    assert json.loads(product.attrs["provenance"])["spectra.step"] == STEP
    measured = xr.open_zarr(tmp_path / "out" / "features.zarr").load()
    assert np.isfinite(measured.value.sel(feature="mg_b")).sum() == ONE_ARM
    reasons = read_problems(str(tmp_path / "out")).to_pandas().message
    for path, what in zip(paths_of(archive), BAD, strict=False):
        assert any(path.name in reason and what in reason for reason in reasons)
    assert (product.status.values == Status.UNREADABLE).sum() == len(BAD)
    arms = []
    for path in paths_of(archive)[len(BAD) :]:
        (row,) = np.flatnonzero(product.object_id.values == str(fits.getval(path, "OBSID")))
        one = product.isel(object=int(row))
        assert one.status == Status.OK
        seen = np.zeros(one.wavelength.size, bool)
        found = coadds(path)
        arms.append(len(found))
        for wavelength, flux, ivar, mask in found.values():
            pixel = np.round((np.log10(wavelength) - np.log10(float(one.wavelength[0]))) / STEP).astype(int)
            inside = (pixel >= 0) & (pixel < seen.size)
            assert inside.sum() > 4000
            seen[pixel[inside]] = True
            assert np.array_equal(one.flux.values[pixel[inside]], flux[inside])
            assert np.array_equal(one.ivar.values[pixel[inside]], ivar[inside])
            assert np.array_equal(one.mask.values[pixel[inside]] & 0xFFFF, mask[inside])
        # The gap, and an arm that the file lacks.
        assert np.isnan(one.flux.values[~seen]).all()
        assert (one.mask.values[~seen] == NO_DATA | BAD_IVAR).all()
    assert sorted(arms) == [1, *[2] * (ONE_ARM - 1)]


def test_a_coarser_grid_conserves_flux(archive):
    grid = log_grid(4950, 6800, 2e-5)
    for path in paths_of(archive)[len(BAD) :]:
        flux, ivar, _ = (values[0] for values in to_grid([read_spectrum(gzip.decompress(path.read_bytes()))], grid))
        for arm, (wavelength, given, weight, _) in coadds(path).items():
            low, high = ARMS[arm][0] + 20, ARMS[arm][1] - 20
            there, here = ((at > low) & (at < high) for at in (wavelength, grid))
            if (weight[there] > 0).all():
                assert (ivar[here] > 0).all()
                theirs = np.average(given[there], weights=wavelength[there])
                assert np.average(flux[here], weights=grid[here]) == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("wrong", [{"objects": -1}, {"seed": -1}, {"layout": "tree"}])
def test_a_simulator_s_wrong_argument_is_refused(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="simulate_lamost_medium"):
        simulate_lamost_medium(tmp_path, **wrong)


def test_the_first_simulated_files_stay_the_same_with_more_objects(tmp_path):
    for objects in (2, 3):
        simulate_lamost_medium(tmp_path / str(objects), objects=objects, layout="plan")
    few, many = (sorted((tmp_path / name).rglob("med-*")) for name in "23")
    assert len(many) == 3
    assert {path.name: path.read_bytes() for path in few}.items() <= {p.name: p.read_bytes() for p in many}.items()


def test_a_file_s_name_gives_all_parts_of_the_key():
    columns = {"filename": ["folder/med-58268-HIP1_sp12-076.fits.gz"]}
    draft = Draft(Rows(pa.table(columns)), {"filename": "filename"})
    key = LAMOST_MEDIUM.read_key(draft, archive_section("lamost-medium", root="/a"))
    assert draft.problem.tolist() == [""]
    assert (key["lmjd"][0], key["spid"][0], key["fiberid"][0]) == (58268, 12, 76)
    assert key["planid"].to_pylist() == ["HIP1"]
