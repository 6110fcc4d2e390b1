"""Production of an ALP a from b quarks in the early universe.

For L = (d_mu a/2 f_a) fbar_i gamma^mu (C_V + C_A gamma5) f_j, so that the b quark couples as (m_b C_bb/f_a) a bbar i
gamma5 b.  Averages are over the spins and colours of both initial particles, sums over those of the final ones.
Source: arXiv:2502.04900 eqs. (21)-(23).
"""

from __future__ import annotations

import math

import numpy as np

from ..kinematics import FloatArray, kallen_sqrt
from .two_to_two import checked_s

Q_B = -1.0 / 3.0
"""Electric charge of the b quark."""

_SERIES_BELOW = 0.1


def b_to_s_a(m_b: float, m_a: float, C_V: complex, C_A: complex, f_a: float) -> float:
    """Width [GeV] of b -> s a with a massless s: m_b^3/(64 pi f_a^2)(|C_V|^2 + |C_A|^2)(1 - m_a^2/m_b^2)^2.

    Average over the spin and colour of b.  0 when closed.  Source: arXiv:2502.04900 eq. (21), where the exponent 3
    must be 2.  Raises ValueError unless m_b, f_a > 0 and m_a >= 0.
    """
    _require(m_a, m_b, f_a)
    momentum = max((m_b - m_a) * (m_b + m_a) / m_b**2, 0.0)
    return m_b**3 * (abs(C_V) ** 2 + abs(C_A) ** 2) * (momentum / f_a) ** 2 / (64.0 * math.pi)


def bb_to_ag(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float, alpha_s: float) -> FloatArray:
    """sigma(b bbar -> a g) [GeV^-2] at ``s`` [GeV^2] of any shape.  Average over 4 spin and 9 colour states.

    4 alpha_s |C_bb|^2 x_b/(9 f_a^2 beta^2 (1 - x_a)) [(1 + x_a^2 - 4 x_a x_b) artanh(beta) - x_a beta],
    x = m^2/s and beta^2 = 1 - 4 x_b.  Source: arXiv:2502.04900 eq. (22).
    Raises ValueError unless s is finite, m_b, f_a > 0, and 0 <= m_a < 2 m_b: above, soft gluons at s = m_a^2 diverge.
    """
    return 4.0 * alpha_s / 9.0 * _bb(s, m_a, m_b, C_bb, f_a)


def bb_to_agamma(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float, alpha: float) -> FloatArray:
    """sigma(b bbar -> a gamma) [GeV^-2]: `bb_to_ag` with Q_b^2 alpha/3 for 4 alpha_s/9; shape of s."""
    return Q_B**2 * alpha / 3.0 * _bb(s, m_a, m_b, C_bb, f_a)


def bg_to_ba(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float, alpha_s: float) -> FloatArray:
    """sigma(b g -> b a) [GeV^-2], the same for bbar, at ``s`` [GeV^2] of any shape.  Average over 4 x 24 states.

    alpha_s |C_bb|^2 x_b/(48 f_a^2 (1 - x_b)^3) {l [7 x_a + 2 x_a x_b - x_a x_b^2 - (3 - x_b)(1 - x_b)^2] +
    4 (l^2 + x_a^2) arcoth((1 + x_b - x_a)/l)}, x = m^2/s and l^2 = kallen(1, x_a, x_b); 0 below (m_a + m_b)^2.
    Source: arXiv:2502.04900 eq. (23).  Raises ValueError unless s is finite, m_b, f_a > 0 and m_a >= 0.
    """
    return alpha_s / 6.0 * _b_compton(s, m_a, m_b, C_bb, f_a)


def bgamma_to_ba(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float, alpha: float) -> FloatArray:
    """sigma(b gamma -> b a) [GeV^-2]: `bg_to_ba` with Q_b^2 alpha for alpha_s/6; shape of s."""
    return Q_B**2 * alpha * _b_compton(s, m_a, m_b, C_bb, f_a)


def _bb(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float) -> FloatArray:
    _require(m_a, m_b, f_a)
    if m_a >= 2.0 * m_b:
        raise ValueError(f"m_a = {m_a} must be below 2 m_b = {2.0 * m_b}: soft gluons diverge at s = m_a^2")
    total = checked_s(s)
    opened = np.sqrt(total) > 2.0 * m_b
    result = np.zeros_like(total)
    x = total[opened]
    x_a, x_b, beta = m_a**2 / x, m_b**2 / x, kallen_sqrt(np.sqrt(x), m_b, m_b) / x
    artanh = np.arcsinh(beta / (2.0 * np.sqrt(x_b)))
    # The bracket of eq. (22) as a sum of terms that are not negative: it cancels for m_a -> 2 m_b.
    excess = _artanh_minus(beta, artanh)
    bracket = (1.0 - x_a) ** 2 * artanh + x_a * (beta * beta * artanh + excess)
    result[opened] = (abs(C_bb) / f_a) ** 2 * x_b / (beta * beta * (1.0 - x_a)) * bracket
    return result


def _b_compton(s: float | FloatArray, m_a: float, m_b: float, C_bb: complex, f_a: float) -> FloatArray:
    _require(m_a, m_b, f_a)
    total = checked_s(s)
    opened = np.sqrt(total) > m_a + m_b
    result = np.zeros_like(total)
    x = total[opened]
    x_a, x_b, root = m_a**2 / x, m_b**2 / x, kallen_sqrt(np.sqrt(x), m_a, m_b, allow_closed=True) / x
    energy = 1.0 + x_b - x_a
    velocity = root / energy
    arcoth = np.arcsinh(root / (2.0 * np.sqrt(x_b)))  # (1 + x_b - x_a)^2 - root^2 = 4 x_b
    # The braces of eq. (23) as a sum of terms that are not negative: they cancel to order (1 - x_b)^2 at threshold.
    above_b = (np.sqrt(x) - m_b) * (np.sqrt(x) + m_b) / x  # 1 - x_b
    total_a = above_b + x_a
    polynomial = x_a * total_a * (2.0 * x_a / energy + 2.0 * above_b + x_a) + (root * total_a) ** 2 / energy
    bracket = root * polynomial + 4.0 * (root * root + x_a**2) * _artanh_minus(velocity, arcoth)
    result[opened] = (abs(C_bb) / f_a) ** 2 * x_b / (8.0 * above_b**3) * bracket
    return result


def _artanh_minus(v: FloatArray, artanh: FloatArray) -> FloatArray:
    """artanh(v) - v, from its series where the difference would lose digits."""
    v2 = np.minimum(v, _SERIES_BELOW) ** 2
    series = v * v2 * sum(v2**k / (2 * k + 3) for k in range(8))
    return np.where(v < _SERIES_BELOW, series, artanh - v)


def _require(m_a: float, m_b: float, f_a: float) -> None:
    if not (math.isfinite(m_a) and m_a >= 0.0):
        raise ValueError(f"m_a must be finite and not negative, got {m_a}")
    for name, value in (("m_b", m_b), ("f_a", f_a)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be finite and positive, got {value}")
