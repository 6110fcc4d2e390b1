"""Fill the page of models from the model classes: docstrings, channels, parameters and what the shipped card predicts.

The comment MARKER in a page is replaced by one section for each model that comes with bkgen; installed
plug-ins are left out, so that the page does not depend on the machine.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_figures import predictions
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from bkgen.card_fields import parameters
from bkgen.models import Model, registry

MARKER = "<!-- models -->"


def page(cards: Path, folder: Path, link: str) -> str:
    """Markdown of all built-in models; see `model_figures.predictions` for the arguments."""
    models = [model for model in registry().values() if model.__module__.startswith("bkgen.models.")]
    return "\n".join(line for model in models for line in (*section(model), *predictions(model, cards, folder, link)))


def section(model: type[Model]) -> Iterator[str]:
    """Lines of the section of one model."""
    yield f"## {model.describe_name()}\n"
    yield plain(inspect.getdoc(model) or "").replace("\nSource:", "\n\nSource:") + "\n"
    yield f"Channels: {', '.join(f'`{name}`' for name in model.channels)}.\n"
    rows = list(parameters(model))
    if not rows:
        yield "No parameters.\n"
        return
    yield "| parameter | unit | default | allowed | meaning |"
    yield "|---|---|---|---|---|"
    for row in rows:
        cells = map(plain, (row.unit, row.default, row.bounds, row.description))
        yield " | ".join((f"| `{row.name}`", *cells)).replace("\n", " ") + " |"
    yield ""


def plain(text: str) -> str:
    """Plain text as Markdown: outside of code, characters that would be read as markup are escaped."""
    pieces = re.split(r"(``[^`]+``|`[^`]+`)", text)
    escaped = (p if p.startswith("`") else re.sub(r"([*<\[\]$|\\])", r"\\\1", p) for p in pieces)
    return re.sub(r"^([+-])(?= )", r"\\\1", "".join(escaped), flags=re.MULTILINE)


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    if MARKER in source[0]:
        folder = Path(app.doctreedir) / "model_figures"
        link = Path(os.path.relpath(folder, app.srcdir)).as_posix()
        source[0] = source[0].replace(MARKER, page(Path(app.srcdir).parent / "cards", folder, link))


def _outdated(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """The page is read again at every build: the classes may have changed."""
    return ["models"] if "models" in env.found_docs else []


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of Sphinx."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
