"""Figure of the talks on two- and three-body decays: spectra in q2_rec, and the Belle II data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bkgen import api
from bkgen.card import Card

from ..plots import spectra_of
from ..regions import DataComparison, compare
from ..style import BLACK, CURVES, Q2_REC_LABEL, Curve, plain_style, provenance
from .drawing import LEGEND, Drawing, SeedFigure, made_from

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EVENTS_PER_POINT = 1000
_Q2_REC_MAX = 25.0  # GeV^2


class Shape(NamedTuple):
    """A model of the excess: key of its numbers, label, card."""

    key: str
    label: str
    card: Card


def shapes() -> tuple[Shape, ...]:
    """The Standard Model, a particle of 2 GeV, and pairs of fermions and of scalars."""
    Zp = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3}
    scalar = {"X": {"m_X": 0.3, "lambda_PhiX": 0.185}, "v_Phi": 57.5}
    return (
        Shape("sm", "Standard Model", _card(name="sm")),
        Shape("two", r"$H_1$, 2 GeV", _card(name="dark_higgs", m_H1=2.0, sin_theta=4e-3, Zp=Zp)),
        Shape("vector", r"$\chi\bar\chi$, vector, $m_\chi = 0.6$ GeV", _card(name="fermion_dm", m_chi=0.6, gV=1e-8)),
        Shape(
            "scalar", r"$X\bar X$ from virtual $H_1$, $m_X = 0.3$ GeV",
            _card(name="dark_higgs", m_H1=5.0, sin_theta=6e-3, **scalar),
        ),
    )  # fmt: skip


def _card(**model: Any) -> Card:
    return api.load_card({"schema": 1, "model": model, "channel": "B+ -> K+", "form_factors": "HPQCD2022"})


def _two_and_three_bodies(points: int) -> Drawing:
    """Simulated spectra in q2_rec, and data less background with the fit of each model."""
    fits = {shape.key: compare(shape.card) for shape in shapes()}
    with plain_style():
        figure = Figure(figsize=(10.0, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for shape, curve in zip(shapes(), CURVES, strict=False):
            _draw_simulation(left, shape, curve, points * _EVENTS_PER_POINT)
        left.set(xlim=(-2.0, _Q2_REC_MAX), ylim=(0.0, None), xlabel=Q2_REC_LABEL)
        left.set_ylabel(r"share of selected events / 0.5 GeV$^2$")
        left.set_title("simulation, belle2-ita")
        left.legend(**LEGEND)
        _draw_data(right, fits)
        provenance(figure, f"{made_from(shapes()[1].card)}; data and likelihood arXiv:2507.12393")
    numbers = {f"z_{key}": fit.result.z_sm for key, fit in fits.items()}
    for shape in shapes():
        here = fits[shape.key].here
        numbers[f"BR_{shape.key}"] = fits[shape.key].result.mu * (0.0 if here is None else here.branching)
    return Drawing(figure, numbers)


def _draw_simulation(axes: Axes, shape: Shape, curve: Curve, events: int) -> None:
    """The selected spectrum of a model with area 1."""
    found = spectra_of(shape.card.override(events=events)).model
    values = np.asarray(found.values())
    axes.stairs(
        values / values.sum(), found.axes[0].edges, color=curve.color, linestyle=curve.linestyle, linewidth=1.4,
        label=shape.label,
    )  # fmt: skip


def _draw_data(axes: Axes, fits: dict[str, DataComparison]) -> None:
    """Region A: data and fitted totals less the background of the fit of two bodies, in bins of equal width."""
    reference = fits["two"].regions[0]
    edges = np.arange(len(reference.data) + 1) - 0.5
    x = 0.5 * (edges[1:] + edges[:-1])
    for shape, curve in zip(shapes(), CURVES, strict=False):
        fitted = fits[shape.key].regions[0].total - reference.background
        z = fits[shape.key].result.z_sm
        axes.stairs(
            fitted, edges, color=curve.color, linestyle=curve.linestyle, linewidth=1.8,
            label=f"{shape.label}, {z:.1f}$\\sigma$",
        )  # fmt: skip
    error = np.sqrt(reference.data)
    axes.errorbar(
        x, reference.data - reference.background, error, fmt="o", color=BLACK, capsize=2, label="Belle II, region A"
    )
    axes.axhline(0.0, color="0.5", linewidth=0.8)
    axes.set_xticks(x, reference.layout.bins)
    axes.set(
        xlabel=reference.layout.axis, ylabel="events less background", xlim=(edges[0], edges[-1]), ylim=(-220.0, 380.0)
    )
    axes.set_title("data and fits, 362 fb$^{-1}$")
    axes.legend(title=r"SM + model over SM with $\mu = 1$", **LEGEND)


FIGURES = (SeedFigure("talks-q2-shapes", _two_and_three_bodies, 200),)
