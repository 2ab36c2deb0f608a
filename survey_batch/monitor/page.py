"""The page `/survey-batch` in Dask's dashboard: progress of a run, downloads from the archive, and the GPUs."""

import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bokeh.core.properties import without_property_validation
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, DataRange1d, NumeralTickFormatter
from bokeh.models.annotations import Title
from bokeh.models.widgets import Div
from bokeh.plotting import figure
from distributed.dashboard.components import add_periodic_callback
from distributed.dashboard.components.scheduler import env
from distributed.dashboard.core import BokehApplication
from distributed.dashboard.scheduler import template_variables
from tornado.ioloop import IOLoop

from survey_batch.core.wording import counted, duration, rate, size
from survey_batch.monitor.run_figures import PAGE, MonitorFigures, RunFigures, StageFigures, rates, with_pending
from survey_batch.report.style import CLASS_COLORS, EDGE, INK, SOFT, STATUS_COLORS

UPDATE_MILLISECONDS = 1000
STYLE = f"""
<style>
.run {{ font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: {INK}; }}
.run h1 {{ font-size: 22px; margin: 0 0 2px; }} .run small, .run th {{ color: {SOFT}; font-weight: normal; }}
.run table {{ border-collapse: collapse; margin-top: 10px; }} .run th {{ text-align: left; }}
.run td, .run th {{ padding: 3px 18px 3px 0; }} .run td.n, .run th.n {{ text-align: right; }}
.run .dot {{ display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 12px; }}
.run .bar {{ display: flex; gap: 2px; width: 320px; height: 14px; }}
.run .bar span, .run .dot {{ box-shadow: inset 0 0 0 1px {EDGE}; }}
</style>
"""


class RunPage:
    """The content of the page, updated once a second."""

    def __init__(self, monitor: MonitorFigures) -> None:
        self.monitor = monitor
        self.head = Div(sizing_mode="stretch_width")
        self.archive = Div(sizing_mode="stretch_width")
        self.speed = ColumnDataSource({"time": [], "rate": [], "stage": [], "color": []})
        self.flow = ColumnDataSource({"time": [], "rate": []})
        self.root = column(self.head, self._speed_plot(), self.archive, self._flow_plot(), sizing_mode="stretch_width")
        self.update()

    @without_property_validation  # type: ignore[untyped-decorator]
    def update(self) -> None:
        """Show the current figures."""
        if not self.monitor.runs:
            self.head.text = f'{STYLE}<div class="run"><h1>No run has reported yet</h1></div>'
            return
        *others, run = self.monitor.runs.values()
        self.head.text = STYLE + head(run, len(others))
        self.archive.text = STYLE + archive(self.monitor)
        history = list(run.history)
        when = [moment.time * 1000 for moment in history]
        names = [stage["name"] for stage in run.stages]
        self.speed.data = {
            "time": [when for _ in names],
            "rate": [rates(history, "worked", name) for name in names],
            "stage": names,
            "color": [CLASS_COLORS[index % len(CLASS_COLORS)] for index in range(len(names))],
        }
        self.flow.data = {"time": when, "rate": rates(history, "nbytes")}

    def _speed_plot(self) -> Any:
        plot = _plot("objects or frames per second")
        plot.multi_line("time", "rate", color="color", legend_field="stage", line_width=2, source=self.speed)
        plot.legend.location, plot.legend.orientation = "top_left", "horizontal"
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
        return plot

    def _flow_plot(self) -> Any:
        plot = _plot("bytes per second from the archive")
        plot.line("time", "rate", color=CLASS_COLORS[0], line_width=2, source=self.flow)
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0 d")  # decimal: MB are 10^6 bytes
        return plot


