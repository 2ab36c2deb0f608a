"""Settings of Sphinx, which builds the documentation: `make docs`."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from survey_batch.core.versions import own_version  # noqa: E402 - from this checkout

project = "survey_batch"
author = "the survey_batch authors"
version = release = own_version()

extensions = [
    "docs.from_code",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
highlight_language = "none"  # of blocks that name no language
exclude_patterns = ["examples/*/src", "**/README.md"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["toc.empty_glob"]  # as long as there are no notebooks

# Tutorials are run when the site is built; `make docs NOTEBOOKS=off` shows them as they were saved.
nb_execution_mode = os.environ.get("SURVEY_BATCH_NOTEBOOKS", "force")
nb_execution_raise_on_error = True
nb_merge_streams = True  # lines of one cell are one block
nb_execution_timeout = 1800  # a busy machine must not fail
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # they would be loaded from a server

# Names in signatures are looked for in this documentation alone: it is built and read without a network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = True
napoleon_google_docstring = False
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "survey_batch"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 1,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "back_to_top_button": True,
}
html_sidebars = {"index": [], "gallery": [], "glossary": [], "release-notes": [], "how-to-cite": []}
project_copyright = f"{author}; MIT licence"
