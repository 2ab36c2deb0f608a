"""Selection of the sources of an image that are suitable for building its PSF, by absolute thresholds.

The rule is that of `goodPSF` (A. Ferreira & W. Fraser, ML-PSF): subtract the PSF from each source, and judge the
residual by its scatter and its second brightest pixel. In `goodPSF` the best 25 sources of an image are always good.
Here each source is judged by itself, in units of the residual expected from its noise and the PSF's own scatter. So the
number of good stars is not fixed. The PSF varies over the image.
"""

from dataclasses import dataclass, replace

import numpy as np

from survey_batch.config.sections.detect import RuleSection
from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.images.detect import Detections
from survey_batch.images.psf_model import Profile, PsfModel, StarFit, fit_psf, fit_stars
from survey_batch.images.psf_variation import FEWEST_FOR_PLANE, fit_plane, fit_variation, size_variation

ROUNDS = 3
"""Times that the PSF is rebuilt from the stars that it fits."""
FIT_FWHM = 2.5
"""Radius of the fit in FWHM."""
LARGEST_RADIUS = 15.0
"""Largest radius of the fit in pixels."""
SIZE_WINDOW = 0.15
"""Largest relative difference from the commonest half-light radius at its position, for a star of the first PSF."""
SIZE_SLOPES = np.linspace(-0.4, 0.4, 17)
"""Trial changes of ln(size) from the middle to the edge, in steps that the kernel's width bridges."""
SIZE_KERNEL = 0.05
"""Width in ln(size) within which stars count as the same size."""
SLOPE_GAIN = 2.0
"""How many more stars must share a size for a plane to replace one common size: one for each slope."""
LEAST_SCATTER = 0.005
"""Smallest scatter assumed for any PSF, as a share of flux: flat field, and faint neighbours that the rule allows."""
LARGEST_SCATTER = 0.01
"""Largest scatter assumed for any PSF, as a share of flux: with it, galaxies begin at about four times as much."""
PEAK_PER_SCATTER = 2.5
"""Expected residual of one pixel from the PSF's error, as a share of the peak, per share of the total flux."""
FEWEST_STARS = 5
"""Fewest stars for an image to have a PSF."""
BAD_FLAGS = 0b1111_1110
"""Bits of `Detections.flag` that exclude a source: all but "was blended", which the isolation test covers."""


TINY = 1e-100
"""Replaces a flux of 0 or less; its square is not 0."""
METRICS = ("share", "scatter", "second", "chi")


@dataclass(frozen=True, eq=False)
class Judgement:
    """The rule's judgement on the sources of an image, (n,) each.

    Attributes
    ----------
    candidate : bool
        Bright, unsaturated, complete and isolated: fitted with the PSF.
    good : bool
    share : float64
        Scatter of the residual beyond the expected noise, over all pixels in the fit's circle, as a share of the flux:
        sqrt(max(0, sum r^2 - sum sigma^2)) / flux. NaN where not fitted.
    scatter : float64
        The same in units of the expected value: the PSF's own scatter, and the square root of the standard deviation
        sqrt(2 sum sigma^4) that noise alone has in sum r^2 - sum sigma^2.
    second : float64
        Second largest absolute residual in units of the expected value in its pixel: noise, and the PSF's own error.
    chi : float64
        Root mean square of residual / expected noise.
    psf : PsfModel or None
        None if the image has too few stars for one; then no source is good.
    """

    candidate: Flags
    good: Flags
    share: F8
    scatter: F8
    chi: F8
    second: F8
    psf: PsfModel | None


def judge(image: F4, sigma: F4, counts: F4, detections: Detections, limits: RuleSection) -> Judgement:
    """Judge the sources of an image.

    Parameters
    ----------
    image, sigma : (y, x) float32
        Pixels and their expected noise, in one unit.
    counts : (y, x) float32
        Counts of the detector, sky included; they tell saturation.
    detections
        Detections in this image.
    limits
        The thresholds.
    """
    candidate = find_candidates(counts, detections, limits)
    psf = _frame_psf(image, sigma, detections.take(candidate), limits)
    metrics = {name: np.full(len(detections), np.nan) for name in METRICS}
    if psf is not None and candidate.any():
        for name, values in measure(image, sigma, detections.take(candidate), psf, fit_radius(psf.fwhm)).items():
            metrics[name][candidate] = values
    with np.errstate(invalid="ignore"):
        good = candidate & (metrics["scatter"] <= limits.scatter) & (metrics["second"] <= limits.second)
    return Judgement(candidate, good, **metrics, psf=psf)


