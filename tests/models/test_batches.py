"""Rows in batches, and what happens when memory is short."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.batches import in_batches, is_out_of_memory
from tests.models.conftest import make_block


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@given(rows=st.integers(0, 300), batch=st.integers(1, 256), room=st.integers(1, 256))
def test_every_row_is_asked_for_once_in_batches_that_fit(rows, batch, room):
    answered = []

    def ask(span, size):
        if size > room:
            raise ResourceExhaustedError("OOM when allocating tensor")
        assert span.stop - span.start <= size
        answered.extend(range(span.start, span.stop))

    fitting = in_batches(rows, batch, ask)
    assert answered == list(range(rows))
    assert fitting <= room or not rows
    assert fitting == batch or 2 * fitting + 1 > room  # not smaller than need be


def test_no_room_for_one_row_is_said_plainly():
    def ask(span, size):
        raise MemoryError("nothing left")

    with pytest.raises(ConfigurationError, match="not even one object.*nothing left"):
        in_batches(3, 4, ask)


def test_another_error_stays_what_it_is():
    def ask(span, size):
        raise ValueError("wrong shape")

    with pytest.raises(ValueError, match="wrong shape"):
        in_batches(3, 4, ask)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("failed to allocate memory"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_the_words_of_each_framework_are_known(error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("shapes do not match"))


SHORT_OF_MEMORY = """
import resource
import keras, numpy as np
from survey_batch.models.batches import in_batches

def ask(span, batch):  # 40 MB for each row
    keras.ops.convert_to_numpy(keras.ops.tile(np.zeros((batch, 1), "float32"), (1, 10_000_000))[:, 0])

ask(None, 1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 1_500_000_000,) * 2)
fitting = in_batches(100, 128, ask)
assert 2 <= fitting <= 32, fitting
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_process_short_of_memory_goes_on_with_what_fits(backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "too little memory to classify 64 objects" in done.stderr


def test_a_classifier_remembers_what_fitted(trained, labels, monkeypatch):
    asked, forward = [], trained._forward

    def short_of_memory(inputs):
        asked.append(len(inputs))
        if len(inputs) > 20:
            raise ResourceExhaustedError("OOM when allocating tensor")
        return forward(inputs)

    block = make_block(labels, 5)
    enough = trained.predict_proba(block, batch=64)
    monkeypatch.setattr(trained, "_forward", short_of_memory)
    monkeypatch.setattr(trained, "largest_batch", trained.largest_batch)
    np.testing.assert_allclose(trained.predict_proba(block, batch=64), enough, atol=1e-6)
    assert asked[:3] == [64, 32, 16]
    assert set(asked[3:]) == {16}
    asked.clear()
    trained.predict_proba(block, batch=64)
    assert set(asked) == {16}


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from survey_batch.models.loading import load_classifier
classifier, block = load_classifier(sys.argv[1]), dict(np.load(sys.argv[2]))
alone = classifier.predict_proba(block, batch=8)
with ThreadPoolExecutor(8) as threads:
    for found in threads.map(lambda _: classifier.predict_proba(block, batch=8), range(64)):
        np.testing.assert_array_equal(found, alone)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_threads_may_ask_one_network_at_once(trained, labels, tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    trained.save(tmp_path / "model")
    np.savez(tmp_path / "block.npz", **make_block(labels, 5))
    command = [sys.executable, "-c", AT_ONCE, tmp_path / "model", tmp_path / "block.npz"]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
