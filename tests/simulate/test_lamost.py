"""The simulated spectroscopic archive."""

import csv
import gzip
import hashlib
import io
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits

from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.catalog.labels import spectral_type
from survey_batch.core.errors import ConfigurationError
from survey_batch.simulate import simulate_lamost
from survey_batch.surveys.lamost.files import read_spectrum, spectrum_path

LAYOUTS = ("flat", "plan", "obsid")


def read_catalog(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="|"))


def open_fits(path):
    return fits.open(io.BytesIO(decompress(path.read_bytes(), LAMOST_CEILING)))


def hashes(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lamost")
    simulate_lamost(folder, objects=150)
    return folder


@pytest.fixture(scope="module")
def catalog(root):
    return read_catalog(root / "catalog.csv")


def test_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulate_lamost(tmp_path / name, objects=12)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_more_objects_leave_the_first_ones_as_they_were(tmp_path):
    simulate_lamost(tmp_path / "few", objects=5)
    simulate_lamost(tmp_path / "many", objects=12)
    few, many = hashes(tmp_path / "few"), hashes(tmp_path / "many")
    del few["catalog.csv"]
    assert few.items() <= many.items()


def test_another_seed_gives_other_spectra(tmp_path):
    for seed in (1, 2):
        simulate_lamost(tmp_path / str(seed), objects=3, seed=seed)
    assert not set(hashes(tmp_path / "1").values()) & set(hashes(tmp_path / "2").values())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_lie_where_the_layout_says(tmp_path, layout):
    rows = read_catalog(simulate_lamost(tmp_path, objects=10, layout=layout))
    assert set(hashes(tmp_path)) == {spectrum_path(layout, row) for row in rows} | {"catalog.csv"}


def test_all_file_layouts_occur_and_are_valid_fits(root, catalog):
    seen = Counter()
    for row in catalog[:10]:
        with open_fits(root / row["filename"]) as hdus:
            hdus.verify("exception")
            primary = hdus[0]
            table = primary.data is None
            seen[hdus[1].name if table else (primary.header["EXTEN0"].split()[2], primary.data.dtype.str)] += 1
    assert seen == {("Wavelength,", ">f4"): 5, ("Subcontinuum", ">f4"): 3, ("Wavelength", ">f8"): 1, "COADD": 1}


def test_headers_say_what_the_catalogue_says(root, catalog):
    for row in catalog[:20]:
        header = open_fits(root / row["filename"])[0].header
        assert (header["CLASS"], header["SUBCLASS"]) == (row["class"], row["subclass"])
        assert (header["LMJD"], header["PLANID"]) == (int(row["lmjd"]), row["planid"])
        assert (int(header["SPID"]), int(header["FIBERID"])) == (int(row["spid"]), int(row["fiberid"]))
        assert header["RA"] == float(row["ra"])
        assert header["Z"] == float(row["z"])
        assert str(header.get("OBSID", "")) == row["obsid"]


def test_every_file_is_read_as_a_spectrum_on_the_log_grid(root, catalog):
    for row in catalog:
        spectrum = read_spectrum(decompress((root / row["filename"]).read_bytes(), LAMOST_CEILING))
        assert spectrum.sampled is None
        assert spectrum.start == pytest.approx(35682, abs=0.01)
        assert np.isfinite(spectrum.flux).all()
        assert (spectrum.ivar >= 0).all()
        assert (spectrum.ivar[spectrum.mask != 0] == 0).all()


def test_inverse_variance_is_that_of_the_noise(root, catalog):
    ratios = []
    for row in catalog:
        if row["class"] != "STAR" or not row["snrr"] or float(row["snrr"]) > 30:
            continue
        spectrum = read_spectrum(decompress((root / row["filename"]).read_bytes(), LAMOST_CEILING))
        part = slice(2500, 3000)
        # Second differences take the smooth part out and have six times the variance of independent pixels.
        difference = np.convolve(spectrum.flux[part], [1, -2, 1], "valid") / np.sqrt(6)
        good = spectrum.ivar[part][1:-1] > 0
        ratios.append(np.std((difference * np.sqrt(spectrum.ivar[part][1:-1]))[good]))
    assert len(ratios) > 20
    assert np.median(ratios) == pytest.approx(1, abs=0.15)


def test_signal_to_noise_is_that_of_the_pixels(root, catalog):
    for row in [row for row in catalog if row["snrr"]][:20]:
        spectrum = read_spectrum(decompress((root / row["filename"]).read_bytes(), LAMOST_CEILING))
        part = (spectrum.wavelength > 5600) & (spectrum.wavelength < 6900)
        snr = np.median(spectrum.flux[part] * np.sqrt(spectrum.ivar[part]))
        assert snr == pytest.approx(float(row["snrr"]), rel=0.1, abs=0.3)


def test_old_files_have_neither_obsid_nor_signal_to_noise(catalog):
    old = [row for row in catalog if not row["obsid"]]
    assert 0.3 < len(old) / len(catalog) < 0.5
    assert all(row["snrr"] == "" for row in old)
    ids = [row["obsid"] for row in catalog if row["obsid"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_no_two_objects_share_a_fibre_in_a_plan(tmp_path):
    rows = read_catalog(simulate_lamost(tmp_path, objects=120, layout="obsid"))
    assert len({row["obsid"] for row in rows}) == 120
    assert len({row["filename"] for row in rows}) == 120


def test_all_classes_that_can_be_trained_occur(catalog):
    types = spectral_type(*(pa.array([row[key] for row in catalog]) for key in ("class", "subclass"))).to_pylist()
    assert {"A", "F", "G", "K", "M", "non-stellar"} <= set(types)


def test_catalogue_columns_are_those_of_the_release_and_the_true_temperature(root, real_data):
    ours, theirs = (
        path.read_text(encoding="utf-8").splitlines()[0]
        for path in (root / "catalog.csv", real_data / "lamost/catalog.csv")
    )
    assert ours == f"{theirs}|teff"


@pytest.mark.parametrize(
    "name",
    [
        "spec-60591-LN042429N340750BM01_sp01-001.fits.gz",
        "spec-55859-F5907_sp05-123.fits.gz",
        "spec-55862-B6212_sp06-003.fits",
        "spec-56257-GAC089N38V2_sp01-001.fits",
    ],
)
def test_file_structure_is_that_of_a_real_file(root, catalog, real_data, name):
    real = open_fits(real_data / "lamost/spectra" / name)

    def structure(hdus):
        kinds = [hdu.data.dtype.str if hdu.data is not None else None for hdu in hdus[:1]]
        names = [hdu.data.dtype.names for hdu in hdus[1:]]
        return [hdu.name for hdu in hdus], kinds, names, hdus[0].header.get("EXTEN0"), "OBSID" in hdus[0].header

    ours = next(hdus for row in catalog if structure(hdus := open_fits(root / row["filename"])) == structure(real))
    assert [hdu.data.shape for hdu in ours if hdu.data is not None] == [
        hdu.data.shape for hdu in real if hdu.data is not None
    ]
    for key in ("COEFF0", "COEFF1", "VACUUM", "HELIO", "TELESCOP", "VERSPIPE"):
        assert ours[0].header[key] == real[0].header[key], key
    for key in ("LMJD", "PLANID", "SPID", "FIBERID", "RA", "Z", "CLASS"):
        assert type(ours[0].header[key]) is type(real[0].header[key]), key


def test_gzip_files_hold_no_time_and_no_name(root, catalog):
    name = next(row["filename"] for row in catalog if row["filename"].endswith(".gz"))
    raw = (root / name).read_bytes()
    assert raw[3:8] == bytes(5)
    assert gzip.decompress(raw).startswith(b"SIMPLE  =")


@pytest.mark.parametrize("wrong", [{"objects": -1}, {"layout": "tar"}, {"seed": -1}])
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        simulate_lamost(tmp_path, **wrong)


def test_stars_have_the_temperature_of_their_subclass_and_others_have_none(tmp_path):
    lines = [line.split("|") for line in simulate_lamost(tmp_path, objects=40).read_text().splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    kelvin = {row["subclass"]: float(row["teff"]) for row in rows if row["class"] == "STAR"}
    hottest_first = sorted(kelvin, key=lambda name: "AFGKM".index(name[0]) * 10 + int(name[1]))
    assert sorted(kelvin, key=lambda name: -kelvin[name]) == hottest_first
    assert 3000 < min(kelvin.values()) < max(kelvin.values()) < 10_000
    assert {row["teff"] for row in rows if row["class"] != "STAR"} == {""}
