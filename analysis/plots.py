"""The figures of `bkgen spectrum`: q2_rec of a model and of the SM, and the Belle II data with the fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bkgen import api
from bkgen.card import Card, card_from_dict
from bkgen.errors import MissingExtra
from bkgen.generator import EventBatch
from bkgen.io import EVENT_FILES
from bkgen.jobs import sample_of

from .points import CHANNEL
from .regions import DataComparison, Region
from .responses import Array
from .style import BLACK, BLUE, GREEN, ORANGE, Q2_REC_LABEL, SKY, VERMILLION, YELLOW, plain_style, provenance

try:
    import hist
    import mplhep
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib, hist and mplhep") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_SM_EVENTS = 200_000
_WIDTH = 0.5  # GeV^2, bins of the simulated spectrum
_FILLS = ((SKY, ""), (YELLOW, "...."), (ORANGE, "\\\\\\\\"))  # backgrounds, in the order of regions.GROUPS
_SM_FILL, _SIGNAL_FILL = (GREEN, "xxxx"), (VERMILLION, "////")
_GROUP_LABELS = {
    "B Bbar": r"$B\bar{B}$",
    "c cbar": r"$c\bar{c}$",
    "u, d, s, tau": r"$u\bar{u},d\bar{d},s\bar{s},\tau\tau$",
}
_LEGEND: dict[str, Any] = {
    "fontsize": 7.5,
    "columnspacing": 1.2,
    "handlelength": 1.8,
    "frameon": True,
    "framealpha": 1.0,
    "edgecolor": "none",
    "borderpad": 0.1,
}
_ROOM = 1.35  # of the axis above the largest entry, for labels


@dataclass(frozen=True, eq=False)
class Spectra:
    """Expected selected events per bin of q2_rec with their statistical errors, for a card and for the SM."""

    card: Card
    model: hist.Hist[Any]
    sm: hist.Hist[Any] | None

    def selected(self) -> dict[str, tuple[float, float]]:
        """Expected selected events and the statistical error of the simulation, for each curve."""
        curves = {self.card.model.describe_name(): self.model} | ({} if self.sm is None else {"sm": self.sm})
        return {
            name: (float(h.values().sum()), float(np.sum(np.asarray(h.variances()))) ** 0.5)
            for name, h in curves.items()
        }


def spectra(source: Path) -> Spectra:
    """Spectrum of an event file (`*.root`, `*.parquet`), or of the events that a card describes.

    The SM (short distance) is generated with the card's settings.
    Raises InputError for a source that is neither a card nor an event file.
    """
    if source.suffix in EVENT_FILES:
        batch = api.open(source)
        return spectra_of(card_from_dict(batch.metadata["card"], str(source)), [batch])
    return spectra_of(api.load_card(source))


def spectra_of(card: Card, batches: Iterable[EventBatch] | None = None) -> Spectra:
    """Spectrum of these events of a card, or of those that it describes; see `spectra`."""
    model = _histogram(card, sample_of(card).chunks() if batches is None else batches)
    if card.model.describe_name() == "sm":
        return Spectra(card, model, None)
    standard = standard_model(card).override(events=_SM_EVENTS)
    return Spectra(card, model, _histogram(standard, sample_of(standard).chunks()))


def standard_model(card: Card) -> Card:
    """The card with the short-distance Standard Model as its model."""
    changes = {"model": {"name": "sm"}, "variation": [], "variations": "none"}
    return card_from_dict({**card.resolved(), **changes}, "sm")


def _histogram(card: Card, batches: Iterable[EventBatch]) -> hist.Hist[Any]:
    """Sum of weight x p_invisible x efficiency of the events above the q2_rec cut."""
    axis = hist.axis.Regular(round(27.0 / _WIDTH), -2.0, 25.0, name="q2_rec")
    filled: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
    cut = -np.inf if card.detector.q2_rec_min is None else card.detector.q2_rec_min
    for batch in batches:
        c = batch.columns
        weight = np.where(c["q2_rec"] > cut, c["weight"] * c["p_invisible"] * c["efficiency"], 0.0)
        filled.fill(c["q2_rec"], weight=weight)
    return filled


def has_data(card: Card) -> bool:
    """Whether Belle II data can be shown beside a card."""
    return card.channel == CHANNEL


def source_line(card: Card, data: bool) -> str:
    """The provenance of a figure of a card."""
    line = f"model {card.model.describe_name()}, {card.channel}, inputs {card.physics_inputs.sha256[:12]}"
    return f"{line}; data and likelihood arXiv:2507.12393, doi:10.17182/hepdata.166082" if data else line


def spectrum_figure(result: Spectra, data: DataComparison | None) -> Figure:
    """Simulated, selected q2_rec of model and SM; with data also every region of the likelihood, after the fit."""
    with plain_style():
        if data is None:
            figure = Figure(figsize=(6.4, 4.8), layout="constrained")
            _draw_simulation(figure.subplots(), result)
        else:
            figure = Figure(figsize=(13.5, 13.0), layout="constrained")
            parts = np.ravel(np.asarray(figure.subfigures(2, 2, wspace=0.03, hspace=0.03)))
            _draw_simulation(parts[0].subplots(), result)
            for part, region in zip(parts[1:], data.regions, strict=True):
                _draw_region(part, region, result.card, data)
        provenance(figure, source_line(result.card, data is not None))
    return figure


def simulation_figure(result: Spectra) -> Figure:
    """Simulated, selected q2_rec of model and SM."""
    return spectrum_figure(result, None)


def region_figure(region: Region, card: Card, data: DataComparison) -> Figure:
    """Data, stacked post-fit yields, data minus background and pulls in one region."""
    with plain_style():
        figure = Figure(figsize=(8.4 if len(region.data) > 6 else 6.8, 7.0), layout="constrained")
        _draw_region(figure, region, card, data)
        provenance(figure, source_line(card, True))
    return figure


def _draw_simulation(axes: Axes, result: Spectra) -> None:
    card = result.card
    name = card.model.describe_name()
    if result.sm is not None:
        mplhep.histplot(
            result.sm, ax=axes, label="SM, short distance", yerr=False, color=GREEN, linestyle="--", flow="none"
        )
    color = GREEN if name == "sm" else VERMILLION
    mplhep.histplot(result.model, ax=axes, label=name, yerr=True, color=color, flow="none")
    axes.set_xlabel(Q2_REC_LABEL)
    normalised = card.luminosity is not None
    axes.set_ylabel(f"expected events / {_WIDTH} GeV$^2$" if normalised else f"branching fraction / {_WIDTH} GeV$^2$")
    where = f", {card.luminosity:g} fb$^{{-1}}$" if normalised else ""
    axes.set_xlim(-2.0, 25.0)
    axes.set_ylim(bottom=0.0)
    axes.legend(title=f"simulation, {card.detector.name},\nselected{where}", title_fontsize="small")


def _draw_region(figure: Figure | SubFigure, region: Region, card: Card, data: DataComparison) -> None:
    """Bins of equal width on the page: the published ones of q2_rec are -1 to 4, 4 to 8 and 8 to 25 GeV^2."""
    stack, difference, pulls = figure.subplots(3, 1, sharex=True, height_ratios=(2.4, 1.9, 0.9))
    n = len(region.data)
    edges = np.arange(n + 1, dtype=np.float64) - 0.5
    _draw_stack(stack, region, edges, card, data)
    _draw_difference(difference, region, edges, card, data)
    _draw_pulls(pulls, region, edges)
    rotated: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if n > 6 else {}
    pulls.set_xticks(np.arange(n), region.layout.bins, **rotated)
    pulls.set_xlabel(region.layout.axis)
    for axes in (stack, difference, pulls):
        axes.tick_params(axis="x", which="both", bottom=axes is pulls, top=False)
        axes.set_xlim(edges[0], edges[-1])
        _separate(axes, region.layout.groups)
    start = 0
    for text, count in region.layout.groups:
        middle = start + 0.5 * (count - 1)
        difference.text(middle, 0.97, text, transform=difference.get_xaxis_transform(), ha="center", va="top", size=8)
        start += count


def _separate(axes: Axes, groups: Sequence[tuple[str, int]]) -> None:
    start = -0.5
    for _, count in groups[:-1]:
        start += count
        axes.axvline(start, color="0.5", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0.5)


def _draw_stack(axes: Axes, region: Region, edges: Array, card: Card, data: DataComparison) -> None:
    layers = [
        (_GROUP_LABELS[name], y, fill) for (name, y), fill in zip(region.backgrounds.items(), _FILLS, strict=True)
    ]
    if np.any(region.sm_fitted):
        layers.append(("SM", region.sm_fitted, _SM_FILL))
    if np.all(region.signal >= 0.0):  # a negative strength cannot be stacked: the panel below shows it
        layers.append((_signal_label(card, data), region.signal, _SIGNAL_FILL))
    below = np.zeros(len(region.data))
    for label, height, (color, hatch) in layers:
        axes.stairs(
            below + height, edges, baseline=below,
            fill=True, facecolor=color, edgecolor=BLACK, linewidth=0.6, hatch=hatch, label=label,
        )  # fmt: skip
        below = below + height
    total = region.total
    axes.stairs(
        total + region.band, edges, baseline=total - region.band,
        fill=True, facecolor="none", edgecolor="0.25", linewidth=0.0, hatch="|||||", label="error of the fit",
    )  # fmt: skip
    x = np.arange(len(region.data))
    axes.errorbar(x, region.data, np.sqrt(region.data), fmt="o", color=BLACK, markersize=4, capsize=2, label="Belle II")
    axes.set_ylabel("events / bin")
    axes.set_ylim(0.0, _ROOM * float(np.max(region.data + np.sqrt(region.data))))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], ncols=4, loc="upper center", **_LEGEND,
        title=f"Belle II, 362 fb$^{{-1}}$, {region.layout.title}", title_fontsize=8.5,
    )  # fmt: skip


def _signal_label(card: Card, data: DataComparison) -> str:
    name = "SM" if data.poi == "sm" else card.model.describe_name()
    return rf"{name} $\times$ {data.result.mu:.2f} (fit)"


def _draw_difference(axes: Axes, region: Region, edges: Array, card: Card, data: DataComparison) -> None:
    name = card.model.describe_name()
    fitted = region.sm_fitted + region.signal
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.stairs(
        fitted + region.band, edges, baseline=fitted - region.band,
        fill=True, facecolor="0.88", edgecolor="none", label="error of the fit",
    )  # fmt: skip
    axes.stairs(region.sm, edges, color=GREEN, linestyle="--", linewidth=1.6, label=r"SM, $\mu = 1$")
    label = f"SM + {_signal_label(card, data)}" if data.poi == "np" else _signal_label(card, data)
    axes.stairs(fitted, edges, color=VERMILLION, linewidth=1.8, label=label)
    if data.poi != "sm":
        label = f"SM + {name}, prediction" if data.poi == "np" else f"{name}, prediction"
        axes.stairs(region.prediction, edges, color=BLUE, linestyle=":", linewidth=1.8, label=label)
    x = np.arange(len(region.data))
    points = region.data - region.background
    errors = np.sqrt(region.data)
    axes.errorbar(x, points, errors, fmt="o", color=BLACK, markersize=4, capsize=2, label="data - background")
    low = min(float(np.min(points - errors)), float(np.min(fitted - region.band)), 0.0)
    high = max(float(np.max(y)) for y in (points + errors, fitted + region.band, region.prediction, region.sm))
    axes.set_ylim(low - 0.05 * (high - low), high + (0.55 if region.layout.groups else 0.4) * (high - low))
    axes.set_ylabel("events - background")
    below: dict[str, Any] = {"bbox_to_anchor": (0.5, 0.9), "borderaxespad": 0.0} if region.layout.groups else {}
    axes.legend(ncols=3, loc="upper center", **_LEGEND, **below)


def _draw_pulls(axes: Axes, region: Region, edges: Array) -> None:
    for level in (-1.0, 0.0, 1.0):
        axes.axhline(level, color="0.5", linewidth=0.8, linestyle="-" if level == 0.0 else ":")
    axes.stairs(region.pulls, edges, fill=True, facecolor="0.75", edgecolor=BLACK, linewidth=0.8)
    largest = max(2.0, 1.15 * float(np.max(np.abs(region.pulls))))
    axes.set_ylim(-largest, largest)
    axes.set_ylabel(r"$(n - \lambda)/\sqrt{\lambda}$")
