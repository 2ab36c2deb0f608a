"""The features of spectra: lines, bands, colours, block statistics and principal components."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.config.job import SpectralFeaturesSection
from survey_batch.core.arrays import F4, F8, I4
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.feature import Feature
from survey_batch.spectra.blocks import STATISTICS, block_statistics
from survey_batch.spectra.grid import STEP, step_of
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS
from survey_batch.spectra.lines import band_indices, line_indices
from survey_batch.spectra.normalize import CONTINUUM_BLOCK, known_flux, normalize_known, row_percentiles
from survey_batch.spectra.pca import PCA, ROWS_AT_ONCE
from survey_batch.spectra.photometry import COLOR_NAMES, COLORS, PASSBAND_SOURCE, synthetic_colors
from survey_batch.spectra.ratios import flux_ratios
from survey_batch.spectra.smooth import smooth
from survey_batch.spectra.windows import CleanSpectra

CONTINUUM_RANGE = (-1.0, 3.0)
"""Bounds of continuum-normalised flux, so that no cosmic ray or noise over a faint continuum outweighs the rest."""

PORTION = 2 * ROWS_AT_ONCE
"""Spectra that are measured at once: a whole number of products with components. No row depends on others; more would
leave a core's cache, and fewer pay more for Python."""


def prepare(flux: F4, ivar: F4, mask: I4, section: SpectralFeaturesSection, step: float = STEP) -> F4:
    """Normalise, smooth and fill spectra: the one input of principal components and block statistics.

    Bad pixels get a neutral value: 1 for `continuum`, 0 for `robust`, the row's median for the other methods.

    Parameters
    ----------
    flux, ivar, mask
        (object, wavelength).
    section
        The job's table `[spectral_features]`.
    step
        log10 step of the grid.

    Returns
    -------
    (object, wavelength) float32
        Without NaN, except in rows that cannot be normalised, which are NaN throughout.
    """
    if len(flux) > PORTION:
        portions = _portions(len(flux), PORTION)
        return np.concatenate([prepare(flux[rows], ivar[rows], mask[rows], section, step) for rows in portions])
    return _prepared(known_flux(flux, ivar, mask), section, step)


def _prepared(known: F4, section: SpectralFeaturesSection, step: float) -> F4:
    """Do the work of `prepare`, given the `known_flux`."""
    normal = normalize_known(known, section.normalization, max(round(CONTINUUM_BLOCK * STEP / step), 1))
    if section.normalization == "continuum":
        np.clip(normal, *CONTINUUM_RANGE, out=normal)
    smoothed = smooth(normal, section.smoothing_window, section.smoothing_order)
    bad = np.isnan(smoothed)
    np.copyto(smoothed, _neutral(smoothed, section), where=bad, casting="same_kind")
    smoothed[bad.all(axis=1)] = np.nan
    return smoothed


class Measurement(NamedTuple):
    """Features that are measured together, each with its error."""

    features: tuple[Feature, ...]
    measure: Callable[[CleanSpectra], tuple[F8, F8]]
    """Values and errors, (object, feature) each."""


WIDTH = "equivalent width, positive in absorption"
MEASUREMENTS: Mapping[str, tuple[Measurement, ...]] = {
    "lines": (
        Measurement(
            tuple(
                Feature(line.name, "Angstrom", f"{WIDTH}: line at {line.air:.2f} Angstrom in air", line.source)
                for line in LINES
            ),
            line_indices,
        ),
    ),
    "indices": (
        Measurement(
            tuple(
                Feature(
                    band.name,
                    "Angstrom",
                    "{}: band from {:g} to {:g} Angstrom in air".format(WIDTH, *band.feature),
                    band.source,
                )
                for band in BANDS
            ),
            band_indices,
        ),
        Measurement(
            tuple(
                Feature(
                    ratio.name,
                    "1",
                    "mean flux{} from {:g} to {:g} over that from {:g} to {:g} Angstrom in air".format(
                        " per frequency" * ratio.per_frequency, *ratio.above, *ratio.below
                    ),
                    ratio.source,
                )
                for ratio in RATIOS
            ),
            flux_ratios,
        ),
    ),
    "colours": (
        Measurement(
            tuple(
                Feature(name, "mag", f"AB colour {blue} - {red} by synthetic photometry, as observed", PASSBAND_SOURCE)
                for name, (blue, red) in zip(COLOR_NAMES, COLORS, strict=True)
            ),
            synthetic_colors,
        ),
    ),
}
"""For each switch of the table `[spectral_features]`, what it measures."""


