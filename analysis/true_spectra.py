"""Spectra in true q2 of one or several cards, without a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bkgen.card import Card, load_card
from bkgen.errors import InputError, MissingExtra
from bkgen.units import width_from_lifetime

from .relic_plots import is_answer, yields_of_answer
from .responses import Array
from .scan_plots import figure_of, read_scan
from .style import CURVES, Q2_LABEL, Curve, literal, plain_style, provenance

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PEAKED = 20.0  # a curve this much higher than another one asks for a logarithmic axis
_BINS = 60  # of a histogram of events
_DECADES = 1e-4  # shown below the largest value on such an axis


class Histogram(NamedTuple):
    """Generated events: edges (n + 1,) [GeV^2], share (n,) of all events in each bin, label."""

    edges: Array
    share: Array
    label: str


def histogram_of(q2: Array, weight: Array, card: Card, label: str) -> Histogram | None:
    """Events of q2 (n,) [GeV^2] with weights (n,) between the ends of the card's continuum, without those on its lines.

    None for a spectrum that is made of lines alone.
    """
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    if spectrum.continuum is None:
        return None
    on_line = np.any(
        [np.isclose(q2, line.q2, rtol=1e-6) for line in spectrum.lines] or [np.zeros(q2.shape, bool)], axis=0
    )
    ends = (float(spectrum.continuum.nodes[0]), float(spectrum.continuum.nodes[-1]))
    counts, edges = np.histogram(q2[~on_line], bins=_BINS, range=ends, weights=weight[~on_line])
    return Histogram(edges, counts / weight.sum(), label)


def true_spectra(cards: Mapping[str, Card], *, normalised: bool, events: Histogram | None = None) -> Figure:
    """dBR/dq2 of every card by label, or (1/Gamma) dGamma/dq2; narrow lines are arrows, labelled with their share.

    events: generated events, drawn normalised as steps on top.
    """
    with plain_style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        peaks = []
        for curve, (label, card) in zip(cycle(CURVES), cards.items(), strict=False):
            peaks.append(_draw_continuum(axes, card, literal(label), curve, normalised))
        if events is not None:
            density = events.share / np.diff(events.edges)
            axes.stairs(density, events.edges, color="0.3", linewidth=0.9, label=literal(events.label))
        _set_scale(axes, [peak for peak in peaks if peak > 0.0])
        for curve, (label, card) in zip(cycle(CURVES), cards.items(), strict=False):
            _draw_lines(axes, card, literal(label), curve)
        axes.set_xlim(0.0, 1.03 * max(_end(card) for card in cards.values()))
        axes.set_xlabel(Q2_LABEL)
        density_label = r"$(1/\Gamma)\,d\Gamma/dq^2$" if normalised else r"$d\mathrm{BR}/dq^2$"
        axes.set_ylabel(f"{density_label} [GeV$^{{-2}}$]")
        figure.legend(loc="outside upper left", ncols=2 if len(cards) > 1 else 1)
        provenance(figure, _source_line(cards))
    return figure


def figure_of_sources(paths: Sequence[Path], *, normalised: bool) -> Figure:
    """The figure of a scan or of a relic density (one `*.json`), or the spectra of cards.

    Raises InputError for sources that cannot be read or drawn together.
    """
    scans = [path for path in paths if path.suffix == ".json"]
    if not scans:
        labels = [path.stem if [p.stem for p in paths].count(path.stem) == 1 else str(path) for path in paths]
        return true_spectra(dict(zip(labels, map(load_card, paths), strict=True)), normalised=normalised)
    if len(paths) > 1:
        raise InputError(f"{scans[0]}: one answer makes one figure, give it alone")
    if is_answer(scans[0]):
        return yields_of_answer(scans[0])
    return figure_of(read_scan(scans[0]))


def describe(card: Card) -> str:
    """The spectrum of a card in words, for readers who do not see the figure."""
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    Gamma_B = width_from_lifetime(card.decay.tau_B(card.physics_inputs.constants))
    parts = [f"a line at q2 = {line.q2:.4g} GeV^2 with BR {line.rate() / Gamma_B:.3g}" for line in spectrum.lines]
    if spectrum.continuum is not None:
        nodes = spectrum.continuum.nodes
        peak = nodes[np.argmax(spectrum.continuum.width(nodes))]
        branching = spectrum.continuum.rate / Gamma_B
        parts.append(
            f"a continuum from {nodes[0]:.3g} to {nodes[-1]:.4g} GeV^2 with BR {branching:.3g}, "
            f"largest at {peak:.3g} GeV^2"
        )
    return " and ".join(parts)


def _draw_continuum(axes: Axes, card: Card, label: str, curve: Curve, normalised: bool) -> float:
    """Draw it; returns its largest value, 0 for a spectrum without a continuum."""
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    if spectrum.continuum is None:
        return 0.0
    nodes = spectrum.continuum.nodes
    total = spectrum.rate() if normalised else width_from_lifetime(card.decay.tau_B(card.physics_inputs.constants))
    values = spectrum.continuum.width(nodes) / total
    axes.plot(nodes, values, color=curve.color, linestyle=curve.linestyle, label=label)
    return float(values.max())


def _set_scale(axes: Axes, peaks: list[float]) -> None:
    if peaks and max(peaks) > _PEAKED * min(peaks):
        axes.set_yscale("log")
        axes.set_ylim(_DECADES * max(peaks), 3.0 * max(peaks))
    else:
        axes.set_ylim(0.0, None if peaks else 1.0)
    if not peaks:
        axes.set_yticks([])


def _draw_lines(axes: Axes, card: Card, label: str, curve: Curve) -> None:
    """An arrow over most of the height of the axes: the height of a line has no meaning."""
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    for line in spectrum.lines:
        axes.annotate(
            "", (line.q2, 0.86), (line.q2, 0.0), xycoords=axes.get_xaxis_transform(),
            arrowprops={"arrowstyle": "-|>", "color": curve.color, "linestyle": curve.linestyle, "linewidth": 1.6},
        )  # fmt: skip
        share = f"{line.rate() / spectrum.rate():.3g} of the rate, " if spectrum.continuum is not None else ""
        text = f"{label}: line at {line.mass:.4g} GeV, {share}height without meaning"
        axes.plot([], [], color=curve.color, linestyle=curve.linestyle, label=text)


def _source_line(cards: Mapping[str, Card]) -> str:
    inputs: dict[str, list[str]] = {}
    for label, card in cards.items():
        inputs.setdefault(card.physics_inputs.sha256[:12], []).append(label)
    return "; ".join(f"{', '.join(labels)}: inputs {digest}" for digest, labels in inputs.items())


def _end(card: Card) -> float:
    """Largest q2 [GeV^2] that the channel allows."""
    return card.decay.q2_max(card.physics_inputs.constants)
