"""Figures of the talks on arXiv:2401.10112 and arXiv:2511.20430: a dark Higgs, L_mu - L_tau and scalar dark matter."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bkgen import api
from bkgen.card import Card
from bkgen.cosmology import Universe
from bkgen.cosmology.semi_annihilation import semi_annihilation
from bkgen.dark_matter import AnnihilationChannel, SemiAnnihilation
from bkgen.errors import InputError
from bkgen.higgs_sector import sin_theta_max
from bkgen.kinematics import FloatArray
from bkgen.models.dark_higgs import DarkHiggs
from bkgen.relic_density import PLANCK

from ..points import fit_card
from ..recast import recast
from ..responses import Array
from ..style import BLACK, BLUE, CURVES, PURPLE, SKY, VERMILLION, plain_style, provenance
from .drawing import GREY, LEGEND, PAPER, Drawing, SeedFigure, area, line, made_from
from .quoted import limit, number, quoted, two_body_fit
from .roots import relic_coupling, root_near

_SETTINGS = {"schema": 1, "form_factors": {"K": "HPQCD2022", "Kst": "BSZ2015"}, "inputs": {"set": "kim2024"}}
_KAPPA = 6.7e-6  # of the talks
BENCHMARK: dict[str, float] = {"m_Zp": 0.0115, "g_X": 5e-4, "Q_Phi": 0.4}  # of the talk of 2024, v_Phi = 57.5 GeV
_Z3 = {"m_Zp": 0.0115, "g_X": 1.1e-4, "Q_Phi": 3.0}
_Z3_OF_TALK = {**_Z3, "g_X": 5e-4}
_SIN_THETA = 6e-3


def card(channel: str = "B+ -> K+", **model: Any) -> Card:
    """A card of the dark Higgs model at sin_theta = 6e-3 with kappa_sb = 6.7e-6."""
    whole = {"name": "dark_higgs", "m_H1": 2.0, "sin_theta": _SIN_THETA, "kappa_sb": _KAPPA, **model}
    return api.load_card({**_SETTINGS, "model": whole, "channel": channel})


def _named(subject: Card) -> dict[str, float]:
    return {q.name: float(q.value) for q in api.rates(subject, uncertainties=False) if isinstance(q.value, float)}


# --- Mixing and mass of H1


class Mixing(NamedTuple):
    """sin_theta against m_H1 (n,) [GeV], each (n,).

    fit, low, high: of the Belle II likelihood with its 68% interval, NaN and 0 where the fitted rate is negative;
    Kst, NA62, KOTO, Higgs: largest ones from B0 -> K*0, K+ -> pi+, K_L -> pi0 and invisible decays of the Higgs boson,
    NaN where there is no limit.
    """

    m_H1: Array
    fit: Array
    low: Array
    high: Array
    Kst: Array
    NA62: Array
    KOTO: Array
    Higgs: Array


def per_square(m_H1: float) -> float:
    """BR(B+ -> K+ H1)/sin^2(theta) at m_H1 [GeV]."""
    return _named(card(Zp=BENCHMARK, m_H1=m_H1))["BR(B+ -> K+ H1)"] / _SIN_THETA**2


def mixing(m_H1: Array) -> Mixing:
    """What B, K and Higgs decays say about the mixing of a dark Higgs of m_H1 (n,) [GeV] that is not seen."""
    K, Kst = card(Zp=BENCHMARK), card("B0 -> K*0", Zp=BENCHMARK)
    beside = recast(Kst).limit_beside_sm
    rows = []
    for m in m_H1:
        here = K.with_model(m_H1=m)
        rates, in_Kst = _named(here), _named(Kst.with_model(m_H1=m))["BR(B0 -> K*0 inv)"]
        fitted = _fitted_strengths(here)
        best, low, high = _SIN_THETA * np.sqrt(np.maximum(fitted, 0.0))
        bounds = [_SIN_THETA * math.sqrt(beside / in_Kst)]
        for name, decay in (("na62_x", "BR(K+ -> pi+ H1)"), ("koto_x_2018", "BR(K_L -> pi0 H1)")):
            curve = limit(name).curve
            largest = None if curve is None or decay not in rates else curve.stable(float(m))
            bounds.append(math.nan if largest is None else _SIN_THETA * math.sqrt(largest / rates[decay]))
        bounds.append(invisible_higgs_mixing(number("hinv_atlas"), float(m), BENCHMARK))
        rows.append((best if fitted[0] > 0.0 else math.nan, low, high, *bounds))
    return Mixing(m_H1, *np.array(rows).T)


def _fitted_strengths(subject: Card) -> Array:
    """Strength of a card in the likelihood and the ends of its 68% interval (3,), NaN where nothing is selected."""
    try:
        result, _ = fit_card(subject)
    except InputError:
        return np.full(3, math.nan)
    return np.array([result.mu, *result.interval_68])


def invisible_higgs_mixing(BR_max: float, m_H1: float, Zp: dict[str, float]) -> float:
    """Largest sin_theta that invisible decays of the Higgs boson allow, with Z'Z' and H1 H1, at m_H1 [GeV]."""
    here = card(Zp=Zp, m_H1=m_H1)
    model, inputs = here.model, here.physics_inputs
    if not isinstance(model, DarkHiggs) or model.vev is None:
        raise TypeError("this card has a dark Higgs with v_Phi")
    return sin_theta_max(BR_max, m_H1, model.vev, model.pairs(inputs), inputs.constants)


def _mixing(points: int) -> Drawing:
    """sin_theta against m_H1."""
    found = mixing(np.geomspace(0.05, 4.7, points))
    m, low, high = found.m_H1, 1e-5, 3e-1
    other = two_body_fit()
    scale = np.array([per_square(x) for x in m])
    digitised = [np.sqrt(np.interp(m, other[:, 0], other[:, k], left=math.nan, right=math.nan) / scale) for k in (2, 3)]
    in_Z3 = [invisible_higgs_mixing(number("hinv_atlas"), float(x), _Z3_OF_TALK) for x in m]
    with plain_style():
        figure = Figure(figsize=(7.0, 6.0), layout="constrained")
        axes = figure.subplots()
        measured = found.low > 0.0
        area(
            axes,
            m,
            np.where(measured, found.low, math.nan),
            found.high,
            VERMILLION,
            "////",
            "Belle II likelihood, 68% (fit)",
        )
        upper = np.where(measured | (found.high == 0.0), math.nan, found.high)
        axes.plot(
            m, upper, color=VERMILLION, linestyle=(0, (5, 1, 1, 1)), label="the same, upper end (fit: agrees with 0)"
        )
        axes.plot(m, np.where(measured, found.fit, math.nan), color=VERMILLION)
        area(
            axes,
            m,
            np.maximum(digitised[0], low),
            digitised[1],
            SKY,
            "....",
            "Belle II and BaBar, 68% (fit, digitised)",
        )
        area(axes, m, found.Higgs, high, GREY, "////", r"$h \to$ invisible, $v_\Phi = 57.5$ GeV")
        area(axes, m, found.Kst, high, GREY, "\\\\\\\\", r"$B^0 \to K^{*0}$ + invisible, beside the SM (indicative)")
        area(axes, m, found.NA62, high, PURPLE, "xxxx", r"$K^+ \to \pi^+$ + invisible, NA62")
        axes.plot(m, found.KOTO, color=BLUE, linestyle="-.", label=r"$K_L \to \pi^0$ + invisible, KOTO")
        axes.plot(m, in_Z3, color=BLACK, linestyle="--", label=r"$h \to$ invisible, $v_\Phi = 7.67$ GeV")
        axes.axhline(quoted("talk_sin_theta").value, **PAPER, label=r"$\sin\theta = 0.01$ of the talks")
        axes.set(xscale="log", yscale="log", xlim=(m[0], m[-1]), ylim=(low, high))
        axes.set_xlabel(r"$m_{H_1}$ [GeV]")
        axes.set_ylabel(r"$\sin\theta$")
        figure.legend(loc="outside upper center", ncols=2, **LEGEND)
        provenance(figure, f"{made_from(card(Zp=BENCHMARK))}; data and likelihood arXiv:2507.12393")
    at = mixing(np.array([2.0]))
    numbers = {
        "fit": float(at.fit[0]),
        "low": float(at.low[0]),
        "high": float(at.high[0]),
        "Kst": float(at.Kst[0]),
        "Higgs": float(at.Higgs[0]),
        "Higgs_Z3": invisible_higgs_mixing(number("hinv_atlas"), 2.0, _Z3_OF_TALK),
        "excess": math.sqrt(quoted("excess").value / per_square(2.0)),
        "likelihood": math.sqrt(quoted("two_body_likelihood").value / per_square(2.0)),
        "both": math.sqrt(quoted("two_body_global").value / per_square(2.0)),
    }
    return Drawing(figure, numbers)


# --- Relic coupling


def relic_lambda(m_X: float, m_H1: Array, guess: float) -> Array:
    """lambda_PhiX (n,) of the observed density at m_H1 (n,) [GeV]; NaN where the model has no prediction."""
    start = card(Zp=BENCHMARK, X={"m_X": m_X, "lambda_PhiX": 1e-8, "Q_X": 1.0})
    found = []
    for m in m_H1:
        try:
            here = start.with_model(m_H1=m)
        except InputError:
            found.append(math.nan)
            continue
        found.append(relic_coupling(here, "X.lambda_PhiX", guess))
        guess = found[-1] if found[-1] > 0.0 else guess
    return np.array(found)


def around_resonance(m_X: float, m_H1: Array) -> Array:
    """The masses (n,) [GeV] and, inside their range, some more about the resonance m_H1 = 2 m_X."""
    more = 2.0 * m_X * np.linspace(0.9, 1.3, len(m_H1) // 4)
    return np.unique(np.concatenate([m_H1, more[(more > m_H1[0]) & (more < m_H1[-1])]]))


def largest_lambda(m_X: float, m_H1: Array) -> Array:
    """lambda_PhiX (n,) above which H1 is no particle, a tachyon or unstable, at m_H1 (n,) [GeV]."""
    start = card(Zp=BENCHMARK, X={"m_X": m_X, "lambda_PhiX": 1e-8, "Q_X": 1.0})

    def allowed(m: float, value: float) -> bool:
        try:
            start.with_model({"m_H1": m, "X.lambda_PhiX": value})
        except InputError:
            return False
        return True

    edges = []
    for m in m_H1:
        low, high = math.log(1e-8), math.log(1e3)
        for _ in range(24):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if allowed(float(m), math.exp(middle)) else (low, middle)
        edges.append(math.exp(low))
    return np.array(edges)


def zero_width_lambda(m_X: float, m_H1: Array, branching: float) -> Array:
    """lambda_PhiX (n,) of a BR(B+ -> K+ X Xbar) by the formula of the talks, without a width of H1; masses [GeV]."""
    start = card(
        X={"m_X": m_X, "lambda_PhiX": 1e-3, "Q_X": 1.0}, v_Phi=_v_Phi(BENCHMARK), width="narrow", m_H1=float(m_H1[-1])
    )
    rates = np.array([_named(start.with_model(m_H1=m))["BR(B+ -> K+ X Xbar)"] for m in m_H1])
    return np.asarray(1e-3 * np.sqrt(branching / rates))


def _v_Phi(Zp: dict[str, float]) -> float:
    return Zp["m_Zp"] / (Zp["g_X"] * Zp["Q_Phi"])


_X_CURVES = ((0.02, "20 MeV"), (0.06, "60 MeV"), (1.0, "1 GeV"), (10.0, "10 GeV"))


def _relic_couplings(points: int) -> Drawing:
    """lambda_PhiX of the observed density against m_H1."""
    m_H1 = np.geomspace(0.1, 20.0, points)
    guesses = (5e-4, 5e-4, 1e-3, 1e-2)
    numbers: dict[str, float] = {}
    with plain_style():
        figure = Figure(figsize=(6.4, 5.6), layout="constrained")
        axes = figure.subplots()
        area(
            axes, m_H1, largest_lambda(0.02, m_H1), 1e2, GREY, "////", "no prediction: no particle, tachyon or unstable"
        )
        for (m_X, text), guess, curve in zip(_X_CURVES, guesses, CURVES, strict=False):
            line(axes, grid := around_resonance(m_X, m_H1), relic_lambda(m_X, grid, guess), curve, f"$m_X$ = {text}")
        end = endpoint()
        heavy = np.geomspace(1.02 * end, 20.0, max(points // 3, 4))
        axes.plot(
            heavy, zero_width_lambda(0.02, heavy, quoted("excess").value), **PAPER,
            label=r"$\mathrm{BR}(B^+ \to K^+X\bar X) = 1.8 \times 10^{-5}$, as printed, no width",
        )  # fmt: skip
        axes.axvline(end, color=BLACK, linewidth=0.8, linestyle=":", label=r"$m_B - m_K$")
        axes.set(xscale="log", yscale="log", xlim=(m_H1[0], m_H1[-1]), ylim=(1e-7, 1e2))
        axes.set_xlabel(r"$m_{H_1}$ [GeV]")
        axes.set_ylabel(r"$\lambda_{\Phi X}$ for $\Omega h^2 = 0.12$")
        figure.legend(loc="outside upper center", ncols=2, **LEGEND)
        provenance(figure, made_from(card(Zp=BENCHMARK)))
    for m in (5.0, 6.0):
        value = float(relic_lambda(0.02, np.array([m]), 0.2)[0])
        here = card(Zp=BENCHMARK, X={"m_X": 0.02, "lambda_PhiX": value, "Q_X": 1.0}, m_H1=m)
        numbers |= {f"lambda_{m:g}": value, f"rate_{m:g}": _named(here)["BR(B+ -> K+ H1)"]}
    return Drawing(figure, numbers)


def endpoint() -> float:
    """m_B - m_K [GeV]."""
    c = card(Zp=BENCHMARK).physics_inputs.constants
    return c.m_Bp - c.m_Kp


# --- Z3


def relic_lambda_3(m_X: Array) -> Array:
    """lambda_3 (n,) of the observed density at m_X (n,) [GeV], H1 of 2 GeV, without annihilation of X Xbar."""
    start = card(Zp=_Z3, X={"m_X": 1.0, "lambda_PhiX": 1e-9, "Q_X": 1.0}, lambda_3=1e-4)
    found, guess = [], 2.4e-4 * float(m_X[0])
    for m in m_X:
        guess = relic_coupling(start.with_model({"X.m_X": m}), "lambda_3", guess)
        found.append(guess)
    return np.array(found)


def contact_lambda_3(m_X: Array) -> Array:
    """The same for X X -> Xbar Z' and Xbar H1 with sigma v = 27 lambda_3^2/(64 pi m_X^2) each, as printed.

    m_X: (n,) [GeV].
    """
    universe = Universe(card(Zp=_Z3).physics_inputs.constants)

    def density(m: float, value: float) -> float:
        sigma_v = 27.0 * value**2 / (32.0 * math.pi * m**2)

        def sigma(s: FloatArray) -> FloatArray:
            return np.asarray(sigma_v / (2.0 * np.sqrt(1.0 - 4.0 * m**2 / s)))

        both = AnnihilationChannel("Xbar Z', Xbar H1", sigma)
        return semi_annihilation(SemiAnnihilation("X", m, 1.0, (), (both,)), universe).omega_h2

    def root(m: float) -> float:
        return root_near(lambda value: math.log(density(m, value) / PLANCK), 2.4e-4 * m)

    return np.array([root(float(m)) for m in m_X])


def _z3(points: int) -> Drawing:
    """lambda_3 of the observed density against m_X."""
    m_X = np.geomspace(0.02, 100.0, points)
    ours = relic_lambda_3(m_X)
    with plain_style():
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.loglog(m_X, ours, color=BLUE, label=r"$XX \to \bar X Z'$, $\bar X H_1$, $m_{H_1} = 2$ GeV")
        axes.loglog(m_X, contact_lambda_3(m_X), **PAPER, label=r"$27\lambda_3^2/(64\pi m_X^2)$ for each, as printed")
        axes.set(xlim=(m_X[0], m_X[-1]), xlabel="$m_X$ [GeV]", ylabel=r"$\lambda_3$ for $\Omega h^2 = 0.12$")
        axes.legend(**LEGEND)
        provenance(figure, made_from(card(Zp=_Z3)))
    at = np.array([0.1, 1.0, 10.0, 100.0])
    names = ("0_1", "1", "10", "100")
    numbers = {f"lambda_{name}": float(value) for name, value in zip(names, relic_lambda_3(at), strict=True)}
    numbers |= {f"contact_{name}": float(value) for name, value in zip(names, contact_lambda_3(at), strict=True)}
    return Drawing(figure, numbers)


FIGURES = (
    SeedFigure("talks-mixing", _mixing, 60),
    SeedFigure("talks-relic-coupling", _relic_couplings, 40),
    SeedFigure("talks-z3", _z3, 50),
)
