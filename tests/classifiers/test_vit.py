"""A tiny random transformer in the layout of Hugging Face stands for ViT-Base/16."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from survey_batch.classifiers.base import load_classifier
from survey_batch.classifiers.vit import PREFIX, ViT, fine_tuned, read_backbone
from survey_batch.errors import ConfigurationError
from survey_batch.sections.train_images import ImageTraining
from tests.classifiers.stars import as_labelled, labels_of

LABELS = labels_of(12)
CHANNELS = np.array(["red", "green", "blue"])
WIDTH, BLOCKS, PATCH, SIDE = 32, 2, 16, 32
CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_size": WIDTH,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "intermediate_size": 2 * WIDTH,
    "image_size": SIDE,
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


def random_tensors() -> dict[str, np.ndarray]:
    """Weights by the names that transformers gives them."""
    tokens = (SIDE // PATCH) ** 2 + 1
    shapes = {
        "vit.embeddings.cls_token": (1, 1, WIDTH),
        "vit.embeddings.position_embeddings": (1, tokens, WIDTH),
        "vit.embeddings.patch_embeddings.projection.weight": (WIDTH, 3, PATCH, PATCH),
        "vit.embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "vit.layernorm.weight": (WIDTH,),
        "vit.layernorm.bias": (WIDTH,),
        "classifier.weight": (3, WIDTH),
        "classifier.bias": (3,),
    }
    for block in range(BLOCKS):
        here = f"vit.encoder.layer.{block}"
        sizes = {"intermediate.dense": (2 * WIDTH, WIDTH), "output.dense": (WIDTH, 2 * WIDTH)}
        square = [*(f"attention.attention.{part}" for part in ("query", "key", "value")), "attention.output.dense"]
        for name, size in {**sizes, **dict.fromkeys(square, (WIDTH, WIDTH))}.items():
            shapes |= {f"{here}.{name}.weight": size, f"{here}.{name}.bias": size[:1]}
        for name in ("layernorm_before", "layernorm_after"):
            shapes |= {f"{here}.{name}.weight": (WIDTH,), f"{here}.{name}.bias": (WIDTH,)}
    random = np.random.default_rng(1)
    return {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


def write_checkpoint(folder, tensors=None, **changes) -> str:
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}), encoding="utf-8")
    save_file(tensors or random_tensors(), folder / "model.safetensors", metadata={"format": "pt"})
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


def test_probabilities_are_those_of_transformers(checkpoint):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    images, tensors = images_of(6), random_tensors()
    reference = transformers.ViTForImageClassification.from_pretrained(checkpoint).eval()
    pixels = torch.tensor((images / 255 - 0.5) / 0.5, dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.no_grad():
        wanted = torch.softmax(reference(pixels).logits, dim=-1).numpy()
    model = fine_tuned(read_backbone(checkpoint), (SIDE, SIDE, 3), 3, 1)
    model.get_layer("head").set_weights([tensors["classifier.weight"].T, tensors["classifier.bias"]])
    np.testing.assert_allclose(np.asarray(model.predict_on_batch(images)), wanted, atol=1e-4)
    assert wanted.std(axis=0).max() > 1e-3, "images that all look alike would prove nothing"


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


def test_one_object_alone_gets_the_answer_it_gets_in_a_batch(stepped):
    images = images_of(5, 4, (20, 20, 3))
    together = stepped.predict_proba({"image": images}, batch=4)
    np.testing.assert_array_equal(stepped.predict_proba({"image": images[3:4]}, batch=4)[0], together[3])


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
