"""Sphinx configuration of the bkgen documentation."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "bkgen"
author = "The bkgen developers"
project_copyright = author
release = version = installed_version("bkgen")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "model_pages",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = f"bkgen {release}"

default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
# Short attribute names such as q2 belong to more than one class.
suppress_warnings = ["ref.python"]


def _escape(app, what, name, obj, options, lines):  # type: ignore[no-untyped-def]
    """Docstrings are plain text with `code`: outside of code, |x| and a trailing _ are no markup."""
    for i, line in enumerate(lines):
        pieces = re.split(r"(``[^`]+``|`[^`]+`)", line)
        lines[i] = "".join(
            p if p.startswith("`") else re.sub(r"\|(?=\S)|(?<=\w)_(?!\w)", r"\\\g<0>", p) for p in pieces
        )


def setup(app):  # type: ignore[no-untyped-def]
    """Entry point of Sphinx."""
    app.connect("autodoc-process-docstring", _escape, priority=400)
