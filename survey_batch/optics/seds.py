"""Photon spectra of stars of 13 classes in one wide band, which make their point-spread functions differ."""

from pathlib import Path

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.core.errors import ConfigurationError

CLASSES = ("O5", "B0", "B5", "A0", "A5", "F0", "F5", "G0", "G5", "K0", "K5", "M0", "M5")
"""Spectral classes from hot to cool: dwarfs of Pickles (1998, PASP 110, 863)."""

TEMPERATURES = (41400, 31400, 15700, 9700, 8080, 7220, 6550, 5930, 5660, 5270, 4440, 3850, 3060)
"""Effective temperatures of dwarfs of the classes [K], rounded (Pecaut & Mamajek 2013, ApJS 208, 9)."""


def blackbody_seds() -> tuple[F8, F8]:
    """Return photon spectra of black bodies at the classes' temperatures, (class, wavelength), and wavelengths [nm].

    They serve for trials without real spectra. They lack the molecular bands that distinguish M stars best.
    """
    from astropy.constants import c, h, k_B

    wavelengths = np.arange(550.5, 900.0)
    scale = float((h * c / k_B).value) / (wavelengths * 1e-9)
    photons = wavelengths**-4 / np.expm1(scale / np.array(TEMPERATURES)[:, None])
    return photons / photons.sum(axis=1, keepdims=True), wavelengths


def read_seds(path: Path) -> tuple[F8, F8]:
    """Read photon spectra, one row per class, and wavelengths [nm] from `vis_wavelengths_nm.npy` in the same folder.

    Raises
    ------
    ConfigurationError
        The files do not exist, or their shapes do not match.
    """
    try:
        seds, wavelengths = (
            np.load(name, allow_pickle=False) for name in (path, path.parent / "vis_wavelengths_nm.npy")
        )
    except (OSError, EOFError, ValueError) as error:
        raise ConfigurationError(
            f"spectra of the classes cannot be read ({error}); name a .npy file (class, wavelength) with "
            "vis_wavelengths_nm.npy beside it"
        ) from error
    if seds.shape != (len(CLASSES), wavelengths.size):
        raise ConfigurationError(
            f"{path}: {seds.shape} spectra, not ({len(CLASSES)}, {wavelengths.size}) for the classes and wavelengths"
        )
    return seds.astype(np.float64), wavelengths.astype(np.float64)
