"""Freeze-in: dark matter from decays of a mediator that the plasma produces.

With Y_a of the mediator, w = Y_chi + Y_chibar, and d/dl = d/dln(1/T), F = 1 + (1/3) dln g_s/dln T,

    dY_a/dl = (F/H) {[gamma/n_a^eq + Gamma_vis K_1/K_2] (Y_a^eq - Y_a) - Gamma_chi (K_1/K_2) (Y_a - Y_a^eq (w/w^eq)^2)},
    dw/dl = 2 (F/H) Gamma_chi (K_1/K_2) (Y_a - Y_a^eq (w/w^eq)^2),

gamma: sum of the densities of decays n_b Gamma K_1/K_2 and of scatterings n_1 n_2 <sigma v> in equilibrium, K_1/K_2 the
time dilation of the decaying particle.  Both yields are 0 at the start.
Source: arXiv:2502.04900 eqs. (24)-(28), with the factor F and with the conjugates of b -> s a and b g -> b a.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from ..dark_matter import FreezeIn, ProductionScattering
from ..kinematics import FloatArray
from .averages import CrossSection, reaction_density
from .boltzmann import COEFFICIENTS, DIAGONAL, STAGES, mediated
from .thermodynamics import Universe, k2e, time_dilation

T_START, T_END = 300.0, 5e-3
"""Temperatures [GeV] between which yields are followed."""

_STEP = 0.02  # of ln T
_NODES_PER_UNIT = 8  # of the table of reaction densities in ln T
_LATE = 0.01  # part of dark matter from mediators that decay after T_END, worth a note
_THERMAL = 0.1  # part of the equilibrium yield, worth a note
_TINY = 1e-300


@dataclass(frozen=True)
class FreezeInHistory:
    """Yields as the universe cools, each (n,): T [GeV], Y and Y_eq of dark matter, both of the mediator.

    Dark matter counts particles and antiparticles.
    """

    T: FloatArray
    Y: FloatArray
    Y_eq: FloatArray
    Y_mediator: FloatArray
    Y_mediator_eq: FloatArray


@dataclass(frozen=True)
class FrozenIn:
    """Relic density from decays of a mediator.

    omega_h2: today's density; yield_today: of particles and antiparticles; late_fraction: its part from mediators that
    decay after the end of the history.  warnings: one line each.
    """

    omega_h2: float
    yield_today: float
    late_fraction: float
    history: FreezeInHistory
    warnings: tuple[str, ...] = ()


def freeze_in(candidate: FreezeIn, universe: Universe, T_start: float = T_START) -> FrozenIn:
    """Relic density of a candidate; T_start [GeV]: where both yields are 0.

    Raises ValueError for cross sections that are negative or not finite, and unless T_start is above `T_END`.
    """
    steps = _Steps(candidate, universe, T_start)
    produced, decayed, equilibrium, back = steps.coefficients()
    yields = mediated(produced, decayed, equilibrium, back, _STEP, COEFFICIENTS, DIAGONAL)
    late = 2.0 * yields[-1, 0] * candidate.Gamma_dark / (candidate.Gamma_dark + candidate.Gamma_visible)
    total = float(yields[-1, 1] + late)
    history = steps.history(yields)
    notes = tuple(_notes(history, candidate.mass, float(late), total))
    return FrozenIn(universe.omega_h2(candidate.mass, total), total, float(late) / total, history, notes)


def yield_per_width(candidate: FreezeIn, universe: Universe, T_start: float = T_START) -> float:
    """Y/Gamma_dark [GeV^-1] in the limit of a small dark width, the same for all masses and dark couplings.

    Valid while Gamma_dark is far below Gamma_visible and dark matter far from equilibrium; then the relic density is
    universe.omega_h2(mass, Gamma_dark times this).  Arguments as for `freeze_in`.
    """
    steps = _Steps(candidate, universe, T_start)
    produced, decayed, equilibrium, back = steps.coefficients()
    tiny = 1e-30 * candidate.Gamma_visible / candidate.Gamma_dark
    yields = mediated(produced, tiny * decayed, equilibrium, 0.0 * back, _STEP, COEFFICIENTS, DIAGONAL)
    late = 2.0 * yields[-1, 0] * tiny * candidate.Gamma_dark / candidate.Gamma_visible
    return float((yields[-1, 1] + late) / (tiny * candidate.Gamma_dark))


def equilibrium_freeze_in(candidate: FreezeIn, universe: Universe, T_start: float = T_START) -> float:
    """Yield 2 int (F/H) Gamma_dark (K_1/K_2) Y_a^eq dln(1/T) of a mediator that is always in equilibrium.

    T_start: [GeV], where the integral begins.
    """
    log_t = np.linspace(0.0, math.log(T_start / T_END), 2001)
    T = T_start * np.exp(-log_t)
    m = candidate.mediator_mass
    rate = universe.entropy_factor(T) / universe.hubble(T) * candidate.Gamma_dark * time_dilation(m, T)
    source = 2.0 * rate * universe.equilibrium_yield(m, candidate.mediator_g, T)
    return float(CubicSpline(log_t, source).integrate(0.0, log_t[-1]))


def production_rate(candidate: FreezeIn, T: FloatArray) -> FloatArray:
    """gamma/n_a^eq [GeV] of all decays and scatterings at T (n,) [GeV], the rate at which they thermalise the mediator.

    Compare it with the Hubble rate.  Inverse decays of the mediator itself, Gamma_visible K_1/K_2, are not in it.
    Source: arXiv:2502.04900 eqs. (24)-(27).  Raises ValueError as `freeze_in`.
    """
    m = candidate.mediator_mass
    gamma = np.zeros_like(T)  # times exp(m/T)
    for d in candidate.decays:
        x = d.mass / T
        density = d.g * d.mass**2 * T * k2e(x) * np.exp((m - d.mass) / T) / (2.0 * math.pi**2)
        gamma += d.multiplicity * density * d.width * time_dilation(d.mass, T)
    for masses in dict.fromkeys(p.masses for p in candidate.scatterings):
        same = [p for p in candidate.scatterings if p.masses == masses]  # one integral for all of them
        total = _sum_of_states(same)
        gamma += reaction_density(total, masses, (1.0, 1.0), T, m, [p.threshold_s for p in same])
    return np.asarray(gamma / (candidate.mediator_g * m**2 * T * k2e(m / T) / (2.0 * math.pi**2)))


class _Steps:
    """Steps of ln(1/T) from T_start to T_END and the coefficients of `mediated` at their stages."""

    def __init__(self, candidate: FreezeIn, universe: Universe, T_start: float) -> None:
        if not T_start > T_END:
            raise ValueError(f"T_start = {T_start} GeV must be above {T_END} GeV")
        self._candidate, self._universe = candidate, universe
        self._l = _STEP * np.arange(math.ceil(math.log(T_start / T_END) / _STEP) + 1) - math.log(T_start)

    def coefficients(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Rates over H of production and dark decay, Y_a^eq, and Y_a^eq/(w^eq)^2; each (n, 5)."""
        c, u = self._candidate, self._universe
        T = np.exp(-(self._l[:-1, None] + _STEP * STAGES))
        per_hubble = u.entropy_factor(T) / u.hubble(T)
        slow = time_dilation(c.mediator_mass, T)
        equilibrium = u.scaled_yield(c.mediator_mass, c.mediator_g, T)
        dark = u.scaled_yield(c.mass, self._dark_g, T)
        back = equilibrium / np.square(dark) * np.exp((2.0 * c.mass - c.mediator_mass) / T)
        produced = per_hubble * (self._production(T) + c.Gamma_visible * slow)
        return produced, per_hubble * c.Gamma_dark * slow, equilibrium * np.exp(-c.mediator_mass / T), back

    def history(self, yields: FloatArray) -> FreezeInHistory:
        """Yields (n, 2) beside their equilibrium."""
        c, T = self._candidate, np.exp(-self._l)
        Y_eq = self._universe.equilibrium_yield(c.mass, self._dark_g, T)
        mediator_eq = self._universe.equilibrium_yield(c.mediator_mass, c.mediator_g, T)
        return FreezeInHistory(T, yields[:, 1], Y_eq, yields[:, 0], mediator_eq)

    @property
    def _dark_g(self) -> float:
        return self._candidate.g * (1.0 if self._candidate.self_conjugate else 2.0)

    def _production(self, T: FloatArray) -> FloatArray:
        """gamma/n_a^eq [GeV] at T of any shape: from a table in ln T."""
        c = self._candidate
        if not (c.decays or c.scatterings):
            return np.zeros_like(T)
        low, high = float(np.log(T.min())), float(np.log(T.max()))
        nodes = np.linspace(low, high, max(round(_NODES_PER_UNIT * (high - low)), 4) + 1)
        spline = CubicSpline(nodes, np.log(np.maximum(production_rate(c, np.exp(nodes)), _TINY)))
        return np.asarray(np.exp(spline(np.log(T))))


def _sum_of_states(processes: Sequence[ProductionScattering]) -> CrossSection:
    """Sum of the cross sections of processes, each summed over the states of the initial particles."""
    return lambda s: np.asarray(sum(p.multiplicity * p.g[0] * p.g[1] * p.sigma(s) for p in processes))


def _notes(history: FreezeInHistory, mass: float, late: float, total: float) -> Iterator[str]:
    """What is unusual for freeze-in."""
    relativistic = mass / history.T < 1.0
    if np.any(history.Y[relativistic] > _THERMAL * history.Y_eq[relativistic]):
        yield f"dark matter exceeds {_THERMAL} of its equilibrium yield while relativistic: this is hardly freeze-in"
    if late > _LATE * total:
        yield f"{late / total:.2g} of the dark matter comes from mediators that decay below T = {T_END} GeV"
