"""The features of images: fluxes, colours, sizes, shapes and neighbours."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.feature_names import adjacent, feature_names
from survey_batch.images.neighbours import find_neighbours
from survey_batch.images.photometry import aperture_flux
from survey_batch.images.shape import (
    FWHM,
    SMALLEST_SIGNAL,
    TYPICAL_FWHM,
    Shapes,
    adaptive_moments,
    half_light_radius,
    point_source_flux,
)
from survey_batch.images.stamps import Floats, Stamps, make_stamps

Columns = dict[str, F8]

SEARCHED = "rigzu"
"""Bands for the search for neighbours, then any others: the first that the object has is used."""
SOFTENING = {"u": 1.4e-10, "g": 0.9e-10, "r": 1.2e-10, "i": 1.8e-10, "z": 7.4e-10}
"""Softening b of SDSS asinh magnitudes, in units of the flux of magnitude 0 (Stoughton et al. 2002, table 21)."""
POGSON = 2.5 / float(np.log(10))
ZERO_FLUX = 1e9
"""Flux of magnitude 0 in nanomaggies."""
FREE_WIDTH_VARIANCE = 2.0
"""Variance of the flux of a round Gaussian whose width is also fitted, over that for a known width; from the Fisher
matrix of flux and width, (1, -F/2s; -F/2s, F^2/2s^2) / 4 pi s sigma^2, with s the squared width."""
SLICE = 64
"""Objects measured at a time, in all bands: enough that Python's share is small, and few enough for a core's cache."""

POINT_SOURCES = ("aperture_correction", "psf_fwhm")
"""Variables of cutouts that form `PointSources`."""


class PointSources(NamedTuple):
    """Point sources on the frames of some objects; (object, band) each."""

    correction: Floats
    """Flux of a star within 7.4 arcsec, over the flux that the filter finds."""
    fwhm: Floats
    """Full width at half maximum of a star's core in pixels; NaN where unknown."""


def check_size(section: ImageFeaturesSection, size: int) -> None:
    """Refuse radii that do not fit into cutouts of `size` pixels with objects up to half a pixel off the centre.

    Raises
    ------
    ConfigurationError
        The radii do not fit; the message says what to change.
    """
    largest = max(*section.apertures, section.background[1])
    if largest > (size - 1) / 2:
        raise ConfigurationError(
            f"image_features: a radius of {largest:g} pixels does not fit into cutouts of {size} pixels, which hold "
            f"{(size - 1) / 2:g} around each object; set cutouts.size to {int(np.ceil(2 * largest)) + 1} or more, or "
            "image_features.background and image_features.apertures to smaller radii"
        )


def image_features(
    flux: Floats,
    x: F8,
    y: F8,
    section: ImageFeaturesSection,
    bands: str,
    ivar: Floats | None = None,
    stars: PointSources | None = None,
) -> F4:
    """Measure objects in their cutouts; each row's features depend only on that row, bit for bit.

    Parameters
    ----------
    flux
        (object, band, y, x) nanomaggies per pixel; NaN where there is no pixel.
    x, y
        (object, band) positions of the object, 0-based pixel centres; NaN where the band is missing.
    section
        The job's table `[image_features]`.
    bands
        Letters of the bands.
    ivar
        As `flux`. Without it, errors come from the background's scatter, without the objects' own photon noise.
    stars
        Point sources of the frames. Without them, `psf_flux` is not corrected for the light that its filter misses, 2
        to 14 % on real frames.

    Returns
    -------
    (object, feature) float32
        Columns as in `feature_names`; NaN where a feature cannot be measured.

    Raises
    ------
    ConfigurationError
        The radii do not fit into the cutouts.
    """
    check_size(section, flux.shape[-1])
    names = feature_names(section, bands)
    values = np.full((len(flux), len(names)), np.nan, np.float32)
    stars = stars or PointSources(np.ones(x.shape), np.full(x.shape, np.nan))
    for start in range(0, len(flux), SLICE):
        rows = slice(start, start + SLICE)
        weights = None if ivar is None else ivar[rows]
        own = PointSources(*(part[rows] for part in stars))
        columns = _measure(flux[rows], x[rows], y[rows], section, bands, weights, own)
        for number, name in enumerate(names):
            values[rows, number] = columns[name]
    return values


