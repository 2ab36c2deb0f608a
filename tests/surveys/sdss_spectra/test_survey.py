"""Which columns lead to an SDSS spectrum, and a whole job on a simulated archive."""

import io

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from astropy.io import fits

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_sdss_spectra
from survey_batch.surveys.sdss_spectra.survey import SDSS_SPECTRA
from tests.jobs import archive_section, lamost_job

PLATE = {"plate": [266], "mjd": [51630], "fiberid": [7]}
FIELD = {"fieldid": [15000], "mjd": [59146], "catalogid": [27021597842679140]}


def archive(**keys):
    return archive_section("sdss-spectra", root="/a", **keys)


def read(columns, **keys):
    draft = Draft(Rows(pa.table(columns)), {name: name for name in columns})
    key = SDSS_SPECTRA.read_key(draft, archive(**keys))
    return key, draft.problem.tolist()


def test_either_kind_of_name_is_enough():
    for names in (PLATE, FIELD):
        assert SDSS_SPECTRA.missing(dict.fromkeys(names, ""), archive()) == []
    assert SDSS_SPECTRA.missing({"ra": "", "dec": "", "plate": ""}, archive()) == ["mjd", "fiberid"]
    assert "SELECT s.specObjID" in SDSS_SPECTRA.purpose(archive())


def test_a_spectrum_of_sdss_v_keeps_every_digit_of_its_number():
    key, problems = read({**FIELD, "run2d": ["v6_1_3"]}, release="dr19")
    assert problems == [""]
    assert key["catalogid"].to_pylist() == ["27021597842679140"]
    assert key["plate"].tolist() == [-1]


@pytest.mark.parametrize("run", ["26", " 26", "26.0", 26.0])
def test_a_number_as_reduction_may_be_written_with_a_point(run):
    key, problems = read({**PLATE, "run2d": [run]})
    assert (key["run2d"].to_pylist(), problems) == (["26"], [""])


@pytest.mark.parametrize(
    ("columns", "keys", "said"),
    [
        ({**PLATE, "fiberid": [None], "run2d": ["26"]}, {}, "neither plate, mjd and fiberid nor fieldid"),
        ({**FIELD, "catalogid": ["a"], "run2d": ["v6_1_3"]}, {}, "neither plate"),
        ({**PLATE, "run2d": [""]}, {}, "run2d is missing"),
        ({**FIELD, "run2d": ["v6_1_3"]}, {}, "one of SDSS-V, which release 'dr17' does not have: set archive.release"),
        ({**PLATE, "run2d": ["26"]}, {"release": "dr18"}, "for plates, name an earlier one"),
        ({**PLATE, **FIELD, "run2d": ["26"]}, {"release": "dr18"}, ""),
        ({**FIELD, "run2d": ["v6_1_3"]}, {"layout": "flat"}, ""),
        ({**PLATE, "run2d": [""]}, {"run2d": "26"}, ""),
        ({**PLATE, "run2d": [""]}, {"layout": "flat"}, ""),
    ],
)
def test_a_row_that_names_no_spectrum_cannot_be_used(columns, keys, said):
    _, problems = read(columns, **keys)
    assert said in problems[0]
    assert bool(said) == bool(problems[0])


@pytest.mark.parametrize(("release", "catalog"), [("dr17", "catalog.csv"), ("dr19", "catalog-dr19.csv")])
def test_a_job_reads_the_spectra_that_astropy_reads(tmp_path, release, catalog):
    root = tmp_path / "archive"
    simulate_sdss_spectra(root, objects=9, seed=2)
    job = lamost_job(
        {
            "catalog": {"path": str(root / catalog)},
            "archive": {"survey": "sdss-spectra", "root": str(root), "release": release},
            "cluster": {"kind": "local", "workers": 1},
        },
        tmp_path / "out",
        stages=("spectra",),
        spectra={"dispersion": True},
    )
    run(job)
    product = xr.open_zarr(tmp_path / "out" / "spectra.zarr").load()
    assert (product.status == Status.OK).all()
    assert product.sizes["object"] == (6 if release == "dr17" else 3)
    assert product.flux.attrs["units"] == "1e-17 erg / (angstrom s cm2)"
    assert product.dispersion.attrs["units"] == "km s-1"
    files = {path.name: path for path in root.rglob("spec-*.fits")}
    for row in range(product.sizes["object"]):
        one = product.isel(object=row)
        (path,) = [
            path for path in files.values() if np.isclose(fits.getheader(path)["PLUG_RA"], float(one.ra), atol=1e-7)
        ]
        table = fits.getdata(io.BytesIO(path.read_bytes()), 1)
        pixel = np.round((np.log10(one.wavelength.values) - float(table["loglam"][0])) / 1e-4).astype(int)
        inside = (pixel >= 0) & (pixel < len(table)) & np.isfinite(one.flux.values)
        assert inside.sum() > 3000
        assert np.array_equal(one.flux.values[inside], table["flux"][pixel[inside]])
        assert one.dispersion.values[inside] == pytest.approx(69.0298, rel=1e-6)
