"""Figure of the talks on L_mu - L_tau: coupling and mass of the Z'."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from bkgen import trident
from bkgen.higgs_sector import sin_theta_of_rate, v_Phi_min
from bkgen.loops import delta_a_mu
from bkgen.models.dark_higgs import DarkHiggs
from bkgen.n_eff import delta_N_eff

from ..responses import Array
from ..style import BLACK, BLUE, CURVES, GREEN, ORANGE, plain_style, provenance
from .dark_higgs import BENCHMARK, card, per_square
from .drawing import GREY, LEGEND, PAPER, Drawing, SeedFigure, area, line, made_from, region
from .quoted import number, quoted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOW, _HIGH = 1e-5, 2e-2  # g_X
_M_ZP = (1e-3, 10.0)  # GeV
_Q_PHI = 3.0  # of the Z3 model
_M_H1 = 2.0  # GeV
_EXCESSES = (("two_body_global", "5.1"), ("two_body_likelihood", "9.2"))


def g_X_of_a_mu(m_Zp: Array, value: float) -> Array:
    """g_X (n,) that gives a Delta a_mu at m_Zp (n,) [GeV]; it goes like g_X^2."""
    constants = card(Zp=BENCHMARK).physics_inputs.constants
    return np.array([math.sqrt(value / delta_a_mu(m, 1.0, constants)) for m in m_Zp])


def extra_neutrinos(m_Zp: float, g_X: float) -> float:
    """Delta N_eff of a Z' of m_Zp [GeV] that electrons see through the loop of muons and taus."""
    here = card(Zp={**BENCHMARK, "m_Zp": m_Zp, "g_X": g_X})
    model, inputs = here.model, here.physics_inputs
    if not isinstance(model, DarkHiggs):
        raise TypeError("this card has a dark Higgs")
    return delta_N_eff(m_Zp, model.Zp_widths(inputs).partial.get("e+ e-", 0.0), inputs.constants)


@cache
def smallest_v_Phi(name: str, m_Zp: float = BENCHMARK["m_Zp"]) -> float:
    """v_Phi [GeV] above which H1 of 2 GeV can give a quoted BR(B+ -> K+ H1) without too many invisible Higgs decays."""
    constants = card(Zp=BENCHMARK).physics_inputs.constants
    return v_Phi_min(
        number("hinv_atlas"), sin_theta_of_rate(quoted(name).value, per_square(_M_H1)), _M_H1, m_Zp, constants
    )


def _plane(points: int) -> Drawing:
    """Limits, g - 2, N_eff, and what the excess leaves."""
    m_Zp = np.geomspace(*_M_ZP, points)
    ccfr, amu = number("ccfr"), number("amu")
    with plain_style():
        figure = Figure(figsize=(7.0, 6.4), layout="constrained")
        axes = figure.subplots()
        tridents = [trident.g_X_max(m, ccfr) for m in m_Zp]
        area(axes, m_Zp, g_X_of_a_mu(m_Zp, amu), _HIGH, GREY, "////", r"$\Delta a_\mu$, 95% CL, 2025")
        area(axes, m_Zp, tridents, _HIGH, ORANGE, "\\\\\\\\", "tridents, CCFR (unverified)")
        _neutrinos(axes, max(points // 11, 4))
        for value in quoted("delta_a_mu_2023").interval:
            axes.plot(m_Zp, g_X_of_a_mu(m_Zp, value), **PAPER)
        axes.plot([], [], **PAPER, label=r"$\Delta a_\mu$ of 2023, 1$\sigma$ (unverified, superseded)")
        for (name, power), curve in zip(_EXCESSES, CURVES[1:], strict=False):
            text = rf"below: $\mathrm{{BR}}(B^+ \to K^+H_1) = {power} \times 10^{{-6}}$, $Q_\Phi = 3$"
            line(axes, m_Zp, m_Zp / (_Q_PHI * smallest_v_Phi(name)), curve, text)
        for name, marker in (("babar_4mu", "v"), ("belle2_invisible", "s")):
            best = quoted(name)
            label = (
                f"{best.reference.split(' ')[0]}: best limit in this range"
                if marker == "v"
                else "Belle II: the same, invisible"
            )
            axes.plot(
                best.mass, [best.value] * 2, "-", color=BLACK, linewidth=0.8, marker=marker, markersize=5, label=label
            )
        axes.plot(BENCHMARK["m_Zp"], BENCHMARK["g_X"], "*", color=BLUE, markersize=12, label="benchmark of the talks")
        axes.set(xscale="log", yscale="log", xlim=_M_ZP, ylim=(_LOW, _HIGH), xlabel="$m_{Z'}$ [GeV]", ylabel="$g_X$")
        figure.legend(loc="outside upper center", ncols=2, **LEGEND)
        provenance(figure, made_from(card(Zp=BENCHMARK)))
    at = np.array([BENCHMARK["m_Zp"]])
    numbers = {
        "tridents": trident.g_X_max(at[0], ccfr),
        "a_mu": float(g_X_of_a_mu(at, amu)[0]),
        "neutrinos": extra_neutrinos(at[0], BENCHMARK["g_X"]),
        "neutrinos_weak": extra_neutrinos(at[0], 1e-4),
        "g_likelihood": float(at[0]) / (_Q_PHI * smallest_v_Phi("two_body_likelihood")),
        "g_global": float(at[0]) / (_Q_PHI * smallest_v_Phi("two_body_global")),
    }
    return Drawing(figure, numbers)


def _neutrinos(axes: Axes, points: int) -> None:
    """Excluded and, in the talks, preferred N_eff, up to couplings that tridents exclude."""
    from scipy.interpolate import RectBivariateSpline

    coarse = np.geomspace(2e-3, 0.03, points), np.geomspace(_LOW, 1e-3, points)
    extra = np.array([[extra_neutrinos(m, g) for m in coarse[0]] for g in coarse[1]])
    log_extra = RectBivariateSpline(np.log(coarse[1]), np.log(coarse[0]), np.log(extra))
    m_Zp, g_X = (np.geomspace(grid[0], grid[-1], 80) for grid in coarse)
    fine = np.exp(log_extra(np.log(g_X), np.log(m_Zp)))
    region(axes, m_Zp, g_X, fine, (number("neff_planck"), 20.0), GREY, "....", r"$N_\mathrm{eff}$, Planck, 95% CL")
    axes.contour(m_Zp, g_X, fine, levels=quoted("delta_N_eff").interval, colors=GREEN, linestyles="--", linewidths=1.4)
    axes.plot([], [], color=GREEN, linestyle="--", label=r"$\Delta N_\mathrm{eff} = 0.2$, 0.5 (talks, unverified)")


FIGURES = (SeedFigure("talks-lmu-ltau", _plane, 80),)
