"""The loaders of the package specutils, for files of a layout that is not known here."""

import tempfile
from pathlib import Path

import numpy as np

from survey_batch.core.errors import InvalidError, UnreadableError
from survey_batch.core.wording import counted
from survey_batch.surveys.fits_spectra.axis import VACUUM
from survey_batch.surveys.fits_spectra.layouts import Found

INSTALL = "pip install 'survey-batch[specutils]'"


def load(raw: bytes, row: int) -> Found:
    """Read a spectrum with whichever loader knows the file.

    Raises
    ------
    UnreadableError
        specutils is not installed, or none of its loaders can read the file.
    InvalidError
        The file has several spectra, and the catalogue does not say which.
    """
    try:
        from specutils import Spectrum, SpectrumList
    except ImportError as error:
        raise UnreadableError(
            f"no layout of spectra known here; the package specutils knows more: {INSTALL}"
        ) from error
    from astropy import units

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectrum.fits"
        path.write_bytes(raw)
        try:
            try:
                found = [Spectrum.read(path)]
            except Exception:  # noqa: BLE001 - some formats are lists only, and loaders raise errors of any kind
                found = list(SpectrumList.read(path))
        except Exception as error:
            said = str(error).split("\n")[0]
            raise UnreadableError(f"no layout of spectra known here or to specutils ({said})") from error
    if len(found) != 1 and not 0 <= row < len(found):
        there = counted(len(found), "spectrum", "spectra")
        raise InvalidError(f"the file has {there}, and the catalogue names spectrum {row}, counted from 0")
    one = found[row if len(found) > 1 else 0]
    axis, flux = one.spectral_axis, one.flux
    if flux.ndim > 1:
        raise UnreadableError(f"specutils reads an array of shape {flux.shape}, and not one spectrum")
    wavelength = axis.to_value(units.AA, equivalencies=units.spectral())
    ivar = None
    if one.uncertainty is not None:
        from astropy.nddata import InverseVariance

        errors = one.uncertainty.represent_as(InverseVariance)
        scale = 1.0 if errors.unit is None else errors.unit.to(flux.unit**-2)
        ivar = np.nan_to_num(scale * errors.array.astype(np.float64), posinf=0)
    mask = None if one.mask is None else np.asarray(one.mask != 0)
    medium = "" if axis.unit.is_equivalent(units.AA) else VACUUM  # a frequency is the same in air
    return Found(wavelength, "angstrom", medium, flux.value, flux.unit.to_string(), ivar, mask)
