"""What is made of spectra in memory: features, the fit of their components, and what a network reads."""

from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy.linalg.blas import dsyrk

from benchmarks import spectra
from benchmarks.data import Data
from benchmarks.line_indices import SHARD, Stars, components_of, features_of, read_stars, shard_of
from benchmarks.pipeline import ready
from benchmarks.rows import Result, Row, Side
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.arrays import F4
from survey_batch.core.threads import one_thread
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Grid
from survey_batch.models.spectral_convolution import STEPS, SpectralConvolution
from survey_batch.models.spectral_type import recipe_for
from survey_batch.spectra.features import feature_names, prepare
from survey_batch.spectra.pca import PCA, Moments

PART, TIMES = 256, 3
"""Spectra of a part, and how often a round of the fit sums a shard up."""
RUN = 100_000
"""Spectra of the run of which the fit is told as a share."""
READ_ONCE = "reading each pixel once: which are good, a division, one sum"
ENDING, FILES, FEATURES = "eigenvectors, once in a run", "a file to spectra.zarr", "features of a spectrum"

stars_of = cache(read_stars)


def parts_of(stars: Stars) -> list[Stars]:
    """Divide a shard into parts that take turns."""
    rows = np.arange(len(stars.letter))
    return [stars.take(rows[start : start + PART]) for start in range(0, len(rows), PART)]


def read_once(stars: Stars, continuum: F4) -> F4:
    """Do what every measurement must: look which pixels are good, divide by a continuum, and add up."""
    good = (stars.mask == 0) & (stars.ivar > 0)
    return np.asarray(np.where(good, stars.flux / continuum, 0).sum(axis=1))


def reading(parts: list[Stars]) -> Side:
    """The floor of whatever is measured of all pixels."""
    level = [np.repeat(np.median(part.flux, axis=1, keepdims=True), part.flux.shape[1], 1) for part in parts]
    return Side(READ_ONCE, lambda: [partial(read_once, *one) for one in zip(parts, level, strict=True)])


def row(data: Data, scratch: Path) -> Row:  # noqa: ARG001
    """Set up the comparison of features."""
    stars, section = stars_of(data), SpectralFeaturesSection()
    pca, parts = components_of(stars, section), parts_of(shard_of(stars, SHARD))
    names = feature_names(section)
    return Row(
        "spectrum",
        SHARD,
        Side(
            f"{len(names)} features of {SHARD:,} spectra in memory, {section.components} components among them",
            lambda: [partial(features_of, part, section, pca) for part in parts],
        ),
        reading(parts),
    )


def network_of(stars: Stars) -> SpectralConvolution:
    """Make the network of spectral types, without weights, to prepare what it reads."""
    recipe = recipe_for(Grid.of(stars.wavelength)).model_copy(update={"steps": STEPS})
    kind, variant, classes = SpectralConvolution.kind, SpectralConvolution.variant, SpectralConvolution.only_classes
    return SpectralConvolution(Manifest(kind=kind, variant=variant, classes=classes or (), recipe=recipe))


def preparing_row(data: Data, scratch: Path) -> Row:  # noqa: ARG001
    """Set up the comparison of what the convolution of spectral types reads."""
    stars = stars_of(data)
    network, parts = network_of(stars), parts_of(shard_of(stars, SHARD))

    def prepared(part: Stars) -> None:
        network.prepared({"flux": part.flux, "ivar": part.ivar, "mask": part.mask})

    return Row(
        "spectrum",
        SHARD,
        Side(
            f"what the network of spectral types reads, of {SHARD:,} spectra in memory",
            lambda: [partial(prepared, part) for part in parts],
        ),
        reading(parts),
    )


def fit_row(data: Data, scratch: Path) -> Row:
    """Set up the comparison of the fit of components with the sums alone, and with the rest of a run."""
    section, shard = SpectralFeaturesSection(), shard_of(stars_of(data), SHARD)
    job = spectra.copied(data, "spectra", scratch)
    pca = components_of(shard, section)
    rows = prepare(shard.flux, shard.ivar, shard.mask, section)
    found = Moments.of(rows)
    wide = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)

    def sums() -> None:
        Moments.of(prepare(shard.flux, shard.ivar, shard.mask, section)).merge(found)

    def product() -> None:
        with one_thread():
            dsyrk(1.0, wide.T)

    count = len(stars_of(data).letter)
    sample = min(section.sample, RUN)

    def share(result: Result) -> list[str]:
        fit = sample * result.each() + result.each(ENDING)
        whole = RUN * (result.each(FILES) + result.each(FEATURES)) + fit
        return [
            f"in a run of {RUN:,} spectra, whose components are fitted to {sample:,}, the fit takes {fit / whole:.0%} "
            "of the CPU time of files, features and fit: reckoned from the times above, without what Dask takes"
        ]

    return Row(
        "spectrum of the sample",
        SHARD * TIMES,
        Side(f"preparing {SHARD:,} spectra in memory, and sums of their products", lambda: [sums] * TIMES),
        Side("one symmetric product of the prepared spectra, by BLAS", lambda: [product] * TIMES),
        [
            Side(ENDING, lambda: [partial(PCA.fit, found, section.components)], 1, compared=False),
            Side(FILES, lambda: ready(job), spectra.COPIES * count, compared=False),
            Side(
                FEATURES,
                lambda: [partial(features_of, part, section, pca) for part in parts_of(shard)],
                SHARD,
                compared=False,
            ),
        ],
        notes=share,
    )
