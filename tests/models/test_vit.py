"""Random transformers in the layout of Hugging Face: a tiny one, and one of the size of ViT-Base/16."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import load_classifier
from survey_batch.models.vit import PREFIX, ViT, fine_tuned, read_backbone
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.stars import as_labelled, labels_of

pytestmark = pytest.mark.slow

LABELS = labels_of(12)
CHANNELS = np.array(["red", "green", "blue"])
PATCH, SIDE = 16, 32
CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "patch_size": PATCH,
    "num_channels": 3,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "layer_norm_eps": 1e-12,
    "qkv_bias": True,
    "id2label": {str(number): f"class {number}" for number in range(3)},
    "label2id": {f"class {number}": number for number in range(3)},
}

REFERENCE = """
import sys
import numpy as np, torch, transformers
checkpoint, images, answers = sys.argv[1:]
model = transformers.ViTForImageClassification.from_pretrained(checkpoint).eval()
pixels = torch.tensor((np.load(images) / 255 - 0.5) / 0.5, dtype=torch.float32).permute(0, 3, 1, 2)
with torch.no_grad():
    np.save(answers, torch.softmax(model(pixels).logits, dim=-1).numpy())
"""
"""A process of its own: torch and TensorFlow in one crash."""
TORCH_PYTHON = os.environ.get("SURVEY_BATCH_TORCH_PYTHON", sys.executable)
"""An interpreter that has torch and transformers."""


@dataclass(frozen=True)
class Size:
    """Of a transformer."""

    width: int
    blocks: int
    heads: int
    inner: int
    side: int

    @property
    def config(self):
        sizes = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "image_size")
        return CONFIG | dict(zip(sizes, (self.width, self.blocks, self.heads, self.inner, self.side), strict=True))


TINY = Size(32, 2, 4, 64, SIDE)
BASE = Size(768, 12, 12, 3072, 224)


def random_tensors(size: Size = TINY) -> dict[str, np.ndarray]:
    """Weights by the names that transformers gives them."""
    tokens, width = (size.side // PATCH) ** 2 + 1, size.width
    shapes = {
        "vit.embeddings.cls_token": (1, 1, width),
        "vit.embeddings.position_embeddings": (1, tokens, width),
        "vit.embeddings.patch_embeddings.projection.weight": (width, 3, PATCH, PATCH),
        "vit.embeddings.patch_embeddings.projection.bias": (width,),
        "vit.layernorm.weight": (width,),
        "vit.layernorm.bias": (width,),
        "classifier.weight": (3, width),
        "classifier.bias": (3,),
    }
    for block in range(size.blocks):
        here = f"vit.encoder.layer.{block}"
        sizes = {"intermediate.dense": (size.inner, width), "output.dense": (width, size.inner)}
        square = [*(f"attention.attention.{part}" for part in ("query", "key", "value")), "attention.output.dense"]
        for name, shape in {**sizes, **dict.fromkeys(square, (width, width))}.items():
            shapes |= {f"{here}.{name}.weight": shape, f"{here}.{name}.bias": shape[:1]}
        for name in ("layernorm_before", "layernorm_after"):
            shapes |= {f"{here}.{name}.weight": (width,), f"{here}.{name}.bias": (width,)}
    random, scale = np.random.default_rng(1), 0.1 * np.sqrt(TINY.width / width)
    drawn = {name: scale * random.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    return {name: values + ("layernorm" in name and name.endswith("weight")) for name, values in drawn.items()}


def write_checkpoint(folder, tensors=None, size=TINY, **changes) -> str:
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**size.config, **changes}), encoding="utf-8")
    save_file(tensors or random_tensors(size), folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def images_of(rows: int, seed: int = 1, shape: tuple[int, ...] = (SIDE, SIDE, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, *shape), np.uint8)


def small(variant):
    data = as_labelled({"image": images_of(len(LABELS), shape=(20, 20, 3))}, LABELS, channel=CHANNELS)
    with TemporaryDirectory() as folder:
        checkpoint = write_checkpoint(Path(folder))
        section = ImageTraining(classifier="-", variant=variant, checkpoint=checkpoint, epochs=1, batch=12, patience=0)
        return ViT.fit(data, section), {"image": images_of(6, 2, (20, 20, 3))}


@pytest.fixture(scope="module")
def hub():
    pytest.importorskip("safetensors")
    return pytest.importorskip("keras_hub", exc_type=ImportError)


@pytest.fixture(scope="module")
def checkpoint(hub, tmp_path_factory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def labelled():
    return as_labelled({"image": images_of(len(LABELS), shape=(20, 20, 3))}, LABELS, channel=CHANNELS)


@pytest.fixture(scope="module")
def stepped(checkpoint, labelled):
    """One step of fine-tuning."""
    section = ImageTraining(classifier="-", variant="vit", checkpoint=checkpoint, epochs=1, batch=12, patience=0)
    return ViT.fit(labelled, section)


def by_transformers(checkpoint, images, folder) -> np.ndarray:
    """Probabilities by the reference implementation, where there is one."""
    np.save(folder / "images.npy", images)
    command = [TORCH_PYTHON, "-c", REFERENCE, checkpoint, folder / "images.npy", folder / "answers.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"needs torch and transformers: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return np.load(folder / "answers.npy")


@pytest.mark.parametrize("size", [TINY, BASE], ids=["tiny", "ViT-Base/16"])
def test_probabilities_are_those_of_transformers(hub, size, tmp_path):
    tensors = random_tensors(size)
    checkpoint = write_checkpoint(tmp_path / "checkpoint", tensors, size)
    images = images_of(3, shape=(size.side, size.side, 3))
    wanted = by_transformers(checkpoint, images, tmp_path)
    model = fine_tuned(read_backbone(checkpoint), (size.side, size.side, 3), 3, 1)
    model.get_layer("head").set_weights([tensors["classifier.weight"].T, tensors["classifier.bias"]])
    np.testing.assert_allclose(np.asarray(model.predict_on_batch(images)), wanted, atol=1e-4)
    assert wanted.std(axis=0).max() > 1e-3, "images that all look alike would prove nothing"


def test_vit_base_16_takes_one_step_of_fine_tuning(hub, tmp_path):
    checkpoint = write_checkpoint(tmp_path, size=BASE)
    labels = labels_of(4)
    data = as_labelled({"image": images_of(len(labels), shape=(224, 224, 3))}, labels, channel=CHANNELS)
    section = ImageTraining(classifier="-", variant="vit", checkpoint=checkpoint, epochs=1, batch=4, patience=0)
    before, stepped = read_backbone(checkpoint).get_weights(), ViT.fit(data.take(slice(4)), section)
    assert sum(values.size for values in before) > 85_000_000
    moved = [not np.array_equal(a, b) for a, b in zip(before, stepped.model.get_weights(), strict=False)]
    assert np.mean(moved) > 0.9
    assert np.isfinite(stepped.history["loss"][0])


def test_a_bare_transformer_is_read_as_that_of_a_classifier(checkpoint, tmp_path):
    bare = {name.removeprefix(PREFIX): values for name, values in random_tensors().items() if PREFIX in name}
    images = images_of(2) / 127.5 - 1
    found = read_backbone(write_checkpoint(tmp_path, bare, architectures=["ViTModel"]))(images)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(read_backbone(checkpoint)(images)))


def test_one_step_changes_transformer_and_head(checkpoint, stepped):
    before, after = read_backbone(checkpoint).get_weights(), stepped.model.get_weights()
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=False)]
    assert np.mean(moved) > 0.9
    largest = max(np.abs(a - b).max() for a, b in zip(before, after, strict=False))
    assert largest == pytest.approx(1e-5, rel=0.05), "the first step of Adam is as long as its rate"
    assert np.isfinite(stepped.history["loss"][0])


def test_a_fine_tuned_classifier_is_saved_and_answers_as_before(stepped, tmp_path):
    stepped.save(tmp_path)
    block = {"image": images_of(5, 3, (20, 20, 3))}
    again = load_classifier(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(block, batch=4), stepped.predict_proba(block, batch=4))
    assert again.recipe.shape == (20, 20, 3)


@pytest.mark.bits
def test_rows_answer_for_themselves(stepped):
    assert_rows_answer_for_themselves(stepped, {"image": images_of(5, 4, (20, 20, 3))}, [1, 3], batch=4)


def test_a_seed_gives_one_head(hub, checkpoint):
    first, same, other = (
        fine_tuned(read_backbone(checkpoint), (SIDE, SIDE, 3), 3, seed).get_layer("head").get_weights()[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "holds no readable config.json"),
        (lambda folder: (folder / "config.json").write_text("{", encoding="utf-8"), "holds no readable config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "lacks model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 64), "cannot be read"),
        (lambda folder: write_checkpoint(folder, model_type="deit"), "of type 'deit'"),
        (lambda folder: write_checkpoint(folder, {"vit.embeddings.cls_token": np.zeros(3)}), "cannot be read"),
    ],
    ids=["no config", "no JSON", "no weights", "no tensors", "another model", "other tensors"],
)
def test_a_folder_that_is_no_such_checkpoint_is_refused(hub, tmp_path, spoil, said):
    write_checkpoint(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        read_backbone(str(tmp_path))


def test_without_keras_hub_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ConfigurationError, match='needs the extra "vit"'):
        read_backbone(str(tmp_path))
