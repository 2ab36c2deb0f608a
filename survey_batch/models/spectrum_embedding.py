"""A spectrum in a few numbers, learnt without labels: an autoencoder along wavelength.

Noisy spectra with gaps go in, a few numbers come out of the first half of the network (the encoder), and the second
half (the decoder) has to restore the whole spectrum from these. So they must hold what spectra have in common, and no
noise. Only the encoder is needed to describe further spectra.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.core.arrays import F4
from survey_batch.models.binned_spectra import BinnedSpectra
from survey_batch.models.examples import Examples, Training
from survey_batch.models.fitted import Arrays, Extra, valid_part
from survey_batch.models.galaxy_quasar_star import (
    BIN_PIXELS,
)
from survey_batch.models.keras_family import KerasClassifier, prepare_for_use
from survey_batch.models.keras_file import write_network
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest
from survey_batch.models.spectrum_inputs import flux_and_error, noisier

DECODER = "decoder.keras"

ERROR_FLOOR = 0.1
"""Added in quadrature to each bin's error, in units of the spectrum's level: bright spectra do not decide alone."""
FILTERS = ((16, 15, 4), (24, 7, 2), (32, 5, 2))
"""Number, width and step of each layer's filters."""
WIDE = 128
"""Units of the dense layers."""
COARSE = 4
"""Bins averaged for the direct path from spectrum to code."""
NEAR_ZERO = 0.01
"""Scale of the layers' first answers beside the linear parts."""
MOST_SPECTRA = 3000
"""Most spectra of which components are taken."""
STRETCH = 16
"""Bins of a stretch that is hidden in training."""


