import numpy as np
import pytest
from PIL import Image

from survey_batch.models.plots import confusion_plot, coverage_plot, reliability_plot, training_plot

CURVE = {"confidence": [0.5], "accuracy": [0.6], "error": [0.1], "count": [20]}
COVERAGE = {"answered": [1.0], "accuracy": [0.7], "threshold": [0.3]}


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: confusion_plot(np.eye(2, dtype=int).tolist(), ("a", "b"), "Test", path),
        lambda path: reliability_plot({"test": CURVE}, "Reliability", path),
        lambda path: coverage_plot({"test": COVERAGE}, "Abstention", path),
        lambda path: training_plot({"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}, path, best=1),
        lambda path: training_plot({}, path),
    ],
)
def test_each_picture_is_written(draw, tmp_path):
    draw(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert min(image.size) > 200