def asinh_magnitude(flux: F8, error: F8, band: str) -> tuple[F8, F8]:
    """Return SDSS asinh magnitudes and their errors from fluxes in nanomaggies.

    m = -2.5 / ln 10 (asinh(f / 2 b f_0) + ln b), Lupton, Gunn & Szalay (1999, AJ 118, 1406), with the survey's b. They
    are the magnitudes of the survey's catalogues. They equal logarithmic magnitudes for well detected objects, and are
    defined for the negative fluxes that noise gives faint objects.
    """
    soft = 2 * SOFTENING[band] * ZERO_FLUX
    magnitude = -POGSON * (np.arcsinh(flux / soft) + np.log(SOFTENING[band]))
    return magnitude, POGSON * error / np.hypot(flux, soft)


def _measure(
    flux: Floats,
    x: F8,
    y: F8,
    section: ImageFeaturesSection,
    bands: str,
    ivar: Floats | None,
    stars: PointSources,
) -> Columns:
    reach = section.background[0]
    each = (-1, *flux.shape[2:])  # a band of an object is one row
    weights = None if ivar is None else ivar.reshape(each)
    whole = make_stamps(flux.reshape(each), x.ravel(), y.ravel(), section.background, weights)
    known = np.isfinite(whole.background)  # nothing is measured in the others
    near = whole.around(max(reach, *section.apertures)).take(np.flatnonzero(known))
    source = _free_source(near, reach)
    measured = {
        "background": near.background,
        "background_scatter": near.scatter,
        **_apertures(near, section),
        **_point_source(near, source, _expected_variance(source, stars.fwhm, known), reach),
        "half_light_radius": half_light_radius(near, reach),
        **_shape(source),
    }
    parts = {name: _spread(values, known) for name, values in measured.items()}
    for name in ("psf_flux", "psf_flux_error"):
        parts[name] = parts[name] * stars.correction.ravel()
    if not known.all():
        _, _, covered = aperture_flux(whole.take(np.flatnonzero(~known)), section.apertures[-1])
        parts["coverage"][~known] = covered
    columns = {
        _in_band(name, band): values[number :: len(bands)]
        for name, values in parts.items()
        for number, band in enumerate(bands)
    }
    columns |= _colours(columns, section, bands)
    searched = sorted(range(len(bands)), key=lambda number: f"{SEARCHED}{bands}".index(bands[number]))
    return {**columns, **find_neighbours(_first_measured(whole, searched, len(bands)), section.background[1])}


@dataclass(frozen=True)
class MeasuredSource:
    """Sources whose position and width are measured from their own light; (n,) each."""

    shapes: Shapes
    flux: F8
    error: F8
    good: Flags
    """Whether the source is bright enough for that."""


def _free_source(stamps: Stamps, reach: float) -> MeasuredSource:
    shapes = adaptive_moments(stamps, reach)
    flux, error = _filtered(stamps, shapes.measured, shapes.x, shapes.y, shapes.variance, reach)
    error = error * np.sqrt(FREE_WIDTH_VARIANCE)
    with np.errstate(invalid="ignore"):
        return MeasuredSource(shapes, flux, error, shapes.measured & (flux >= SMALLEST_SIGNAL * error))


def _filtered(stamps: Stamps, chosen: Flags, x: F8, y: F8, variance: F8, reach: float) -> tuple[F8, F8]:
    """Measure the flux of stars, as `point_source_flux` does, in the chosen stamps alone; NaN in the others."""
    rows = np.flatnonzero(chosen)
    flux, error = np.full((2, len(chosen)), np.nan)
    flux[rows], error[rows] = point_source_flux(stamps.take(rows), x[rows], y[rows], variance[rows], reach)
    return flux, error


