"""Freeze-out: dark matter that leaves equilibrium by annihilation, and what happens if it never does.

With Y = n/s of one particle, x = m/T, and F = 1 + (1/3) dln g_s/dln T,

    dY/dln x = -(F s/H) <sigma v> (Y^2 - Y_eq^2),

the same for a particle that is its own antiparticle and for one of two equally abundant ones.  `thermal_relic`
integrates D = ln(Y/Y_eq) until Y is far above Y_eq, then 1/Y by a quadrature.
Source: arXiv:2502.04900; P. Gondolo, G. Gelmini, Nucl. Phys. B 360 (1991) 145.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import k1e

from ..dark_matter import AnnihilationChannel, FreezeOut
from ..kinematics import FloatArray
from .averages import CrossSection, thermal_average
from .boltzmann import COEFFICIENTS, DIAGONAL, STAGES, deviations
from .thermodynamics import Universe, k2e

SigmaV = Callable[[FloatArray], FloatArray]
"""<sigma v> (n,) [GeV^-2] at x = m/T (n,)."""

Kind = Literal["cold", "hot", "never in equilibrium"]
"""cold: freezes out when it is not relativistic; hot: when it is; never in equilibrium: at any temperature."""

X_START, X_END = 1.0, 1e5
FROZEN = math.log(2.5)
"""D at x_f: freeze-out is where Y = 2.5 Y_eq."""

_STEP = 0.02  # of ln x
_FAR = 20.0  # D beyond which Y_eq does not matter, exp(-20) = 2e-9
_LATEST = 1000.0  # x until which D is integrated
_NODES_PER_UNIT = 11  # of the table of <sigma v> in ln x
_SEMI_RELATIVISTIC = 5.0  # x_f
_TINY = 1e-300
_HOTTEST = 1e4  # GeV, the end of the table of degrees of freedom
_RELATIVISTIC_NODES = 60


@dataclass(frozen=True)
class History:
    """Yields of particles and antiparticles together as the universe cools: x = m/T, Y and Y_eq, each (n,)."""

    x: FloatArray
    Y: FloatArray
    Y_eq: FloatArray


@dataclass(frozen=True)
class Relic:
    """Relic density of a particle that annihilates.

    omega_h2: today's density; if it does not freeze out cold, that of a relic that decoupled when relativistic, which
    no particle that was in equilibrium exceeds.  yield_today: of particles and antiparticles.
    kind: see `Kind`; x_f = m/T at freeze-out, where Y = 2.5 Y_eq, and sigma_v [GeV^-2] there, 0.5 <sigma v> of
    semi-annihilation included: both None unless cold.  history: None unless cold.  warnings: one line each.
    """

    omega_h2: float
    yield_today: float
    kind: Kind
    x_f: float | None
    sigma_v: float | None
    history: History | None
    warnings: tuple[str, ...] = ()


def freeze_out(candidate: FreezeOut, universe: Universe) -> Relic:
    """Relic density from the cross sections of a model.

    Raises ValueError for cross sections that are negative or not finite, and for resonances that are too narrow.
    """
    average = averaged(candidate.channels, candidate.mass, candidate.resonances)
    table = tabulated(average)
    return thermal_relic(candidate.mass, candidate.g, candidate.self_conjugate, universe, table, None, average)


def thermal_relic(
    mass: float,
    g: float,
    self_conjugate: bool,
    universe: Universe,
    annihilation: SigmaV | None,
    semi_annihilation: SigmaV | None = None,
    relativistic: SigmaV | None = None,
) -> Relic:
    """Relic density for <sigma v> as a function of x.

    mass [GeV] and g of the particle alone.  semi_annihilation: <sigma v> of X X -> Xbar + visible, see
    `semi_annihilation`.  Both are used for 1 <= x <= 1e5, and None is 0.
    relativistic: total <sigma v> also for x < 1, to tell where a hot relic decoupled.
    """
    copies = 1.0 if self_conjugate else 2.0
    rates = _Rates(mass, g, universe, annihilation or np.zeros_like, semi_annihilation or np.zeros_like)
    steps = round(math.log(X_END / X_START) / _STEP)
    ln_x: FloatArray = math.log(X_START) + _STEP * np.arange(steps + 1, dtype=np.float64)
    stages = ln_x[ln_x <= math.log(_LATEST)][:-1, None] + _STEP * STAGES
    pair, semi = (rate * rates.equilibrium(stages) for rate in rates.per_yield(stages))
    if not float(np.max(pair + semi)) > 1.0:
        return _hot_relic(mass, g, copies, universe, relativistic)
    D = deviations(pair, semi, rates.slope(stages), _STEP, _FAR, COEFFICIENTS, DIAGONAL)
    Y, Y_today = rates.yields(ln_x, D[: _first_far(D) + 1])
    x_f = math.exp(_crossing(ln_x, D))
    history = History(np.exp(ln_x), copies * Y, copies * rates.equilibrium(ln_x))
    notes = tuple(_notes(x_f, float(pair[0, 0] + semi[0, 0])))
    omega_h2 = universe.omega_h2(mass, copies * Y_today)
    return Relic(omega_h2, copies * Y_today, "cold", x_f, rates.sigma_v(x_f), history, notes)


def averaged(channels: Sequence[AnnihilationChannel], mass: float, resonances: Sequence[tuple[float, float]]) -> SigmaV:
    """Thermal average of the sum of channels for two particles of that mass [GeV], at x (n,)."""
    thresholds = [s for channel in channels for s in (channel.threshold_s, *channel.kinks)]
    total = _sum_of([channel.sigma for channel in channels])
    return lambda x: thermal_average(total, (mass, mass), mass / x, thresholds, resonances)


def tabulated(average: SigmaV) -> SigmaV:
    """The same function of x between 1 and 1e5 from a table: a cubic spline of its logarithm in ln x."""
    low, high = math.log(X_START), math.log(X_END)
    nodes = np.linspace(low, high, round(_NODES_PER_UNIT * (high - low)) + 1)
    spline = CubicSpline(nodes, np.log(np.maximum(average(np.exp(nodes)), _TINY)))
    return lambda x: np.asarray(np.exp(spline(np.log(x))))


def _sum_of(sigmas: Sequence[CrossSection]) -> CrossSection:
    return lambda s: np.asarray(sum(sigma(s) for sigma in sigmas))


@dataclass(frozen=True)
class _Rates:
    """Coefficients of the Boltzmann equation at ln_x = ln(x) of any shape."""

    mass: float
    g: float
    universe: Universe
    annihilation: SigmaV
    semi_annihilation: SigmaV

    def per_yield(self, ln_x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """F s <sigma v>/H of annihilation and one half of it of semi-annihilation."""
        x = np.exp(ln_x)
        u, T = self.universe, self.mass / x
        factor = u.entropy_factor(T) * u.entropy(T) / u.hubble(T)
        return factor * self.annihilation(x), 0.5 * factor * self.semi_annihilation(x)

    def equilibrium(self, ln_x: FloatArray) -> FloatArray:
        """Y_eq."""
        return self.universe.equilibrium_yield(self.mass, self.g, self.mass * np.exp(-ln_x))

    def ln_equilibrium(self, ln_x: FloatArray) -> FloatArray:
        """ln Y_eq, which does not underflow."""
        x = np.exp(ln_x)
        return np.asarray(np.log(self.universe.scaled_yield(self.mass, self.g, self.mass / x)) - x)

    def slope(self, ln_x: FloatArray) -> FloatArray:
        """dln Y_eq/dln x = dln g_s/dln T - x K_1/K_2."""
        x = np.exp(ln_x)
        return np.asarray(self.universe.dof.slope_s(self.mass / x) - x * k1e(x) / k2e(x))

    def sigma_v(self, x: float) -> float:
        """<sigma v> + (1/2) <sigma v> of semi-annihilation [GeV^-2]."""
        at = np.array([x])
        return float(self.annihilation(at)[0] + 0.5 * self.semi_annihilation(at)[0])

    def yields(self, ln_x: FloatArray, D: FloatArray) -> tuple[FloatArray, float]:
        """Y at ln_x (n,), and today's: from the first D = ln(Y/Y_eq), then d(1/Y)/dln x = F s <sigma v>/H without Y_eq.

        After the end of ln_x <sigma v> is constant, so that the integral of its rate is the rate itself.
        """
        rate = np.asarray(sum(self.per_yield(ln_x)))
        lost = CubicSpline(ln_x, rate).antiderivative()
        m = len(D)
        with np.errstate(over="ignore"):  # a Y that underflows is 0
            inverse = np.exp(-self.ln_equilibrium(ln_x[:m]) - D)
        inverse = np.concatenate([inverse, inverse[-1] + lost(ln_x[m:]) - lost(ln_x[m - 1])])
        return 1.0 / inverse, 1.0 / float(inverse[-1] + rate[-1])


def _first_far(D: FloatArray) -> int:
    """Index of the first D above `_FAR`, or the last index."""
    above = np.greater(D, _FAR)
    return int(np.argmax(above)) if above.any() else len(D) - 1


def _crossing(ln_x: FloatArray, D: FloatArray) -> float:
    """l where D passes `FROZEN` for the last time, by linear interpolation."""
    i = int(np.flatnonzero(D < FROZEN)[-1])
    if i + 1 == len(D):
        return float(ln_x[i])
    return float(ln_x[i] + (ln_x[i + 1] - ln_x[i]) * (FROZEN - D[i]) / (D[i + 1] - D[i]))


def _notes(x_f: float, first_rate: float) -> Iterator[str]:
    if not first_rate > 1.0:
        yield "not in equilibrium at T = m, where it is assumed: the relic density depends on what happened before"
    elif x_f < _SEMI_RELATIVISTIC:
        yield f"freezes out at x = {x_f:.3g}, where Maxwell-Boltzmann statistics is a rough approximation"


def _hot_relic(mass: float, g: float, copies: float, universe: Universe, average: SigmaV | None) -> Relic:
    """A particle whose rate is below H at every T < m: the yield of a relativistic particle at decoupling."""
    fermion = round(g) % 2 == 0
    T, text = mass, "its rate is below H at all T <= m"
    kind: Kind = "never in equilibrium"
    if average is not None:
        T, largest = _decoupling(mass, g, fermion, universe, average)
        kind = "hot" if largest > 1.0 else kind
        text = f"its rate is at most {largest:.2g} H, at T = {T:.4g} GeV"
        if kind == "hot":
            text = f"its rate falls below H at T = {T:.4g} GeV, above its mass"
    total = copies * float(universe.relativistic_yield(g, fermion, T))
    note = f"no freeze-out: {text}; Omega h2 is that of equilibrium, left there while relativistic"
    return Relic(universe.omega_h2(mass, total), total, kind, None, None, None, (note,))


def _decoupling(mass: float, g: float, fermion: bool, universe: Universe, average: SigmaV) -> tuple[float, float]:
    """Lowest T > m [GeV] at which the rate of a relativistic particle is H, or closest to it, and its largest ratio."""
    T = np.geomspace(max(mass, _HOTTEST), mass, _RELATIVISTIC_NODES)
    density = universe.relativistic_yield(g, fermion, T) * universe.entropy(T)
    ratio = np.log(np.maximum(density * average(mass / T) / universe.hubble(T), _TINY))
    largest = int(np.argmax(ratio))
    coupled = np.flatnonzero(ratio > 0.0)
    if len(coupled) == 0 or coupled[-1] + 1 == len(T):
        return float(T[largest]), math.exp(ratio[largest])
    i = int(coupled[-1])
    fraction = float(ratio[i] / (ratio[i] - ratio[i + 1]))
    return float(T[i] * (T[i + 1] / T[i]) ** fraction), math.exp(ratio[largest])