def head(run: RunFigures, others: int) -> str:
    """Return the run, its stages and their statuses as HTML."""
    more = f" · {others} more on this scheduler, last reported earlier" if others else ""
    seen = sorted({status for stage in run.stages for status in with_pending(stage)}, key=list(STATUS_COLORS).index)
    legend = "".join(f'<span class="dot" style="background:{STATUS_COLORS[s]}"></span>{s}' for s in seen)
    rows = "".join(_row(stage) for stage in run.stages)
    return (
        f'<div class="run"><h1>{escape(run.job)}</h1>'
        f"<small>{escape(run.output)} · running for {duration(time.time() - run.started)}{more}</small>"
        '<table><tr><th>stage</th><td></td><th class="n">done</th><th class="n">per second</th><th class="n">left</th>'
        f"<th>statuses</th></tr>{rows}</table><div>{legend}</div>{_reasons(run.stages)}</div>"
    )


def _row(stage: StageFigures) -> str:
    counts = with_pending(stage)
    total = max(sum(counts.values()), 1)
    parts = "".join(
        f'<span style="width:{100 * number / total:.2f}%;background:{STATUS_COLORS[status]}"></span>'
        for status, number in counts.items()
    )
    left = stage.get("left", "?") or "done"
    listed = ", ".join(f"{number:,} {status}" for status, number in counts.items() if status != "pending")
    return (
        f'<tr><td>{escape(stage["name"])}</td><td><div class="bar" role="img" aria-label="{listed}">{parts}</div></td>'
        f'<td class="n">{stage["done"]:,} of {stage["total"]:,}</td><td class="n">{rate(stage["rate"])}</td>'
        f'<td class="n">{left}</td><td>{listed}</td></tr>'
    )


def _reasons(stages: Sequence[StageFigures]) -> str:
    """Return the commonest reasons in this run why objects are not `ok`, each with one object's message."""
    rows = "".join(
        f'<tr><td class="n">{count:,}</td><td>{escape(stage["name"])}</td>'
        f'<td><span class="dot" style="background:{STATUS_COLORS[status]}"></span>{status}</td>'
        f"<td>{escape(message)}</td></tr>"
        for stage in stages
        for status, message, count in stage.get("reasons", ())
    )
    head = '<tr><th class="n">how many</th><th>stage</th><th>status</th><th>reason, with one example</th></tr>'
    return f"<table>{head}{rows}</table>" if rows else ""


def archive(monitor: MonitorFigures) -> str:
    """Return downloads from archives, and the GPUs, as HTML."""
    counts, (connections, allowed) = monitor.downloaded, monitor.connections
    parts = [
        f"{size(counts['bytes'])} from the archive",
        f"{counted(int(counts['requests']), 'request')}, retries among them: {int(counts['retries']):,}",
        f"{counted(int(counts['cache_hits']), 'file')} from the cache",
        f"{connections} of {counted(allowed, 'connection')} in use" if allowed else "no remote archive in use",
        *_gpus(monitor.gpus),
    ]
    return f'<div class="run">{" · ".join(parts)}</div>'


def _gpus(found: Mapping[str, float]) -> list[str]:
    if not found:
        return []
    mean = sum(found.values()) / len(found)
    return [f"{counted(len(found), 'GPU')}, {mean:.0%} busy on average, {min(found.values()):.0%} the least"]


def add_page(scheduler: Any, monitor: MonitorFigures) -> None:
    """Add the page to a scheduler's dashboard if it has one."""
    application = getattr(scheduler, "http_application", None)
    if application is None or not getattr(scheduler, "http_server", None):
        return
    shown = template_variables(scheduler)
    shown = {**shown, "pages": [PAGE.lstrip("/"), *shown["pages"]]}

    def document(server: Any, extra: Mapping[str, Any], doc: Any) -> None:  # noqa: ARG001 - as Bokeh calls it
        page = RunPage(monitor)
        doc.title = "survey_batch"
        doc.template = env.get_template("simple.html")
        doc.template_variables.update(extra)
        doc.add_root(page.root)
        add_periodic_callback(doc, page, UPDATE_MILLISECONDS)

    bokeh = BokehApplication({PAGE: document}, scheduler, template_variables=shown)
    application.add_application(bokeh)
    bokeh.initialize(IOLoop.current())


def _plot(title: str) -> Any:
    return figure(
        title=Title(text=title, text_font_style="normal"),
        x_axis_type="datetime",
        y_range=DataRange1d(start=0),
        height=230,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
    )
