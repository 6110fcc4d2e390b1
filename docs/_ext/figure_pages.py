"""Fill the gallery with the pictures and captions that `bkgen figures` wrote to `_static/figures`.

The comment MARKER in a page is replaced by one section for each figure, in the order of its captions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_pages import plain
from sphinx.application import Sphinx

MARKER = "<!-- figures -->"
FOLDER = "_static/figures"


def page(docs: Path) -> str:
    """Markdown of all figures; docs: the folder of the documentation."""
    texts = docs.parent / "analysis" / "data" / "figures" / "captions.toml"
    names = tomllib.loads(texts.read_text(encoding="utf-8"))
    return "\n".join(line for name in names for line in section(docs / FOLDER / f"{name}.txt"))


def section(caption: Path) -> Iterator[str]:
    """Lines of the section of one figure: title, picture, source, caption."""
    title, source, _, *words = caption.read_text(encoding="utf-8").splitlines()
    yield f"## {plain(title)}\n"
    yield f"![{plain(title)}]({FOLDER}/{caption.stem}.png)\n"
    yield f"`bkgen figures {caption.stem}`; {plain(source)}.\n"
    yield plain(" ".join(words)) + "\n"


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    if MARKER in source[0]:
        source[0] = source[0].replace(MARKER, page(Path(app.srcdir)))


def _outdated(app: Sphinx, env: Any, *changes: set[str]) -> list[str]:
    """The page is read again at every build: captions may have changed."""
    return ["gallery"] if "gallery" in env.found_docs else []


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of Sphinx."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