def _expected_variance(source: MeasuredSource, fwhm: Floats, known: Flags) -> F8:
    """Return the expected variance of the light in the known stamps, for bands in which it is too faint to measure.

    It is that of the frame's stars, or of a typical star, times the mean ratio of the object's variance to a star's in
    the bands in which it was measured.
    """
    width = np.where(np.isfinite(fwhm), fwhm, TYPICAL_FWHM).astype(np.float64)
    of_star = (width / FWHM) ** 2
    good = np.zeros(known.shape, bool)
    good[known] = source.good
    good = good.reshape(fwhm.shape)
    variance = _spread(source.shapes.variance, known).reshape(fwhm.shape)
    found = sum(np.where(good, variance / of_star, 0).T)  # band by band
    count = np.count_nonzero(good, axis=1)
    ratio = np.where(count > 0, found / np.maximum(count, 1), 1.0)
    return np.asarray((ratio[:, None] * of_star).ravel()[known])


def _spread(values: F8, known: Flags) -> F8:
    """Put the values of the known stamps where these are among all; NaN elsewhere."""
    spread = np.full(known.shape, np.nan)
    spread[known] = values
    return spread


def _apertures(stamps: Stamps, section: ImageFeaturesSection) -> Columns:
    columns: Columns = {}
    for radius in section.apertures:
        flux, error, coverage = aperture_flux(stamps, radius)
        columns |= {f"flux_{radius:g}": flux, f"flux_{radius:g}_error": error, "coverage": coverage}
    smallest, largest = (columns[f"flux_{radius:g}"] for radius in (section.apertures[0], section.apertures[-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["sharpness"] = np.where(largest >= SMALLEST_SIGNAL * error, smallest / largest, np.nan)
    return columns


def _point_source(stamps: Stamps, source: MeasuredSource, variance: F8, reach: float) -> Columns:
    """Measure flux with the source's own position and width if it is bright enough, else with the expected ones."""
    flux, error = _filtered(stamps, ~source.good, stamps.x, stamps.y, variance, reach)
    return {
        "psf_flux": np.where(source.good, source.flux, flux),
        "psf_flux_error": np.where(source.good, source.error, error),
    }


def _shape(source: MeasuredSource) -> Columns:
    covariance = source.shapes.covariance
    trace = covariance.xx + covariance.yy
    smaller, larger = covariance.eigenvalues
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "fwhm": FWHM * np.sqrt(source.shapes.variance),
            "ellipticity": 1 - np.sqrt(smaller / larger),
            "e1": (covariance.xx - covariance.yy) / trace,
            "e2": 2 * covariance.xy / trace,
        }
    return {name: np.where(source.good, values, np.nan) for name, values in columns.items()}


def _colours(columns: Columns, section: ImageFeaturesSection, bands: str) -> Columns:
    name = f"flux_{section.colour_radius:g}"
    magnitudes = {
        band: asinh_magnitude(columns[f"{name}_{band}"], columns[_in_band(f"{name}_error", band)], band)
        for band in SOFTENING
        if band in bands
    }
    colours: Columns = {}
    for blue, red in adjacent(bands):
        (m1, e1), (m2, e2) = magnitudes[blue], magnitudes[red]
        colours |= {f"colour_{blue}_{red}": m1 - m2, f"colour_{blue}_{red}_error": np.hypot(e1, e2)}
    return colours


def _first_measured(stamps: Stamps, searched: list[int], bands: int) -> Stamps:
    """Return each object's stamp in the first of the searched bands with a background; in the first one without any."""
    measured = np.isfinite(stamps.background.reshape(-1, bands)[:, searched])
    band = np.array(searched)[measured.argmax(axis=1)]
    return stamps.take(np.arange(len(band)) * bands + band)


def _in_band(name: str, band: str) -> str:
    return f"{name.removesuffix('_error')}_{band}{'_error' if name.endswith('_error') else ''}"
