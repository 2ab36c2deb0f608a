import os
import subprocess
import sys

import numpy as np
import pytest

from survey_batch.models import gan
from tests.models.conftest import make_block

PIXELS = 40


def two_shapes(count: int) -> np.ndarray:
    """Rising and falling lines with a little noise, between -1 and 1."""
    random = np.random.default_rng(1)
    line = np.linspace(-0.8, 0.8, PIXELS)
    sign = np.where(np.arange(count) % 2, 1.0, -1.0)[:, None]
    return (sign * line + 0.05 * random.normal(size=(count, PIXELS))).astype(np.float32)


def test_the_networks_have_the_published_sizes():
    networks = gan.build(PIXELS, seed=1)
    others = 3500 - PIXELS  # points of the published spectra beyond these, each with weights of the outermost layers
    assert networks.generator.count_params() + 1025 * others == pytest.approx(4.48e6, rel=0.01)
    assert networks.discriminator.count_params() + 1024 * others == pytest.approx(4.24e6, rel=0.01)


@pytest.mark.slow
def test_both_networks_learn_in_turns():
    networks = gan.build(PIXELS, seed=1)
    before = [model.get_weights() for model in (networks.generator, networks.discriminator)]
    losses = gan.train(networks, two_shapes(64), steps=3, seed=1)
    after = [model.get_weights() for model in (networks.generator, networks.discriminator)]
    for old, new in zip(before, after, strict=True):
        assert any(not np.array_equal(one, other) for one, other in zip(old, new, strict=True))
    assert len(losses["generator"]) == len(losses["discriminator"]) == 3


@pytest.mark.slow
def test_the_generator_s_turn_leaves_the_discriminator_alone(monkeypatch):
    networks = gan.build(PIXELS, seed=1)
    monkeypatch.setattr(networks.discriminator, "train_on_batch", lambda *_: 0.0)
    before = networks.discriminator.get_weights()
    gan.train(networks, two_shapes(64), steps=2, seed=1)
    for old, new in zip(before, networks.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_made_spectra_become_like_the_real_ones():
    real = two_shapes(64)
    networks = gan.build(PIXELS, seed=1)

    def distance() -> float:
        made = gan.make(networks, 32, seed=2)
        return float(np.mean(np.min(np.mean((made[:, None] - real) ** 2, axis=2), axis=1)))

    untrained = distance()
    gan.train(networks, real, steps=75, seed=0)
    assert distance() < 0.7 * untrained


@pytest.mark.slow
def test_made_spectra_are_a_block(labels):
    block = make_block(labels, 1)
    block["mask"][:, 10:20], block["flux"][:, 30] = 1, np.nan
    made = gan.made_spectra(block, count=5, steps=2, seed=1)
    assert made["flux"].shape == made["ivar"].shape == made["mask"].shape == (5, block["flux"].shape[1])
    assert np.all((made["flux"] >= 0) & (made["flux"] <= 1))
    assert np.all(made["ivar"] > 0)
    assert not made["mask"].any()


def test_scaling_takes_no_notice_of_bad_pixels(labels):
    block = make_block(labels, 1)
    spoilt = {name: values.copy() for name, values in block.items()}
    spoilt["flux"][:, 100], spoilt["mask"][:, 100] = 1e9, 1
    difference = np.abs(gan.scaled(spoilt) - gan.scaled(block))
    assert np.max(np.delete(difference, 100, axis=1)) < 0.05


@pytest.mark.slow
def test_training_runs_on_jax_as_well():
    pytest.importorskip("jax")
    code = (
        "import numpy as np, keras; from survey_batch.models import gan; "
        "gan.GENERATOR, gan.DISCRIMINATOR = (8,), (8,); "
        "networks = gan.build(20, 1); w = networks.generator.get_weights()[0].copy(); "
        "gan.train(networks, np.zeros((8, 20), np.float32), 2, 1); "
        "assert not np.array_equal(w, networks.generator.get_weights()[0]); print(keras.backend.backend())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "jax", done.stderr
