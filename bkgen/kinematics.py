"""Two-body kinematics, q2_rec and Lorentz boosts, in forms that keep full precision at thresholds.

Sources: PDG review "Kinematics"; q2_rec as in Belle II arXiv:2311.14647.
"""

from __future__ import annotations

import math
from typing import TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Real = TypeVar("Real", float, FloatArray)
"""A float or an array of float64; what goes in comes out."""


def kallen(a: Real, b: Real, c: Real) -> Real:
    """Kallen function a^2 + b^2 + c^2 - 2 (ab + bc + ca).

    Loses precision at threshold; for its square root use ``kallen_sqrt`` with masses.
    """
    return (a - b - c) * (a - b - c) - 4.0 * b * c


@overload
def kallen_sqrt(M: float, m1: float, m2: float, allow_closed: bool = ...) -> float: ...
@overload
def kallen_sqrt(
    M: FloatArray, m1: float | FloatArray, m2: float | FloatArray, allow_closed: bool = ...
) -> FloatArray: ...
@overload
def kallen_sqrt(M: float, m1: FloatArray, m2: float | FloatArray, allow_closed: bool = ...) -> FloatArray: ...
@overload
def kallen_sqrt(M: float, m1: float, m2: FloatArray, allow_closed: bool = ...) -> FloatArray: ...
def kallen_sqrt(
    M: float | FloatArray, m1: float | FloatArray, m2: float | FloatArray, allow_closed: bool = False
) -> float | FloatArray:
    """sqrt(kallen(M^2, m1^2, m2^2)) [GeV^2] from the masses, exact to rounding at threshold.

    Floats or broadcastable arrays.  Below threshold raises ValueError, or gives 0 with ``allow_closed``;
    a negative or non-finite mass always raises ValueError.
    """
    # Taking the heavier mass off first makes the energy release exact near threshold.
    if isinstance(M, float) and isinstance(m1, float) and isinstance(m2, float):  # the same without arrays
        heavy, light = (m1, m2) if m1 > m2 else (m2, m1)
        Q = M - heavy - light
        if math.isfinite(Q) and light >= 0.0 and (allow_closed or Q >= 0.0):
            return math.sqrt(Q * (M + m1 + m2) * (M - m1 + m2) * (M + m1 - m2)) if Q > 0.0 else 0.0
    release = M - np.maximum(m1, m2) - np.minimum(m1, m2)
    valid = np.isfinite(release) & (np.minimum(m1, m2) >= 0.0) & (allow_closed | (release >= 0.0))
    if not np.all(valid):
        raise ValueError(f"no decay of mass M = {M} into m1 = {m1}, m2 = {m2}: need finite M >= m1 + m2 >= 0")
    product = np.where(release > 0.0, release * (M + m1 + m2) * (M - m1 + m2) * (M + m1 - m2), 0.0)
    root = np.sqrt(product)
    return root if root.ndim else float(root)


@overload
def two_body_momentum(M: float, m1: float, m2: float) -> float: ...
@overload
def two_body_momentum(M: FloatArray, m1: float | FloatArray, m2: float | FloatArray) -> FloatArray: ...
@overload
def two_body_momentum(M: float, m1: FloatArray, m2: float | FloatArray) -> FloatArray: ...
@overload
def two_body_momentum(M: float, m1: float, m2: FloatArray) -> FloatArray: ...
def two_body_momentum(M: float | FloatArray, m1: float | FloatArray, m2: float | FloatArray) -> float | FloatArray:
    """Momentum [GeV] of either daughter in the rest frame of M -> m1 m2, exact to rounding at threshold.

    Floats or broadcastable arrays.  Raises ValueError below threshold or unless M > 0.
    """
    if not np.all(np.asarray(M) > 0.0):
        raise ValueError(f"the decaying mass must be positive, got {M}")
    return kallen_sqrt(M, m1, m2) / (2.0 * M)


