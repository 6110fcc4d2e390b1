"""The figures of the papers and talks that bkgen follows, with our numbers: `bkgen figures`.

A figure is a function in `calibbi`, `gabrielli`, `dark_higgs`, `shapes` or `lmu_ltau`, its text is in
`data/figures/captions.toml`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bkgen.errors import InputError, MissingExtra, suggestion

from ..files import refuse_existing, write_whole
from ..style import DPI, save, targets

try:
    from . import calibbi, dark_higgs, gabrielli, lmu_ltau, shapes
    from .drawing import SeedFigure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib") from error

FIGURES: dict[str, SeedFigure] = {
    figure.name: figure
    for figure in (*calibbi.FIGURES, *gabrielli.FIGURES, *dark_higgs.FIGURES, *shapes.FIGURES, *lmu_ltau.FIGURES)
}
"""Every figure by name, in the order of the papers and talks."""

_LINE = 100  # characters of a caption


class Written(NamedTuple):
    """A figure on disk: its paths (PNG, PDF and the text of the caption) and the caption."""

    paths: tuple[Path, ...]
    caption: str


def chosen(names: Sequence[str]) -> tuple[SeedFigure, ...]:
    """The figures of these names, all without any.  Raises InputError for unknown names, one line each."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise InputError(
            f"unknown figure {name}{suggestion(name, FIGURES)}, see bkgen figures --list" for name in unknown
        )
    return tuple(FIGURES[name] for name in dict.fromkeys(names)) or tuple(FIGURES.values())


def refuse(figures: Sequence[SeedFigure], folder: Path, *, force: bool) -> None:
    """Raise InputError for files that exist, unless they may be replaced, and for a file in the place of the folder."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, give a folder with -o")
    refuse_existing(*(path for figure in figures for path in _paths(folder, figure.name)), force=force)


def write(
    figures: Sequence[SeedFigure], folder: Path, dpi: int = DPI, advance: Callable[[int], None] = lambda n: None
) -> Iterator[Written]:
    """Draw figures into a folder, NAME.png, NAME.pdf and NAME.txt each; every file appears when it is complete.

    dpi: pixels per inch of the PNG; advance: called with 1 after each figure.
    """
    for figure in figures:
        drawing = figure.draw(figure.points)
        caption = text(figure, figure.caption(drawing))
        *pictures, words = _paths(folder, figure.name)
        save(drawing.figure, folder / figure.name, dpi)
        write_whole(words, partial(_put, caption.encode()))
        advance(1)
        yield Written((*pictures, words), caption)


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def text(figure: SeedFigure, caption: str) -> str:
    """Title, source and caption as they are written beside a figure."""
    return f"{figure.title}\n{figure.source}\n\n{textwrap.fill(caption, _LINE, break_on_hyphens=False)}\n"


def _paths(folder: Path, name: str) -> tuple[Path, Path, Path]:
    return *targets(folder / name), folder / f"{name}.txt"
