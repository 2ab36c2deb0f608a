"""One object in the field's own objects: its WCS, a FITS file for DS9, and a spectrum for specutils."""

from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.core.arguments import DATASET, takes
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.frame import FrameWcs
from survey_batch.images.wcs import to_astropy
from survey_batch.lazy.inputs import refuse_cut
from survey_batch.notebook.rows import Object, arranged, row_of
from survey_batch.results.export.fits_text import escape

if TYPE_CHECKING:
    import xarray as xr
    from astropy.io.fits import HDUList
    from astropy.wcs import WCS

FLUX_UNIT = "nanomaggy"
"""BUNIT of cutouts that do not say another unit: 3.631e-6 Jy."""


@takes(ds=DATASET)
def wcs(ds: "xr.Dataset", which: Object, band: str | None = None) -> "WCS":
    """Make the WCS of a cutout.

    Parameters
    ----------
    ds : xarray.Dataset
        Cutouts, with `crval`, `crpix` and `cd`.
    which : int or str
        The object: its index, or its id.
    band : str, optional
        The band; by default the first. Bands are cut at whole pixels, so each has a WCS of its own.

    Returns
    -------
    astropy.wcs.WCS
        TAN, in degrees; pixels counted from 0 in astropy's own methods.

    Raises
    ------
    ConfigurationError
        The dataset has no WCS, object or band of this name, or the object holds no data, or the dataset holds parts of
        its cutouts.
    """
    one = _object(ds, which, ("crval", "crpix", "cd"))
    refuse_cut(ds, "crpix")
    return _wcs(one, which, band)


def _wcs(one: "xr.Dataset", which: Object, band: str | None) -> "WCS":
    """Make the WCS of a cutout that is in memory."""
    chosen = one.isel(band=0) if band is None else one.isel(band=_band(one, band))
    crval, crpix, cd = (np.asarray(chosen[name].values, np.float64) for name in ("crval", "crpix", "cd"))
    if not np.isfinite(crval).all():
        raise ConfigurationError(f"object {which!r} has no data in band {chosen['band'].item()!r}, hence no WCS")
    made = to_astropy(FrameWcs(crval, crpix, cd))
    made.wcs.radesys = str(one["crval"].attrs.get("radesys", "ICRS"))
    made.array_shape = (one.sizes["y"], one.sizes["x"])
    return made


@takes(ds=DATASET)
def to_fits(ds: "xr.Dataset", which: Object) -> "HDUList":
    """Make a FITS file of a cutout: one image extension a band, each with its WCS, as DS9 and others read it.

    Parameters
    ----------
    ds : xarray.Dataset
        Cutouts.
    which : int or str
        The object: its index, or its id.

    Returns
    -------
    astropy.io.fits.HDUList
        Write it with `writeto`. Extensions are named after the bands, those of `ivar` `<band>_IVAR`. Bands without
        data are left out.

    Raises
    ------
    ConfigurationError
        The dataset holds no cutouts, or parts of them, or no such object.
    """
    from astropy.io import fits

    one = _object(ds, which, ("flux", "crval", "crpix", "cd"))
    refuse_cut(ds, "crpix")
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = (escape(str(one["object_id"].item())), "object_id")
    for name in ("ra", "dec"):
        if np.isfinite(float(one[name])):
            primary.header[name.upper()] = (float(one[name]), "[deg] of the catalogue")
    primary.header["ORIGIN"] = escape(str(ds.attrs.get("source", "survey_batch")))
    unit = str(one["flux"].attrs.get("units", FLUX_UNIT)).removesuffix(" / pixel")
    parts = {"": ("flux", unit), "_IVAR": ("ivar", f"1/{unit}^2")}
    extensions = [
        _image(one, which, band, name, unit, f"{band}{ending}".upper())
        for band in map(str, one["band"].values)
        if np.isfinite(one["crval"].isel(band=_band(one, band)).values).all()
        for ending, (name, unit) in parts.items()
        if name in one
    ]
    return fits.HDUList([primary, *extensions])


def to_spectrum(ds: "xr.Dataset", which: Object) -> Any:
    """Make a spectrum for specutils of an object.

    Parameters
    ----------
    ds : xarray.Dataset
        Spectra, with `flux`, `ivar`, `mask` and `wavelength`.
    which : int or str
        The object: its index, or its id.

    Returns
    -------
    specutils.Spectrum
        Flux in the survey's relative units (dimensionless), vacuum wavelengths in Angstrom, `ivar` as its uncertainty,
        and the mask of pixels that are not to be used. `meta` has the object's id, position and redshift.

    Raises
    ------
    ConfigurationError
        The dataset holds no spectra, or no such object, or the package specutils is not installed.
    """
    one = _object(ds, which, ("flux", "ivar", "mask", "wavelength"))
    try:
        import specutils
    except ImportError as error:
        raise ConfigurationError("to_spectrum needs the package specutils: pip install specutils") from error
    from astropy import units
    from astropy.nddata import InverseVariance

    make = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    ivar, mask = one["ivar"].values.astype(np.float64), one["mask"].values
    return make(
        flux=one["flux"].values.astype(np.float64) * units.dimensionless_unscaled,
        spectral_axis=one["wavelength"].values * units.AA,
        uncertainty=InverseVariance(ivar),
        mask=(mask != 0) | ~(ivar > 0),
        meta={name: one[name].item() for name in ("object_id", "ra", "dec", "label", "redshift") if name in one},
    )


def _object(ds: "xr.Dataset", which: Object, needed: tuple[str, ...]) -> "xr.Dataset":
    if missing := [name for name in needed if name not in ds.variables]:
        raise ConfigurationError(
            f"this dataset has no {' and no '.join(missing)}: give {'spectra' if 'mask' in needed else 'cutouts'}"
        )
    whole = arranged(ds)
    one: xr.Dataset = whole.isel(object=row_of(whole, which)).load()
    return one


def _band(one: "xr.Dataset", band: str) -> int:
    bands = [str(name) for name in one["band"].values]
    if band not in bands:
        raise ConfigurationError(f"there is no band {band!r}; the bands are {', '.join(bands)}")
    return bands.index(band)


def _image(one: "xr.Dataset", which: Object, band: str, name: str, unit: str, extension: str) -> Any:
    from astropy.io import fits

    header = _wcs(one, which, band).to_header()
    header["BUNIT"] = unit
    time = float(one["mjd_tai"].isel(band=_band(one, band))) if "mjd_tai" in one else np.nan
    if np.isfinite(time):
        header["TIMESYS"], header["MJD-OBS"] = "TAI", time
    return fits.ImageHDU(one[name].isel(band=_band(one, band)).values, header, name=extension)
