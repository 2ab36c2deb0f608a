"""A vision transformer pretrained on other images and fine-tuned on composites: the published system.

After A. Farrag (master's thesis, Radboud University, 2024) and, with the same checkpoint, Yang & Li (2024, Universe 10,
214): google/vit-base-patch16-224-in21k with a new linear head. Needs the extra `vit` (keras-hub, safetensors).
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from typing_extensions import override

from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Inputs
from survey_batch.models.examples import Training
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.models.stellar_image import ImageClassifier

CONFIG, TENSORS = "config.json", "model.safetensors"
PREFIX = "vit."
"""Prefix of tensor names in a classifier's checkpoint; the names of a bare `ViTModel` lack it."""
HEAD_SCATTER = 0.02
"""Standard deviation of a new head's weights, as in transformers."""
GREYS_PER_UNIT = 127.5
"""Scales grey levels to -1 to 1, as mean and standard deviation 0.5 of values 0 to 1 do (`ViTImageProcessor`)."""


class ViT(ImageClassifier):
    """A checkpoint's transformer with a new linear head on the class token.

    The network resizes images to the checkpoint's size (bilinear; composites with `size = 224` stay as they are, and a
    pair is squashed to a square, as published). Fine-tuning is as published: AdamW without weight decay, that is Adam,
    at 1e-5 falling linearly to zero, batches of 32, up to 50 epochs, no augmentation and no class weights. It differs
    in two ways: the loss on held-out objects decides when to stop, not their accuracy, and it uses single precision.
    """

    variant: ClassVar[str] = "vit"

    @classmethod
    def recipe_of(cls, data: Labelled, section: ImageTraining) -> Recipe:
        """Make the recipe: that of other image networks, and the checkpoint's name."""
        recipe = super().recipe_of(data, section)
        return recipe.model_copy(update={"steps": {**recipe.steps, "checkpoint": Path(str(section.checkpoint)).name}})

    def prepare(self, block: dict[str, Any]) -> Inputs:  # type: ignore[override]
        """Return the images as they are, (object, y, x, channel) uint8."""
        images: Inputs = block[self.recipe.variables[0]]
        return images

    @override
    def training(self, section: ImageTraining) -> Training:
        """Give the checkpoint's transformer a new head; no augmentation, and the rate falls linearly to zero."""

        def build(sample: Inputs) -> Any:
            backbone = read_backbone(str(section.checkpoint))
            return fine_tuned(backbone, sample.shape[1:], len(self.classes), self.manifest.seed)

        return Training(build, decay="linear")

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the network; imports keras-hub first, which defines its layers."""
        _keras_hub()
        return super().read_parts(folder, manifest)


def fine_tuned(backbone: Any, shape: tuple[int, ...], classes: int, seed: int) -> Any:
    """Put a new linear head on a transformer.

    Parameters
    ----------
    backbone : keras_hub.models.ViTBackbone
        Takes images (y, x, 3) from -1 to 1; returns tokens, the class token first.
    shape
        Rows, columns and channels of 8-bit images, which are resized to the backbone's size.
    classes
        Number of classes.
    seed
        Seed of the head's weights.

    Returns
    -------
    keras.Model
        Probabilities (object, class).
    """
    import keras
    from keras import layers

    height, width = backbone.image_shape[:2]
    entry = keras.Input(shape, name="image")
    x = layers.Rescaling(1 / GREYS_PER_UNIT, offset=-1.0)(entry)
    if shape[:2] != (height, width):
        x = layers.Resizing(height, width)(x)
    tokens = backbone(x)
    first = layers.Flatten()(layers.Cropping1D((0, tokens.shape[1] - 1))(tokens))
    start = keras.initializers.RandomNormal(stddev=HEAD_SCATTER, seed=seed)
    return keras.Model(entry, layers.Dense(classes, "softmax", kernel_initializer=start, name="head")(first))


def read_backbone(folder: str) -> Any:
    """Read a checkpoint's transformer.

    Parameters
    ----------
    folder
        Holds `config.json` of a transformers `ViTModel` or `ViTForImageClassification`, and `model.safetensors`.

    Returns
    -------
    keras_hub.models.ViTBackbone

    Raises
    ------
    ConfigurationError
        The folder holds no such checkpoint, or the extra `vit` is not installed.
    """
    hub, config = _keras_hub(), _read_config(Path(folder))
    if not (Path(folder) / TENSORS).is_file():
        raise ConfigurationError(f"train.checkpoint: {folder} lacks {TENSORS}; convert or copy the checkpoint again")
    try:
        with _with_prefix(Path(folder)) as preset:
            return hub.models.ViTBackbone.from_preset(str(preset), layer_norm_epsilon=config["layer_norm_eps"])
    except Exception as error:  # keras-hub and safetensors have no error of their own for a bad file
        raise ConfigurationError(
            f"train.checkpoint: {folder} cannot be read as a vision transformer ({error}); copy the whole folder of "
            "the checkpoint again"
        ) from error


def _keras_hub() -> Any:
    try:
        import keras_hub
        import safetensors  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f'variant "vit" needs the extra "vit" ({error}): install survey-batch[vit] as docs/how-to/install.md says'
        ) from error
    return keras_hub


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"train.checkpoint: {folder} holds no readable {CONFIG} ({error}); name a folder in the layout of Hugging "
            f"Face, with {CONFIG} and {TENSORS}"
        ) from error
    if config.get("model_type") != "vit":
        raise ConfigurationError(
            f'train.checkpoint: {folder} holds a model of type {config.get("model_type")!r}, not "vit"'
        )
    return config


@contextmanager
def _with_prefix(folder: Path) -> Iterator[Path]:
    """Yield the folder, or a copy with a classifier's tensor names, the only ones that keras-hub knows."""
    import safetensors.numpy

    tensors = safetensors.numpy.load_file(folder / TENSORS)
    if any(name.startswith(PREFIX) for name in tensors):
        yield folder
        return
    tensors = {PREFIX + name: values for name, values in tensors.items()}
    with tempfile.TemporaryDirectory(prefix="survey-batch-checkpoint-") as scratch:
        safetensors.numpy.save_file(tensors, Path(scratch) / TENSORS)
        (Path(scratch) / CONFIG).write_bytes((folder / CONFIG).read_bytes())
        yield Path(scratch)
