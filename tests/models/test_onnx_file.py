import numpy as np
import onnx
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import onnx_file
from survey_batch.models.onnx_file import copy_model
from survey_batch.models.onnx_session import open_session
from tests.models.onnx_models import linear

WEIGHTS = np.random.default_rng(2).normal(size=(64, 8)).astype("f4")
INPUTS = np.random.default_rng(3).normal(size=(5, 64)).astype("f4")


def with_weights_beside(path):
    model = onnx.load(linear(path.with_name("whole.onnx"), WEIGHTS))
    onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=100)
    return path


def answer(path):
    return open_session(path).run(None, {"x": INPUTS})[0]


@pytest.fixture
def target(tmp_path):
    (tmp_path / "to").mkdir()
    return tmp_path / "to" / "network.onnx"


def test_a_file_that_holds_its_weights_is_copied_as_it_is(tmp_path, target):
    path = linear(tmp_path / "m.onnx", WEIGHTS)
    assert copy_model(path, target) == ["network.onnx"]
    assert target.read_bytes() == path.read_bytes()


def test_weights_beside_a_file_go_into_the_copy(tmp_path, target):
    path = with_weights_beside(tmp_path / "m.onnx")
    assert copy_model(path, target) == ["network.onnx"]
    np.testing.assert_array_equal(answer(target), answer(path))


def test_weights_too_large_for_one_file_lie_in_one_beside_it(tmp_path, target, monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST_IN_ONE", 1000)
    path = with_weights_beside(tmp_path / "m.onnx")
    for _ in range(2):  # a second copy replaces the first
        assert copy_model(path, target) == ["network.onnx", "network.onnx_data"]
        assert (target.parent / "network.onnx_data").stat().st_size == WEIGHTS.nbytes
    np.testing.assert_array_equal(answer(target), answer(path))


def test_weights_that_are_not_there_are_named(tmp_path, target):
    path = with_weights_beside(tmp_path / "m.onnx")
    (tmp_path / "m.onnx.data").unlink()
    with pytest.raises(ConfigurationError, match=r"weights of .*m\.onnx lie in other files.*external_data=False"):
        copy_model(path, target)
    assert not target.exists()
