"""The files: where a row's coadd is, and how the spectra of some rows are read from it."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from astropy.io import fits

from survey_batch.surveys import NotFoundError, ObjectError, Row, Spectrum, SpectrumReader, UnreadableError

Arms = Mapping[str, Mapping[str, np.ndarray]]
"""For each arm its parts: `WAVELENGTH`, and `FLUX`, `IVAR` and `MASK`."""

PARTS = ("FLUX", "IVAR", "MASK")
STEP = 0.8
"""Angstrom between pixels. The pixels of all arms lie on one grid, and neighbouring arms share some of them."""


class DesiCoadds(SpectrumReader):
    """Reader of coadds. The arms are joined; where two arms overlap, they are averaged with their inverse variances."""

    mask_bits = {"bad_fibre": 1 << 0, "bad_column": 1 << 1, "bad_pixel": 1 << 2, "cosmic_ray": 1 << 3, "other": 1 << 15}
    flux = {"long_name": "flux density", "units": "1e-17 erg / (s cm2 Angstrom)"}
    file_bytes = 80_000_000
    rows_per_file = 500

    def path(self, row: Row) -> str:
        """Return the path of the coadd of a row's pixel."""
        survey, program, pixel = row["survey"], row["program"], int(row["healpix"])
        folder = f"spectro/redux/{self.archive.production}/healpix/{survey}/{program}/{pixel // 100}/{pixel}"
        return f"{folder}/coadd-{survey}-{program}-{pixel}.fits"

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read some rows of a coadd, each found by its TARGETID."""
        try:
            with fits.open(io.BytesIO(raw)) as file:
                names = file["FIBERMAP"].data["TARGETID"].tolist()
                arms = {arm: {part: file[f"{arm}_{part}"].data for part in ("WAVELENGTH", *PARTS)} for arm in "BRZ"}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"this is no coadd of DESI: {error}") from error
        index_of = {str(name): number for number, name in enumerate(names)}
        return [one(arms, index_of.get(row["object_id"]), row["object_id"]) for row in rows]


def one(arms: Arms, index: int | None, name: str) -> Spectrum | ObjectError:
    """Return one object's spectrum, or say that it is not there."""
    if index is None:
        return NotFoundError(f"no object with TARGETID {name} in this coadd; compare the catalogue's HEALPIX")
    return join({arm: {**of, **{part: of[part][index] for part in PARTS}} for arm, of in arms.items()})


def join(arms: Arms) -> Spectrum:
    """Join the arms of one spectrum on their common grid."""
    first = min(arm["WAVELENGTH"][0] for arm in arms.values())
    pixels = {name: np.round((arm["WAVELENGTH"] - first) / STEP).astype(int) for name, arm in arms.items()}
    size = 1 + max(int(pixel[-1]) for pixel in pixels.values())
    weighted, ivar, mask = np.zeros(size), np.zeros(size), np.zeros(size, np.int32)
    for name, arm in arms.items():
        good = np.where(arm["MASK"] == 0, arm["IVAR"], 0.0)
        weighted[pixels[name]] += good * arm["FLUX"]
        ivar[pixels[name]] += good
        mask[pixels[name]] |= np.where(arm["MASK"] < 16, arm["MASK"], 1 << 15).astype(np.int32)
    mask[ivar > 0] = 0  # the other arm has seen the pixel
    flux = np.divide(weighted, ivar, out=np.full(size, np.nan), where=ivar > 0)
    return Spectrum(flux.astype("f4"), ivar.astype("f4"), mask, np.nan, first + STEP * np.arange(size))
