"""Spectra in FITS files of any origin, for the stage `spectra`."""

from collections.abc import Callable, Sequence
from typing import ClassVar, cast

import numpy as np

from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ObjectError, UnreadableError
from survey_batch.spectra.checks import increasing
from survey_batch.spectra.grid import Spectrum, log_linear_start
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.surveys.desi.files import ARMS, read_rows, row_of_target
from survey_batch.surveys.fits_spectra.axis import angstrom
from survey_batch.surveys.fits_spectra.flux_units import AS_IS, conversion, refuse_unit
from survey_batch.surveys.fits_spectra.layouts import Found, Numbers, chosen, find_spectrum
from survey_batch.surveys.fits_spectra.loaders import load
from survey_batch.surveys.fits_spectra.survey import FitsSpectraArchive
from survey_batch.surveys.lamost import files as lamost
from survey_batch.surveys.sdss_spectra import files as sdss

UNNAMED = {"plate": -1, "mjd": -1, "fiberid": -1}
"""Numbers of an SDSS spectrum that the catalogue does not name, so that they are not compared."""

SURVEY_UNIT = "1e-17 erg / (angstrom s cm2)"
"""Unit of the flux in files of SDSS and DESI; LAMOST's fluxes are relative."""


class FitsSpectra(SpectrumReader):
    """Reader that tells a file's layout by its content."""

    mask_bits: ClassVar = {"masked": 1}
    file_bytes = 200_000
    read_seconds = 2e-3

    def __init__(self, archive: ArchiveSection) -> None:
        super().__init__(archive)
        self.section = cast("FitsSpectraArchive", archive)
        if self.section.flux_unit not in (None, AS_IS):
            self.flux = {"long_name": "flux density", "units": self.section.flux_unit}  # type: ignore[misc]

    def path(self, row: Row) -> str:
        """Return the path of a row's file."""
        return str(row["file"])

    def read(self, raw: bytes, rows: Sequence[Row]) -> Sequence[Spectrum | ObjectError]:
        """Read the spectra of some rows; each is found, or refused, alone."""
        primary = primary_unit(raw)
        units = [primary, *extensions(primary)]
        named = {(unit.value("EXTNAME") or "").upper(): unit for unit in reversed(units)}
        if "FIBERMAP" in named and any(f"{arm}_FLUX" in named for arm in ARMS):
            return self._of_desi(raw, named["FIBERMAP"], rows)
        columns = {name.upper() for name in _columns(named.get("COADD"))}
        if {"LOGLAM", "AND_MASK"} <= columns:
            return [self._try(lambda row: self._of_sdss(raw, row), row) for row in rows]
        if "ANDMASK" in columns or (primary.shape and primary.value("EXTEN0")):
            return [self._try(lambda row: self._converted(lamost.read_spectrum(raw, row), ""), row) for row in rows]
        return [self._try(lambda row: self._finished(self._found(raw, units, row)), row) for row in rows]

    def _try(self, read: Callable[[Row], Spectrum], row: Row) -> Spectrum | ObjectError:
        """Return an error that concerns one of several rows alone."""
        try:
            return read(row)
        except ObjectError as error:
            return error

    def _of_sdss(self, raw: bytes, row: Row) -> Spectrum:
        return self._converted(sdss.read_spectrum(raw, {**row, **UNNAMED}), SURVEY_UNIT)

    def _of_desi(self, raw: bytes, fibermap: Unit, rows: Sequence[Row]) -> list[Spectrum | ObjectError]:
        """Read some targets, each found by its TARGETID or its place in the table."""
        numbers = fibermap.column("TARGETID").tolist()
        targets = [self._target(numbers, row) for row in rows]
        known = [target for target in targets if isinstance(target, int)]
        found = iter(read_rows(raw, known))
        return [
            target if isinstance(target, ObjectError) else self._converted(next(found), SURVEY_UNIT)
            for target in targets
        ]

    def _target(self, numbers: Sequence[int], row: Row) -> int | ObjectError:
        try:
            if named := str(row["targetid"]):
                return row_of_target(numbers, int(named))
            return chosen(int(row["spectrum"]), len(numbers), "targets")
        except ObjectError as error:
            return error

    def _found(self, raw: bytes, units: list[Unit], row: Row) -> Found:
        hdu, primary = self.section.hdu, units[0]
        if hdu is not None:
            chosen = [
                unit
                for number, unit in enumerate(units)
                if str(number) == hdu or (unit.value("EXTNAME") or "").upper() == hdu.upper()
            ]
            if not chosen:
                names = ", ".join(f"{number} {unit.value('EXTNAME') or ''}" for number, unit in enumerate(units))
                raise UnreadableError(f"there is no HDU {hdu} (archive.hdu); the file has {names}")
            units = chosen
        return find_spectrum(units, primary, int(row["spectrum"])) or load(raw, int(row["spectrum"]))

    def _finished(self, found: Found) -> Spectrum:
        """Put a spectrum into our units, and refuse what is in doubt."""
        unit = found.unit or (self.section.wavelength_unit or "").lower()
        medium = found.medium or self.section.medium or ""
        if not unit:
            raise UnreadableError(
                "the file does not say the unit of its wavelengths; if all such files have the same, set "
                'archive.wavelength_unit = "Angstrom" (or "nm", "um", "log10")'
            )
        if not medium:
            raise UnreadableError(
                "the file does not say whether its wavelengths are in air or vacuum, which differ by 83 km/s; if all "
                'such files have the same, set archive.medium = "air" (or "vacuum")'
            )
        ivar = found.ivar
        if ivar is None:
            if self.section.without_errors == "refuse":
                raise UnreadableError(
                    'the file has no errors of its fluxes; archive.without_errors = "equal" gives all pixels of such '
                    "files an inverse variance of 1"
                )
            ivar = np.where(np.isfinite(found.flux), 1.0, 0.0)
        mask = np.zeros(found.flux.shape, bool) if found.mask is None else found.mask
        arrays = {"wavelengths": found.wavelength, "fluxes": found.flux, "errors": ivar, "masks": mask}
        if len({values.shape for values in arrays.values()}) > 1 or found.flux.ndim != 1 or found.flux.size < 2:
            sizes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
            raise UnreadableError(f"its arrays do not belong to one spectrum: {sizes}")
        wavelength = angstrom(found.wavelength, unit, medium)
        order = slice(None, None, -1) if wavelength[0] > wavelength[-1] else slice(None)
        wavelength = wavelength[order]
        if not increasing(wavelength):
            raise UnreadableError("its wavelengths are not increasing positive numbers")
        start = log_linear_start(np.log10(wavelength))
        values = self._in_unit(found.flux[order], ivar[order], wavelength, found.flux_unit)
        return Spectrum(*values, mask[order].astype(np.int32), start, None if np.isfinite(start) else wavelength)

    def _converted(self, spectrum: Spectrum, unit: str) -> Spectrum:
        """Convert the fluxes of another survey's file, and make one bit of all bits of the mask."""
        flux, ivar = self._in_unit(spectrum.flux, spectrum.ivar, spectrum.wavelength, unit)
        return Spectrum(flux, ivar, (spectrum.mask != 0).astype(np.int32), spectrum.start, spectrum.sampled)

    def _in_unit(self, flux: Numbers, ivar: Numbers, wavelength: F8, unit: str) -> tuple[F4, F4]:
        """Convert fluxes to the job's unit, if it names one, and then to single precision."""
        wanted = self.section.flux_unit
        with np.errstate(all="ignore"):  # the grid flags values that are not finite
            if wanted is None:
                refuse_unit(unit)
            elif wanted != AS_IS:
                factor = conversion(unit, wanted, wavelength)
                if (factor != 1).any():
                    flux, ivar = flux * factor, ivar / factor**2
            single = flux.astype(np.float32), ivar.astype(np.float32)
            known, kept = (np.count_nonzero((of > 0) & (of < np.inf)) for of in (ivar, single[1]))
        if kept < known / 2:
            raise UnreadableError(
                f"its errors, of {np.median(ivar[ivar > 0]) ** -0.5:.3g}, are beyond what an inverse variance in "
                "single precision can hold: set archive.flux_unit to a unit of about their size, such as "
                f"{SURVEY_UNIT!r}"
            )
        return single


def _columns(table: Unit | None) -> tuple[str, ...]:
    return table.columns().names or () if table is not None and table.value("TFIELDS") else ()
