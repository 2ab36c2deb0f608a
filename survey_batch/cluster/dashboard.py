"""Dask's dashboard, loaded when somebody looks at it: Bokeh takes a second to import, and most runs nobody watches."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any

from distributed import SpecCluster
from distributed.http.routing import DirectoryHandler
from distributed.http.scheduler.info import IndividualPlots
from tornado.web import Application, RequestHandler

WITHOUT_PAGES = {"dashboard": False}
"""Options of a scheduler whose server has no pages yet; `await_dashboard` adds them."""


def await_dashboard(cluster: SpecCluster) -> None:
    """Have the dashboard of a scheduler in this process loaded by the first request for one of its pages."""
    scheduler = cluster.scheduler
    prefix = "/" + str(cluster.scheduler_spec["options"].get("http_prefix") or "").strip("/")
    awaited = AwaitedDashboard(scheduler, prefix)
    here = {"awaited": awaited}
    plots = {"dask_server": scheduler, **here}
    # What lists the pages, for programs, has to wait for them too; handlers that are added come before Dask's.
    scheduler.http_application.add_handlers(
        r".*$", [(f"{prefix.rstrip('/')}/individual-plots.json", _Plots, plots), (r"/sitemap.json", _Directory, here)]
    )
    scheduler.http_application.add_application(awaited)


def when_loaded(scheduler: Any, add: Callable[[], None]) -> None:
    """Call a function that adds pages to a scheduler's dashboard: as soon as it is loaded, or now if nobody waits."""
    applications = getattr(getattr(scheduler, "http_application", None), "applications", ())
    awaited = next((one for one in applications if isinstance(one, AwaitedDashboard)), None)
    if awaited is None:
        add()
    else:
        awaited.waiting.append(add)


class AwaitedDashboard(Application):
    """What answers requests for a page before there is any; it takes itself away when the pages are there.

    Parameters
    ----------
    scheduler : distributed.Scheduler
    prefix : str
        What the paths of its pages begin with.
    """

    def __init__(self, scheduler: Any, prefix: str) -> None:
        super().__init__([(r".*", _FirstLook, {"awaited": self})])
        self.scheduler, self.prefix = scheduler, prefix
        self.waiting: list[Callable[[], None]] = []
        """What adds pages of others."""
        self._one_at_a_time = asyncio.Lock()

    async def load(self) -> None:
        """Add all pages; the scheduler works on while Bokeh is imported."""
        async with self._one_at_a_time:
            applications = self.scheduler.http_application.applications
            if self not in applications:
                return
            pages = await asyncio.to_thread(import_module, "distributed.dashboard.scheduler")
            pages.connect(self.scheduler.http_application, self.scheduler.http_server, self.scheduler, self.prefix)
            applications.remove(self)
            _answer_head()
            for add in self.waiting:
                add()


class _FirstLook(RequestHandler):
    """Any page: loads them all, and has the browser ask again."""

    def initialize(self, awaited: AwaitedDashboard) -> None:
        self.awaited = awaited

    async def get(self) -> None:
        await self.awaited.load()
        self.redirect("/" + (self.request.uri or "").lstrip("/"))  # one slash: two would name another server

    head = get


def _answer_head() -> None:
    """Have Bokeh answer HEAD as it answers GET; Tornado leaves the body out."""
    from bokeh.server.views.doc_handler import DocHandler

    DocHandler.head = DocHandler.get


class _Plots(IndividualPlots):  # type: ignore[misc]
    """Dask's list of single plots, which JupyterLab reads."""

    def initialize(self, awaited: AwaitedDashboard, **given: Any) -> None:
        super().initialize(**given)
        self.awaited = awaited

    async def get(self) -> None:
        await self.awaited.load()
        super().get()


class _Directory(DirectoryHandler):  # type: ignore[misc]
    """Dask's list of all pages."""

    def initialize(self, awaited: AwaitedDashboard) -> None:
        self.awaited = awaited

    async def get(self) -> None:
        await self.awaited.load()
        super().get()
