"""Features of spectra computed step by step in the plainest way: what the fast ones must equal to the last bit."""

import numpy as np

from survey_batch.spectra import normalize
from survey_batch.spectra.grid import STEP, first_pixel
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS, air_to_vacuum
from survey_batch.spectra.lines import LINE_SPANS, SMALLEST_CONTINUUM
from survey_batch.spectra.photometry import COLORS, PASSBANDS, SMALLEST_FLUX
from survey_batch.spectra.photometry import SMALLEST_SHARE as SMALLEST_COVER
from survey_batch.spectra.windows import SMALLEST_SHARE


def around(wavelength, flux, ivar, mask, redshift, centres, spans):
    """All pixels from the first to the last window, (object, wavelength, pixel): x, good, flux, variance, width."""
    stretch = 1 + np.where(np.isfinite(redshift) & (redshift > -1), redshift, 0).astype(np.float64)[:, None]
    reach = int(np.ceil(np.abs(spans).max())) + 1
    centre = np.log10(centres * stretch) / STEP - first_pixel(wavelength)
    pixel = np.rint(centre).astype(int)[..., None] + np.arange(-reach, reach + 1)
    index, rows = np.clip(pixel, 0, wavelength.size - 1), np.arange(len(flux))[:, None, None]
    f, weight = flux[rows, index].astype(np.float64), ivar[rows, index].astype(np.float64)
    good = (index == pixel) & (mask[rows, index] == 0) & (weight > 0) & np.isfinite(f)
    variance = np.where(good, 1 / np.where(good, weight, 1), 0)
    width = wavelength[index] * (STEP * np.log(10)) / stretch[..., None]
    return pixel - centre[..., None], good, np.where(good, f, 0), variance, width


def share_of(x, low, high):
    return np.clip(np.minimum(x + 0.5, high) - np.maximum(x - 0.5, low), 0, 1)


def mean(x, good, flux, variance, span):
    share = share_of(x, *span) * good
    total = np.sum(share, axis=-1, keepdims=True)
    total = np.where(total >= SMALLEST_SHARE * (span[1] - span[0]), total, np.nan)
    value, position = (np.sum(share * values, axis=-1, keepdims=True) / total for values in (flux, x))
    return value, np.sum(share**2 * variance, axis=-1, keepdims=True) / total**2, position


def equivalent_width(pixels, spans):
    x, good, flux, variance, width = pixels
    feature, whole = share_of(x, *spans[0]) * good, spans[0][1] - spans[0][0]
    (blue, blue_variance, blue_x), (red, red_variance, red_x) = (
        mean(x, good, flux, variance, span) for span in spans[1:]
    )
    with np.errstate(all="ignore"):
        share = (red_x - x) / (red_x - blue_x)
        level = np.where(feature > 0, share * blue + (1 - share) * red, 1)
        covered = np.sum(feature, axis=-1)
        value = whole / covered * np.sum(feature * width * (1 - flux / level), axis=-1)
        slope = feature * width * flux / level**2
        error = (
            whole
            / covered
            * np.sqrt(
                np.sum((feature * width / level) ** 2 * variance, axis=-1)
                + blue_variance[..., 0] * np.sum(slope * share, axis=-1) ** 2
                + red_variance[..., 0] * np.sum(slope * (1 - share), axis=-1) ** 2
            )
        )
        noise = np.sqrt(blue_variance + red_variance)[..., 0] / 2
        detected = (level > 0).all(axis=-1) & ((blue + red)[..., 0] / 2 > SMALLEST_CONTINUUM * noise)
    valid = detected & (covered >= SMALLEST_SHARE * whole)
    return np.where(valid, value, np.nan), np.where(valid, error, np.nan)


def lines(*spectra):
    return equivalent_width(around(*spectra, np.array([line.wavelength for line in LINES]), LINE_SPANS), LINE_SPANS)


def bands(*spectra):
    columns = []
    for band in BANDS:
        edges = np.log10(air_to_vacuum(np.array([band.feature, band.blue, band.red]))) / STEP
        middle = (edges.min() + edges.max()) / 2
        spans = [tuple(span) for span in edges - middle]
        columns.append(equivalent_width(around(*spectra, np.array([10 ** (middle * STEP)]), spans), spans))
    return tuple(np.concatenate(part, axis=1) for part in zip(*columns, strict=True))


def mean_flux(spectra, window, per_frequency):
    low, high = np.log10(air_to_vacuum(np.array(window))) / STEP
    middle, half = (low + high) / 2, (high - low) / 2
    x, good, flux, variance, width = around(*spectra, np.array([10 ** (middle * STEP)]), [(-half, half)])
    share = share_of(x, -half, half) * good
    weight = share * width
    area = np.where(np.sum(share, axis=-1) >= SMALLEST_SHARE * 2 * half, np.sum(weight, axis=-1), np.nan)
    weight = weight * 10 ** (2 * STEP * (x + middle)) if per_frequency else weight
    return np.sum(weight * flux, axis=-1) / area, np.sum(weight**2 * variance, axis=-1) / area**2