def hadron_energy(m_B: float, m_H: float, q2: Real) -> Real:
    """Energy [GeV] of the hadron in the B rest frame, for invisible mass squared ``q2`` [GeV^2]."""
    return (m_B * m_B + m_H * m_H - q2) / (2.0 * m_B)


def q2_rec(sqrt_s: float, m_H: float, E_H: Real) -> Real:
    """Reconstructed q2 [GeV^2] = s/4 + m_H^2 - sqrt(s) E_H, with E_H in the Upsilon(4S) frame.

    The B momentum is neglected; see ``q2_rec_window``.  Source: arXiv:2311.14647.
    """
    return 0.25 * sqrt_s * sqrt_s + m_H * m_H - sqrt_s * E_H


def p_B_upsilon4S(sqrt_s: float, m_B: float) -> float:
    """Momentum [GeV] of either B in e+e- -> B Bbar at centre-of-mass energy ``sqrt_s``.

    Raises ValueError below threshold.
    """
    return two_body_momentum(sqrt_s, m_B, m_B)


def q2_rec_window(sqrt_s: float, m_B: float, m_H: float, q2: Real) -> tuple[Real, Real]:
    """Centre and half-width [GeV^2] of the flat distribution of q2_rec - q2 at true ``q2``.

    q2_rec - q2 = p_B^2 (q2 - m_H^2)/m_B^2 - 2 (E_B/m_B) p_B k cos(theta'), where k and theta' are the hadron
    momentum and its angle to the boost in the B rest frame, with cos(theta') flat because the B is spinless.
    Raises ValueError for q2 outside [0, (m_B - m_H)^2].
    """
    if np.any(np.less(q2, 0.0)):
        raise ValueError(f"q2 must not be negative, got {q2}")
    p_B = p_B_upsilon4S(sqrt_s, m_B)
    m_pair: Real = q2**0.5
    k: Real = two_body_momentum(m_B, m_H, m_pair)
    return (p_B / m_B) ** 2 * (q2 - m_H * m_H), (sqrt_s / m_B) * p_B * k


def long_distance_q2_max(m_B: float, m_H: float, m_tau: float) -> float:
    """Largest q2 [GeV^2] of B+ -> tau+ (-> H+ nubar) nu with an on-shell tau.

    (m_B^2 - m_tau^2)(m_tau^2 - m_H^2)/m_tau^2.  Source: arXiv:0908.1174.
    """
    return (m_B - m_tau) * (m_B + m_tau) * (m_tau - m_H) * (m_tau + m_H) / (m_tau * m_tau)


def survival_probability(L: float, beta_gamma: Real, ctau: float) -> Real:
    """Probability exp(-L/(beta gamma c tau)) to fly further than ``L`` (in the unit of ``ctau``)."""
    return cast(Real, np.exp(-L / (beta_gamma * ctau)))


def boost(p4: FloatArray, beta: FloatArray) -> FloatArray:
    """Boost four-momenta (..., 4) as (px, py, pz, E) by the velocity ``beta`` (..., 3).

    A particle at rest in ``p4`` has velocity ``beta`` afterwards; ``-beta`` is the inverse.
    Leading shapes are broadcast.  Raises ValueError unless |beta| < 1.
    """
    p, E = p4[..., :3], p4[..., 3:]
    # (1 - b)(1 + b) and gamma^2/(1 + gamma) avoid the cancellations of 1 - b^2 and (gamma - 1)/b^2.
    b = np.sqrt(np.sum(beta * beta, axis=-1, keepdims=True))
    if not np.all(b < 1.0):
        raise ValueError("a boost velocity must be below 1")
    gamma = 1.0 / np.sqrt((1.0 - b) * (1.0 + b))
    along = np.sum(beta * p, axis=-1, keepdims=True)
    momentum = p + beta * (gamma * gamma / (1.0 + gamma) * along + gamma * E)
    return np.concatenate([momentum, gamma * (E + along)], axis=-1)


def velocity(p4: FloatArray) -> FloatArray:
    """Velocities (..., 3) of the four-momenta (..., 4) as (px, py, pz, E)."""
    return p4[..., :3] / p4[..., 3:]
