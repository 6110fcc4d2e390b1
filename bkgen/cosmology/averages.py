"""Thermal averages of cross sections: <sigma v> and reaction densities from sigma(s).

Everything follows from one integral over the energy above threshold, e = sqrt(s) - M with M = sqrt(s_min):

    I(T) = int ds kallen(s, m_1^2, m_2^2)/sqrt(s) K_1(sqrt(s)/T) sigma(s).

It is a sum over Gauss-Legendre panels that are the same for all temperatures, so that sigma is called once: panels of
equal width in ln(e), which resolve both the threshold (sigma ~ 1/v) and any scale above it, split at further
thresholds, and around each resonance at distances Gamma 2^k from its mass.  No absolute tolerance enters.

Source: P. Gondolo, G. Gelmini, Nucl. Phys. B 360 (1991) 145; arXiv:2502.04900 eq. (25).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import k1e

from ..kinematics import FloatArray
from .thermodynamics import k2e

CrossSection = Callable[[FloatArray], FloatArray]
"""sigma (n,) [GeV^-2] at s (n,) [GeV^2]."""

NARROWEST = 1e-11
"""Smallest width over mass of a resonance above threshold that numbers of 64 bits resolve in s."""

_POINT, _WEIGHT = np.polynomial.legendre.leggauss(8)
_PANEL = 1.0  # width of a panel in ln(e)
_HIGHEST = 80.0  # e/T, above it the Boltzmann factor is below 2e-35
_LOWEST = 1e-8  # e/T, below it is a part 1e-12 of an s wave
_CLOSEST = 1e-10  # e/M, below it s - s_min is lost to rounding
_EDGE_PANELS = 30  # halvings of the panels that start at a threshold


class Energies(NamedTuple):
    """Nodes of the integral: sqrt(s), e = sqrt(s) - M and weights of de, each (n,) [GeV]; M [GeV]."""

    root_s: FloatArray
    above: FloatArray
    weight: FloatArray
    start: float


def energies(
    start: float,
    T_low: float,
    T_high: float,
    thresholds_s: Sequence[float] = (),
    resonances: Sequence[tuple[float, float]] = (),
) -> Energies:
    """Nodes for temperatures between T_low and T_high [GeV] of an integral from s_min = start^2 [GeV].

    thresholds_s: further values of s [GeV^2] where sigma has a kink; resonances: (mass, width) [GeV].  Those outside
    of the integral do not matter.
    Raises ValueError for a resonance inside it that is narrower than `NARROWEST`.
    """
    low, high = max(_LOWEST * T_low, _CLOSEST * start), _HIGHEST * T_high
    edges = [low * np.exp(np.linspace(0.0, 1.0, _panels(low, high) + 1) * math.log(high / low))]
    halves = 0.5 ** np.arange(_EDGE_PANELS)
    for threshold in thresholds_s:
        e = math.sqrt(threshold) - start
        if low < e < high:
            edges.append(e + np.concatenate([[0.0], high * halves]))
    for mass, width in resonances:
        e = mass - start
        if not low < e < high:
            continue
        if not width > NARROWEST * mass:
            raise ValueError(
                f"the resonance at {mass:.6g} GeV is too narrow for a thermal average: width {width:.3g} GeV"
            )
        steps = width * 2.0 ** np.arange(-1, math.ceil(math.log2(high / width)) + 1)
        edges.append(e + np.concatenate([-steps, [0.0], steps]))
    ends = np.unique(np.concatenate(edges))
    ends = ends[(ends >= low) & (ends <= high)]
    half, middle = 0.5 * np.diff(ends), 0.5 * (ends[1:] + ends[:-1])
    above = (middle[:, None] + half[:, None] * _POINT).ravel()
    return Energies(start + above, above, (half[:, None] * _WEIGHT).ravel(), start)


def _panels(low: float, high: float) -> int:
    return math.ceil(math.log(high / low) / _PANEL)


def scaled_integral(
    sigma: CrossSection,
    masses: tuple[float, float],
    T: FloatArray,
    thresholds_s: Sequence[float] = (),
    resonances: Sequence[tuple[float, float]] = (),
) -> tuple[FloatArray, float]:
    """I(T) exp(M/T) [GeV^3] at T (n,) [GeV], rising or falling, and M [GeV].

    sigma: for initial particles of these masses [GeV]; it is 0 below its thresholds.  M is the smallest energy at
    which sigma is open: the sum of the masses or the lowest of the thresholds, if that is larger.
    Raises ValueError if sigma is negative or not finite, and as `energies`.
    """
    initial = sum(masses)
    start = max(initial, min((math.sqrt(s) for s in thresholds_s), default=0.0))
    nodes = energies(start, float(np.min(T)), float(np.max(T)), thresholds_s, resonances)
    s = np.square(nodes.root_s)
    values = np.asarray(sigma(s), dtype=np.float64)
    if not (np.all(np.isfinite(values)) and np.all(values >= 0.0)):
        raise ValueError("a cross section must be finite and not negative above its threshold")
    above_initial = nodes.above + (start - initial)
    kallen = above_initial * (nodes.root_s + initial) * (s - (masses[0] - masses[1]) ** 2)
    weight = 2.0 * nodes.weight * kallen * values  # ds/sqrt(s) = 2 de
    used = weight > 0.0
    root_s, above, weight = nodes.root_s[used], nodes.above[used], weight[used]
    order = np.argsort(above)
    root_s, above, weight = root_s[order], above[order], weight[order]
    return np.array([_weighted(root_s, above, weight, temperature) for temperature in T]), start


def _weighted(root_s: FloatArray, above: FloatArray, weight: FloatArray, T: float) -> float:
    n = int(np.searchsorted(above, _HIGHEST * T)) if len(above) else 0
    n = n or len(above)  # a channel that opens only above: its first nodes would be left out
    return float(np.dot(weight[:n], k1e(root_s[:n] / T) * np.exp(-above[:n] / T)))


def thermal_average(
    sigma: CrossSection,
    masses: tuple[float, float],
    T: FloatArray,
    thresholds_s: Sequence[float] = (),
    resonances: Sequence[tuple[float, float]] = (),
) -> FloatArray:
    """<sigma v> (n,) [GeV^-2] of two particles with Maxwell-Boltzmann distributions at T (n,) [GeV].

    I(T)/[8 T m_1^2 K_2(m_1/T) m_2^2 K_2(m_2/T)], with m^2 K_2 -> 2 T^2 for a massless particle.  Arguments, and Raises,
    as for `scaled_integral`.  Source: arXiv:2502.04900 eq. (25).
    """
    T = np.asarray(T, dtype=np.float64)
    integral, start = scaled_integral(sigma, masses, T, thresholds_s, resonances)
    norm = 8.0 * T
    for mass in masses:
        norm = norm * (mass**2 * k2e(mass / T) if mass > 0.0 else 2.0 * T**2)
    return np.asarray(integral / norm * np.exp((sum(masses) - start) / T))


def reaction_density(
    sigma: CrossSection,
    masses: tuple[float, float],
    g: tuple[float, float],
    T: FloatArray,
    scale: float = 0.0,
    thresholds_s: Sequence[float] = (),
    resonances: Sequence[tuple[float, float]] = (),
) -> FloatArray:
    """n_1 n_2 <sigma v> exp(scale/T) (n,) [GeV^4] at T (n,) [GeV], with g degrees of freedom of each particle.

    g_1 g_2 T I(T)/(32 pi^4).  scale [GeV]: a mass, so that a number does not underflow at low temperature.
    Arguments, and Raises, as for `scaled_integral`.
    """
    integral, start = scaled_integral(sigma, masses, T, thresholds_s, resonances)
    return np.asarray(g[0] * g[1] * T / (32.0 * math.pi**4) * integral * np.exp((scale - start) / T))
