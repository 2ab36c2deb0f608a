"""A cutout's WCS and FITS file put the object where the catalogue has it."""

import io

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError
from tests.compare import equal_bits


@pytest.fixture(scope="module")
def cutouts(image_output):
    return sb.open_product(image_output, "cutouts")


def complete(ds):
    return int(np.flatnonzero(ds.status.values == sb.Status.OK)[0])


def test_the_wcs_of_a_band_puts_the_object_at_its_pixel(cutouts):
    row = complete(cutouts)
    for number, band in enumerate("gri"):
        at = sb.wcs(cutouts, row, band).pixel_to_world(
            float(cutouts.x_object.values[row, number]), float(cutouts.y_object.values[row, number])
        )
        offset = np.hypot(
            (at.ra.deg - cutouts.ra.values[row]) * np.cos(at.dec.rad), at.dec.deg - cutouts.dec.values[row]
        )
        assert offset * 3600 < 1e-6
    assert sb.wcs(cutouts, row).wcs.crpix.tolist() == cutouts.crpix.values[row, 0].tolist()


def test_a_fits_file_holds_each_band_with_its_wcs_and_ivar(cutouts):
    row = complete(cutouts)
    stream = io.BytesIO()
    sb.to_fits(cutouts, str(cutouts.object_id.values[row])).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue())) as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "G", "G_IVAR", "R", "R_IVAR", "I", "I_IVAR"]
        assert file[0].header["OBJECT"] == cutouts.object_id.values[row]
        assert file["R"].header["BUNIT"] == "nanomaggy"
        assert equal_bits(file["R"].data.astype(np.float32), cutouts.flux.values[row, 1])
        assert equal_bits(file["R_IVAR"].data.astype(np.float32), cutouts.ivar.values[row, 1])
        time = Time(file["I"].header["MJD-OBS"], format="mjd", scale=file["I"].header["TIMESYS"].lower())
        assert time == Time(cutouts.mjd_tai.values[row, 2], format="mjd", scale="tai")
        assert time.tai.isot.startswith("2001-12-18")
        world = WCS(file["I"].header).pixel_to_world(3, 7)
        assert world.separation(sb.wcs(cutouts, row, "i").pixel_to_world(3, 7)).arcsec < 1e-6


def test_parts_of_cutouts_have_no_wcs_until_their_reference_pixel_is_moved_too(cutouts):
    row, part = complete(cutouts), cutouts.isel(x=slice(3, 40), y=slice(5, 42))
    for ask in (lambda ds: sb.wcs(ds, row), lambda ds: sb.to_fits(ds, row)):
        with pytest.raises(ConfigurationError, match="have 29 x 27 now, and crpix does not tell what was cut off"):
            ask(part)
    moved = part.assign(crpix=part.crpix - [3, 5]).drop_attrs(deep=False)
    here, there = sb.wcs(moved, row).pixel_to_world(0, 0), sb.wcs(cutouts, row).pixel_to_world(3, 5)
    assert here.separation(there).arcsec < 1e-6


def test_objects_may_be_indexed_by_their_ids(cutouts):
    row = complete(cutouts)
    name, indexed = str(cutouts.object_id.values[row]), cutouts.set_index(object="object_id")
    assert sb.to_fits(indexed, name)[0].header["OBJECT"] == name
    assert sb.wcs(indexed, name).wcs.crpix.tolist() == sb.wcs(cutouts, row).wcs.crpix.tolist()


def test_an_id_that_is_not_ascii_is_escaped(cutouts):
    named = cutouts.assign_coords(object_id=("object", np.full(cutouts.sizes["object"], "étoile", object)))
    assert sb.to_fits(named, complete(cutouts))[0].header["OBJECT"] == r"\xe9toile"


def test_a_lazy_object_is_read_once_for_all_its_bands(cutouts, monkeypatch):
    read, load = [], xr.Dataset.load
    monkeypatch.setattr(xr.Dataset, "load", lambda ds, **options: read.append(1) or load(ds, **options))
    assert len(sb.to_fits(cutouts, complete(cutouts))) == 7
    assert len(read) == 1


def test_a_band_without_data_is_left_out_and_has_no_wcs(cutouts):
    row = complete(cutouts)
    without = cutouts.load().copy(deep=True)
    without["crval"][row, 1] = np.nan
    assert [hdu.name for hdu in sb.to_fits(without, row)] == ["PRIMARY", "G", "G_IVAR", "I", "I_IVAR"]
    with pytest.raises(ConfigurationError, match="no data in band 'r'"):
        sb.wcs(without, row, "r")


def test_what_has_no_wcs_or_no_such_band_is_refused(cutouts, spectra_output):
    with pytest.raises(ConfigurationError, match="no crval and no crpix and no cd: give cutouts"):
        sb.wcs(sb.open_product(spectra_output, "spectra"), 0)
    with pytest.raises(ConfigurationError, match="no band 'u'; the bands are g, r, i"):
        sb.wcs(cutouts, 0, "u")


def test_a_spectrum_for_specutils_has_its_uncertainty_mask_and_redshift(spectra_output):
    specutils = pytest.importorskip("specutils", reason="the package specutils is not installed")
    spectra = sb.open_product(spectra_output, "spectra")
    made = spectra.sb.to_spectrum(3)
    assert isinstance(made, getattr(specutils, "Spectrum", None) or specutils.Spectrum1D)
    assert made.spectral_axis.value.tolist() == spectra.wavelength.values.tolist()
    good = ~made.mask
    assert good.any()
    assert np.array_equal(made.uncertainty.array[good], spectra.ivar.values[3][good])
    assert made.meta["object_id"] == spectra.object_id.values[3]


def test_without_specutils_the_missing_package_is_named(spectra_output, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "specutils", None)
    with pytest.raises(ConfigurationError, match="pip install specutils"):
        sb.open_product(spectra_output, "spectra").sb.to_spectrum(3)
