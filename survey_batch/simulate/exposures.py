"""Simulated exposures of the survey `stamps`, each with its field's model, and a catalogue."""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from survey_batch.core.arrays import F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.optics.diffraction import Optics
from survey_batch.optics.psf_field import PsfField, random_psf_field
from survey_batch.optics.seds import CLASSES, blackbody_seds, read_seds
from survey_batch.simulate.stamps import SNR, Stars, draw_stars, observe

log = logging.getLogger(__name__)

FIELD_DEGREES = 0.7
"""Side of the simulated field on the sky, about that of Euclid's VIS."""
COLUMNS = ("object_id", "ra", "dec", "exposure", "label")


def simulate_stamps(
    root: Path,
    *,
    objects: int = 1000,
    exposures: int = 1,
    seed: int = 1,
    seds: Path | None = None,
    offset: float = 0.0,
    flux_scatter: float = 0.0,
    snr: tuple[float, float] = SNR,
    labelled: float = 1.0,
    optics: Optics | None = None,
) -> Path:
    """Write exposures with the stamps of their stars, the model of each exposure's field, and a catalogue of all stars.

    Parameters
    ----------
    root
        Folder that becomes the archive's root: for each exposure `<exposure>.fits` and the true field,
        `<exposure>-psf-model.npz`.
    objects
        Number of stars, in all exposures together.
    exposures
        Number of exposures; each has its own field, and its own position on the sky.
    seed
        The same arguments give the same stars; the exposures' seeds count up from it.
    seds
        Photon spectra (13, wavelength) as `.npy`, and beside them `vis_wavelengths_nm.npy`, their wavelengths [nm]; by
        default black bodies. The spectra used are written to `<root>/seds.npy`, with their wavelengths.
    offset
        Standard deviation of the stars' positions in their stamps, along each axis [pixel].
    flux_scatter
        Standard deviation of ln(flux); 0 makes every flux 1.
    snr
        Range of the mean power of a star's pixels divided by that of the noise.
    labelled
        Share of stars whose class is in the catalogue.
    optics
        How finely pupil and stamp are sampled, by default as published.

    Returns
    -------
    Path
        The catalogue, `<root>/catalog.csv`.

    Raises
    ------
    ConfigurationError
        An argument makes no sense, or the spectra cannot be read.
    """
    if (
        objects < 0
        or exposures < 1
        or offset < 0
        or flux_scatter < 0
        or not 0 < snr[0] <= snr[1]
        or not 0 <= labelled <= 1
    ):
        raise ConfigurationError(
            f"simulate_stamps: {objects} objects, {exposures} exposures, offset {offset}, flux scatter {flux_scatter}, "
            f"S/N {snr}, labelled {labelled}: exposures must be 1 or more, S/N positive and in order, labelled from "
            "0 to 1, the others 0 or more"
        )
    optics = optics or Optics()
    photons, wavelengths = read_seds(seds) if seds else blackbody_seds()
    weights = optics.bin_weights(photons, wavelengths)
    root.mkdir(parents=True, exist_ok=True)
    np.save(root / "seds.npy", photons)
    np.save(root / "vis_wavelengths_nm.npy", wavelengths)
    rows: list[dict[str, Any]] = []
    for number in range(exposures):
        here = objects // exposures + (number < objects % exposures)
        stars = draw_stars(here, seed + number, offset=offset, flux_scatter=flux_scatter, snr=snr)
        field = random_psf_field(seed + number, optics, f"exposure-{seed + number:04d}")
        rows += _write_exposure(root, seed + number, stars, field, weights, labelled)
        log.info("simulated exposure %d of %d", number + 1, exposures)
    catalog = root / "catalog.csv"
    with catalog.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return catalog


def _write_exposure(
    root: Path, seed: int, stars: Stars, field: PsfField, weights: F8, labelled: float
) -> Iterator[dict[str, Any]]:
    name = field.exposure
    flux, noise = observe(stars, field, weights, seed)
    names = np.array([f"{name}-{star:06d}" for star in range(len(flux))], dtype=f"U{len(name) + 7}")
    field.save(root / f"{name}-psf-model.npz")
    order = np.random.default_rng([seed, 5]).permutation(len(flux))  # no archive promises the catalogue's order
    columns = [
        fits.Column("OBJECT_ID", f"{len(name) + 7}A", array=names[order]),
        fits.Column("X", "D", array=stars.x[order]),
        fits.Column("Y", "D", array=stars.y[order]),
    ]
    units = [
        fits.PrimaryHDU(),
        fits.ImageHDU(flux[order], name="FLUX"),
        fits.ImageHDU(noise[order], name="NOISE"),
        fits.BinTableHDU.from_columns(columns, name="STARS"),
    ]
    units[0].header["EXPOSURE"] = name
    fits.HDUList(units).writeto(root / f"{name}.fits", overwrite=True)
    known = np.random.default_rng([seed, 6]).random(len(flux)) < labelled
    ra, dec = _sky(stars, seed, field.size)
    return (
        dict(
            zip(
                COLUMNS,
                (
                    names[star],
                    f"{ra[star]:.7f}",
                    f"{dec[star]:.7f}",
                    name,
                    CLASSES[stars.number[star]] if known[star] else "",
                ),
                strict=True,
            )
        )
        for star in range(len(flux))
    )


def _sky(stars: Stars, seed: int, size: float) -> tuple[F8, F8]:
    """Return positions [deg]: every exposure has its own position on the equator."""
    scale = FIELD_DEGREES / size
    return (seed % 360 + scale * stars.x) % 360, scale * (stars.y - size / 2)
