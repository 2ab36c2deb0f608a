"""The features of spectra: lines, bands, colours, block statistics and principal components."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from survey_batch.config.job import SpectralFeaturesSection
from survey_batch.core.arrays import F4, F8, I4
from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.blocks import STATISTICS, block_statistics
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS
from survey_batch.spectra.lines import band_indices, line_indices
from survey_batch.spectra.normalize import normalize, row_percentiles
from survey_batch.spectra.pca import PCA
from survey_batch.spectra.photometry import COLOR_NAMES, synthetic_colors
from survey_batch.spectra.ratios import flux_ratios
from survey_batch.spectra.smooth import smooth

CONTINUUM_RANGE = (-1.0, 3.0)
"""Bounds of continuum-normalised flux, so that no cosmic ray or noise over a faint continuum outweighs the rest."""
ROWS_AT_ONCE = 128
"""Objects whose lines are measured together; their data fit in a core's cache."""


def prepare(flux: F4, ivar: F4, mask: I4, section: SpectralFeaturesSection) -> F4:
    """Normalise, smooth and fill spectra: the one input of principal components and block statistics.

    Bad pixels get a neutral value: 1 for `continuum`, 0 for `robust`, the row's median for the other methods.

    Parameters
    ----------
    flux, ivar, mask
        (object, wavelength).
    section
        The job's table `[features]`.

    Returns
    -------
    (object, wavelength) float32
        Without NaN, except in rows that cannot be normalised, which are NaN throughout.
    """
    normal, _ = normalize(flux, ivar, mask, section.normalization)
    if section.normalization == "continuum":
        np.clip(normal, *CONTINUUM_RANGE, out=normal)
    smoothed = smooth(normal, section.smoothing_window, section.smoothing_order)
    bad = np.isnan(smoothed)
    filled = np.where(bad, _neutral(smoothed, section), smoothed).astype(np.float32)
    filled[bad.all(axis=1)] = np.nan
    return filled


def feature_units(section: SpectralFeaturesSection) -> dict[str, str]:
    """Return the names of the columns of `spectral_features`, in order, and their units as astropy writes them."""
    measured: list[tuple[Sequence[str], str]] = []
    if section.lines:
        measured.append(([line.name for line in LINES], "Angstrom"))
    if section.indices:
        measured += [([band.name for band in BANDS], "Angstrom"), ([ratio.name for ratio in RATIOS], "1")]
    if section.colours:
        measured.append((COLOR_NAMES, "mag"))
    blocks = [f"block_{i:03d}_{statistic}" for i in range(section.blocks) for statistic in STATISTICS]
    components = [f"component_{i:03d}" for i in range(section.components)]
    return {
        **{f"{name}{suffix}": unit for names, unit in measured for suffix in ("", "_error") for name in names},
        **dict.fromkeys([*blocks, *components], "1"),
    }


def feature_names(section: SpectralFeaturesSection) -> list[str]:
    """Return the names of the columns of `spectral_features`."""
    return list(feature_units(section))


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
        The job's table `[features]`.
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
    columns = _measured(wavelength, flux, ivar, mask, redshift, section)
    if section.blocks or section.components:
        prepared = prepare(flux, ivar, mask, section)
    if section.blocks:
        columns.append(block_statistics(prepared, section.blocks).reshape(len(flux), -1))
    if section.components:
        columns.append(_checked(pca, section).transform(prepared))
    return np.concatenate(columns, axis=1, dtype=np.float32)


def _measured(
    wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating], section: SpectralFeaturesSection
) -> list[F8]:
    """Measure values and errors of lines, bands and colours, a few objects at a time."""
    measures: list[Callable[[slice], tuple[F8, F8]]] = []
    if section.lines:
        measures.append(lambda rows: line_indices(wavelength, flux[rows], ivar[rows], mask[rows], redshift[rows]))
    if section.indices:
        measures.append(lambda rows: band_indices(wavelength, flux[rows], ivar[rows], mask[rows], redshift[rows]))
        measures.append(lambda rows: flux_ratios(wavelength, flux[rows], ivar[rows], mask[rows], redshift[rows]))
    if section.colours:
        measures.append(lambda rows: synthetic_colors(wavelength, flux[rows], ivar[rows], mask[rows]))
    chunks = [slice(start, start + ROWS_AT_ONCE) for start in range(0, max(len(flux), 1), ROWS_AT_ONCE)]
    return [np.concatenate([np.concatenate(measure(rows), axis=1) for rows in chunks]) for measure in measures]


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
