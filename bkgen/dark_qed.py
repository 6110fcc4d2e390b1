"""Dark QED of a pair Q Qbar that a massless dark photon makes: Sommerfeld-Fermi factor and magnetic form factor.

q2 (n,) [GeV^2] of the pair, a number or an array; m_Q [GeV]; alpha = alpha_D times the charge of Q squared.
beta = sqrt(1 - 4 m_Q^2/q2) is the velocity of Q in the frame of the pair.  Results have the shape of q2.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .kinematics import FloatArray

ComplexArray = NDArray[np.complexfloating[Any, Any]]
Order = Literal["tree", "linear", "full"]
"""Powers of the magnetic form factor that are kept in the rate: none, the first, both."""


def velocity(q2: float | FloatArray, m_Q: float) -> FloatArray:
    """beta = sqrt(1 - 4 m_Q^2/q2), as in arXiv:2402.05901.  Raises ValueError below threshold and unless q2 > 0."""
    x = np.asarray(q2, dtype=np.float64)
    if not np.all((x > 0.0) & (x >= 4.0 * m_Q**2)):
        raise ValueError(f"a pair of mass m_Q = {m_Q} needs q2 > 0 and q2 >= 4 m_Q^2, got {q2}")
    return np.asarray(np.sqrt((x - 4.0 * m_Q**2) / x))


def relative_velocity(q2: float | FloatArray, m_Q: float) -> FloatArray:
    """Relative velocity beta_12 = sqrt(1 - 4 m_Q^4/(q2 - 2 m_Q^2)^2) = 2 beta/(1 + beta^2), 0 at threshold.

    Source: arXiv:2402.05901 eq. (3.14) with the factor 4 that it lacks.  Raises ValueError as `velocity`.
    """
    beta = velocity(q2, m_Q)
    return np.asarray(2.0 * beta / (1.0 + beta**2))


def relative_velocity_as_printed(q2: float | FloatArray, m_Q: float) -> FloatArray:
    """sqrt(1 - m_Q^4/(q2 - 2 m_Q^2)^2), which is sqrt(3)/2 at threshold.

    Source: arXiv:2402.05901 eq. (3.14) as printed.  Raises ValueError as `velocity`.
    """
    x = np.asarray(q2, dtype=np.float64)
    velocity(x, m_Q)
    return np.asarray(np.sqrt(1.0 - (m_Q**2 / (x - 2.0 * m_Q**2)) ** 2))


def sommerfeld_factor(beta_12: float | FloatArray, alpha: float) -> FloatArray:
    """Omega = x/(1 - exp(-x)) with x = 2 pi alpha/beta_12, at relative velocity beta_12 (n,).

    1 for alpha -> 0, infinite for beta_12 -> 0; at threshold use `beta_times_sommerfeld`.
    Source: arXiv:2402.05901 eq. (3.13).  Raises ValueError unless beta_12 > 0 and alpha > 0.
    """
    b = np.asarray(beta_12, dtype=np.float64)
    if not (np.all(b > 0.0) and alpha > 0.0):
        raise ValueError(f"the Sommerfeld factor needs beta_12 > 0 and alpha > 0, got {beta_12} and {alpha}")
    x = 2.0 * math.pi * alpha / b
    return np.asarray(x / -np.expm1(-x))


def beta_times_sommerfeld(q2: float | FloatArray, m_Q: float, alpha: float) -> FloatArray:
    """beta Omega(beta_12) = a/(1 - exp(-a/beta)) with a = pi alpha (1 + beta^2), which is pi alpha at threshold.

    beta/beta_12 = (1 + beta^2)/2 exactly, so the phase space turns into a step.  Source: arXiv:2402.05901 eqs. (3.13),
    (3.14) with the factor 4.  Raises ValueError as `velocity` and unless alpha > 0.
    """
    if not alpha > 0.0:
        raise ValueError(f"the Sommerfeld factor needs alpha > 0, got {alpha}")
    beta = velocity(q2, m_Q)
    a = math.pi * alpha * (1.0 + beta**2)
    exponent = np.divide(a, beta, out=np.full_like(beta, np.inf), where=beta > 0.0)
    return np.asarray(a / -np.expm1(-exponent))


def F_2(q2: float | FloatArray, m_Q: float, alpha: float) -> ComplexArray:
    """Magnetic form factor [GeV^-1] of the vertex F_1 gamma^mu + i sigma^{mu nu} q_nu F_2 at one loop, above threshold.

    (alpha/2 pi) m_Q/(q2 beta) [log((1 - beta)/(1 + beta)) + i pi], the usual F_2 over 2 m_Q; 0 for m_Q = 0.  |F_2|
    grows like 1/beta at threshold, the real part is -alpha/(4 pi m_Q) there.
    Source: arXiv:2402.05901 eq. (3.17) with units and the complex logarithm.  Raises ValueError as `velocity` and at
    threshold.
    """
    beta = velocity(q2, m_Q)
    if not np.all(beta > 0.0):
        raise ValueError("the magnetic form factor diverges at threshold")
    if m_Q**2 == 0.0:  # also by underflow
        return np.zeros_like(beta, dtype=np.complex128)
    log = np.log(4.0 * m_Q**2 / np.asarray(q2)) - 2.0 * np.log1p(beta)  # (1 - beta)(1 + beta) = 4 m_Q^2/q2
    return np.asarray(alpha * m_Q / (2.0 * math.pi * np.asarray(q2) * beta) * (log + 1j * math.pi))


def Delta_M(q2: float | FloatArray, m_Q: float, alpha: float, linear: bool = False) -> FloatArray:
    """Magnetic correction (1 - beta^2/3) -> (1 + Delta_M - beta^2/3) of the rate of Q Qbar.

    4 m_Q Re F_2 + |F_2|^2 (q2 + 8 m_Q^2)/3, without the last term if ``linear``.
    Source: arXiv:2402.05901 eq. (3.16).  Raises ValueError as `F_2`.
    """
    F = F_2(q2, m_Q, alpha)
    first_order = 4.0 * m_Q * F.real
    second_order = (F.real**2 + F.imag**2) * (np.asarray(q2) + 8.0 * m_Q**2) / 3.0
    return np.asarray(first_order if linear else first_order + second_order)


def pair_helicities(
    q2: float | FloatArray, m_Q: float, alpha: float, order: Order = "tree"
) -> tuple[FloatArray, FloatArray]:
    """|G_M|^2 and (4 m_Q^2/q2) |G_E|^2: weights of pairs with opposite helicities (1 - c^2) and with equal ones (c^2).

    G_M = 1 + 2 m_Q F_2 and G_E = 1 + q2 F_2/(2 m_Q), so that (2 |G_M|^2 + (4 m_Q^2/q2) |G_E|^2)/3 is
    1 + Delta_M - beta^2/3.

    order: "tree" for F_2 = 0; "linear" for the first order in F_2, which adds Delta_M to both; "full" for the squares.
    To first order the second, of relative size m_Q^2/q2, is negative at large q2 for a light Q: there it is set to 0
    and the first takes the rest, so that the rate is kept.
    Source: arXiv:2402.05901 eqs. (3.15) and (3.16), which are the rate.  Raises ValueError as `F_2`.
    """
    threshold = 4.0 * m_Q**2 / np.asarray(q2, dtype=np.float64)
    if order == "tree" or m_Q == 0.0:
        return np.ones_like(threshold), threshold
    F = F_2(q2, m_Q, alpha)
    if order == "full":
        G_M, G_E = 1.0 + 2.0 * m_Q * F, 1.0 + np.asarray(q2) * F / (2.0 * m_Q)
        return np.asarray(np.abs(G_M) ** 2), np.asarray(threshold * np.abs(G_E) ** 2)
    correction = Delta_M(q2, m_Q, alpha, linear=True)
    equal = np.maximum(threshold + correction, 0.0)
    return np.asarray(1.0 + 0.5 * threshold + 1.5 * correction - 0.5 * equal), equal
