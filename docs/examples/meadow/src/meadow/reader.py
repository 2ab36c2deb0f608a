"""The files: where a row's field is, and how the spectra of some rows are read from it."""

import io
from collections.abc import Sequence

import numpy as np
from astropy.io import fits

from survey_batch.spectra.line_list import air_to_vacuum
from survey_batch.surveys import NotFoundError, ObjectError, Row, Spectrum, SpectrumReader, UnreadableError


class MeadowFields(SpectrumReader):
    """Reader of fields: a table with a row for each star, and wavelengths in nm and in air."""

    mask_bits = {"bad_column": 1 << 0, "cosmic_ray": 1 << 1, "sky_line": 1 << 2}
    flux = {"long_name": "flux density", "units": "1e-17 erg / (s cm2 Angstrom)"}
    file_bytes = 2_000_000

    def path(self, row: Row) -> str:
        """Return the path of the field of a row's star."""
        return f"{self.archive.version}/fields/{row['field']}.fits"

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read the spectra of some stars of a field, each found by its name."""
        try:
            with fits.open(io.BytesIO(raw)) as file:
                table, header = file["SPECTRA"].data, file["SPECTRA"].header
                nm = header["WAVE0"] + header["STEP"] * np.arange(table["FLUX"].shape[1])
                place_of = {name: place for place, name in enumerate(table["STAR"].tolist())}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"this is no field of Meadow: {error}") from error
        wavelength = air_to_vacuum(10 * nm)
        return [one(table, place_of.get(row["object_id"]), wavelength, row) for row in rows]


def one(table: fits.FITS_rec, place: int | None, wavelength: np.ndarray, row: Row) -> Spectrum | ObjectError:
    """Return one star's spectrum, or say that it is not there."""
    if place is None:
        return NotFoundError(f"no star {row['object_id']} in the field {row['field']}; check the catalogue")
    flux, error, mask = (table[name][place] for name in ("FLUX", "ERROR", "FLAGS"))
    known = error > 0
    ivar = np.where(known, 1 / np.where(known, error, 1) ** 2, 0)
    return Spectrum(flux.astype("f4"), ivar.astype("f4"), mask.astype("i4"), np.nan, wavelength)
