import numpy as np
from matplotlib.figure import Figure

from survey_batch.report.figures_spectra import draw_spectrum
from survey_batch.spectra.grid import log_grid

GRID = log_grid(3699.9, 9100.0)


def plotted(**changes):
    keys = {"flux": np.full(GRID.size, 5.0), "good": np.ones(GRID.size, bool), "redshift": 0.0, **changes}
    axes = Figure().subplots()
    draw_spectrum(axes, GRID, keys["flux"], keys["good"], keys["redshift"], "#0072B2")
    return axes


def names(axes):
    return [text.get_text() for text in axes.texts]


def test_masked_pixels_are_not_drawn_and_do_not_set_the_scale():
    flux, good = np.random.default_rng(0).normal(5, 1, GRID.size), np.ones(GRID.size, bool)
    flux[100:120], good[100:120] = 1e6, False
    axes = plotted(flux=flux, good=good)
    assert np.isnan(axes.lines[0].get_ydata()[100:120]).all()
    assert axes.get_ylim()[1] < 20
    assert len(axes.patches) == 1  # the grey band


def test_lines_move_with_the_redshift_and_leave_the_grid():
    assert "Hα" in names(plotted())
    assert "Hα" not in names(plotted(redshift=0.5))
    assert "Hβ" in names(plotted(redshift=0.5))


def test_an_unknown_redshift_counts_as_none():
    assert names(plotted(redshift=float("nan"))) == names(plotted())


def test_a_spectrum_without_a_good_pixel_is_drawn():
    axes = plotted(flux=np.full(GRID.size, np.nan), good=np.zeros(GRID.size, bool))
    assert np.isnan(axes.lines[0].get_ydata()).all()
