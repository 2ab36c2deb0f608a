"""The baseline for networks on images: boosted trees on five magnitudes."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.arrays import F8, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.feature_names import BANDS, feature_names
from survey_batch.images.features import POINT_SOURCES, PointSources, asinh_magnitude, image_features
from survey_batch.models.classes import class_numbers
from survey_batch.models.labelled import Labelled
from survey_batch.store.damage import read_array
from survey_batch.store.products import open_group

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit, Predict

Measure = Callable[[Labelled], F8]
"""Measures magnitudes (object, band) of labelled objects, in order of wavelength; NaN where there is none."""

LARGEST_RING, RING_SHARE = ImageFeaturesSection().background[1], 0.6
"""Outer radius [pixel] of the background ring, and the inner radius as a share of it: those of `[image_features]`."""
APERTURE = 3.0
"""An aperture [pixel] that is measured too, but not used."""

log = logging.getLogger(__name__)


def magnitudes_of(data: Labelled, section: ImageTraining) -> Measure | None:
    """Find the source of magnitudes: cutouts are measured; for composites `train.magnitudes` names a job's output."""
    if section.product == "cutouts":
        bands = "".join(str(band) for band in data.coordinates["band"])
        return lambda rows: np.concatenate([measured_magnitudes(block, bands) for _, block in rows.blocks()])
    if section.magnitudes is None:
        log.warning("no baseline from magnitudes: set train.magnitudes to the output of a job with features")
        return None
    return stored_magnitudes(section.magnitudes)


def measured_magnitudes(block: Variables, bands: str) -> F8:
    """Measure PSF magnitudes of objects in their cutouts, as `image_features` does.

    Parameters
    ----------
    block
        `flux` (object, band, y, x) [nanomaggy/pixel], `x_object`, `y_object`, `aperture_correction` and `psf_fwhm`
        (object, band).
    bands
        Letters of the bands.

    Returns
    -------
    (object, band) float64
        Asinh magnitudes, in order of wavelength.
    """
    section = measuring(block["flux"].shape[-1])
    stars = PointSources(*(block[name] for name in POINT_SOURCES))
    values = image_features(block["flux"], block["x_object"], block["y_object"], section, bands, stars=stars)
    return psf_magnitudes(values, feature_names(section, bands))


def measuring(size: int) -> ImageFeaturesSection:
    """Make the settings of the measurement: the default background ring, or the largest that fits the cutout."""
    outer = min(LARGEST_RING, (size - 1) / 2)
    return ImageFeaturesSection(background=(RING_SHARE * outer, outer), apertures=(min(APERTURE, outer),))


def stored_magnitudes(output: str) -> Measure:
    """Look up PSF magnitudes in the product `features` of another job, by object identifier.

    Raises
    ------
    ConfigurationError
        The job has no such product, or the product has no PSF fluxes.
    """
    try:
        product = open_group(output, "features")
    except FileNotFoundError as error:
        raise ConfigurationError(f"train.magnitudes: there is no product features in {output}") from error
    names, objects, values = (read_array(product, name) for name in ("feature", "object_id", "value"))
    if not any(str(name).startswith("psf_flux_") for name in names):
        raise ConfigurationError(f"train.magnitudes: the features in {output} hold no psf_flux_u to psf_flux_z")
    row_of = {str(name): row for row, name in enumerate(objects)}
    magnitudes = psf_magnitudes(values, [str(name) for name in names])
    nowhere = np.full((1, magnitudes.shape[1]), np.nan)
    table = np.concatenate([magnitudes, nowhere])
    return lambda rows: table[[row_of.get(str(name), -1) for name in rows.object_id]]


def psf_magnitudes(values: npt.NDArray[Any], names: list[str]) -> F8:
    """Compute asinh magnitudes (object, band) from the columns `psf_flux_…` of a feature table."""
    columns = [names.index(f"psf_flux_{band}") for band in BANDS if f"psf_flux_{band}" in names]
    flux = values[:, columns].astype(np.float64)
    bands = [names[column][-1] for column in columns]
    parts = [asinh_magnitude(flux[:, b], np.zeros(len(flux)), band)[0] for b, band in enumerate(bands)]
    return np.stack(parts, axis=1)


def colours(magnitudes: F8) -> F8:
    """Compute the differences of neighbouring bands, and the middle band: (object, band)."""
    middle = magnitudes.shape[1] // 2
    return np.concatenate([-np.diff(magnitudes, axis=1), magnitudes[:, middle : middle + 1]], axis=1)


def magnitude_trees(measure: Measure, classes: tuple[str, ...]) -> "Fit":
    """Make the baseline: boosted trees on colours and one magnitude, which handle missing values themselves."""

    def fit(trained: Labelled, seed: int) -> "Predict":
        from sklearn.ensemble import HistGradientBoostingClassifier

        trees = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
        trees.fit(colours(measure(trained)), class_numbers(trained.label, classes))

        def predict(other: Labelled) -> npt.NDArray[Any]:
            probability = np.zeros((len(other), len(classes)))
            probability[:, trees.classes_] = trees.predict_proba(colours(measure(other)))
            return probability

        return predict

    return fit
