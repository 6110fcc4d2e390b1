"""The two Higgs bosons of the dark Higgs model: potential, and what the mixing does to the boson of 125 GeV.

H1 = c phi - s h and H2 = s phi + c h, s = sin(theta); H2 is the boson of mass ``constants.m_h``.
V = lambda_H (|H|^2 - v^2/2)^2 + lambda_Phi (|Phi|^2 - v_Phi^2/2)^2 + lambda_PhiH (|H|^2 - v^2/2)(|Phi|^2 - v_Phi^2/2)
  + m_X^2 |X|^2 + lambda_PhiX |X|^2 (|Phi|^2 - v_Phi^2/2) + lambda_X |X|^4.
Source: arXiv:2401.10112.  Experimental limits on invisible decays are arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from . import widths
from .constants import Constants
from .self_energies import Pair, ZpZp


class Quartics(NamedTuple):
    """Couplings of the potential of H and Phi; pure numbers."""

    lambda_H: float
    lambda_Phi: float
    lambda_PhiH: float

    @property
    def perturbative(self) -> bool:
        """Whether every coupling is below 4 pi."""
        return all(abs(coupling) < 4.0 * math.pi for coupling in self)


def quartics(m_1: float, m_2: float, sin_theta: float, v_Phi: float, v_EW: float) -> Quartics:
    """Quartic couplings from masses [GeV], mixing and vevs [GeV].

    lambda_H = (m_1^2 s^2 + m_2^2 c^2)/(2 v^2), lambda_Phi = (m_1^2 c^2 + m_2^2 s^2)/(2 v_Phi^2),
    lambda_PhiH = (m_2^2 - m_1^2) s c/(v v_Phi).  Then 4 lambda_H lambda_Phi - lambda_PhiH^2 = (m_1 m_2/(v v_Phi))^2,
    so the potential of H and Phi is bounded and its minimum is the vacuum for every choice of masses and mixing.
    Raises ValueError unless masses and vevs are positive and |sin_theta| <= 1.
    """
    s, c = sin_theta, _cosine(sin_theta)
    _require_positive(m_1=m_1, m_2=m_2, v_Phi=v_Phi, v_EW=v_EW)
    return Quartics(
        lambda_H=(m_1**2 * s**2 + m_2**2 * c**2) / (2.0 * v_EW**2),
        lambda_Phi=(m_1**2 * c**2 + m_2**2 * s**2) / (2.0 * v_Phi**2),
        lambda_PhiH=(m_2 - m_1) * (m_2 + m_1) * s * c / (v_EW * v_Phi),
    )


def bounded_below(couplings: Quartics, lambda_PhiX: float = 0.0, lambda_X: float = 0.0) -> bool:
    """Whether the quartic potential of H, Phi and X is not negative in any direction.

    lambda_H, lambda_Phi > 0, lambda_X >= 0, lambda_PhiH > -2 sqrt(lambda_H lambda_Phi),
    lambda_PhiX >= -2 sqrt(lambda_Phi lambda_X), and the condition on all three fields (copositivity of the matrix of
    couplings, with no coupling of X to H).  Source: K. Kannike, arXiv:1205.3781.
    """
    lambda_H, lambda_Phi, lambda_PhiH = couplings
    if not (lambda_H > 0.0 and lambda_Phi > 0.0 and lambda_X >= 0.0):
        return False
    H_Phi = 0.5 * lambda_PhiH + math.sqrt(lambda_H * lambda_Phi)
    Phi_X = 0.5 * lambda_PhiX + math.sqrt(lambda_Phi * lambda_X)
    H_X = math.sqrt(lambda_H * lambda_X)
    if not (H_Phi > 0.0 and Phi_X >= 0.0):
        return False
    three_fields = (
        math.sqrt(lambda_H * lambda_Phi * lambda_X)
        + 0.5 * lambda_PhiH * math.sqrt(lambda_X)
        + 0.5 * lambda_PhiX * math.sqrt(lambda_H)
        + math.sqrt(2.0 * H_Phi * Phi_X * H_X)
    )
    return three_fields >= 0.0


def lambda_X_min(couplings: Quartics, lambda_PhiX: float, m_X: float, v_Phi: float) -> float:
    """Smallest lambda_X for which <Phi> = v_Phi/sqrt(2), <X> = 0 is the absolute minimum, for lambda_PhiX >= 0.

    A large lambda_PhiX makes X condense where Phi = 0, at -(lambda_PhiX v_Phi^2/2 - m_X^2)^2/(4 lambda_X) below the
    energy lambda v_Phi^4/4 of that point, lambda = lambda_Phi - lambda_PhiH^2/(4 lambda_H) after minimising in H.  So
    lambda_X > (lambda_PhiX/2 - m_X^2/v_Phi^2)^2/lambda if lambda_PhiX v_Phi^2 > 2 m_X^2, else 0 (and lambda_PhiH >= 0).
    For m_X -> 0 and s -> 0 it is lambda_PhiX^2 v_Phi^2/(2 m_1^2) = 8 pi Gamma(H1 -> X Xbar)/(m_1 beta), the value that
    ``bounded_below`` asks of the opposite sign of lambda_PhiX.  lambda_3 of a Z3 model is not included.
    m_X, v_Phi: [GeV].  Raises ValueError unless lambda_PhiX >= 0, lambda_PhiH >= 0 and v_Phi > 0.
    """
    _require_positive(v_Phi=v_Phi)
    if not (lambda_PhiX >= 0.0 and couplings.lambda_PhiH >= 0.0):
        raise ValueError("needs lambda_PhiX >= 0 and lambda_PhiH >= 0; for lambda_PhiX < 0 use bounded_below")
    depth = max(0.5 * lambda_PhiX - (m_X / v_Phi) ** 2, 0.0)
    return depth**2 / (couplings.lambda_Phi - couplings.lambda_PhiH**2 / (4.0 * couplings.lambda_H))


def kappa_211(m_1: float, m_2: float, sin_theta: float, v_Phi: float, v_EW: float) -> float:
    """Coupling of kappa_211 H2 H1^2 in V [GeV]: s c (v c + v_Phi s)(m_2^2 + 2 m_1^2)/(2 v v_Phi).

    Raises ValueError unless masses and vevs are positive and |sin_theta| <= 1.
    """
    s, c = sin_theta, _cosine(sin_theta)
    _require_positive(m_1=m_1, m_2=m_2, v_Phi=v_Phi, v_EW=v_EW)
    return s * c * (v_EW * c + v_Phi * s) * (m_2**2 + 2.0 * m_1**2) / (2.0 * v_EW * v_Phi)


def H2_to_H1H1(m_1: float, sin_theta: float, v_Phi: float, constants: Constants) -> float:
    """Width kappa_211^2 beta/(8 pi m_2) of H2 -> H1 H1 [GeV]; 0 when closed."""
    kappa = kappa_211(m_1, constants.m_h, sin_theta, v_Phi, constants.v_EW)
    return widths.H1_to_SS(constants.m_h, m_1, kappa, 1.0)


def H2_to_pair(pair: Pair, sin_theta: float, constants: Constants) -> float:
    """Width of H2 into a dark pair [GeV]: the H1 width at the mass of H2 with s in place of c."""
    return pair.width(constants.m_h, sin_theta)


def BR_H2_invisible(
    sin_theta: float,
    m_1: float,
    v_Phi: float,
    pairs: Sequence[Pair],
    constants: Constants,
    H1_invisible: float = 1.0,
) -> float:
    """Invisible branching fraction of the Higgs boson: 4 nu, H1 H1 with both H1 unseen, dark pairs.

    [BR_h_4nu c^2 Gamma_h + Gamma(H1 H1) BR_inv(H1)^2 + sum Gamma(pair)]/[c^2 Gamma_h + Gamma(H1 H1) + sum Gamma(pair)];
    a pair counts upstairs with its probability ``invisible``.  H1_invisible: invisible fraction of H1 (1).
    m_1, v_Phi: [GeV].
    """
    standard = _cosine(sin_theta) ** 2 * constants.Gamma_h
    cascade = H2_to_H1H1(m_1, sin_theta, v_Phi, constants)
    dark = [(H2_to_pair(pair, sin_theta, constants), pair.invisible) for pair in pairs]
    unseen = constants.BR_h_4nu * standard + cascade * H1_invisible**2 + sum(width * p for width, p in dark)
    return unseen / (standard + cascade + sum(width for width, _ in dark))


def sin_theta_max(
    BR_max: float,
    m_1: float,
    v_Phi: float,
    pairs: Sequence[Pair],
    constants: Constants,
    H1_invisible: float = 1.0,
) -> float:
    """Largest sin(theta) up to which BR(H2 -> invisible) stays below ``BR_max``; 1 if it always does.

    As all new widths go like sin^2/v_Phi^2 for small angles, it is a bound on sin(theta)/v_Phi unless X Xbar matters.
    m_1, v_Phi: [GeV].  Raises ValueError if BR_max does not exceed the Standard Model value or is not below 1.
    """

    def excess(sin_theta: float) -> float:
        return BR_H2_invisible(sin_theta, m_1, v_Phi, pairs, constants, H1_invisible) - BR_max

    _require_limit(BR_max, constants)
    return _first_root(excess, np.geomspace(1e-10, 1.0 - 1e-9, 201).tolist(), otherwise=1.0)


def sin_theta_over_v_Phi_max(
    BR_max: float,
    m_1: float,
    v_Phi: float,
    pairs: Sequence[Pair],
    constants: Constants,
    H1_invisible: float = 1.0,
) -> float:
    """``sin_theta_max`` over v_Phi [GeV^-1]: nearly the same number at every v_Phi."""
    return sin_theta_max(BR_max, m_1, v_Phi, pairs, constants, H1_invisible) / v_Phi


def sin_theta_of_rate(BR: float, BR_over_sin2: float) -> float:
    """Mixing sin(theta) that gives BR(B -> K H1) = ``BR``, from its value at sin(theta) = 1.

    Raises ValueError if either is not positive.
    """
    _require_positive(BR=BR, BR_over_sin2=BR_over_sin2)
    return math.sqrt(BR / BR_over_sin2)


def v_Phi_min(
    BR_max: float,
    sin_theta: float,
    m_1: float,
    m_Zp: float,
    constants: Constants,
    H1_invisible: float = 1.0,
    Zp_invisible: float = 1.0,
) -> float:
    """Smallest v_Phi [GeV] at a given mixing for which BR(H2 -> invisible) stays below ``BR_max``.

    With H2 -> H1 H1 and Z'Z' only; X Xbar, which grows with v_Phi, is left out.  Zp_invisible: of one Z' (1).
    0 if every v_Phi is allowed.  Raises ValueError as ``sin_theta_max``, and unless 0 < sin_theta < 1.
    """

    def excess(log_inverse: float) -> float:
        v_Phi = math.exp(-log_inverse)
        pairs = (ZpZp(m_Zp, v_Phi, Zp_invisible**2),)
        return BR_H2_invisible(sin_theta, m_1, v_Phi, pairs, constants, H1_invisible) - BR_max

    _require_limit(BR_max, constants)
    if not 0.0 < sin_theta < 1.0:
        raise ValueError(f"sin_theta must be between 0 and 1, got {sin_theta}")
    # From large to small v_Phi.
    start, stop = -math.log(1e6 * constants.v_EW), -math.log(1e-6 * constants.v_EW)
    root = _first_root(excess, np.linspace(start, stop, 201).tolist(), otherwise=math.inf)
    return math.exp(-root)


def HNL_width_bound(BR_max: float, sin_theta: float, constants: Constants) -> float:
    """Largest Gamma(phi -> N N)/m_phi that BR(H2 -> N N) < ``BR_max`` allows, for light N and phi.

    [B/(1 - B)] Gamma_h/(m_h sin^2).  Raises ValueError unless 0 < BR_max < 1 and sin_theta is not zero.
    """
    if not (0.0 < BR_max < 1.0 and sin_theta != 0.0):
        raise ValueError(f"needs 0 < BR_max < 1 and sin_theta != 0, got {BR_max} and {sin_theta}")
    return BR_max / (1.0 - BR_max) * constants.Gamma_h / (constants.m_h * sin_theta**2)


def _first_root(f: Callable[[float], float], grid: list[float], otherwise: float) -> float:
    """First point where f turns positive along ``grid``; the first grid point if f is positive there."""
    from scipy.optimize import brentq

    if f(grid[0]) > 0.0:
        return grid[0]
    for low, high in pairwise(grid):
        if f(high) > 0.0:
            return float(brentq(f, low, high, xtol=1e-16, rtol=1e-13))
    return otherwise


def _cosine(sin_theta: float) -> float:
    if not abs(sin_theta) <= 1.0:
        raise ValueError(f"sin_theta must be between -1 and 1, got {sin_theta}")
    return math.sqrt((1.0 - sin_theta) * (1.0 + sin_theta))


def _require_limit(BR_max: float, constants: Constants) -> None:
    if not constants.BR_h_4nu < BR_max < 1.0:
        raise ValueError(f"BR_max must be between {constants.BR_h_4nu:.3g} (h -> 4 nu) and 1, got {BR_max}")


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be finite and positive, got {value}")