class SpectrumEmbedding(BinnedSpectra, KerasClassifier[EmbeddingTraining]):
    """The encoder of a denoising autoencoder on flux and error, binned on the log grid.

    Its numbers have mean 0 and standard deviation 1 over the training spectra. A spectrum with less than
    `least_good_share` (0.3) of good pixels gets none: they are NaN.
    """

    kind: ClassVar[str] = "spectrum-embedding"
    variant: ClassVar[str] = "autoencoder"
    why_not: ClassVar[str] = "too few good pixels to be described"
    needs_labels: ClassVar[bool] = False

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest, arrays, model)
        self.decoder: Any = None
        """The second half, or the file that holds it: it is read when it is first used, which prediction never does."""

    @classmethod
    @override
    def prepare_fit(
        cls, data: Labelled, section: EmbeddingTraining, classes: tuple[str, ...] | None, seed: int
    ) -> tuple[Self, Labelled]:
        """Make the draft; labels do not matter."""
        recipe = cls.recipe_of(data, section)
        about = Manifest(
            kind=cls.kind, variant=cls.variant, outputs="embedding", dimensions=section.dimensions, recipe=recipe,
            seed=seed,
        )  # fmt: skip
        return cls(about), valid_part(cls, data, recipe)

    @override
    @override
    def examples(
        self,
        data: Labelled,
        section: EmbeddingTraining,
        how: Training,
        file: Path | None,
        extra: Extra | None = None,
    ) -> Examples:
        """Prepare rows; each is its own target."""
        return Spectra(self._prepared(data, file, None, len(data)), augment=how.augment)

    @override
    def training(self, section: EmbeddingTraining) -> Training:
        """Show noisier spectra with gaps; what they are compared with stays whole."""

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            seen = noisier(values[..., :2], section.snr, BIN_PIXELS, random)
            kept = shown_bins(seen.shape[:2], section.hidden, random)
            return np.concatenate([seen * kept[..., None], values[..., 2:]], axis=-1).astype(np.float32), targets

        def build(sample: npt.NDArray[Any]) -> tuple[Any, Any]:
            encoder, self.decoder = networks(sample, section.dimensions, self.manifest.seed)
            return joined(encoder, self.decoder), encoder

        return Training(build, augment=changed, decay="cosine", loss="mse")

    @override
    def with_model(self, model: Any) -> Self:
        """Give the decoder on."""
        trained = super().with_model(model)
        trained.decoder = self.decoder
        return trained

    @override
    def write_parts(self, folder: Path) -> list[str]:
        """Write the encoder, and the decoder beside it."""
        write_network(self._decoder(), folder / DECODER)
        return [*super().write_parts(folder), DECODER]

    @classmethod
    @override
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the encoder; the decoder is read when it is first used."""
        classifier = super().read_parts(folder, manifest)
        classifier.decoder = folder / DECODER
        return classifier

    def restored(self, code: F4) -> F4:
        """Restore spectra from their numbers, (object, dimension): flux over the level, less 1, (object, bin)."""
        return np.asarray(self._decoder().predict_on_batch(code))

    def _decoder(self) -> Any:
        if isinstance(self.decoder, Path):
            self.decoder = self.read_model(self.decoder)
            prepare_for_use(self.decoder)
        return self.decoder


@dataclass(frozen=True)
class Spectra(Examples):
    """Spectra that are their own targets.

    Targets are made batch by batch, as they would need as much memory again. The third channel of the inputs is the
    weight of each bin: output and target are multiplied by it, so that the plain mean square weighs bins by ivar.
    """

    targets: F4 = field(default_factory=lambda: np.zeros(0, np.float32))

    @override
    def batch(self, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[Any], F4, F4]:
        """Read the inputs, (row, bin, 3), and the targets, (row, bin)."""
        channels = np.asarray(self.inputs[rows])
        flux, weight = weighted(channels)
        values = np.concatenate([channels, weight[..., None]], axis=-1)
        return values, flux * weight, np.ones(len(rows), np.float32)


def weighted(channels: F4) -> tuple[F4, F4]:
    """Find flux and weight of each bin from the channels of `flux_channels`.

    Parameters
    ----------
    channels
        (object, bin, 2).

    Returns
    -------
    flux : (object, bin) float32
        Over the spectrum's level, less 1; 0 where there is no measurement.
    weight : (object, bin) float32
        `ERROR_FLOOR` / (the error and `ERROR_FLOOR` in quadrature): its square is ivar but for the floor, and 1 at
        most; 0 where there is no measurement.
    """
    flux, error = flux_and_error(channels)
    known = np.isfinite(flux)
    weight = ERROR_FLOOR / np.hypot(ERROR_FLOOR, np.where(known, error, np.inf))
    return np.where(known, flux - 1, 0).astype(np.float32), weight.astype(np.float32)


def shown_bins(shape: tuple[int, int], hidden: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose the bins that the network sees, (object, bin): all but a share of the stretches, up to `hidden`."""
    rows, bins = shape
    share = hidden * random.random((rows, 1))
    kept = random.random((rows, -(-bins // STRETCH))) >= share
    return np.repeat(kept, STRETCH, axis=1)[:, :bins]


def networks(sample: npt.NDArray[Any], dimensions: int, seed: int) -> tuple[Any, Any]:
    """Build the encoder, (object, bin, 2) to (object, dimension), and the decoder, to (object, bin).

    Each is the sum of a linear part, which begins as the principal components of the training spectra, and of layers,
    which begin near zero. So a few hundred spectra are enough to be no worse than components, and many make it better.

    Parameters
    ----------
    sample
        Prepared training rows (object, bin, 2), more than there are dimensions.
    dimensions, seed
        Length of the code, and seed of the weights.
    """
    import keras
    from keras import layers

    bins = sample.shape[1]
    projection, lines, offset = components(sample, dimensions)
    seeds = iter(range(seed, seed + 20))

    def weights(scale: float = 1.0) -> Any:
        return keras.initializers.VarianceScaling(scale, "fan_avg", "uniform", seed=next(seeds))

    entry = keras.Input((bins, 2), name="channels")
    x = entry
    for filters, width, stride in FILTERS:
        x = layers.Conv1D(filters, width, stride, "same", use_bias=False, kernel_initializer=weights())(x)
        x = layers.Activation("gelu")(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(WIDE, activation="gelu", kernel_initializer=weights())(layers.Flatten()(x))
    x = layers.Dense(dimensions, use_bias=False, kernel_initializer=weights(NEAR_ZERO))(x)
    linear = layers.Dense(dimensions, use_bias=False)
    code = layers.Add()([x, linear(layers.Flatten()(layers.AveragePooling1D(COARSE)(entry)))])
    # Without scale and shift of its own it gives every dimension mean 0 and deviation 1: distances need no scaling.
    code = layers.BatchNormalization(center=False, scale=False, momentum=0.9, name="embedding")(code)
    linear.set_weights([projection])

    given = keras.Input((dimensions,), name="code")
    x = layers.Dense(WIDE, activation="gelu", kernel_initializer=weights())(given)
    x = layers.Dense(bins, use_bias=False, kernel_initializer=weights(NEAR_ZERO))(x)
    back = layers.Dense(bins)
    spectrum = layers.Add(name="spectrum")([x, back(given)])
    back.set_weights([lines, offset])
    return keras.Model(entry, code), keras.Model(given, spectrum)


def components(sample: npt.NDArray[Any], count: int) -> tuple[F4, F4, F4]:
    """Find the principal components of spectra, as weights of the linear parts.

    Parameters
    ----------
    sample
        Channels (object, bin, 2); of many, some that are evenly spaced are used.
    count
        Number of components.

    Returns
    -------
    projection : (coarse bin and channel, component) float32
        Turns averages of `COARSE` bins, less their mean, into scores, each with deviation 1.
    lines : (component, bin) float32, offset : (bin,) float32
        Turn scores into flux.
    """
    rows = np.unique(np.linspace(0, len(sample) - 1, MOST_SPECTRA).astype(np.intp))
    channels = np.asarray(sample[rows])
    coarse = channels.shape[1] // COARSE
    averages = channels[:, : coarse * COARSE].reshape(len(rows), coarse, COARSE, 2).mean(axis=2).reshape(len(rows), -1)
    mean = averages.mean(axis=0)
    _, length, axes = np.linalg.svd(averages - mean, full_matrices=False)
    length = np.maximum(length[:count], 1e-6 * length[0]) / np.sqrt(len(rows))
    projection = axes[:count].T / length
    scores = np.concatenate([(averages - mean) @ projection, np.ones((len(rows), 1))], axis=1)
    fitted = np.linalg.lstsq(scores, weighted(channels)[0], rcond=None)[0]
    return projection.astype(np.float32), fitted[:-1].astype(np.float32), fitted[-1].astype(np.float32)


def joined(encoder: Any, decoder: Any) -> Any:
    """Join both to the network that is trained: (object, bin, 3) to restored spectra times their weights."""
    import keras
    from keras import layers

    entry = keras.Input((decoder.output_shape[-1], 3), name="weighted")
    weight = layers.Flatten()(entry[..., 2:])
    return keras.Model(entry, layers.Multiply()([decoder(encoder(entry[..., :2])), weight]))
