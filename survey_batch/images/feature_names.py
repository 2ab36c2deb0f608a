"""Names of the features of images: what the columns are called and what they mean."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.feature import Feature
from survey_batch.images.neighbours import NEIGHBOURS

BANDS = "ugriz"
"""Bands in the order of wavelength."""
ASINH = "asinh magnitudes of SDSS, Lupton, Gunn and Szalay (1999, AJ 118, 1406)"
PSF_SOURCE = 'SDSS, Algorithms, "The PSF magnitude"'
FLUX, PER_PIXEL, PIXEL, NONE, MAG = "nanomaggy", "nanomaggy/pixel", "pixel", "1", "mag"


def features_of(section: ImageFeaturesSection, bands: str, *, corrected: bool = True) -> list[Feature]:
    """Return the columns of `image_features`, in order; `corrected` says whether its point sources are."""
    of_band = [feature for band in bands for feature in _of_band(section, band, corrected=corrected)]
    colours = [
        Feature(
            f"colour_{blue}_{red}", MAG, f"{blue} - {red} from fluxes within {section.colour_radius:g} pixels", ASINH
        )
        for blue, red in adjacent(bands)
    ]
    return [*of_band, *_with_errors(colours), *NEIGHBOURS]


def _of_band(section: ImageFeaturesSection, band: str, *, corrected: bool) -> list[Feature]:
    ring = "from {:g} to {:g} pixels".format(*section.background)
    within, source = (" within 7.4 arcsec", PSF_SOURCE) if corrected else ("'s core, not corrected for its wings", "")
    fluxes = [
        *(Feature(f"flux_{r:g}_{band}", FLUX, f"flux within {r:g} pixels, {band}") for r in section.apertures),
        Feature(f"psf_flux_{band}", FLUX, f"flux of a point source{within}, {band}", source),
    ]
    return [
        Feature(f"background_{band}", PER_PIXEL, f"median in the ring {ring}, {band}"),
        Feature(f"background_scatter_{band}", PER_PIXEL, f"scatter in the ring {ring}, {band}"),
        Feature(f"coverage_{band}", NONE, f"share of the largest aperture on real pixels, {band}"),
        *_with_errors(fluxes),
        Feature(f"fwhm_{band}", PIXEL, f"full width at half maximum, from adaptive moments, {band}"),
        Feature(f"half_light_radius_{band}", PIXEL, f"radius with half of the light of the largest aperture, {band}"),
        Feature(f"ellipticity_{band}", NONE, f"1 - minor / major axis, from adaptive moments, {band}"),
        Feature(f"e1_{band}", NONE, f"(xx - yy) / (xx + yy) of the adaptive moments, {band}"),
        Feature(f"e2_{band}", NONE, f"2 xy / (xx + yy) of the adaptive moments, {band}"),
        Feature(f"sharpness_{band}", NONE, f"flux in the smallest over that in the largest aperture, {band}"),
    ]


def _with_errors(features: Iterable[Feature]) -> Iterator[Feature]:
    for feature in features:
        yield from (feature, feature.error)


def feature_names(section: ImageFeaturesSection, bands: str) -> list[str]:
    """Return the names of the columns of `image_features`."""
    return [feature.name for feature in features_of(section, bands)]


def adjacent(bands: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of neighbouring bands, the bluer one first."""
    ordered = [band for band in BANDS if band in bands]
    return pairwise(ordered)
