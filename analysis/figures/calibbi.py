"""Figures of arXiv:2502.04900: an ALP of 2 GeV with frozen-in dark matter, and a dark photon with thermal dark matter.

Inputs `calibbi2025` and form factors GRvDV2023, those of the paper, so that what differs is physics.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bkgen import api
from bkgen.card import Card
from bkgen.cosmology import Universe
from bkgen.cosmology.freeze_in import equilibrium_freeze_in, production_rate, yield_per_width
from bkgen.cosmology.thermodynamics import time_dilation
from bkgen.dark_matter import FreezeIn
from bkgen.dark_photon_couplings import smallest_alpha_X
from bkgen.relic_density import PLANCK
from bkgen.widths import X_to_psipsi

from ..recast import recast
from ..responses import Array
from ..style import BLACK, BLUE, CURVES, GREEN, ORANGE, PURPLE, SKY, VERMILLION, plain_style, provenance
from .drawing import GREY, LEGEND, PAPER, Drawing, SeedFigure, area, band, crossings, line, made_from, region
from .quoted import number, quoted
from .roots import relic_coupling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAPER = "arXiv:2502.04900"
_SETTINGS = {"schema": 1, "form_factors": "GRvDV2023", "inputs": {"set": "calibbi2025"}}
_F_A = 1e8  # GeV; only C/f_a matters
_BENCHMARK = 6e-9  # GeV^-1, C_q/f_a and C_chi/f_a of Fig. 1, right
_M_CHI = 3e-3  # GeV, there
_ALP = {"name": "alp", "m_a": 2.0, "f_a": _F_A, "C_q": _BENCHMARK * _F_A, "C_chi": _BENCHMARK * _F_A, "m_chi": _M_CHI}
_M_X, _LIGHTEST_PHI = 2.0, 4e-3  # GeV
_DARK_PHOTON = {
    "name": "dark_photon",
    "m_X": _M_X,
    "alpha_X": 1e-3,
    "m_psi": 0.1,
    "m_phi": _LIGHTEST_PHI,
    "eps": 5e-5,
    "delta": 3.6e-3,
}


def _card(model: dict[str, Any], channel: str = "B+ -> K+") -> Card:
    return api.load_card({**_SETTINGS, "model": model, "channel": channel})


def _candidate(card: Card) -> FreezeIn:
    found = card.model.dark_matter(card.physics_inputs)
    if not isinstance(found, FreezeIn):
        raise TypeError("the ALP freezes dark matter in")
    return found


def _named(card: Card) -> dict[str, float]:
    return {q.name: float(q.value) for q in api.rates(card, uncertainties=False) if isinstance(q.value, float)}


# --- Fig. 1


def coupling_of_rate(branching: float) -> float:
    """C_q/f_a [GeV^-1] that gives a BR(B+ -> K+ a)."""
    card = _card(_ALP)
    return _BENCHMARK * math.sqrt(branching / _named(card)["BR(B+ -> K+ a)"])


class Thermalisation(NamedTuple):
    """Rates over the Hubble rate at C_q/f_a = 6e-9 GeV^-1, each (n,): T [GeV], b decays, scatterings, a <-> plasma."""

    T: Array
    decays: Array
    scatterings: Array
    inverse: Array


def thermalisation(points: int) -> Thermalisation:
    """How fast b quarks, and its own decays, bring the ALP to equilibrium; all rates go like (C_q/f_a)^2."""
    card = _card(_ALP)
    found, universe = _candidate(card), Universe(card.physics_inputs.constants)
    T = np.geomspace(0.1, 300.0, points)
    H = universe.hubble(T)
    decays = production_rate(replace(found, scatterings=()), T)
    scatterings = production_rate(replace(found, decays=()), T)
    inverse = found.Gamma_visible * time_dilation(found.mediator_mass, T)
    return Thermalisation(T, decays / H, scatterings / H, inverse / H)


def _equilibrium(points: int) -> Drawing:
    """Fig. 1, left: where the ALP is in equilibrium, temperature and coupling."""
    rates = thermalisation(points)
    coupling = {name: _BENCHMARK / np.sqrt(getattr(rates, name)) for name in ("decays", "scatterings", "inverse")}
    low, high = 1e-10, 1e-6
    central, printed = quoted("two_body_1_sigma").value, quoted("calibbi_alp_rate")
    ours, theirs = coupling_of_rate(central), 1e-8 * math.sqrt(central / printed.value)
    with plain_style():
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.subplots()
        area(
            axes,
            rates.T,
            coupling["scatterings"],
            high,
            ORANGE,
            "////",
            r"$b\bar b \to ag$, $bg \to ba$ faster than $H$",
        )
        area(axes, rates.T, coupling["decays"], high, PURPLE, "\\\\\\\\", r"$b \to sa$ faster than $H$")
        edge = np.minimum(coupling["decays"], coupling["scatterings"])
        cold = rates.T[np.argmin(edge)] >= rates.T
        area(axes, rates.T[cold], low, edge[cold], GREY, "....", "too few $b$ quarks")
        axes.plot(rates.T, coupling["scatterings"], color=ORANGE)
        axes.plot(rates.T, coupling["decays"], color=PURPLE, linestyle="-.")
        axes.plot(
            rates.T,
            coupling["inverse"],
            color=GREEN,
            linestyle=(0, (8, 3)),
            label="above: decays of $a$ and inverse ones faster than $H$",
        )
        axes.axhline(
            ours,
            color=BLUE,
            linestyle="--",
            label=rf"$\mathrm{{BR}}(B^+ \to K^+a) = {1e6 * central:.0f} \times 10^{{-6}}$",
        )
        axes.axhline(theirs, **PAPER, label="the same as printed, eq. (20)")
        axes.set(xscale="log", yscale="log", xlim=(rates.T[0], rates.T[-1]), ylim=(low, high))
        axes.set_xlabel("temperature $T$ [GeV]")
        axes.set_ylabel(r"$C_q/f_a$ [GeV$^{-1}$]")
        figure.legend(loc="outside upper center", ncols=2, **LEGEND)
        provenance(figure, made_from(_card(_ALP)))
    scattering, decay = (crossings(rates.T, y) for y in (rates.scatterings, rates.decays))
    numbers = {
        "T_scat_low": scattering[0],
        "T_scat_high": scattering[-1],
        "T_dec_low": decay[0],
        "T_dec_high": decay[-1],
        "C_central": ours,
        "C_printed": theirs,
    }
    return Drawing(figure, numbers)


def _yields(points: int) -> Drawing:
    """Fig. 1, right: yields against x = m_b/T."""
    card = _card(_ALP)
    found, universe = _candidate(card), Universe(card.physics_inputs.constants)
    answer = api.relic(card)
    history, m_b = answer.history, card.physics_inputs.constants.m_b
    omega = next(float(q.value) for q in answer.quantities if q.name == "Omega h2" and isinstance(q.value, float))
    equilibrium = universe.omega_h2(found.mass, equilibrium_freeze_in(found, universe))
    every = max(len(history["T"]) // points, 1)
    T = history["T"][::every]
    x = m_b / T
    with plain_style():
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.loglog(x, history["Y_mediator"][::every], "-.", color=SKY, linewidth=2.2, label="$a$")
        axes.loglog(x, history["Y_mediator_eq"][::every], ":", color=BLACK, linewidth=1.1, label="$a$ in equilibrium")
        axes.loglog(x, history["Y"][::every], "-", color=PURPLE, label=r"$\chi + \bar\chi$")
        axes.loglog(x, universe.equilibrium_yield(m_b, 6.0, T), "--", color=ORANGE, label="$b$ in equilibrium")
        axes.set_xlim(x[1], 300.0)
        axes.set_ylim(1e-12, 1.0)
        axes.set_xlabel("$x = m_b/T$")
        axes.set_ylabel("yield $Y = n/s$")
        axes.legend(title=rf"$\Omega h^2 = {omega:.3f}$", **LEGEND)
        provenance(figure, made_from(card))
    late = (history["T"] < found.mediator_mass) & (history["T"] > 0.1)
    excess = np.max(history["Y_mediator"][late] / history["Y_mediator_eq"][late])
    return Drawing(figure, {"omega": omega, "omega_eq": equilibrium, "excess": float(excess)})


# --- Fig. 2


def relic_C_chi(m_chi: float, coupling: Array, yields: Array) -> Array:
    """C_chi/f_a (n,) [GeV^-1] of the observed density, for m_chi [GeV], at C_q/f_a (n,) [GeV^-1].

    yields: Y/Gamma_dark (n,) [GeV^-1] of those couplings from `relic_yields`; the density goes like C_chi^2.
    """
    found = _candidate(_card({**_ALP, "m_chi": m_chi}))
    universe = Universe(_card(_ALP).physics_inputs.constants)
    per_yield = universe.omega_h2(m_chi, found.Gamma_dark)
    return np.asarray(_BENCHMARK * np.sqrt(PLANCK / (per_yield * yields)))


def relic_yields(coupling: Array) -> Array:
    """Y/Gamma_dark (n,) [GeV^-1] at C_q/f_a (n,) [GeV^-1]: one solution of the Boltzmann equations each."""
    card = _card(_ALP)
    universe = Universe(card.physics_inputs.constants)
    return np.array([yield_per_width(_candidate(card.with_model(C_q=C * _F_A)), universe) for C in coupling])


def _heaviest(m_a: float) -> float:
    """The m_chi at which m_chi^3 sqrt(1 - 4 m_chi^2/m_a^2), and with it the density, is largest."""
    return 0.5 * m_a * math.sqrt(0.75)


def _relic_plane(points: int) -> Drawing:
    """Fig. 2: m_chi of the observed density in the plane of the couplings."""
    C_q = np.geomspace(1e-9, 1e-7, points)
    yields = relic_yields(C_q)
    warm, edge = number("lyman_alpha"), _heaviest(2.0)
    low, high = 1e-13, 1e-4
    bounds = [
        coupling_of_rate(br) for br in (*quoted("two_body_2_sigma").interval, *quoted("two_body_1_sigma").interval)
    ]
    with plain_style():
        figure = Figure(figsize=(6.4, 5.0), layout="constrained")
        axes = figure.subplots()
        band(axes, bounds[0], bounds[1], VERMILLION, "", r"excess, 2$\sigma$ (fit)")
        band(axes, bounds[2], bounds[3], VERMILLION, "////", r"excess, 1$\sigma$ (fit)")
        top, bottom = relic_C_chi(warm, C_q, yields), relic_C_chi(edge, C_q, yields)
        area(axes, C_q, top, high, GREY, "\\\\\\\\", r"$m_\chi < 15$ keV, warm (unverified)")
        area(axes, C_q, low, bottom, GREY, "....", r"$\Omega h^2 < 0.12$ for every $m_\chi < m_a/2$")
        masses = ((1e-4, "0.1 MeV"), (1e-3, "1 MeV"), (3e-3, "3 MeV"), (1e-2, "10 MeV"), (0.1, "100 MeV"))
        for (m_chi, text), curve in zip(masses, CURVES, strict=False):
            line(axes, C_q, relic_C_chi(m_chi, C_q, yields), curve, rf"$m_\chi = {text.split()[0]}$ {text.split()[1]}")
        axes.plot(C_q, C_q, **PAPER, label=r"$C_\chi = C_q$")
        axes.set(xscale="log", yscale="log", xlim=(C_q[0], C_q[-1]), ylim=(low, high))
        axes.set_xlabel(r"$C_q/f_a$ [GeV$^{-1}$]")
        axes.set_ylabel(r"$C_\chi/f_a$ [GeV$^{-1}$]")
        figure.legend(loc="outside upper center", ncols=3, **LEGEND)
        provenance(figure, made_from(_card(_ALP)))
    at = np.array([_BENCHMARK, 1e-9])
    benchmark = relic_yields(at)
    numbers = {
        "m_chi_MeV": 1e3 * relic_mass(_BENCHMARK, float(benchmark[0])),
        "C_chi_warm": float(relic_C_chi(warm, at, benchmark)[0]),
        "growth": float(benchmark[1] / benchmark[0]),
        "f_a_low": 1.0 / bounds[3],
        "f_a_high": 1.0 / bounds[2],
        "f_a_low_2": 1.0 / bounds[1],
        "f_a_high_2": 1.0 / bounds[0],
    }
    return Drawing(figure, numbers)


def relic_mass(C_chi: float, yield_: float) -> float:
    """m_chi [GeV] of the observed density at C_chi/f_a [GeV^-1], with Y/Gamma_dark [GeV^-1] of `relic_yields`."""
    from scipy.optimize import brentq

    def excess(log_m: float) -> float:
        return math.log(float(relic_C_chi(math.exp(log_m), np.array([C_chi]), np.array([yield_]))[0]) / C_chi)

    return math.exp(brentq(excess, math.log(1e-6), math.log(_heaviest(2.0)), xtol=1e-9))


# --- Fig. 3


class DarkPhotonPlane(NamedTuple):
    """For delta (n,): BR(B+ -> K+ X), BR(B0 -> K*0 X), widths of X [GeV] to mu mu, to neutrinos, to all but psi psi."""

    delta: Array
    BR_K: Array
    BR_Kst: Array
    mumu: Array
    neutrinos: Array
    rest: Array


def dark_photon_plane(delta: Array) -> DarkPhotonPlane:
    """Rates along the mass mixing delta (n,), at eps = 5e-5; m_psi does not enter."""
    cards = _card(_DARK_PHOTON), _card(_DARK_PHOTON, "B0 -> K*0")
    rows = []
    for value in delta:
        K, Kst = (_named(card.with_model(delta=value)) for card in cards)
        neutrinos = sum(width for name, width in K.items() if name.startswith("Gamma(X -> nu"))
        rest = K["Gamma(X)"] - K["Gamma(X -> psi psi)"]
        rows.append((value, K["BR(B+ -> K+ X)"], Kst["BR(B0 -> K*0 X)"], K["Gamma(X -> mu+ mu-)"], neutrinos, rest))
    return DarkPhotonPlane(*np.array(rows).T)


def relic_alpha_X(m_psi: float, m_phi: float, guess: float = 1e-3) -> float:
    """alpha_X of the observed density for m_psi and m_phi [GeV]."""
    return relic_coupling(_card({**_DARK_PHOTON, "m_psi": m_psi, "m_phi": m_phi}), "alpha_X", guess)


def alpha_X_as_printed(m_psi: float) -> float:
    """alpha_X that eq. (48) of the paper gives for the observed density, m_psi [GeV]."""
    at_mass = quoted("calibbi_relic_coupling").value * quoted("calibbi_relic_mass").value / m_psi
    return at_mass * math.sqrt(quoted("calibbi_relic_density").value / PLANCK)


def kst_limit() -> float:
    """Upper limit on BR(B0 -> K*0 X) beside the Standard Model, without a correction for its spectrum."""
    return recast(_card(_DARK_PHOTON, "B0 -> K*0")).limit_beside_sm


def _dark_photon(points: int) -> Drawing:
    """Fig. 3: mass mixing and alpha_X for two masses of dark matter."""
    plane = dark_photon_plane(np.geomspace(5e-4, 2e-2, points))
    limit = kst_limit()
    with plain_style():
        figure = Figure(figsize=(9.6, 5.4), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        relics = {
            m: _dark_photon_panel(axes, plane, m, limit, points) for axes, m in zip(panels, (0.1, 0.8), strict=True)
        }
        panels[0].set_ylabel(r"$\alpha_X$")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, **LEGEND)
        provenance(
            figure, f"{made_from(_card(_DARK_PHOTON))}; eps = 5e-5; LHCb at 95%, Belle at 90% CL, spectrum of the SM"
        )
    c = _card(_DARK_PHOTON).physics_inputs.constants
    bounds = [float(np.interp(br, plane.BR_K, plane.delta)) for br in quoted("two_body_1_sigma").interval]
    numbers = {
        "alpha_light": relics[0.1],
        "alpha_heavy": relics[0.8],
        "limit": limit,
        "printed_light": alpha_X_as_printed(0.1),
        "printed_heavy": alpha_X_as_printed(0.8),
        "delta_low": bounds[0],
        "delta_high": bounds[1],
        "delta_kst": float(np.interp(limit, plane.BR_Kst, plane.delta)),
        "ratio": float(plane.BR_Kst[0] / plane.BR_K[0] * c.tau_Bp / c.tau_B0),
    }
    return Drawing(figure, numbers)


def _dark_photon_panel(axes: Axes, plane: DarkPhotonPlane, m_psi: float, limit: float, points: int) -> float:
    """One mass of dark matter; returns alpha_X of the observed density for the lightest dark Higgs."""
    alpha = np.geomspace(1e-9, 1e-1, 2 * points)
    delta, low, high = plane.delta, float(alpha[0]), float(alpha[-1])
    dark = alpha[:, None] * X_to_psipsi(_M_X, m_psi, 1.0)
    unseen = (dark + plane.neutrinos) / (dark + plane.rest)
    region(
        axes,
        delta,
        alpha,
        plane.BR_K * unseen,
        quoted("two_body_2_sigma").interval,
        VERMILLION,
        "",
        r"excess, 2$\sigma$ (fit)",
    )
    region(
        axes,
        delta,
        alpha,
        plane.BR_K * unseen,
        quoted("two_body_1_sigma").interval,
        VERMILLION,
        "////",
        r"excess, 1$\sigma$ (fit)",
    )
    region(
        axes, delta, alpha, plane.BR_Kst * unseen, (limit, 1.0), GREY, "\\\\\\\\",
        r"$B^0 \to K^{*0}$ + invisible, beside the SM (indicative)",
    )  # fmt: skip
    lhcb = number("lhcb_kmumu_prompt")
    smallest = [
        smallest_alpha_X(lhcb, *row, _M_X, m_psi) for row in zip(plane.BR_K, plane.mumu, plane.rest, strict=True)
    ]
    area(axes, delta, low, np.maximum(smallest, low), GREY, "....", r"$B^+ \to K^+ \mu\mu$, LHCb")
    light, others = _relic_band(m_psi, max(points // 10, 4))
    band(
        axes,
        min(light, *others),
        max(light, *others),
        BLUE,
        "----",
        r"$\Omega h^2 = 0.12$, 4 MeV $\leq m_\varphi \leq m_\mathrm{DM}$",
        vertical=False,
    )
    axes.axhline(light, color=BLUE, label=r"$\Omega h^2 = 0.12$, $m_\varphi = 4$ MeV")
    axes.axhline(alpha_X_as_printed(m_psi), **PAPER, label="the same as printed, eq. (48)")
    axes.axvline(quoted("talk_delta").value, **{**PAPER, "linestyle": "-."}, label=r"$\delta$ of the talk")
    axes.set(xscale="log", yscale="log", xlim=(delta[0], delta[-1]), ylim=(low, high))
    axes.set_xlabel(r"mass mixing $\delta$")
    axes.set_title(rf"$m_\mathrm{{DM}} = {m_psi}$ GeV")
    return light


def _relic_band(m_psi: float, masses: int) -> tuple[float, list[float]]:
    """alpha_X of the observed density for m_phi = 4 MeV, and for some heavier ones up to m_psi."""
    found = [relic_alpha_X(m_psi, _LIGHTEST_PHI)]
    for m_phi in np.linspace(0.0, 1.0, masses + 1)[1:] * m_psi:
        found.append(relic_alpha_X(m_psi, float(m_phi), found[-1]))
    return found[0], found[1:]


FIGURES = (
    SeedFigure("calibbi-1-left", _equilibrium, 150),
    SeedFigure("calibbi-1-right", _yields, 400),
    SeedFigure("calibbi-2", _relic_plane, 100),
    SeedFigure("calibbi-3", _dark_photon, 60),
)