def measurements(section: SpectralFeaturesSection) -> list[Measurement]:
    """Return the measurements that a table asks for."""
    return [one for switch, ours in MEASUREMENTS.items() if getattr(section, switch) for one in ours]


def features_of(section: SpectralFeaturesSection) -> list[Feature]:
    """Return the columns of `spectral_features`, in order."""
    measured = [
        feature
        for one in measurements(section)
        for feature in (*one.features, *(feature.error for feature in one.features))
    ]
    blocks = [
        Feature(f"block_{i:03d}_{statistic}", "1", f"{statistic} of the prepared flux in block {i} of {section.blocks}")
        for i in range(section.blocks)
        for statistic in STATISTICS
    ]
    components = [
        Feature(f"component_{i:03d}", "1", f"score along principal component {i} of the prepared flux")
        for i in range(section.components)
    ]
    return [*measured, *blocks, *components]


def feature_names(section: SpectralFeaturesSection) -> list[str]:
    """Return the names of the columns of `spectral_features`."""
    return [feature.name for feature in features_of(section)]


def spectral_features(
    wavelength: F8,
    flux: F4,
    ivar: F4,
    mask: I4,
    redshift: npt.NDArray[np.floating],
    section: SpectralFeaturesSection,
    pca: PCA | None,
) -> F4:
    """Measure spectra; each row's features depend only on that row, bit for bit.

    Parameters
    ----------
    wavelength
        Grid, (wavelength,).
    flux, ivar, mask
        (object, wavelength).
    redshift
        (object,); see `line_indices`. Lines and bands are measured in the rest frame, everything else as observed.
    section
        The job's table `[spectral_features]`.
    pca
        Components fitted to training spectra after `prepare`; None if the section asks for none.

    Returns
    -------
    (object, feature) float32
        Columns as in `feature_names`; NaN where a feature cannot be measured.

    Raises
    ------
    ConfigurationError
        The components do not match the section or the grid.
    """
    portions = _portions(len(flux), PORTION)
    return np.concatenate(
        [_features(wavelength, flux[at], ivar[at], mask[at], redshift[at], section, pca) for at in portions]
    )


def _portions(number: int, size: int) -> list[slice]:
    """Divide rows into portions; one, which is empty, if there are no rows."""
    return [slice(start, start + size) for start in range(0, max(number, 1), size)]


def _features(
    wavelength: F8,
    flux: F4,
    ivar: F4,
    mask: I4,
    redshift: npt.NDArray[np.floating],
    section: SpectralFeaturesSection,
    pca: PCA | None,
) -> F4:
    """Measure one portion."""
    columns = list[npt.NDArray[np.floating]]()
    known = known_flux(flux, ivar, mask)
    if asked := measurements(section):
        spectra = CleanSpectra.of_known(wavelength, known, ivar, redshift)
        columns += [column for one in asked for column in one.measure(spectra)]
    if section.blocks or section.components:
        prepared = _prepared(known, section, step_of(wavelength))
    if section.blocks:
        columns.append(
            block_statistics(prepared, section.blocks).reshape(len(prepared), section.blocks * len(STATISTICS))
        )
    if section.components:
        columns.append(_checked(pca, section).transform(prepared))
    return np.concatenate(columns, axis=1, dtype=np.float32)


def _neutral(values: F4, section: SpectralFeaturesSection) -> F8 | float:
    levels = {"continuum": 1.0, "robust": 0.0}
    if section.normalization in levels:
        return levels[section.normalization]
    (median,) = row_percentiles(values.astype(np.float64), 50)
    return median


def _checked(pca: PCA | None, section: SpectralFeaturesSection) -> PCA:
    found = 0 if pca is None else len(pca.components)
    if pca is None or found != section.components:
        raise ConfigurationError(
            f"spectral_features.components is {section.components}, but {found} components were fitted; fit them again"
        )
    return pca
