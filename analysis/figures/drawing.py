"""What a figure of the registry is, and how areas and lines are drawn in all of them."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bkgen.card import Card

from ..style import Curve
from .quoted import FOLDER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#808080"
"""Of excluded areas."""
PAPER: dict[str, Any] = {"color": "0.25", "linewidth": 0.9, "linestyle": (0, (1, 1))}
"""Lines of a source that differ from ours: thin, dotted, grey, and labelled."""
LEGEND: dict[str, Any] = {"fontsize": 7.5, "handlelength": 2.6, "frameon": True, "framealpha": 0.9, "edgecolor": "none"}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure, and the numbers that it shows by name, for its caption."""

    figure: Figure
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class SeedFigure:
    """A figure of a paper or talk, with our numbers.

    name: of its files; draw: of the number of points along an axis; points: those of the published picture.
    """

    name: str
    draw: Callable[[int], Drawing]
    points: int

    @property
    def title(self) -> str:
        """What the figure shows."""
        return captions()[self.name]["title"]

    @property
    def source(self) -> str:
        """Where the original is."""
        return captions()[self.name]["source"]

    def caption(self, drawing: Drawing) -> str:
        """What agrees with the source, what differs and why, with the numbers of a drawing."""
        return captions()[self.name]["caption"].strip().format(**drawing.numbers)


@functools.cache
def captions() -> dict[str, dict[str, str]]:
    """Title, source and caption, with numbers in braces, of every figure by name."""
    return tomllib.loads((FOLDER / "captions.toml").read_text(encoding="utf-8"))


def made_from(card: Card) -> str:
    """The provenance of a figure: model, form factors and inputs."""
    sets = ", ".join(sorted(set(card.form_factors.sets().values())))
    name = card.model.describe_name()
    return f"model {name}, form factors {sets}, inputs {card.inputs.set} {card.physics_inputs.sha256[:12]}"


def area(axes: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, color: str, hatch: str, label: str) -> None:
    """A pale, hatched area between two curves at x (n,), told apart by its hatching in print."""
    axes.fill_between(
        np.asarray(x), low, high, facecolor=pale(color), edgecolor=color, hatch=hatch, linewidth=0.0, label=label
    )  # fmt: skip


def band(axes: Axes, low: float, high: float, color: str, hatch: str, label: str, *, vertical: bool = True) -> None:
    """The same between two values of x, or of y."""
    span = axes.axvspan if vertical else axes.axhspan
    span(low, high, facecolor=pale(color), edgecolor=color, hatch=hatch, linewidth=0.0, label=label)


def region(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    levels: tuple[float, float],
    color: str,
    hatch: str,
    label: str,
) -> None:
    """The same where values (n_y, n_x) lie between two levels."""
    drawn = axes.contourf(x, y, values, levels=levels, colors=[pale(color)], hatches=[hatch or None])
    drawn.set_edgecolor(color)
    drawn.set_linewidth(0.0)
    axes.fill([], [], facecolor=pale(color), edgecolor=color, hatch=hatch, linewidth=0.0, label=label)


def line(axes: Axes, x: ArrayLike, y: ArrayLike, curve: Curve, label: str, **how: Any) -> None:
    """A curve y (n,) at x (n,) in its colour and line style."""
    axes.plot(np.asarray(x), np.asarray(y), color=curve.color, linestyle=curve.linestyle, label=label, **how)


def crossings(x: ArrayLike, y: ArrayLike) -> list[float]:
    """Where y (n,) crosses 1, on a double-logarithmic scale; x (n,) rising."""
    log_x, log_y = np.log(np.asarray(x)), np.log(np.asarray(y))
    found = np.flatnonzero(np.sign(log_y[:-1]) != np.sign(log_y[1:]))
    at = log_x[found] - log_y[found] * (log_x[found + 1] - log_x[found]) / (log_y[found + 1] - log_y[found])
    return [float(value) for value in np.exp(at)]


def pale(color: str) -> tuple[float, float, float, float]:
    """The colour mixed with white; what lies below an excluded area shines through."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return (0.25 * red + 0.75, 0.25 * green + 0.75, 0.25 * blue + 0.75, 0.6 if color == GREY else 1.0)
