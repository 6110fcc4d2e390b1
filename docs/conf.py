"""Sphinx configuration of the bkgen documentation."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "bkgen"
author = "The bkgen developers"
project_copyright = author
release = version = installed_version("bkgen")

extensions = [
    "myst_nb",  # Markdown and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "model_pages",
    "limit_pages",
    "figure_pages",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
# The notebooks are kept without outputs and run here, some 20 s in all.
nb_execution_timeout = 300
nb_execution_raise_on_error = True
exclude_patterns = ["_build", "_ext", "jupyter_execute", "**.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"bkgen {release}"

default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
# Short attribute names such as q2 belong to more than one class.
suppress_warnings = ["ref.python"]


_LITERAL = "<literal block>"


def _escape(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: outside of code, |x| and a trailing _ are no markup.

    Indented lines after a paragraph that ends with a colon are a literal block.
    """
    literal = False
    for i, line in enumerate(lines):
        indented = line.startswith("    ")
        if literal and (indented or not line.strip()):
            continue
        before = next((text for text in reversed(lines[:i]) if text.strip()), "")
        literal = indented and i > 0 and not lines[i - 1].strip() and before.endswith(":")
        if literal:
            lines[i - 1] = "" if before.endswith("::") else _LITERAL
            continue
        pieces = re.split(r"(``[^`]+``|`[^`]+`)", line)
        lines[i] = "".join(
            p if p.startswith("`") else re.sub(r"\|(?=\S)|(?<=\w)_(?!\w)", r"\\\g<0>", p) for p in pieces
        )
    lines[:] = [part for line in lines for part in (("", "::", "") if line is _LITERAL else (line,))]


def setup(app: Sphinx) -> None:
    """Entry point of Sphinx."""
    app.connect("autodoc-process-docstring", _escape, priority=400)
