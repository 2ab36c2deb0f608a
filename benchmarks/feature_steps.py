"""Where the CPU time goes of what is made of spectra in memory: their features, and what a network reads.

    python -m benchmarks.feature_steps [--rounds 9]

Each step is done by itself, on portions of the size in which the package does it, in turns with all others. The first
line is the price of one operation of numpy on every pixel, which tells how many of them a step is worth.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import fft

from benchmarks.data import find_data
from benchmarks.line_indices import Stars, components_of, features_of, read_stars, shard_of
from benchmarks.spectral_features import network_of
from benchmarks.timing import as_a_worker, cpu_seconds, machine
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.threads import one_thread
from survey_batch.models import preprocessing, spectrum_bins, spectrum_inputs
from survey_batch.models.spectral_convolution import STEPS
from survey_batch.models.spectral_type import continuum_of
from survey_batch.spectra import normalize
from survey_batch.spectra.blocks import block_statistics
from survey_batch.spectra.features import PORTION, prepare
from survey_batch.spectra.lines import band_indices, line_indices
from survey_batch.spectra.photometry import synthetic_colors
from survey_batch.spectra.ratios import flux_ratios
from survey_batch.spectra.windows import CleanSpectra

# ruff: noqa: SLF001 - steps have no public names

COUNT = 768
"""Spectra: whole portions of both kinds."""
COSINES = 1200
"""Length that holds the bins and, beyond their end, what the wider of two Gaussians reaches; it is fast."""
Steps = dict[str, Callable[[], object]]


def divided(stars: Stars, size: int) -> list[Stars]:
    """Divide spectra into portions of one size."""
    return [stars.take(np.arange(start, start + size)) for start in range(0, len(stars.letter), size)]


def each(step: Callable[..., object], *columns: Iterable[Any]) -> Callable[[], object]:
    """Do a step for all portions."""
    portions = list(zip(*columns, strict=True))
    return lambda: [step(*portion) for portion in portions]


def feature_steps(stars: Stars) -> Steps:
    """Return the steps of the features of spectra."""
    section, portions = SpectralFeaturesSection(), divided(stars, PORTION)
    pca, block = components_of(stars, section), normalize.CONTINUUM_BLOCK
    arrays = [(one.flux, one.ivar, one.mask) for one in portions]
    known = [normalize.known_flux(*one) for one in arrays]
    clean = [CleanSpectra.of(one.wavelength, one.flux, one.ivar, one.mask, one.redshift) for one in portions]
    prepared = [prepare(*one, section) for one in arrays]
    return {
        "one operation on every pixel: a product": each(lambda one: one * one, [one.astype(float) for one in known]),
        "which pixels are good": each(lambda one: normalize.known_flux(*one), arrays),
        "good pixels between margins": each(
            lambda one, flux: CleanSpectra.of_known(one.wavelength, flux, one.ivar, one.redshift), portions, known
        ),
        "19 lines": each(line_indices, clean),
        "10 bands": each(band_indices, clean),
        "4 flux ratios": each(flux_ratios, clean),
        "2 colours": each(synthetic_colors, clean),
        "continuum: medians of 97 blocks": each(lambda one: normalize._block_medians(one, block), known),
        "continuum: medians, and the fit to them": each(lambda one: normalize._continuum_fit(one, block), known),
        "flux over the continuum, with these": each(lambda one: normalize._over_continuum(one, block), known),
        "prepared flux, with this": each(lambda one: prepare(*one, section), arrays),
        "statistics of 50 blocks": each(lambda one: block_statistics(one, section.blocks), prepared),
        "scores along 20 components": each(pca.transform, prepared),
        "all features": lambda: features_of(stars, section, pca),
    }


def input_steps(stars: Stars) -> Steps:
    """Return the steps of what the network of spectral types reads."""
    network, portions = network_of(stars), divided(stars, spectrum_bins.ROWS_AT_ONCE)
    widths, floor, ceiling = continuum_of(STEPS)
    block = {"flux": stars.flux, "ivar": stars.ivar, "mask": stars.mask}
    good = [spectrum_bins.GoodPixels.of(one.flux, one.ivar, one.mask, int(STEPS["bin_pixels"])) for one in portions]
    light = [np.concatenate([one.mean() * one.count, one.count]) for one in good]
    mean = [one.mean() for one in good]

    def transforms(values: Any) -> None:
        for width in widths:
            reach = int(4 * width + 0.5)
            length = fft.next_fast_len(values.shape[1] + 4 * reach, real=True)
            fft.irfft(fft.rfft(values, length, axis=1), length, axis=1)

    def cosines(values: Any) -> None:
        waves = fft.dct(np.pad(values, ((0, 0), (0, COSINES - values.shape[1]))), axis=1)
        for _ in widths:
            fft.idct(waves, axis=1)

    return {
        "good pixels, and how many are in each bin": each(
            lambda one: spectrum_bins.GoodPixels.of(one.flux, one.ivar, one.mask, int(STEPS["bin_pixels"])), portions
        ),
        "means of 977 bins": each(lambda one: one.mean(), good),
        "one median of these": each(lambda one: normalize.row_percentiles(one, 50), mean),
        "Fourier transforms": each(transforms, light),
        "as cosine transforms, which would round otherwise": each(cosines, light),
        "smooth continua, with these": each(
            lambda one: [preprocessing._run(one, width, floor) for width in widths], light
        ),
        "flux over both continua, with these": each(
            lambda one: preprocessing.relative_flux(one, widths, floor, ceiling), good
        ),
        "weighted means and errors of bins": each(lambda one, portion: one.weighted_mean(portion.ivar), good, portions),
        "these over their level, and reliability": each(
            lambda one, portion: spectrum_inputs.reliability(*spectrum_inputs.over_level(one, portion.ivar)),
            good,
            portions,
        ),
        "all channels": lambda: network.prepare(block),
        "share of good pixels": lambda: network.valid_rows(block, network.recipe),
        "lines of helium": lambda: network.evidence(block),
        "all that the network reads": lambda: network.prepared(block),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feature_steps")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    as_a_worker("benchmarks.feature_steps")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        stars = shard_of(read_stars(data), COUNT)
    print(f"{machine()}\n{data.what}; {rounds} rounds in turns, CPU-microseconds per spectrum", flush=True)
    with one_thread():
        for steps in (feature_steps(stars), input_steps(stars)):
            taken = [[cpu_seconds(step) for step in steps.values()] for _ in range(rounds + 1)][1:]
            print()
            for name, seconds in zip(steps, zip(*taken, strict=True), strict=True):
                print(f"{median(seconds) / COUNT * 1e6:8.1f} {name}", flush=True)


if __name__ == "__main__":
    main()