def ratios(*spectra):
    columns = []
    for ratio in RATIOS:
        above, above_variance = mean_flux(spectra, ratio.above, ratio.per_frequency)
        below, below_variance = mean_flux(spectra, ratio.below, ratio.per_frequency)
        known = np.isfinite(above) & (below > SMALLEST_CONTINUUM * np.sqrt(below_variance))
        below = np.where(known, below, np.nan)
        value = above / below
        columns.append((value, np.sqrt(above_variance + value**2 * below_variance) / below))
    return tuple(np.concatenate(part, axis=1) for part in zip(*columns, strict=True))


def colours(wavelength, flux, ivar, mask, redshift):
    found = {}
    for band, edges in PASSBANDS.items():
        low, high = np.ceil(np.log10(edges) / STEP).astype(int) - first_pixel(wavelength)
        inside = slice(max(low, 0), max(high, 0))
        f, weight, squared = flux[:, inside].astype(float), ivar[:, inside].astype(float), wavelength[inside] ** 2
        good = (mask[:, inside] == 0) & (weight > 0) & np.isfinite(f)
        count, total = np.sum(good, axis=1), np.sum(np.where(good, f, 0) * squared, axis=1)
        noise = np.sqrt(np.sum(np.where(good, squared**2 / np.where(good, weight, 1), 0), axis=1))
        total = np.where((count >= SMALLEST_COVER * (high - low)) & (total > SMALLEST_FLUX * noise), total, np.nan)
        found[band] = total / np.maximum(count, 1), noise / total
    pairs = [(found[blue], found[red]) for blue, red in COLORS]
    values = np.stack([-2.5 * np.log10(blue / red) for (blue, _), (red, _) in pairs], axis=1)
    return values, np.stack([2.5 / np.log(10) * np.hypot(blue, red) for (_, blue), (_, red) in pairs], axis=1)


def medians(values, width):
    """Medians of blocks of so many pixels, (object, block); NaN where less than half of a block is good."""
    blocks = values[:, : values.shape[1] // width * width].reshape(len(values), -1, width)
    count = np.isfinite(blocks).sum(axis=2)
    index = np.maximum(np.rint((count - 1) / 2), 0).astype(int)[..., None]
    return np.where(2 * count >= width, np.take_along_axis(np.sort(blocks, axis=2), index, axis=2)[..., 0], np.nan)


def fit(polynomials, points, kept):
    """Coefficients of the fit to each row's kept points, all of them anew."""
    weight, degree = kept.astype(np.float64), np.arange(polynomials.shape[1])
    products = np.stack([(one * polynomials.T) for one in polynomials.T]).reshape(-1, len(polynomials))
    normal = np.einsum("nb,kb->nk", weight, products).reshape(-1, degree.size, degree.size)
    moment = np.einsum("nb,pb->np", weight * points, polynomials.T.copy())
    ridge = np.where(degree < 2, 1e-9, normalize.STIFFNESS * degree**2)
    return np.linalg.solve(normal + np.diag(ridge), moment[..., None])[..., 0]


def polynomials_at(pixel, count):
    return np.polynomial.legendre.legvander(2 * (pixel + 0.5) / count - 1, normalize.CONTINUUM_DEGREE)


def continuum(values, block=normalize.CONTINUUM_BLOCK):
    """The continuum, every row fitted in every round."""
    count = values.shape[1]
    width = max(min(block, count // normalize.CONTINUUM_POINTS), 1)
    points = medians(values, width)
    usable = np.isfinite(points)
    number = usable.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(points, axis=1, keepdims=True) / number
        scale = np.where(mean > 0, mean, np.nan)
        usable &= np.isfinite(points / scale)
        points = np.where(usable, points / scale, 0)
    basis = polynomials_at((np.arange(points.shape[1]) + 0.5) * width - 0.5, count)
    kept, number = usable, usable.sum(axis=1, keepdims=True)
    coefficients = fit(basis, points, kept)
    for _ in range(normalize.CONTINUUM_ROUNDS):
        residual = points - np.einsum("np,pb->nb", coefficients, basis.T.copy())
        fitted = np.maximum(kept.sum(axis=1, keepdims=True), 1)
        scatter = np.sqrt(np.sum(residual**2 * kept, axis=1, keepdims=True) / fitted)
        scatter = np.maximum(scatter, normalize.SMALLEST_SCATTER)
        low, high = -normalize.CLIP_BELOW * scatter, normalize.CLIP_ABOVE * scatter
        inside = usable & (residual >= low) & (residual <= high)
        fewest = np.maximum(basis.shape[1] + 1, number // 4)
        kept = np.where(inside.sum(axis=1, keepdims=True) >= fewest, inside, kept)
        coefficients = fit(basis, points, kept)
    coefficients = np.where(number > basis.shape[1], coefficients, np.nan)
    curve = np.einsum("np,pw->nw", coefficients, polynomials_at(np.arange(count), count).T.copy())
    return np.maximum(curve, normalize.CONTINUUM_FLOOR) * scale


def over_continuum(flux, ivar, mask):
    """Flux over the continuum, all in float64 up to the end."""
    values = np.where((mask == 0) & (ivar > 0) & np.isfinite(flux), flux, np.nan).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return (values / continuum(values)).astype(np.float32)
