"""FITS files of SDSS frames, with the real ones' HDUs, columns and cards (SDSS data model, `frame`)."""

import bz2
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from survey_batch.simulate.pixels import DETECTORS, calibration_vector, sky_counts
from survey_batch.simulate.strip import NODE, PIXEL, Strip

CAMERA_ROWS = "riuzg"
"""Bands in the order in which the sky drifts over them."""
SECONDS_PER_ROW = 0.026322
SECONDS_BETWEEN_BANDS = 71.66
START = 4515370000.0
"""TAI seconds at which field 0 of every run passes r: a night in 2001."""

SKY_SHAPE = (192, 256)
"""Shape (y, x) of the coarse sky image of a full-size frame."""

Card = tuple[str, Any, str]


def frame_bytes(strip: Strip, field: int, band: str, pixels: npt.NDArray[np.float32]) -> bytes:
    """Make a frame's file, compressed.

    Parameters
    ----------
    strip, field, band
        The frame.
    pixels
        Nanomaggies, of shape `strip.shape`.
    """
    primary = fits.PrimaryHDU(pixels)
    primary.header.extend(_cards(strip, field, band))
    hdus = [
        primary,
        fits.ImageHDU(calibration_vector(band, strip.shape[1])),
        fits.BinTableHDU(_sky(strip, field, band)),
        fits.BinTableHDU(_as_trans(strip, field, band)),
    ]
    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return bz2.compress(buffer.getvalue())


def _cards(strip: Strip, field: int, band: str) -> list[Card]:
    camera_row = CAMERA_ROWS.index(band)
    return [
        *_telescope_cards(strip, field, camera_row),
        *_camera_cards(strip, band, camera_row),
        *_wcs_cards(strip, field, band),
        ("COMMENT", "Floats truncated at 10 binary digits with FLOATCOMPRESS", ""),
        ("NMGY", DETECTORS[band].nanomaggy_per_count, "Calibration factor [nMgy per count]"),
        ("NMGYIVAR", 0.1, "Calibration factor inverse variance"),
        ("RERUN", str(strip.rerun), "rerun"),
        ("HISTORY", "simulated by survey_batch", ""),
    ]


def _telescope_cards(strip: Strip, field: int, camera_row: int) -> list[Card]:
    seconds = field * strip.step * SECONDS_PER_ROW + camera_row * SECONDS_BETWEEN_BANDS
    mu, _ = strip.mu_nu(np.array(float(field * strip.step)), np.array(0.0))
    return [
        ("TAI", round(START + seconds, 2), "1st row - Number of seconds since Nov 17 1858"),
        ("RA", round(float(mu) % 360, 6), "1st row - Right ascension of telescope boresigh"),
        ("DEC", round(strip.inclination, 6), "1st row - Declination of telescope boresight (d"),
        ("SPA", 90.0, "1st row - Camera col position angle wrt north ("),
        ("DATE-OBS", "2001-12-18", "1st row - TAI date"),
        ("ORIGIN", "SIMULATED", ""),
        ("TELESCOP", "2.5m", ""),
        ("TIMESYS", "TAI", ""),
        ("RUN", strip.run, "Run number"),
        ("FRAME", field + 2 * camera_row, "Frame sequence number within the run"),
    ]


def _camera_cards(strip: Strip, band: str, camera_row: int) -> list[Card]:
    return [
        ("CCDLOC", 10 * (camera_row + 1) + strip.camcol, "Survey location of CCD (e.g., rowCol)"),
        ("STRIPE", 82, "Stripe index number (23 <--> eta=0)"),
        ("STRIP", "N", "Strip in the stripe being tracked."),
        ("FLAVOR", "science", "Flavor of this run"),
        ("NODE", NODE, "RA of the great circle's ascending node (deg)"),
        ("INCL", round(strip.inclination, 6), "Great circle's inclination wrt cel. eq. (deg)"),
        ("EXPTIME", "53.907456", "Exposure time (seconds)"),
        ("CCDMODE", "DRIFT", "'STARING' or 'DRIFT'"),
        ("C_OBS", 26322, "CCD row clock rate (usec/row)"),
        ("CAMROW", camera_row + 1, "Row in the imaging camera"),
        ("BADLINES", 0, "Number of bad lines in frame"),
        ("EQUINOX", 2000.0, ""),
        ("SOFTBIAS", 1000, 'software "bias" added to all DN'),
        ("BUNIT", "nanomaggy", "1 nanomaggy = 3.631e-6 Jy"),
        ("FILTER", band, "filter used"),
        ("CAMCOL", strip.camcol, "column in the imaging camera"),
    ]


