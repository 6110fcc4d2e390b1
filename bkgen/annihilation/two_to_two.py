"""Phase space and flux of 2 -> 2 scattering, and sigma v with its expansion in v.

sigma = (1/F) int sum |M|^2 dPhi_2 with the flux F = 4 p sqrt(s) of particles of momentum p in the
centre-of-mass frame.  For equal masses v = 4 p/sqrt(s), so sigma v = (1/s) int sum |M|^2 dPhi_2.
Source: PDG review "Kinematics".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ..kinematics import FloatArray, kallen_sqrt

NODES = {1.5: 20, 3.0: 36, 6.0: 72, math.inf: 96}
"""Gauss-Legendre nodes of the angular integral by the largest |y|: exact to 1e-11 up to s = 10^6 m^2."""

_SMALL_V = (0.01, 0.02, 0.03)  # relative velocities of `expansion`


class Collision(NamedTuple):
    """Kinematics of a b -> 1 2 with m_a = m_b = m in the centre-of-mass frame, for |M|^2 at s and cos(theta).

    s, p (initial momentum), k (final momentum), E_1, E_2: (n, 1); c = cos(theta) of 1 against a: (n, nodes).
    With the exchange of mass m, t - m^2 = (p_a - k_1)^2 - m^2 = -(A - B c) and u - m^2 = (p_b - k_1)^2 - m^2 =
    -(A + B c), A = (s - m_1^2 - m_2^2)/2 and B = 2 p k; N = A^2 - B^2 c^2 = (t - m^2)(u - m^2) is computed without
    cancellation.
    """

    s: FloatArray
    p: FloatArray
    k: FloatArray
    E_1: FloatArray
    E_2: FloatArray
    A: FloatArray
    B: FloatArray
    N: FloatArray
    c: FloatArray

    @property
    def sin2(self) -> FloatArray:
        """sin^2(theta), (n, nodes)."""
        return (1.0 - self.c) * (1.0 + self.c)

    @property
    def t_plus_u(self) -> FloatArray:
        """1/(t - m^2) + 1/(u - m^2) = -2 A/N [GeV^-2], (n, nodes)."""
        return -2.0 * self.A / self.N


def cross_section(
    s: float | FloatArray, m: float, m_1: float, m_2: float, squared: Callable[[Collision], FloatArray]
) -> FloatArray:
    """sigma [GeV^-2] of two particles of mass ``m`` into masses ``m_1``, ``m_2`` at ``s`` [GeV^2] of any shape.

    k/(32 pi s p) int dcos(theta) |M|^2; ``squared`` gives |M|^2 (n, nodes), with all averages and symmetry factors.
    The integral is a Gauss-Legendre rule in y, cos(theta) = (A/B) tanh(y), in which exchanges of mass m in the t and u
    channel are exponentials.  0 at and below threshold.
    Raises ValueError unless s is finite and the masses are finite and not negative, m positive.
    """
    total = checked_s(s)
    _require_positive(m=m)
    sqrt_s = np.sqrt(total)
    twice = 2.0 * np.maximum(sqrt_s, m)
    p = np.asarray(kallen_sqrt(sqrt_s, m, m, allow_closed=True) / twice)
    k = np.asarray(kallen_sqrt(sqrt_s, m_1, m_2, allow_closed=True) / twice)
    opened = (p > 0.0) & (k > 0.0)
    result = np.zeros_like(total)
    # A^2 - B^2 = (m_1 m_2)^2 + (2 m k)^2
    edge = (m_1 * m_2) ** 2 + (2.0 * m * k) ** 2
    y_max = np.arcsinh(np.divide(2.0 * p * k, np.sqrt(edge), out=np.zeros_like(total), where=opened))
    reached = -1.0
    for limit, nodes in NODES.items():
        some = opened & (reached < y_max) & (y_max <= limit)
        reached = limit
        if np.any(some):
            collision, weight = _angles(total[some], p[some], k[some], edge[some], y_max[some], (m_1, m_2), nodes)
            integral = np.sum(weight * squared(collision), axis=-1)
            result[some] = integral * k[some] / (32.0 * math.pi * total[some] * p[some])
    return result


def exchange_cross_section(
    s: float | FloatArray,
    m: float,
    squared: Callable[[FloatArray], FloatArray],
    W: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """sigma [GeV^-2] of two particles of mass ``m`` through one virtual particle, at ``s`` [GeV^2] of any shape.

    squared(s) 2 W(s)/(4 p sqrt(s)), where W = sqrt(s) Gamma [GeV^2] of the virtual particle (n,) and ``squared`` is
    |initial amplitude x propagator|^2 (n,) with all averages.  0 at and below 4 m^2.
    Raises ValueError unless s is finite and m finite and positive.
    """
    total = checked_s(s)
    _require_positive(m=m)
    root = np.asarray(kallen_sqrt(np.sqrt(total), m, m, allow_closed=True))  # 2 p sqrt(s)
    opened = root > 0.0
    result = np.zeros_like(total)
    if np.any(opened):
        x = total[opened]
        result[opened] = squared(x) * W(x) / root[opened]
    return result


def relative_velocity(s: float | FloatArray, m: float) -> FloatArray:
    """Relative velocity v = 2 beta = 2 sqrt(1 - 4 m^2/s) of two particles of mass ``m`` in their CM frame; any shape.

    s [GeV^2], m [GeV]; 0 below threshold.  Raises ValueError unless s is finite and m finite and positive.
    """
    total = checked_s(s)
    _require_positive(m=m)
    sqrt_s = np.maximum(np.sqrt(total), 2.0 * m)
    return np.asarray(2.0 * kallen_sqrt(sqrt_s, m, m) / sqrt_s**2)


def s_of_velocity(v: float | FloatArray, m: float) -> FloatArray:
    """s = 4 m^2/(1 - v^2/4) [GeV^2] of two particles of mass ``m`` at relative velocity ``v`` in their CM frame.

    Of the shape of v.  Raises ValueError unless 0 <= v < 2 and m is finite and positive.
    """
    x = np.asarray(v, dtype=np.float64)
    _require_positive(m=m)
    if not np.all((x >= 0.0) & (x < 2.0)):
        raise ValueError(f"the relative velocity must be at least 0 and below 2, got {v}")
    return np.asarray(4.0 * m**2 / ((1.0 - 0.5 * x) * (1.0 + 0.5 * x)))


def sigma_v(sigma: float | FloatArray, s: float | FloatArray, m: float) -> FloatArray:
    """sigma times the relative velocity in the CM frame [GeV^-2], of two particles of mass ``m``; any shape.

    Raises ValueError as `relative_velocity`.
    """
    return np.asarray(np.asarray(sigma) * relative_velocity(s, m))


def expansion(sigma: Callable[[FloatArray], FloatArray], m: float) -> tuple[float, float]:
    """a and b [GeV^-2] of sigma v = a + b v^2 + O(v^4), from ``sigma`` (s (n,)) at three small velocities.

    Good to 1e-6 unless sigma changes within v = 0.03, as near resonances and thresholds at s = 4 m^2.
    Raises ValueError unless m is finite and positive.
    """
    v = np.array(_SMALL_V)
    s = s_of_velocity(v, m)
    a, b, _ = np.linalg.solve(np.vander(v * v, increasing=True), sigma_v(sigma(s), s, m))
    return float(a), float(b)


def checked_s(s: float | FloatArray) -> FloatArray:
    """s [GeV^2] as an array of the same shape.  Raises ValueError unless it is finite and not negative."""
    total = np.asarray(s, dtype=np.float64)
    if not np.all(np.isfinite(total) & (total >= 0.0)):
        raise ValueError(f"s must be finite and not negative, got {s}")
    return total


def _angles(
    s: FloatArray,
    p: FloatArray,
    k: FloatArray,
    edge: FloatArray,
    y_max: FloatArray,
    final: tuple[float, float],
    nodes: int,
) -> tuple[Collision, FloatArray]:
    """Kinematics at the nodes, and weights (n, nodes) of the integral over cos(theta); edge = A^2 - B^2."""
    s, p, k, edge, y_max = (values[:, None] for values in (s, p, k, edge, y_max))
    m_1, m_2 = final
    A, B = 0.5 * (s - m_1**2 - m_2**2), 2.0 * p * k
    x, w = _gauss_legendre(nodes)
    c = np.clip(np.tanh(y_max * x) * (A / B), -1.0, 1.0)
    weight = w * (A / B) * y_max / np.cosh(y_max * x) ** 2
    E_1, E_2 = np.sqrt(k * k + m_1**2), np.sqrt(k * k + m_2**2)
    N = edge + B * B * ((1.0 - c) * (1.0 + c))
    return Collision(s, p, k, E_1, E_2, A, B, N, c), weight


@cache
def _gauss_legendre(nodes: int) -> tuple[FloatArray, FloatArray]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    return np.asarray(x), np.asarray(w)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be finite and positive, got {value}")
