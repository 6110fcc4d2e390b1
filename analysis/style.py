"""The look of our figures, independent of what other packages set for the whole process, and how they are written.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; curves differ in their line style and
filled areas in their hatching as well, so that a figure can be read without colours.
"""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bkgen import __version__
from bkgen.errors import MissingExtra

from .files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

Q2_REC_LABEL = r"$q^2_\mathrm{rec}$ [GeV$^2$]"
Q2_LABEL = r"true $q^2$ [GeV$^2$]"

DPI = 150
"""Pixels per inch of a PNG."""

_CHARACTERS_PER_INCH = 20.0  # of the line below a figure
_SETTINGS = {
    "font.size": 9.5,
    "axes.titlesize": "medium",
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),
    "hatch.linewidth": 0.5,
    "legend.fontsize": "small",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "bkgen",
}


class Curve(NamedTuple):
    """Colour and line style of one curve."""

    color: str
    linestyle: str | tuple[int, tuple[int, ...]]


CURVES = (
    Curve(BLUE, "-"),
    Curve(VERMILLION, "--"),
    Curve(GREEN, "-."),
    Curve(PURPLE, ":"),
    Curve(ORANGE, (0, (5, 1, 1, 1, 1, 1))),
    Curve(BLACK, (0, (8, 3))),
    Curve(SKY, (0, (2, 1))),
)
"""For curves without a meaning of their own, in this order."""


@contextmanager
def plain_style() -> Iterator[None]:
    """Our settings on top of Matplotlib's own defaults: some packages (EOS) switch TeX on when they are imported.

    Raises MissingExtra without matplotlib.
    """
    try:
        from matplotlib import style
    except ImportError as error:
        raise MissingExtra("analysis", "matplotlib") from error
    with style.context(["default", _SETTINGS]):
        yield


def literal(text: str) -> str:
    """Text of a user as a label: a dollar sign does not start mathematics, control characters do not get through."""
    return "".join(c if c.isprintable() else " " for c in text).replace("$", r"\$")


def provenance(figure: Figure, text: str) -> None:
    """A small line below the figure: the version, and what the figure was made from."""
    width = int(_CHARACTERS_PER_INCH * figure.get_figwidth())
    line = textwrap.fill(literal(f"bkgen {__version__}, {text}"), width)
    figure.supxlabel(line, x=0.01, ha="left", fontsize=6.5, color="0.35")


def targets(stem: Path) -> tuple[Path, Path]:
    """The two files of a figure, stem.png and stem.pdf."""
    return stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")


def save(figure: Figure, stem: Path, dpi: int = DPI) -> list[Path]:
    """Write stem.png and stem.pdf, without the date; each appears when it is complete.  dpi: pixels per inch of PNG."""
    png, pdf = targets(stem)
    with plain_style():
        write_whole(png, lambda file: figure.savefig(file, format="png", dpi=dpi))
        write_whole(pdf, lambda file: figure.savefig(file, format="pdf", metadata={"CreationDate": None}))
    return [png, pdf]


def svg_source(figure: Figure) -> str:
    """The figure as a data URI (SVG without date, text as outlines) for the `src` of an HTML image."""
    buffer = io.BytesIO()
    with plain_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
