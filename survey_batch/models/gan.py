"""A generative adversarial network that makes spectra of a rare class (Goodfellow et al. 2014, arXiv 1406.2661).

Sizes and rates are those of LAMOST_DR6_CNN_Spectral_Classifier (2022), which made nine of ten of its O spectra this
way. Three things differ, because it could not learn otherwise: the discriminator's sigmoid is applied once, not twice;
spectra are scaled to the tanh's range of -1 to 1; and a batch holds as many real as generated spectra.

Its spectra are only for training: scores on generated spectra say nothing about real ones. Keras is imported inside
functions; the training loop uses only what every backend has.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Variables
from survey_batch.spectra.normalize import good_flux, row_percentiles
from survey_batch.spectra.smooth import bridge

NOISE = 900
GENERATOR = (256, 512, 1024)
DISCRIMINATOR = (1024, 512, 256)
LEAK, DROPOUT, LEARNING_RATE, FIRST_LAYER = 0.2, 0.3, 1e-4, 0.02
BATCH = 32
SNR_MADE = 50.0
"""Signal to noise assigned to generated spectra, which have no errors of their own."""


@dataclass(frozen=True)
class Gan:
    """The two networks.

    Attributes
    ----------
    generator : keras.Model
        Maps normal deviates, (any, 900), to spectra between -1 and 1, (any, m).
    discriminator : keras.Model
        Maps spectra, (any, m), to the probability of being real, (any, 1).
    """

    generator: Any
    discriminator: Any


def build(pixels: int, seed: int) -> Gan:
    """Build both networks, untrained, for spectra with this many pixels."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 100))

    def dense(units: int, *, first: bool = False, **how: Any) -> Any:
        weights = keras.initializers.RandomNormal(0, FIRST_LAYER, next(seeds)) if first else None
        return layers.Dense(units, kernel_initializer=weights or keras.initializers.GlorotUniform(next(seeds)), **how)

    generator: list[Any] = [keras.Input((NOISE,)), dense(GENERATOR[0], first=True), layers.LeakyReLU(LEAK)]
    for units in GENERATOR[1:]:
        generator += [dense(units), layers.BatchNormalization(), layers.LeakyReLU(LEAK)]
    discriminator: list[Any] = [keras.Input((pixels,))]
    for number, units in enumerate(DISCRIMINATOR):
        discriminator += [dense(units, first=number == 0), layers.LeakyReLU(LEAK)]
        discriminator += [layers.Dropout(DROPOUT, seed=next(seeds))]
    return Gan(
        keras.Sequential([*generator, dense(pixels, activation="tanh")], name="generator"),
        keras.Sequential([*discriminator, dense(1, activation="sigmoid")], name="discriminator"),
    )


def train(gan: Gan, spectra: F4, steps: int, seed: int) -> dict[str, list[float]]:
    """Train both networks in place, alternating, with one batch each.

    Parameters
    ----------
    gan
        See `build`.
    spectra
        Real spectra, (object, m), between -1 and 1.
    steps, seed
        Number of alternations, and seed of their batches.

    Returns
    -------
    dict
        `discriminator` and `generator`: the loss of each step.
    """
    import keras

    random = np.random.default_rng([seed, 2])
    entry = keras.Input((NOISE,))
    both = keras.Model(entry, gan.discriminator(gan.generator(entry)))
    for model in (gan.discriminator, both):
        model.compile(keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
    answer = np.repeat(np.array([[1.0], [0.0]], np.float32), BATCH, axis=0)
    losses: dict[str, list[float]] = {"discriminator": [], "generator": []}
    for _ in range(steps):
        real = spectra[random.integers(0, len(spectra), BATCH)]
        made = np.asarray(gan.generator.predict_on_batch(_deviates(random, BATCH)))
        # A model's training function is compiled at its first call, for the parts that are trainable at that time.
        gan.discriminator.trainable = True
        losses["discriminator"].append(float(gan.discriminator.train_on_batch(np.concatenate([real, made]), answer)))
        gan.discriminator.trainable = False
        losses["generator"].append(float(both.train_on_batch(_deviates(random, BATCH), answer[:BATCH])))
    return losses


def _deviates(random: np.random.Generator, count: int) -> F4:
    return random.normal(size=(count, NOISE)).astype(np.float32)


def make(gan: Gan, count: int, seed: int) -> F4:
    """Generate spectra between -1 and 1, (count, m)."""
    deviates = _deviates(np.random.default_rng([seed, 3]), -(-count // BATCH) * BATCH)
    parts = [np.asarray(gan.generator.predict_on_batch(part)) for part in np.split(deviates, len(deviates) // BATCH)]
    return np.concatenate(parts)[:count]


def made_spectra(block: Variables, count: int, steps: int, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Train a network on a block's spectra, and generate spectra like them.

    Parameters
    ----------
    block
        `flux`, `ivar` and `mask` of real spectra, (object, m).
    count, steps, seed
        Number of spectra to generate, number of training steps, and seed.

    Returns
    -------
    dict
        `flux`, `ivar` float32 and `mask` int32, (count, m). Flux is from 0 to 1; its error is a fiftieth of its median,
        or of 0.1 if the median is lower.
    """
    gan = build(block["flux"].shape[1], seed)
    train(gan, scaled(block), steps, seed)
    flux = (make(gan, count, seed) + 1) / 2
    error = np.maximum(np.median(flux, axis=1, keepdims=True), 0.1) / SNR_MADE
    ivar = np.broadcast_to(error**-2.0, flux.shape)
    return {"flux": flux.astype(np.float32), "ivar": ivar.astype(np.float32), "mask": np.zeros(flux.shape, np.int32)}


def scaled(block: Variables) -> F4:
    """Scale spectra so that their 0.1 percentile is -1 and their 99.9 percentile is 1; bridge bad pixels."""
    flux = bridge(good_flux(block["flux"], block["ivar"], block["mask"]).astype(np.float32))
    low, high = row_percentiles(flux.astype(np.float64), 0.1, 99.9)
    size = np.where(high > low, high - low, 1.0)
    return np.nan_to_num(np.clip(2 * (flux - low) / size - 1, -1, 1)).astype(np.float32)
