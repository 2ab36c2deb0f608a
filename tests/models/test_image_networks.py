import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from survey_batch.models.image_networks import small_cnn, small_vit

pytestmark = pytest.mark.slow

BUILDERS = {"cnn": small_cnn, "vit": small_vit}
SAMPLE = np.random.default_rng(1).normal(size=(3, 32, 32, 5)).astype(np.float32)


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("shape", [(32, 32, 5), (20, 20, 3), (5, 5, 6)])
def test_any_image_becomes_probabilities(build, shape):
    images = np.random.default_rng(1).integers(0, 256, (2, *shape), np.uint8)
    model = build(images, 7, 255.0, 1)
    np.testing.assert_allclose(np.asarray(model(images)).sum(axis=1), [1, 1], atol=1e-5)
    assert model.count_params() < 1_000_000


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_seed_gives_one_network_and_another_seed_another(build):
    first, same, other = (build(SAMPLE[:, :16, :16], 3, 1.0, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_small_networks_stay_small_on_large_images(build):
    assert build(np.zeros((1, 224, 224, 3), np.uint8), 7, 255.0, 1).count_params() < 1_000_000


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_probabilities(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    np.save(tmp_path / "images.npy", SAMPLE)
    wanted = {}
    for name, build in BUILDERS.items():
        model = build(SAMPLE, 7, 0.1, 1)
        model.save(tmp_path / f"{name}.keras")
        wanted[name] = np.asarray(model(SAMPLE))
    code = (
        "import sys, numpy as np, keras\n"
        "folder, backend = sys.argv[1:]\n"
        "assert keras.backend.backend() == backend\n"
        "images = np.load(folder + '/images.npy')\n"
        "for name in ('cnn', 'vit'):\n"
        "    model = keras.saving.load_model(f'{folder}/{name}.keras', compile=False, safe_mode=True)\n"
        "    np.save(f'{folder}/{name}.npy', model.predict_on_batch(images))\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", code, str(tmp_path), backend], check=True, env=environment)
    for name, probability in wanted.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), probability, atol=1e-4)


def test_the_scatter_of_measurements_is_that_of_the_sample_and_no_row_is_lost():
    """A band that is always empty has no scatter, and must not become NaN."""
    sample = np.concatenate([SAMPLE[..., :2], np.zeros((3, 32, 32, 1), np.float32)], axis=-1)
    assert np.isfinite(np.asarray(small_cnn(sample, 3, 0.1, 1)(sample))).all()