def find_candidates(counts: F4, detections: Detections, limits: RuleSection) -> Flags:
    """Mark sources that are bright, unsaturated, away from the edges and isolated, (n,)."""
    height, width = counts.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        bright = (detections.flux / detections.error >= limits.snr) & (detections.half_light_radius > 0)
    low, high = limits.margin, -1 - limits.margin
    x, y = detections.x, detections.y
    whole = (x >= low) & (x <= width + high) & (y >= low) & (y <= height + high)
    unsaturated = _highest(counts, detections) < limits.saturation
    clean = (detections.flag & BAD_FLAGS) == 0
    return np.asarray(bright & whole & unsaturated & clean & _alone(detections, limits))


def measure(image: F4, sigma: F4, detections: Detections, psf: PsfModel | Profile, radius: float) -> dict[str, F8]:
    """Subtract a PSF from sources, and measure the residual within a radius [pixel]: `METRICS`."""
    _, noise, fit = _fit(image, sigma, detections, psf, radius)
    return left_over(fit, noise, psf.scatter if isinstance(psf, PsfModel) else 0.0)


def left_over(fit: StarFit, noise: F8, scatter: float) -> dict[str, F8]:
    """Measure a fit's residual, given expected noise (n, k, k) and the PSF's own scatter: `METRICS` of `Judgement`."""
    variance = np.where(fit.inside, noise**2, 0.0)
    square = np.where(fit.inside, fit.residual**2, 0.0)
    pixels = fit.inside.sum(axis=(1, 2))
    flux, own = np.maximum(fit.flux, TINY), max(scatter, LEAST_SCATTER)
    beyond = np.sqrt(np.maximum(_excess(fit, noise), 0.0))
    expected = np.sqrt((own * flux) ** 2 + np.sqrt(2 * (variance**2).sum(axis=(1, 2))))
    chi_square = np.where(fit.inside, square / np.where(fit.inside, variance, 1.0), 0.0).sum(axis=(1, 2))
    return {
        "share": beyond / flux,
        "scatter": beyond / expected,
        "second": _second(fit, variance, own),
        "chi": np.sqrt(chi_square / np.maximum(pixels, 1)),
    }


def _excess(fit: StarFit, noise: F8) -> F8:
    """Return the sum of squared residuals minus that of the noise, which may be negative."""
    return np.asarray(np.where(fit.inside, fit.residual**2 - noise**2, 0.0).sum(axis=(1, 2)))


def _second(fit: StarFit, variance: F8, own: float) -> F8:
    peak = np.maximum(fit.model.max(axis=(1, 2)), TINY)
    expected = np.sqrt(variance + (PEAK_PER_SCATTER * own * peak[:, None, None]) ** 2)
    return np.asarray(np.partition((np.abs(fit.residual) / expected).reshape(len(peak), -1), -2, axis=1)[:, -2])


def _frame_psf(image: F4, sigma: F4, candidates: Detections, limits: RuleSection) -> PsfModel | None:
    """Build the PSF from the candidates that resemble most others nearby, then rebuild it from those that it fits."""
    if len(candidates) < FEWEST_STARS:
        return None
    common = common_size(candidates.half_light_radius, _positions(candidates))
    alike = np.abs(candidates.half_light_radius / common - 1) < SIZE_WINDOW
    stars, common = candidates.take(alike), common[alike]
    if len(stars) < FEWEST_STARS:
        return None
    variation, fwhm = size_variation(_positions(stars), common), 2 * float(np.median(common))
    radius = fit_radius(fwhm)
    stamps, _, dx, dy = _stamps(image, sigma, stars, radius)
    psf = fit_psf(stamps, stars.flux, np.zeros(len(stars)), dx, dy, radius, fwhm, variation, _positions(stars))
    for _ in range(ROUNDS):
        radius = fit_radius(psf.fwhm)
        stamps, noise, fit = _fit(image, sigma, stars, psf, radius)
        # At least the better half stays while the PSF is still rough.
        kept = left_over(fit, noise, _own_scatter(fit, noise))["scatter"] <= max(limits.scatter, 1.0)
        if kept.sum() < FEWEST_STARS:
            return None
        stars, stamps, noise, fit = stars.take(kept), stamps[kept], noise[kept], fit.take(kept)
        variation = fit_variation(psf, _positions(stars), fit, noise)
        psf = fit_psf(stamps, fit.flux, fit.sky, fit.dx, fit.dy, radius, psf.fwhm, variation, _positions(stars))
    _, noise, fit = _fit(image, sigma, stars, psf, fit_radius(psf.fwhm))
    return replace(psf, scatter=min(_own_scatter(fit, noise), LARGEST_SCATTER))


