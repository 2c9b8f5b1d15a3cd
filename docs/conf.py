"""How Sphinx makes the site: ``python -m sphinx -W -b html docs build/site``."""

import os
import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

project = "kernfit"
author = "The kernfit developers"
copyright = "The kernfit developers, MIT licence"
release = version = installed("kernfit")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "sg_execution_times.rst"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# Pages are read on the web and in the checkout, so they link to each other as files.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters say shapes and units, which hints cannot
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False  # the template lists them, each with a page of its own

# Inventories of other projects lie on the network, which a build need not have.
intersphinx_mapping = (
    {
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
    }
    if os.environ.get("KERNFIT_DOCS_INTERSPHINX")
    else {}
)

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 5,
    "reference_url": {"kernfit": None},
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("kernfit",),
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "kernfit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

# Pages that are files of the checkout's root: name here -> name there.
ROOT_PAGES = {
    "architecture": "ARCHITECTURE.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
}


def read_from_root(app: Any, page: str, source: list[str]) -> None:
    """Put a file of the root in the place of its page, with links that hold there."""
    if page not in ROOT_PAGES:
        return
    text = (Path(app.srcdir).parent / ROOT_PAGES[page]).read_text(encoding="utf-8")
    for name, file in ROOT_PAGES.items():
        text = text.replace(f"]({file})", f"]({name}.md)")
    source[0] = re.sub(r"\]\(docs/", "](", text)


def setup(app: Any) -> None:
    """Tell Sphinx of the hooks above."""
    app.connect("source-read", read_from_root)
    app.add_lexer("floors", TextLexer)