def _wcs_cards(strip: Strip, field: int, band: str) -> list[Card]:
    wcs = strip.wcs(field, band)
    return [
        ("RADECSYS", "ICRS", "International Celestial Ref. System"),
        ("CTYPE1", "RA---TAN", "Coordinate type"),
        ("CTYPE2", "DEC--TAN", "Coordinate type"),
        ("CUNIT1", "deg", "Units"),
        ("CUNIT2", "deg", "Units"),
        ("CRPIX1", float(wcs.crpix[0]), "X of reference pixel"),
        ("CRPIX2", float(wcs.crpix[1]), "Y of reference pixel"),
        ("CRVAL1", float(wcs.crval[0]), "RA of reference pixel (deg)"),
        ("CRVAL2", float(wcs.crval[1]), "Dec of reference pixel (deg)"),
        ("CD1_1", float(wcs.cd[0, 0]), "RA deg per column pixel"),
        ("CD1_2", float(wcs.cd[0, 1]), "RA deg per row pixel"),
        ("CD2_1", float(wcs.cd[1, 0]), "Dec deg per column pixel"),
        ("CD2_2", float(wcs.cd[1, 1]), "Dec deg per row pixel"),
    ]


def _sky(strip: Strip, field: int, band: str) -> Any:
    """Make the subtracted sky in counts on a coarse grid, and the position of each row and column in that grid."""
    height, width = (
        max(size * part // whole, 1) for size, part, whole in zip(strip.shape, SKY_SHAPE, (1489, 2048), strict=True)
    )
    rows, columns = strip.shape
    table = np.zeros(1, [("ALLSKY", ">f4", (height, width)), ("XINTERP", ">f4", columns), ("YINTERP", ">f4", rows)])
    coarse = (
        np.linspace(0, rows - 1, height).round().astype(int),
        np.linspace(0, columns - 1, width).round().astype(int),
    )
    table["ALLSKY"] = sky_counts(strip, strip.rows_of(field), band)[np.ix_(*coarse)]
    table["XINTERP"] = np.linspace(0, width - 1, columns)
    table["YINTERP"] = np.linspace(0, height - 1, rows)
    return table


_AS_TRANS: list[Any] = [
    *(("RUN", ">i4"), ("RERUN", "S3"), ("CAMCOL", ">i4"), ("FILTER", "S1"), ("NODE", ">f8"), ("INCL", ">f8")),
    *(("NAXIS", ">i4", 2), ("FIELD", ">i4")),
    *((name, ">f8") for name in "ABCDEF"),
    *((f"D{axis}{power}", ">f8") for axis in ("ROW", "COL") for power in range(4)),
    *((name, ">f8") for name in ("CSROW", "CSCOL", "CCROW", "CCCOL", "RICUT", "MJD", "AIRMASS")),
    *((name, ">f4") for name in ("MUERR", "NUERR")),
]


def _as_trans(strip: Strip, field: int, band: str) -> Any:
    """Map pixels to great circle coordinates: mu = A + B row + C col, nu = D + E row + F col, undistorted."""
    mu, nu = strip.mu_nu(np.array(float(field * strip.step)), np.array(0.0), band)
    values = {
        "RUN": strip.run, "RERUN": str(strip.rerun), "CAMCOL": strip.camcol, "FILTER": band, "NODE": NODE,
        "INCL": strip.inclination, "NAXIS": strip.shape[::-1], "FIELD": field,
        "A": mu, "B": PIXEL, "D": nu, "F": PIXEL, "RICUT": 100.0, "MJD": 52261.238, "AIRMASS": 1.2,
        "MUERR": 0.05, "NUERR": 0.04,
    }  # fmt: skip
    table = np.zeros(1, _AS_TRANS)
    for name, value in values.items():
        table[name] = value
    return table
