"""Networks for images that train on one core in minutes: a small CNN and a small vision transformer.

Only Keras' own layers are used, so the models can be saved and loaded in safe mode and run on every backend. Keras is
imported inside functions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4

SMALLEST_SIDE = 8
"""Pixels on a side at which convolutions stop halving an image, and patches on a side of the transformer."""
FILTERS = (16, 24, 32)
SEEN, HIDDEN = 32, 128
"""Units after the convolutions, and after everything."""
WIDTH, HEADS, BLOCKS = 64, 4, 3
DROPOUT = 0.3

APERTURE = 15
"""Pixels on a side that hold nearly all of a star's light in the seeing of SDSS."""
APERTURES = (1.0, 1.6, 3.0)
"""Standard deviations of Gaussian apertures in pixels; the seeing of SDSS is 1.2 to 1.7."""
LEVELS, SHARPNESS = 9, 4.0
"""Number and sharpness of soft steps, from -2 to 2 standard deviations of each measurement, as in
`survey_batch.models.network`."""
SAMPLE_ROWS = 4096
"""Maximum number of training rows from which the scatter of measurements is computed."""


def small_cnn(sample: npt.NDArray[Any], classes: int, unit: float, seed: int) -> Any:
    """Build a convolutional network that also measures the object in the middle.

    Convolutions see asinh of the pixels, so that neither stars nor sky are lost. They halve the image until a side has
    8 pixels or fewer; the result is flattened, so positions are kept. Beside them, Gaussian apertures sum the light in
    the middle of each channel. The asinh of the sums and their differences between neighbouring channels, in units of
    their scatter over the sample, go through soft steps. A colour is a ratio of sums of light, which convolutions alone
    learn slowly.

    Parameters
    ----------
    sample
        Training rows (object, y, x, channel).
    classes
        Number of classes.
    unit
        Value of a pixel that becomes 1.
    seed
        Seed of weights and dropout; sets Keras' global seed.

    Returns
    -------
    keras.Model
        Probabilities (object, class).
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    entry = keras.Input(sample.shape[1:], name="image")
    light = layers.Rescaling(1 / unit)(entry)
    x = keras.ops.arcsinh(light)
    stage = 0
    while min(x.shape[1:3]) > SMALLEST_SIDE:
        filters = FILTERS[min(stage, len(FILTERS) - 1)]
        x = _convolve(_convolve(x, filters, 2), filters, 1)
        stage += 1
    seen = layers.Dropout(DROPOUT)(layers.Flatten()(_convolve(x, FILTERS[-1], 1)))
    measured = _soft_steps(entry, _measurements(light), sample)
    both = layers.Concatenate()([layers.Dense(SEEN, activation="relu")(seen), measured])
    hidden = layers.Dense(HIDDEN, activation="relu")(both)
    return keras.Model(entry, layers.Dense(classes, activation="softmax", name="probability")(hidden))


def small_vit(sample: npt.NDArray[Any], classes: int, unit: float, seed: int) -> Any:
    """Build a vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) of 8 x 8 patches and three blocks.

    Parameters and result are those of `small_cnn`. It sees asinh of the pixels and measures nothing. The mean of the
    patches represents the image; there is no class token.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    entry = keras.Input(sample.shape[1:], name="image")
    patch = tuple(max(1, side // SMALLEST_SIDE) for side in sample.shape[1:3])
    x = keras.ops.arcsinh(layers.Rescaling(1 / unit)(entry))
    x = layers.Reshape((-1, WIDTH))(layers.Conv2D(WIDTH, patch, strides=patch)(x))
    # The bias of each patch is its position embedding.
    x = layers.EinsumDense("btd,de->bte", (x.shape[1], WIDTH), bias_axes="te", bias_initializer="random_normal")(x)
    for _ in range(BLOCKS):
        seen = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(seen, seen)])
        seen = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.Dense(WIDTH)(layers.Dense(2 * WIDTH, activation="gelu")(seen))])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(entry, layers.Dense(classes, activation="softmax", name="probability")(x))


def _convolve(x: Any, filters: int, stride: int) -> Any:
    from keras import layers

    # No batch normalisation: its noise hides differences of colour.
    return layers.Conv2D(filters, 3, stride, "same", activation="relu", kernel_initializer="he_normal")(x)


def _measurements(light: Any) -> Any:
    """Compute asinh of the light in Gaussian apertures (channel x aperture), and differences between channels."""
    import keras
    from keras import layers

    rows, columns, channels = light.shape[1:]
    # Same parity as the image, because the object is in its middle: half a pixel off costs 0.07 mag of scatter.
    height, width = (min(APERTURE + (side - APERTURE) % 2, side) for side in (rows, columns))
    top, left = (rows - height) // 2, (columns - width) // 2
    middle = layers.Cropping2D(((top, rows - height - top), (left, columns - width - left)))(light)
    apertures = layers.DepthwiseConv2D(
        (height, width), depth_multiplier=len(APERTURES), use_bias=False, trainable=False
    )
    sums = keras.ops.arcsinh(layers.Reshape((channels, len(APERTURES)))(apertures(middle)))
    apertures.set_weights([_gaussians(height, width, channels)])
    colours = layers.Subtract()([layers.Cropping1D((1, 0))(sums), layers.Cropping1D((0, 1))(sums)])
    return layers.Flatten()(layers.Concatenate(axis=1)([sums, colours]))


def _gaussians(height: int, width: int, channels: int) -> F4:
    """Compute Gaussian weights around the middle, (y, x, channel, aperture)."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in (height, width))
    square = (y[:, None] ** 2 + x**2)[..., None, None]
    weights = np.exp(-square / (2 * np.square(APERTURES)))
    return np.repeat(weights, channels, axis=2).astype(np.float32)


def _soft_steps(entry: Any, measured: Any, sample: npt.NDArray[Any]) -> Any:
    """Standardise measurements by the sample, and pass each through soft steps."""
    import keras
    from keras import layers

    model = keras.Model(entry, measured)
    shown = sample[:: -(-len(sample) // SAMPLE_ROWS)]
    parts = [np.asarray(model(shown[start : start + 256])) for start in range(0, len(shown), 256)]
    values = np.concatenate(parts).astype(np.float64)
    mean, scatter = values.mean(axis=0), values.std(axis=0)
    standard = layers.Normalization(mean=mean, variance=np.where(scatter > 0, scatter, 1.0) ** 2)(measured)
    levels = SHARPNESS * np.linspace(-2, 2, LEVELS)
    steps = layers.Dense(
        LEVELS,
        activation="tanh",
        kernel_initializer=keras.initializers.Constant(SHARPNESS),
        bias_initializer=keras.initializers.Constant((-levels).tolist()),
    )(layers.Reshape((len(mean), 1))(standard))
    return layers.Flatten()(steps)
