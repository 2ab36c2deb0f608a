"""Which sources of an image are fit for building its PSF: a rule with absolute thresholds.

The rule is that of `goodPSF` (A. Ferreira & W. Fraser, ML-PSF): subtract the PSF from each source, and judge what is
left by its scatter and by its second brightest pixel. There the best 25 sources of an image are good, whatever they
are. Here each is judged by itself, by what its expected noise allows: an image has as many good stars as it has.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from survey_batch.images.detect import Sources
from survey_batch.images.psf_model import Profile, PsfModel, StarFit, fit_psf, fit_stars
from survey_batch.sections.detect import RuleSection

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ROUNDS = 3
"""Times that the PSF is made again of the stars that it fits."""
FIT_FWHM = 2.5
"""Radius of the fit in FWHM."""
LARGEST_RADIUS = 15.0
"""Pixels."""
SIZE_WINDOW = 0.15
"""Stars that the first PSF is made of have the commonest half-light radius, to this share of it."""
FEWEST_STARS = 5
"""Stars below which an image has no PSF."""
BAD_FLAGS = 0b1111_1110
"""Bits of `Sources.flag` that rule a source out: all but "was blended", which isolation decides."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the rule says of the sources of an image, (n,) each.

    Attributes
    ----------
    candidate : bool
        Bright, unsaturated, whole and alone: fitted with the PSF.
    good : bool
    scatter : float64
        Scatter of the residual in the fit's circle beyond the expected noise, all pixels together, as a share of the
        flux: sqrt(max(0, sum r^2 - sum sigma^2)) / flux. NaN where not fitted.
    chi : float64
        Root mean square of residual / expected noise.
    second : float64
        Second largest absolute residual, less the expected noise of three sigma there, as a share of the peak.
    psf : PsfModel or None
        None where the image has too few stars for one; then nothing is good.
    """

    candidate: Mask
    good: Mask
    scatter: F8
    chi: F8
    second: F8
    psf: PsfModel | None


def judge(image: F4, sigma: F4, counts: F4, sources: Sources, limits: RuleSection) -> Verdict:
    """Judge the sources of an image.

    Parameters
    ----------
    image, sigma : (y, x) float32
        Pixels and their expected noise, in one unit.
    counts : (y, x) float32
        What the detector counted, sky included: tells saturation.
    sources
        Of this image.
    limits
        The thresholds.
    """
    candidate = find_candidates(counts, sources, limits)
    psf = _frame_psf(image, sigma, sources.take(candidate), limits)
    metrics = {name: np.full(len(sources), np.nan) for name in ("scatter", "chi", "second")}
    if psf is not None and candidate.any():
        for name, values in measure(image, sigma, sources.take(candidate), psf, fit_radius(psf.fwhm)).items():
            metrics[name][candidate] = values
    with np.errstate(invalid="ignore"):
        good = candidate & (metrics["scatter"] <= limits.scatter) & (metrics["second"] <= limits.second)
    return Verdict(candidate, good, **metrics, psf=psf)


def find_candidates(counts: F4, sources: Sources, limits: RuleSection) -> Mask:
    """Mark sources that are bright, unsaturated, away from the edges and without a neighbour, (n,)."""
    height, width = counts.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        bright = (sources.flux / sources.error >= limits.snr) & (sources.half_light_radius > 0)
    low, high = limits.margin, -1 - limits.margin
    whole = (sources.x >= low) & (sources.x <= width + high) & (sources.y >= low) & (sources.y <= height + high)
    unsaturated = _highest(counts, sources) < limits.saturation
    clean = (sources.flag & BAD_FLAGS) == 0
    return np.asarray(bright & whole & unsaturated & clean & _alone(sources, limits))


def measure(image: F4, sigma: F4, sources: Sources, psf: Profile, radius: float) -> dict[str, F8]:
    """Subtract a PSF from sources, and say what is left within a radius [pixel]: `scatter`, `chi`, `second`."""
    _, noise, fit = _fit(image, sigma, sources, psf, radius)
    return left_over(fit, noise)


def left_over(fit: StarFit, noise: F8) -> dict[str, F8]:
    """Say what a fit left, given the expected noise (n, k, k): `scatter`, `chi` and `second` of `Verdict`."""
    variance = np.where(fit.inside, noise**2, 0.0)
    square = np.where(fit.inside, fit.residual**2, 0.0)
    pixels = fit.inside.sum(axis=(1, 2))
    flux = np.maximum(fit.flux, np.finfo(float).tiny)
    left, expected = square.sum(axis=(1, 2)), variance.sum(axis=(1, 2))
    chi_square = np.where(fit.inside, square / np.where(fit.inside, variance, 1.0), 0.0).sum(axis=(1, 2))
    return {
        "scatter": np.sqrt(np.maximum(left - expected, 0.0)) / flux,
        "chi": np.sqrt(chi_square / np.maximum(pixels, 1)),
        "second": _second(fit, np.sqrt(variance)),
    }


def _second(fit: StarFit, noise: F8) -> F8:
    beyond = np.maximum(np.abs(fit.residual) - 3 * noise, 0.0).reshape(len(fit.flux), -1)
    peak = np.maximum(fit.model.max(axis=(1, 2)), np.finfo(float).tiny)
    return np.asarray(np.partition(beyond, -2, axis=1)[:, -2] / peak)


def _frame_psf(image: F4, sigma: F4, candidates: Sources, limits: RuleSection) -> PsfModel | None:
    """Make the PSF of the candidates that are like most others, then of those that it fits, and again."""
    if len(candidates) < FEWEST_STARS:
        return None
    common = half_sample_mode(candidates.half_light_radius)
    stars = candidates.take(np.abs(candidates.half_light_radius / common - 1) < SIZE_WINDOW)
    if len(stars) < FEWEST_STARS:
        return None
    radius = fit_radius(2 * common)
    stamps, _, dx, dy = _stamps(image, sigma, stars, radius)
    psf = fit_psf(stamps, stars.flux, np.zeros(len(stars)), dx, dy, radius, 2 * common)
    for _ in range(ROUNDS):
        radius = fit_radius(psf.fwhm)
        stamps, noise, fit = _fit(image, sigma, stars, psf, radius)
        scatter = left_over(fit, noise)["scatter"]
        # At least the better half stays while the PSF is still rough.
        kept = scatter <= max(limits.scatter, float(np.median(scatter)))
        if kept.sum() < FEWEST_STARS:
            return None
        stars, stamps = stars.take(kept), stamps[kept]
        psf = fit_psf(stamps, fit.flux[kept], fit.sky[kept], fit.dx[kept], fit.dy[kept], radius, psf.fwhm)
    return psf


def fit_radius(fwhm: float) -> float:
    """Radius in pixels within which stars are fitted."""
    return float(np.clip(FIT_FWHM * fwhm, 4.0, LARGEST_RADIUS))


def _fit(image: F4, sigma: F4, sources: Sources, psf: Profile, radius: float) -> tuple[F8, F8, StarFit]:
    stamps, noise, dx, dy = _stamps(image, sigma, sources, radius)
    return stamps, noise, fit_stars(psf, stamps, noise, dx, dy, radius)


def _stamps(image: F4, sigma: F4, sources: Sources, radius: float) -> tuple[F8, F8, F8, F8]:
    """Cut stamps of an odd size around sources; with where each source lies from the middle of its own."""
    half = int(np.ceil(radius)) + 1
    x, y = np.rint(sources.x).astype(int), np.rint(sources.y).astype(int)
    line = np.arange(-half, half + 1)
    rows, columns = y[:, None, None] + line[:, None], x[:, None, None] + line
    there = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    place = rows.clip(0, image.shape[0] - 1), columns.clip(0, image.shape[1] - 1)
    cut, noise = (np.where(there, plane[place].astype(np.float64), np.nan) for plane in (image, sigma))
    return cut, noise, sources.x - x, sources.y - y


def _highest(counts: F4, sources: Sources) -> F8:
    """Find the highest count of the nine pixels around each source."""
    x = np.rint(sources.x).astype(int)[:, None] + np.tile([-1, 0, 1], 3)
    y = np.rint(sources.y).astype(int)[:, None] + np.repeat([-1, 0, 1], 3)
    around = counts[y.clip(0, counts.shape[0] - 1), x.clip(0, counts.shape[1] - 1)]
    return np.asarray(around.max(axis=1, initial=0), np.float64)


def _alone(sources: Sources, limits: RuleSection) -> Mask:
    """Mark sources within whose `isolation` none has more than a share `neighbour` of their flux."""
    alone = np.ones(len(sources), bool)
    if len(sources) > 1:
        pairs = cKDTree(np.column_stack([sources.x, sources.y])).query_pairs(limits.isolation, output_type="ndarray")
        for one, other in (pairs.T, pairs.T[::-1]):
            alone[one[sources.flux[other] > limits.neighbour * sources.flux[one]]] = False
    return alone


def half_sample_mode(values: F8) -> float:
    """Find where values crowd: half of them that lie closest together, and half of those (Bickel & Fruehwirth 2006)."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        first = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[first : first + half]
    return float(np.mean(values))
