"""Figures of estimates: what is drawn, and in which units."""

import numpy as np

from survey_batch.models.manifest import Quantity
from survey_batch.models.value_figures import intervals_figure, residuals_figure

POINTS = {"catalogue": [0.1, 0.5, 0.9], "value": [0.12, 0.5, 0.8], "error": [0.02, 0.03, 0.05]}


def test_each_quantity_has_estimates_above_its_residuals():
    quantities = (Quantity(name="z", scale="redshift"), Quantity(name="teff", units="K"))
    figure = residuals_figure(
        {"z": POINTS, "teff": {name: POINTS[name] for name in ("catalogue", "value")}}, quantities
    )
    above, other, below, _ = figure.axes
    assert other.get_ylabel() == "teff, estimated [K]"
    assert below.get_xlabel() == "z in the catalogue"
    assert below.get_ylabel() == "(value - catalogue) / (1 + catalogue)"
    np.testing.assert_allclose(below.lines[1].get_ydata(), [0.02 / 1.1, 0, -0.1 / 1.9])
    assert len(above.containers) == 1, "error bars"
    assert len(other.containers) == 0


def test_the_share_inside_is_drawn_against_the_stated_one():
    axes = intervals_figure({"z, test": {"stated": [0.5, 0.9], "found": [0.4, 0.95]}}).axes[0]
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[0.5, 0.4], [0.9, 0.95]])
    assert axes.get_legend().get_texts()[0].get_text() == "z, test"
