"""How well an embedding holds a spectrum: what is left between held-out spectra and what is restored from it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from survey_batch.core.arrays import F4, F8
from survey_batch.models.labelled import Labelled
from survey_batch.models.spectrum_embedding import SpectrumEmbedding, weighted
from survey_batch.models.spectrum_inputs import flux_and_error

MOST_SPECTRA = 5_000
"""Most training spectra to which the baselines are fitted, evenly spaced: components need no more."""

Restore = Callable[[F4, F4, F4], F4]
"""Takes channels (object, bin, 2), flux and weight (object, bin), and returns restored flux (object, bin)."""


def reconstruction_scores(classifier: SpectrumEmbedding, trained: Labelled, held_out: Labelled) -> dict[str, Any]:
    """Compare the spectra of held-out objects with what is restored from their numbers, and with baselines.

    The error of a spectrum is the mean square of (flux - restored flux), weighted by ivar (`weighted`), in units of the
    spectrum's level; the figures are means over the spectra.

    Parameters
    ----------
    classifier
        With its decoder.
    trained
        The objects that it was trained on, to fit the baselines to.
    held_out
        Other objects.

    Returns
    -------
    dict
        `objects`, and mean squares: `embedding`; `components`, of as many principal components as the embedding has
        dimensions, fitted to each spectrum by weighted least squares; `mean_spectrum`; and `noise`, what a spectrum's
        own errors make of a perfect model.
    """
    some = np.unique(np.linspace(0, len(trained) - 1, MOST_SPECTRA).astype(np.intp))
    channels = np.concatenate([classifier.prepare(block) for _, block in trained.take(some).blocks()])
    flux, weight = weighted(channels)
    mean = np.sum(flux * weight**2, axis=0) / np.maximum(np.sum(weight**2, axis=0), 1e-9)
    basis = _components(np.where(weight > 0, flux - mean, 0), classifier.manifest.dimensions)

    def from_embedding(channels: F4, flux: F4, weight: F4) -> F4:  # noqa: ARG001
        return classifier.restored(classifier.outputs(channels))

    def from_components(channels: F4, flux: F4, weight: F4) -> F4:  # noqa: ARG001
        scores = [_fitted(basis, one, strength) for one, strength in zip(flux - mean, weight, strict=True)]
        return np.asarray(mean + np.stack(scores) @ basis, np.float32)

    ways: dict[str, Restore] = {
        "embedding": from_embedding,
        "components": from_components,
        "mean_spectrum": lambda channels, flux, weight: np.broadcast_to(mean, flux.shape),  # noqa: ARG005
    }
    errors: dict[str, list[F8]] = {name: [] for name in (*ways, "noise")}
    for _, block in held_out.blocks():
        channels = classifier.prepare(block)
        flux, weight = weighted(channels)
        total = np.maximum(np.sum(weight.astype(np.float64) ** 2, axis=1), 1e-9)
        for name, restore in ways.items():
            errors[name].append(np.sum((weight * (flux - restore(channels, flux, weight))) ** 2, axis=1) / total)
        noise = np.where(weight > 0, flux_and_error(channels)[1], 0)
        errors["noise"].append(np.sum((weight * noise) ** 2, axis=1) / total)
    return {"objects": len(held_out), **{name: float(np.mean(np.concatenate(of))) for name, of in errors.items()}}


def _components(centred: F4, count: int) -> F8:
    """Find principal components, (component, bin)."""
    return np.asarray(np.linalg.svd(centred.astype(np.float64), full_matrices=False)[2][:count])


def _fitted(basis: F8, flux: F4, weight: F4) -> F8:
    """Fit a spectrum by weighted least squares."""
    return np.asarray(np.linalg.lstsq((basis * weight).T, flux * weight, rcond=None)[0])
