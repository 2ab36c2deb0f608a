"""The site builds without a warning, its links lead somewhere, and it needs no network."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
"""Elements that a browser loads, and the attribute that says from where."""


class Page(HTMLParser):
    """Links, loaded files and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if (where := found.get(LOADED.get(tag, ""))) and found.get("rel") not in ("canonical", "index", "search"):
            self.loaded.append(where)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as `make docs` does, tutorials included."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--builder", "html", "-W", "--keep-going", "-n", "--fresh-env"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "-d", out / "trees", ROOT / "docs", out / "html"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return {path.relative_to(out / "html").as_posix(): Page(path) for path in (out / "html").rglob("*.html")}


@pytest.mark.slow
def test_a_browser_loads_nothing_from_the_network(site):
    remote = {(name, where) for name, page in site.items() for where in page.loaded if urlsplit(where).netloc}
    assert remote == set()


@pytest.mark.slow
def test_every_link_within_the_site_leads_to_a_place(site):
    broken = set()
    for name, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = os.path.normpath(Path(name).parent / unquote(parts.path)) if parts.path else name
            lost = path.endswith(".html") and path not in site
            if lost or (parts.fragment and path in site and unquote(parts.fragment) not in site[path].anchors):
                broken.add((name, link))
    assert broken == set()


@pytest.mark.slow
def test_the_reference_is_in_the_pages(site):
    assert "key-cutouts-size" in site["reference/job-file.html"].anchors
    assert "feature-h-alpha" in site["reference/features-of-spectra.html"].anchors
    assert "verb-run" in site["reference/commands.html"].anchors
    assert "survey_batch.load_job" in site["reference/python.html"].anchors