def _own_scatter(fit: StarFit, noise: F8) -> float:
    """Return the PSF's residual scatter for a typical star that it was built from, as a share of the flux."""
    flux = np.where(fit.flux > 0, fit.flux, np.inf)
    return float(np.sqrt(max(float(np.median(_excess(fit, noise) / flux**2)), 0.0)))


def fit_radius(fwhm: float) -> float:
    """Return the radius in pixels within which stars are fitted."""
    return float(np.clip(FIT_FWHM * fwhm, 4.0, LARGEST_RADIUS))


def _fit(
    image: F4, sigma: F4, detections: Detections, psf: PsfModel | Profile, radius: float
) -> tuple[F8, F8, StarFit]:
    stamps, noise, dx, dy = _stamps(image, sigma, detections, radius)
    profile = psf.at(_positions(detections)) if isinstance(psf, PsfModel) else psf
    return stamps, noise, fit_stars(profile, stamps, noise, dx, dy, radius)


def _positions(detections: Detections) -> F8:
    return np.column_stack([detections.x, detections.y])


def _stamps(image: F4, sigma: F4, detections: Detections, radius: float) -> tuple[F8, F8, F8, F8]:
    """Cut stamps of an odd size around sources, and give each source's offset from the middle of its stamp."""
    half = int(np.ceil(radius)) + 1
    x, y = np.rint(detections.x).astype(int), np.rint(detections.y).astype(int)
    line = np.arange(-half, half + 1)
    rows, columns = y[:, None, None] + line[:, None], x[:, None, None] + line
    there = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    pixels = rows.clip(0, image.shape[0] - 1), columns.clip(0, image.shape[1] - 1)
    cut, noise = (np.where(there, plane[pixels].astype(np.float64), np.nan) for plane in (image, sigma))
    return cut, noise, detections.x - x, detections.y - y


def _highest(counts: F4, detections: Detections) -> F8:
    """Find the highest count in the nine pixels around each source."""
    x = np.rint(detections.x).astype(int)[:, None] + np.tile([-1, 0, 1], 3)
    y = np.rint(detections.y).astype(int)[:, None] + np.repeat([-1, 0, 1], 3)
    around = counts[y.clip(0, counts.shape[0] - 1), x.clip(0, counts.shape[1] - 1)]
    return np.asarray(around.max(axis=1, initial=0), np.float64)


def _alone(detections: Detections, limits: RuleSection) -> Flags:
    """Mark sources with no other source of more than a share `neighbour` of their flux within `isolation`."""
    alone = np.ones(len(detections), bool)
    if len(detections) > 1:
        from scipy.spatial import cKDTree  # cutouts need this module, but no neighbours

        pairs = cKDTree(_positions(detections)).query_pairs(limits.isolation, output_type="ndarray")
        for one, other in (pairs.T, pairs.T[::-1]):
            alone[one[detections.flux[other] > limits.neighbour * detections.flux[one]]] = False
    return alone


def half_sample_mode(values: F8) -> float:
    """Find the mode: take the half of the values closest together, then half of those (Bickel & Fruehwirth 2006)."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        first = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[first : first + half]
    return float(np.mean(values))


def common_size(size: F8, position: F8) -> F8:
    """Find the commonest size at each position, (n,): one for all, or a plane in x and y if that fits more sources.

    The plane comes from modal regression (Yao & Li 2014, Scand. J. Stat. 41, 656): most sizes lie close to it, and
    galaxies, which all lie to one side, do not pull it.

    Parameters
    ----------
    size : (n,) float64
        Sizes, above 0.
    position : (n, 2) float64
        x and y.
    """
    one = half_sample_mode(size)
    if len(size) < FEWEST_FOR_PLANE:
        return np.full(len(size), one)
    low, high = position.min(axis=0), position.max(axis=0)
    scaled = (position - (low + high) / 2) / np.maximum((high - low) / 2, 1.0)
    relative = np.log(size / one)
    slopes = np.stack(np.meshgrid(SIZE_SLOPES, SIZE_SLOPES), axis=-1).reshape(-1, 2)
    flat = len(slopes) // 2
    left = [relative - scaled @ slope for slope in slopes]
    left = [part - half_sample_mode(part) for part in left]
    alike = np.array([np.exp(-((part / SIZE_KERNEL) ** 2) / 2).sum() for part in left])
    best = int(np.argmax(alike))
    if alike[best] < alike[flat] + SLOPE_GAIN:
        return np.full(len(size), one)
    near = np.abs(left[best]) < SIZE_WINDOW
    plane = fit_plane(scaled[near], relative[near])
    return np.asarray(one * np.exp(plane[0] + scaled @ plane[1:]))
