"""Figures of arXiv:2402.05901: a massless dark photon that makes pairs of dark fermions.

Inputs `gabrielli2024`, form factors LCSR_KMPW2010 for the K and BSZ2015 for the K*, three dark fermions, without the
magnetic form factor, as in the paper.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq

from bkgen import api
from bkgen.card import Card
from bkgen.spectrum import integrated
from bkgen.units import width_from_lifetime

from ..responses import Array
from ..style import BLACK, BLUE, CURVES, GREEN, Q2_LABEL, VERMILLION, YELLOW, Curve, plain_style, provenance
from .drawing import GREY, LEGEND, PAPER, Drawing, SeedFigure, area, band, line, made_from, region
from .quoted import number, quoted

_SETTINGS = {
    "schema": 1,
    "form_factors": {"K": "LCSR_KMPW2010", "Kst": "BSZ2015"},
    "inputs": {"set": "gabrielli2024"},
}
_MASSES = (0.1, 0.5, 1.0)  # GeV, of the dark fermions
_ALPHAS = (0.7, 1.0)
_REFERENCE = 1e8  # GeV, Lambda at which rates are calculated; they go like Lambda^-2
_MODEL = {
    "name": "massless_dark_photon", "Lambda": _REFERENCE, "alpha_D": 1.0, "m_Q": 0.5, "N_Q": 3, "magnetic": False,
}  # fmt: skip


@cache
def _card(channel: str = "B+ -> K+") -> Card:
    return api.load_card({**_SETTINGS, "model": _MODEL, "channel": channel})


def _rate(card: Card, name: str) -> float:
    rates = api.rates(card, uncertainties=False)
    return next(q.value for q in rates if q.name == name and isinstance(q.value, float))


def pair_rate(alpha_D: float, m_Q: float, **changes: Any) -> float:
    """BR(B+ -> K+ Q Qbar) of three dark fermions of m_Q [GeV] at Lambda = 1e8 GeV."""
    return _rate(_card().with_model(alpha_D=alpha_D, m_Q=m_Q, **changes), "BR(B+ -> K+ Q Qbar)")


@cache
def photon_rate(as_printed: bool = False) -> float:
    """BR(B0 -> K*0 gamma_D) at Lambda = 1e8 GeV; as printed in eq. (4.4) it is 4 times too small."""
    return _rate(_card("B0 -> K*0").with_model(paper_normalisation=as_printed), "BR(B0 -> K*0 gamma_D)")


def smallest_Lambda(limit: float, as_printed: bool = False) -> float:
    """Lambda [GeV] for which BR(B0 -> K*0 gamma_D) reaches a limit."""
    return _REFERENCE * math.sqrt(photon_rate(as_printed) / limit)


def alpha_D_of_rate(branching: float, m_Q: float, Lambda: float) -> float:
    """alpha_D that gives a BR(B+ -> K+ Q Qbar) at Lambda [GeV]."""
    scale = (_REFERENCE / Lambda) ** 2
    return math.exp(
        brentq(lambda u: scale * pair_rate(math.exp(u), m_Q) / branching - 1.0, math.log(1e-3), math.log(3.0))
    )


def differential(card: Card, q2: Array) -> Array:
    """dBR/dq2 (n,) [GeV^-2] at q2 (n,) [GeV^2], 0 outside of the continuum.  Raises ValueError without one."""
    continuum = card.model.spectrum(card.decay, card.physics_inputs).continuum
    if continuum is None:
        raise ValueError(f"{card.model.describe_name()} has no continuum in {card.channel}")
    inside = (q2 >= continuum.nodes[0]) & (q2 <= continuum.nodes[-1])
    values = np.zeros_like(q2)
    values[inside] = integrated(continuum.at(q2[inside]))
    return np.asarray(values / width_from_lifetime(card.decay.tau_B(card.physics_inputs.constants)))


def _spectra(points: int) -> Drawing:
    """Fig. 1: dBR/dq2 with and without the Sommerfeld-Fermi factor."""
    Lambda = smallest_Lambda(number("belle_kst"))
    q2 = np.linspace(0.0, 23.0, points)
    numbers = {"Lambda": Lambda}
    with plain_style():
        figure = Figure(figsize=(6.4, 5.0), layout="constrained")
        axes = figure.subplots()
        for alpha_D, color in zip(_ALPHAS, (BLUE, VERMILLION), strict=True):
            here = _card().with_model(alpha_D=alpha_D, Lambda=Lambda)
            tree, printed = here.with_model(sommerfeld=False), here.with_model(sommerfeld="paper")
            label = rf"$\alpha_D = {alpha_D}$"
            line(axes, q2, differential(here, q2), Curve(color, "-"), f"{label}, Sommerfeld-Fermi")
            line(axes, q2, differential(tree, q2), Curve(color, "--"), f"{label}, without")
            axes.plot(
                q2, differential(printed, q2), **{**PAPER, "color": color}, label=f"{label}, as printed, eq. (3.14)"
            )
            name = f"factor_{alpha_D:g}".replace(".", "_")
            numbers[name] = pair_rate(alpha_D, 0.5) / pair_rate(alpha_D, 0.5, sommerfeld=False)
            numbers[f"{name}_printed"] = pair_rate(alpha_D, 0.5, sommerfeld="paper") / pair_rate(alpha_D, 0.5)
        standard = api.load_card({**_SETTINGS, "model": {"name": "sm"}, "channel": "B+ -> K+"})
        line(axes, q2, differential(standard, q2), Curve(BLACK, (0, (8, 3))), "Standard Model")
        axes.set(xlim=(0.0, 23.0), ylim=(0.0, None), xlabel=Q2_LABEL)
        axes.set_ylabel(r"$d\mathrm{BR}(B^+ \to K^+ Q\bar Q)/dq^2$ [GeV$^{-2}$]")
        axes.legend(title=r"$m_Q = 0.5$ GeV, $N_Q = 3$", **LEGEND)
        provenance(figure, f"{made_from(_card())}; Lambda = {Lambda:.4g} GeV")
    numbers["sm"] = _rate(standard, "BR(B+ -> K+ inv)")
    return Drawing(figure, numbers)


def _excess(points: int) -> Drawing:
    """Fig. 2: coupling and scale of the excess."""
    excess = quoted("excess_gabrielli")
    ours, printed = smallest_Lambda(number("belle_kst")), quoted("gabrielli_Lambda").value
    alpha = np.linspace(0.05, 1.5, points)
    rates = {m_Q: np.array([pair_rate(a, m_Q) for a in alpha]) for m_Q in _MASSES}
    with plain_style():
        figure = Figure(figsize=(6.4, 8.6), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        band(top, *excess.interval, YELLOW, "....", r"excess, 1$\sigma$ (fit)", vertical=False)
        for (m_Q, rate), curve in zip(rates.items(), CURVES, strict=False):
            line(top, alpha, rate * (_REFERENCE / ours) ** 2, curve, rf"$m_Q = {m_Q}$ GeV")
            top.plot(alpha, rate * (_REFERENCE / printed) ** 2, **{**PAPER, "color": curve.color})
        top.plot([], [], **PAPER, label=r"the same at $\Lambda = 9.56 \times 10^4$ TeV, eq. (4.6)")
        top.set(yscale="log", ylim=(1e-7, 1e-3), xlim=(alpha[0], alpha[-1]))
        top.set_ylabel(r"$\mathrm{BR}(B^+ \to K^+ Q\bar Q)$")
        top.legend(title=rf"$\Lambda = {ours / 1e8:.2f} \times 10^5$ TeV, $N_Q = 3$", loc="lower right", **LEGEND)
        _plane(bottom, alpha, rates[0.5], ours, printed)
        provenance(figure, made_from(_card()))
    numbers = {"Lambda_TeV": ours / 1e3, "Lambda_verified_TeV": smallest_Lambda(number("belle_kst0_sl")) / 1e3}
    for m_Q, (name, Lambda) in product(_MASSES, (("ours", ours), ("printed", printed))):
        numbers[f"alpha_{m_Q:g}_{name}".replace(".", "_")] = alpha_D_of_rate(excess.value, m_Q, Lambda)
    return Drawing(figure, numbers)


def _plane(axes: Any, alpha: Array, rate: Array, ours: float, printed: float) -> None:
    """The lower panel: BR of dark fermions of 0.5 GeV, coupling and scale."""
    excess = quoted("excess_gabrielli")
    Lambda = np.geomspace(5e7, 5e8, len(alpha))
    plane = rate * (_REFERENCE / Lambda[:, None]) ** 2
    region(axes, alpha, Lambda / 1e3, plane, excess.interval, YELLOW, "....", r"excess, 1$\sigma$ (fit)")
    lines = axes.contour(
        alpha, Lambda / 1e3, plane, levels=[1e-6, 1e-5, excess.value, 1e-4], colors=BLUE, linewidths=1.0
    )
    axes.clabel(lines, fmt=lambda value: f"{value:.1e}", fontsize=7)
    area(
        axes,
        alpha,
        Lambda[0] / 1e3,
        ours / 1e3,
        GREY,
        "////",
        r"$B^0 \to K^{*0}\gamma_D > 2.7 \times 10^{-5}$ (unverified)",
    )
    axes.axhline(
        smallest_Lambda(number("belle_kst0_sl")) / 1e3,
        color=GREEN,
        linestyle="-.",
        label=r"$1.8 \times 10^{-5}$, Belle",
    )
    axes.axhline(printed / 1e3, **PAPER, label="bound as printed, eq. (4.6)")
    axes.set(yscale="log", ylim=(Lambda[0] / 1e3, Lambda[-1] / 1e3), xlabel=r"$\alpha_D$", ylabel=r"$\Lambda$ [TeV]")
    axes.legend(title=r"BR at $m_Q = 0.5$ GeV, $N_Q = 3$", loc="upper left", **LEGEND)


def ratio(alpha_D: float, m_Q: float) -> float:
    """BR(B0 -> K*0 gamma_D)/BR(B+ -> K+ Q Qbar) of three dark fermions of m_Q [GeV]; Lambda drops out."""
    return photon_rate() / pair_rate(alpha_D, m_Q)


def _ratios(points: int) -> Drawing:
    """Fig. 3: K*0 gamma_D over K+ Q Qbar against alpha_D."""
    excess, limit = quoted("excess_gabrielli"), number("belle_kst")
    alpha = np.linspace(0.2, 2.0, points)
    largest = limit / excess.value
    printed = photon_rate(as_printed=True) / photon_rate()
    with plain_style():
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.subplots()
        for m_Q, curve in zip(_MASSES, CURVES, strict=False):
            values = np.array([ratio(a, m_Q) for a in alpha])
            line(axes, alpha, values, curve, rf"$m_Q = {m_Q}$ GeV")
            axes.plot(alpha, printed * values, **{**PAPER, "color": curve.color})
        axes.plot([], [], **PAPER, label="normalised as printed, eq. (4.4)")
        area(axes, alpha, largest, 30.0, GREY, "////", r"$> 2.7 \times 10^{-5}/1.9 \times 10^{-5}$ (unverified)")
        axes.axhline(largest, color=VERMILLION, linestyle="--")
        axes.set(yscale="log", ylim=(0.02, 30.0), xlim=(alpha[0], alpha[-1]), xlabel=r"$\alpha_D$")
        axes.set_ylabel(r"$\mathrm{BR}(B^0 \to K^{*0}\gamma_D)/\mathrm{BR}(B^+ \to K^+ Q\bar Q)$")
        axes.legend(title="$N_Q = 3$", **LEGEND)
        provenance(figure, made_from(_card("B0 -> K*0")))
    at_one = 3.0 * photon_rate() / pair_rate(1.0, 0.0)
    at_one_paper = at_one * quoted("gabrielli_photon_rate").value / photon_rate()
    smallest = brentq(lambda a: ratio(a, 0.1) - largest, 0.2, 2.0)
    return Drawing(figure, {"at_one": at_one, "at_one_printed": at_one_paper, "largest": largest, "alpha": smallest})


FIGURES = (
    SeedFigure("gabrielli-1", _spectra, 400),
    SeedFigure("gabrielli-2", _excess, 60),
    SeedFigure("gabrielli-3", _ratios, 60),
)
