import numpy as np
import onnx
import pytest
from onnx import helper

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.threads import THREADS
from survey_batch.models import onnx_session
from survey_batch.models.onnx_session import MATRIX_PRODUCT, gpus_of_onnxruntime, open_session
from tests.models.onnx_models import linear, write_model


def test_a_session_has_the_threads_of_a_worker_and_computes_the_same_bits_each_time(tmp_path):
    session = open_session(linear(tmp_path / "m.onnx", np.eye(3)))
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (THREADS, THREADS)
    assert options.use_deterministic_compute


def test_the_product_that_the_doctor_asks_for_is_one():
    left, right = np.random.default_rng(1).normal(size=(2, 5, 5)).astype("f4")
    (product,) = open_session(MATRIX_PRODUCT).run(None, {"left": left, "right": right})
    np.testing.assert_allclose(product, left @ right, rtol=1e-5)


def test_gpus_are_those_that_a_session_gets(monkeypatch):
    class Session:
        def __init__(self, *providers):
            self.get_providers = lambda: list(providers)

    for providers, gpus in (
        (("CPUExecutionProvider",), ()),
        (("CUDAExecutionProvider", "CPUExecutionProvider"), ("CUDA:0",)),
    ):
        monkeypatch.setattr(onnx_session, "open_session", lambda _, found=providers: Session(*found))
        assert gpus_of_onnxruntime.__wrapped__() == gpus


def test_a_gpu_computes_with_full_precision_and_without_choosing_by_time(tmp_path, monkeypatch):
    import onnxruntime

    asked = {}
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **keys: asked.update(keys))
    open_session(MATRIX_PRODUCT)
    (name, options), last = asked["providers"]
    assert (name, last) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    open_session(MATRIX_PRODUCT, gpu=False)
    assert asked["providers"] == ["CPUExecutionProvider"]


@pytest.mark.parametrize("content", [b"no model", b""])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"cannot read .*m\.onnx: .*no ONNX file: copy it or export it again"):
        open_session(tmp_path / "m.onnx")


def test_custom_operators_are_never_loaded(tmp_path):
    node = helper.make_node("Secret", ["x"], ["y"], domain="my.ops")
    path = write_model(tmp_path / "m.onnx", [node], [("x", ["n", 2])], [("y", ["n", 2])], **{"my.ops": 1})
    with pytest.raises(ConfigurationError, match=r"custom operators are code of the model's author, which is never"):
        open_session(path)


def test_weights_outside_the_model_s_folder_are_not_read(tmp_path):
    from onnx.external_data_helper import set_external_data

    (tmp_path / "elsewhere.bin").write_bytes(bytes(8 * 4))
    (tmp_path / "folder").mkdir()
    model = onnx.load(linear(tmp_path / "m.onnx", np.ones((2, 4), "f4")))
    (weights,) = (one for one in model.graph.initializer if one.name == "weights")
    weights.ClearField("raw_data")
    weights.raw_data = b""
    set_external_data(weights, "../elsewhere.bin", 0, 32)
    weights.ClearField("raw_data")
    (tmp_path / "folder" / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigurationError, match=r"cannot read .*escapes"):
        open_session(tmp_path / "folder" / "m.onnx")


@pytest.mark.parametrize("left", [None, 8], ids=["missing", "cut short"])
def test_lost_weights_are_named_with_the_way_to_bring_them_back(tmp_path, left):
    model = onnx.load(linear(tmp_path / "whole.onnx", np.ones((2, 4), "f4")))
    path, beside = tmp_path / "m.onnx", tmp_path / "m.onnx.data"
    onnx.save_model(model, path, save_as_external_data=True, location=beside.name, size_threshold=0)
    whole = beside.read_bytes()
    beside.unlink()
    if left:
        beside.write_bytes(whole[:left])
    with pytest.raises(ConfigurationError, match=r"m\.onnx.*copy that file again, whole, .*external_data=False"):
        open_session(path)


def test_without_onnxruntime_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(onnx_session, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'survey-batch\[onnx\]', or onnxruntime-gpu"):
        open_session(MATRIX_PRODUCT)
