import numpy as np
import pytest

from survey_batch.models.figures import confusion_figure, coverage_figure, reliability_figure, training_figure

TYPES = ("O5", "B0", "B5", "A0", "A5", "F0", "F5", "G0", "G5", "K0", "K5", "M0", "M5")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_confusion_matrix_shows_counts_and_percents_of_the_label():
    figure = confusion_figure([[3, 1], [0, 1000]], ("good", "other"), "Test")
    counts, percents = figure.axes
    assert texts(counts) == ["3", "1", "", "1,000"]
    assert texts(percents) == ["75", "25", "", "100"]


def test_few_of_many_are_not_rounded_away():
    (_, percents) = confusion_figure([[999, 1], [0, 0]], ("a", "b")).axes
    assert texts(percents) == [">99", "<1", "", ""]


@pytest.mark.parametrize("classes", [("a", "b"), TYPES, tuple(f"CLASS{i}" for i in range(20))])
def test_no_two_names_or_numbers_overlap(classes):
    counts = np.random.default_rng(1).integers(0, 99_999, (len(classes), len(classes)))
    figure = confusion_figure(counts, classes)
    figure.draw_without_rendering()
    for axes in figure.axes:
        cell = axes.transData.transform((1, 0)) - axes.transData.transform((0, 0))
        assert max(text.get_window_extent().width for text in axes.texts) < 1.05 * cell[0]
        heights = [label.get_window_extent().height for label in axes.get_yticklabels()]
        assert max(heights) < cell[0]


CURVE = {"confidence": [0.5, 0.9], "accuracy": [0.6, 1.0], "error": [0.1, 0.05], "count": [20, 20], "weight": [0.5] * 2}


def test_curves_have_error_bars_and_names_where_there_are_several():
    figure = reliability_figure({"test": CURVE, "cross-validation": CURVE})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "calibrated",
        "test",
        "cross-validation",
    ]
    assert reliability_figure({"": CURVE}).axes[0].get_legend() is None


def test_error_bars_end_where_an_accuracy_can_be_at_most_and_are_seen_whole():
    curve = {"confidence": [0.1, 0.5, 0.9], "accuracy": [0.0, 0.6, 1.0 + 1e-16], "error": [0.1] * 3, "count": [9] * 3}
    axes = reliability_figure({"": curve}).axes[0]
    (bars,) = (part for part in axes.containers[0].lines[2])
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[0, 0.1], [0.5, 0.7], [0.9, 1]])
    assert axes.get_ylim()[0] < ends.min()
    assert axes.get_ylim()[1] > ends.max()


def test_thresholds_are_marked_where_the_curve_passes_them():
    curve = {"answered": [0.2, 0.6, 1.0], "accuracy": [1.0, 0.9, 0.7], "threshold": [0.95, 0.75, 0.3]}
    axes = coverage_figure({"test": curve}).axes[0]
    assert texts(axes) == ["≥ 0.5, 0.7", "≥ 0.9"]
    assert [tuple(text.xy) for text in axes.texts] == [(0.6, 0.9), (0.2, 1.0)]


def test_marks_of_thresholds_do_not_overlap_where_all_are_answered_right():
    curve = {"answered": [0.1, 0.92, 1.0], "accuracy": [1.0, 1.0, 1.0], "threshold": [0.99, 0.91, 0.8]}
    figure = coverage_figure({"test": curve})
    figure.draw_without_rendering()
    first, second = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not first.overlaps(second)


def test_the_best_epoch_is_marked_counting_from_one():
    figure = training_figure({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.7]}, best=1)
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert words == ["training", "held out", "best epoch, 2"]


def test_other_figures_of_a_history_have_a_panel_of_their_own():
    assert len(training_figure({"loss": [1.0], "accuracy": [0.5]}).axes) == 2
    assert len(training_figure({}).axes) == 1
