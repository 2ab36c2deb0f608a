"""Small FITS images of any kind, made for tests."""

import io

import numpy as np
from astropy.io import fits

SHAPE = (80, 100)


def header(projection="TAN", **cards):
    """The header of an image around ra 150, dec 40, with pixels of about a quarter of an arcsecond."""
    made = fits.Header()
    made["CTYPE1"], made["CTYPE2"] = f"RA---{projection}", f"DEC--{projection}"
    made["CRVAL1"], made["CRVAL2"], made["CRPIX1"], made["CRPIX2"] = 150.0, 40.0, 50.5, 40.0
    made["CD1_1"], made["CD1_2"], made["CD2_1"], made["CD2_2"] = -7e-5, 1e-6, 1.2e-6, 7.1e-5
    made["CUNIT1"], made["CUNIT2"], made["BUNIT"] = "deg", "deg", "nanomaggy"
    for name, value in cards.items():
        if value is None:
            del made[name]
        else:
            made[name] = value
    return made


SIP = {"A_ORDER": 3, "B_ORDER": 3, "A_2_0": 2e-4, "A_0_2": -1e-4, "A_3_0": 1e-6, "B_1_1": 3e-4, "B_0_3": -2e-6}
TPV = {f"PV{axis}_{term}": value for axis in (1, 2) for term, value in ((0, 0.0), (1, 1.0), (2, 0.0), (4, 4.0))}
_WAT = 'wtype=tnx axtype={} {} = "3. 3. 3. 2. -0.01 0.01 -0.01 0.01 1.0E-5 2e-4 -3e-4 4e-4 1e-4 2e-4 "'
TNX = {"WAT0_001": "system=image"} | {
    f"WAT{axis}_{start // 68 + 1:03d}": text[start : start + 68]
    for axis, text in ((1, _WAT.format("ra", "lngcor")), (2, _WAT.format("dec", "latcor")))
    for start in range(0, len(text), 68)
}
"""Cards of IRAF: a text in pieces of 68 signs."""


def pixels(seed=1, shape=SHAPE):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def file_of(*hdus):
    """The bytes of a file."""
    buffer = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer)
    return buffer.getvalue()


def image(data=None, cards=None):
    """The bytes of a file with one image in its first HDU."""
    return file_of(fits.PrimaryHDU(pixels() if data is None else data, cards or header()))
