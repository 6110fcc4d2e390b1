"""Two-body partial widths [GeV]: one formula per function, with the equation it comes from.

A closed channel (mass at or below threshold) has width exactly 0.  Non-physical input (negative or
non-finite masses, scales that are not positive) raises ValueError.  Arguments typed ``Real`` may be arrays,
for off-shell mediators; masses and scales in GeV, couplings and form factors are plain numbers.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np

from . import units
from .constants import Constants, data_path
from .kinematics import FloatArray, Real, kallen_sqrt


def branching_fraction(Gamma: Real, tau: float) -> Real:
    """Branching fraction Gamma tau/hbar of a partial width [GeV] at lifetime ``tau`` [s]."""
    return Gamma / units.width_from_lifetime(tau)


# --- B decays -------------------------------------------------------------------------------------


def kappa_sb(constants: Constants) -> float:
    """Coupling kappa of L = kappa h sbar P_R b + h.c.: 3 sqrt(2) G_F m_t^2 |VtbVts| m_b/(16 pi^2 v).

    Top loop of the Standard Model Higgs; the P_L term of relative size m_s/m_b is neglected.
    Source: arXiv:2401.10112.
    """
    c = constants
    return 3.0 * c.m_t**2 * c.m_b * c.VtbVts / (16.0 * math.pi**2 * c.v_EW**3)


def B_to_K_H1(
    m_B: float, m_K: float, m_H1: Real, kappa: float, sin_theta: float, f_0: Real, m_b: float, m_s: float
) -> Real:
    """Width of B -> K H1 with ``f_0`` at q2 = m_H1^2.  Source: arXiv:2401.10112.

    kappa^2 sin^2(theta) [(m_B^2 - m_K^2)/(m_b - m_s)]^2 f_0^2 sqrt(kallen)/(64 pi m_B^3).
    """
    _require_positive(m_B=m_B, m_b_minus_m_s=m_b - m_s)
    scalar_current = (m_B - m_K) * (m_B + m_K) / (m_b - m_s) * f_0
    coupling = (kappa * sin_theta) ** 2
    return coupling * scalar_current * scalar_current * _lambda_sqrt(m_B, m_K, m_H1) / (64.0 * math.pi * m_B)


def B_to_V_H1(
    m_B: float, m_V: float, m_H1: Real, kappa: float, sin_theta: float, A_0: Real, m_b: float, m_s: float
) -> Real:
    """Width of B -> V H1 with ``A_0`` at q2 = m_H1^2; V = K* or phi is longitudinal.

    kappa^2 sin^2(theta) |k|^3 A_0^2/(8 pi (m_b + m_s)^2), |k| the momentum in the B rest frame.
    Source: arXiv:2401.10112.
    """
    _require_positive(m_B=m_B, m_b_plus_m_s=m_b + m_s)
    k = 0.5 * m_B * _lambda_sqrt(m_B, m_V, m_H1)
    return (kappa * sin_theta / (m_b + m_s)) ** 2 * k * k * k * A_0 * A_0 / (8.0 * math.pi)


def B_to_K_alp(m_B: float, m_K: float, m_a: Real, C_V: complex, f_a: float, f_0: Real) -> Real:
    """Width of B -> K a with ``f_0`` at q2 = m_a^2.  Source: arXiv:2502.04900 eq. (8).

    For L = (d_mu a/2 f_a) sbar gamma^mu (C_V + C_A gamma5) b + h.c.
    """
    mass_factor = ((m_B - m_K) * (m_B + m_K) / m_B**2) ** 2
    return _alp_scale(m_B, C_V, f_a) * mass_factor * f_0 * f_0 * _lambda_sqrt(m_B, m_K, m_a)


def B_to_V_alp(m_B: float, m_V: float, m_a: Real, C_A: complex, f_a: float, A_0: Real) -> Real:
    """Width of B -> V a with ``A_0`` at q2 = m_a^2.  Source: arXiv:2502.04900 eq. (9), with m_V for m_K."""
    root = _lambda_sqrt(m_B, m_V, m_a)
    return _alp_scale(m_B, C_A, f_a) * A_0 * A_0 * root * root * root


def B_to_V_gamma_D(m_B: float, m_V: float, Lambda: float, T_1: float, paper_normalisation: bool = False) -> float:
    """Width of B -> V gamma_D, a massless dark photon, with ``T_1`` at q2 = 0; V = K* or phi is transverse.

    m_B^3 T_1^2 (1 - m_V^2/m_B^2)^3/(8 pi Lambda^2) for L = (1/2 Lambda) sbar sigma_{mu nu} b F_D^{mu nu} + h.c.
    ``paper_normalisation``: 32 pi for 8 pi, as printed in arXiv:2402.05901 eq. (4.4).
    Source: polarisation sum for the Lagrangian of arXiv:2402.05901 eq. (2.1).
    """
    _require_positive(m_B=m_B, Lambda=Lambda)
    root = _lambda_sqrt(m_B, m_V, 0.0)
    return m_B**3 * (T_1 / Lambda) ** 2 * root**3 / ((32.0 if paper_normalisation else 8.0) * math.pi)


# --- Dark Higgs -----------------------------------------------------------------------------------


def v_Phi(m_Zp: float, g_X: float, Q_Phi: float) -> float:
    """Vacuum expectation value m_Zp/(g_X |Q_Phi|) [GeV] behind the Z' mass.  Source: arXiv:2401.10112."""
    _require_positive(m_Zp=m_Zp, g_X=g_X, Q_Phi_squared=Q_Phi**2)
    return m_Zp / (g_X * abs(Q_Phi))


def H1_to_XX(m_H1: Real, m_X: float, lambda_PhiX: float, v_Phi: float, cos_theta: float) -> Real:
    """H1 -> X X^dagger for a complex scalar: (lambda_PhiX v_Phi cos)^2 beta/(16 pi m_H1).

    Source: arXiv:2401.10112.
    """
    return (lambda_PhiX * v_Phi * cos_theta) ** 2 * beta(m_H1, m_X) / (16.0 * math.pi * m_H1)


def H1_to_SS(m_H1: Real, m_S: float, mu_S: float, cos_theta: float) -> Real:
    """H1 -> S S for a real scalar with L = -mu_S phi S^2: (2 mu_S cos)^2 beta/(32 pi m_H1)."""
    return (2.0 * mu_S * cos_theta) ** 2 * beta(m_H1, m_S) / (32.0 * math.pi * m_H1)


def H1_to_chichi(m_H1: Real, m_chi: float, y_chi: float, cos_theta: float) -> Real:
    """H1 -> chi chibar, Dirac, L = -y_chi phi chibar chi: (y_chi cos)^2 m_H1 beta^3/(8 pi)."""
    velocity = beta(m_H1, m_chi)
    return (y_chi * cos_theta) ** 2 * m_H1 * velocity * velocity * velocity / (8.0 * math.pi)


def H1_to_NN(m_H1: Real, m_N: float, y_N: float, cos_theta: float) -> Real:
    """H1 -> N N for a Majorana fermion with L = -(y_N/2) phi Nbar^c N: half of the Dirac width."""
    return 0.5 * H1_to_chichi(m_H1, m_N, y_N, cos_theta)


def H1_to_ff(m_H1: Real, m_f: float, sin_theta: float, v_EW: float, N_c: int = 1) -> Real:
    """H1 -> f fbar through Higgs mixing: sin^2 N_c m_f^2 m_H1 beta^3/(8 pi v^2)."""
    _require_positive(v_EW=v_EW)
    return N_c * H1_to_chichi(m_H1, m_f, m_f / v_EW, sin_theta)


def H1_to_ZpZp_LL(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """H1 -> Z'_L Z'_L: cos^2 m_H1^3/(32 pi v_Phi^2) beta (1 - 2 x)^2, x = m_Zp^2/m_H1^2."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return _ZpZp_scale(m_H1, m_Zp, v_Phi, cos_theta) * (1.0 - 2.0 * x) * (1.0 - 2.0 * x)


def H1_to_ZpZp_TT(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """H1 -> Z'_T Z'_T, (++) and (--) in equal parts: as ``H1_to_ZpZp_LL`` with 8 x^2 for (1 - 2 x)^2."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return _ZpZp_scale(m_H1, m_Zp, v_Phi, cos_theta) * 8.0 * x * x


def H1_to_ZpZp(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """H1 -> Z' Z': cos^2 m_H1^3/(32 pi v_Phi^2) beta (1 - 4 x + 12 x^2).  Source: arXiv:2401.10112."""
    longitudinal = H1_to_ZpZp_LL(m_H1, m_Zp, v_Phi, cos_theta)
    return longitudinal + H1_to_ZpZp_TT(m_H1, m_Zp, v_Phi, cos_theta)


def ZpZp_transverse_fraction(m_H1: Real, m_Zp: float) -> Real:
    """Fraction 8 x^2/(1 - 4 x + 12 x^2) of transverse pairs in H1 -> Z' Z', x = m_Zp^2/m_H1^2."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return 8.0 * x * x / (1.0 - 4.0 * x + 12.0 * x * x)


def dark_higgs_visible_width(m_H1: float, column: Literal["Gtot", "Gtot_F"] = "Gtot") -> float:
    """Total width into Standard Model particles over sin^2(theta) [GeV], from the shipped table.

    Log-log interpolation between the nodes.  ``Gtot`` (default) and ``Gtot_F`` are two independent
    digitisations; hadronic widths are uncertain by a factor 2 between 0.95 and 1.9 GeV.
    Raises ValueError outside the table.  Sources: arXiv:1809.01876, arXiv:1904.10447; see SOURCE.toml.
    """
    log_m, log_Gamma = _dark_higgs_table()[column]
    if not (m_H1 > 0.0 and log_m[0] <= math.log(m_H1) <= log_m[-1]):
        low, high = math.exp(log_m[0]), math.exp(log_m[-1])
        raise ValueError(f"m_H1 = {m_H1} GeV is outside the dark Higgs table ({low:.6g} to {high:.6g} GeV)")
    return float(np.exp(np.interp(math.log(m_H1), log_m, log_Gamma)))


# --- ALP ------------------------------------------------------------------------------------------


def a_to_ff(m_a: Real, m_f: float, C_f: float, f_a: float, N_c: int = 1) -> Real:
    """a -> f fbar for a Dirac fermion: N_c C_f^2 m_a m_f^2 beta/(8 pi f_a^2).  Source: arXiv:2502.04900.

    For L = (d_mu a/2 f_a) C_f fbar gamma^mu gamma5 f.
    """
    _require_positive(f_a=f_a)
    coupling = C_f * m_f / f_a
    return N_c * (coupling * coupling) * m_a * beta(m_a, m_f) / (8.0 * math.pi)


def a_to_chichi(m_a: Real, m_chi: float, C_chi: float, f_a: float, majorana: bool = False) -> Real:
    """a -> chi chibar, Dirac as in ``a_to_ff``.

    ``majorana`` keeps the prefactor of the Dirac Lagrangian, which doubles the width.  For a Lagrangian with
    an extra 1/2 also halve ``C_chi``; the width is then half of the Dirac one.
    """
    return (2.0 if majorana else 1.0) * a_to_ff(m_a, m_chi, C_chi, f_a)


def a_to_gg(m_a: Real, C_G: complex, f_a: float, alpha_s: float) -> Real:
    """a -> g g: |C_G|^2 alpha_s^2 m_a^3/(8 pi^3 f_a^2) (1 + 83 alpha_s/(4 pi)).  Source: arXiv:2502.04900.

    Perturbative, so only meaningful above about 1.5 GeV.
    """
    correction = 1.0 + 83.0 * alpha_s / (4.0 * math.pi)
    return 8.0 * correction * a_to_gammagamma(m_a, C_G, f_a, alpha_s)


def a_to_gammagamma(m_a: Real, C_gamma: complex, f_a: float, alpha: float) -> Real:
    """a -> gamma gamma: |C_gamma|^2 alpha^2 m_a^3/(64 pi^3 f_a^2).  Source: arXiv:2502.04900."""
    _require_positive(f_a=f_a)
    _require_mass("m_a", m_a)
    coupling = abs(C_gamma) * alpha / f_a
    return coupling * coupling / (64.0 * math.pi**3) * m_a * m_a * m_a


# --- Z' of U(1)_Lmu-Ltau --------------------------------------------------------------------------


def Zp_to_nunu(m_Zp: Real, g_X: float) -> Real:
    """Z' -> nu nubar of one left-handed flavour: g_X^2 m_Zp/(24 pi)."""
    _require_mass("m_Zp", m_Zp)
    return g_X**2 * m_Zp / (24.0 * math.pi)


def Zp_to_ll(m_Zp: Real, m_l: float, g: float) -> Real:
    """Z' -> l+ l- with vector coupling ``g``: g^2 m_Zp/(12 pi) (1 + 2 r) beta, r = m_l^2/m_Zp^2.

    g = g_X for muons and taus, e epsilon(m_Zp^2) for electrons.
    """
    velocity = beta(m_Zp, m_l)
    return g**2 * m_Zp / (12.0 * math.pi) * (1.0 + 2.0 * (m_l / m_Zp) * (m_l / m_Zp)) * velocity


def Zp_to_XX(m_Zp: Real, m_X: float, g_X: float, Q_X: float) -> Real:
    """Z' -> X X^dagger for a complex scalar: g_X^2 Q_X^2 m_Zp beta^3/(48 pi)."""
    velocity = beta(m_Zp, m_X)
    return (g_X * Q_X) ** 2 * m_Zp * velocity * velocity * velocity / (48.0 * math.pi)


# --- Shared ---------------------------------------------------------------------------------------


def beta(m: Real, m_d: float) -> Real:
    """Velocity sqrt(1 - 4 m_d^2/m^2) of two equal daughters, 0 when the channel is closed."""
    _require_mass("decaying mass", m)
    return kallen_sqrt(m, m_d, m_d, allow_closed=True) / (m * m)


def _lambda_sqrt(M: float, m_1: float, m_2: Real) -> Real:
    """kallen^(1/2)(1, m_1^2/M^2, m_2^2/M^2), 0 when the channel is closed."""
    return kallen_sqrt(M, m_1, m_2, allow_closed=True) / (M * M)


def _alp_scale(m_B: float, C: complex, f_a: float) -> float:
    _require_positive(m_B=m_B, f_a=f_a)
    coupling = abs(C) / f_a
    return m_B**3 * (coupling * coupling) / (64.0 * math.pi)


def _ZpZp_scale(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    _require_positive(v_Phi=v_Phi)
    return (cos_theta / v_Phi) ** 2 * m_H1 * m_H1 * m_H1 * beta(m_H1, m_Zp) / (32.0 * math.pi)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be finite and positive, got {value}")


def _require_mass(name: str, m: float | FloatArray) -> None:
    if isinstance(m, float) and 0.0 < m < math.inf:
        return
    if not np.all(np.isfinite(m) & (np.asarray(m) > 0.0)):
        raise ValueError(f"{name} must be finite and positive, got {m}")


@cache
def _dark_higgs_table() -> Mapping[str, tuple[FloatArray, FloatArray]]:
    with data_path("dark_higgs_widths", "dark_higgs_widths.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    table = {}
    for column in ("Gtot", "Gtot_F"):
        filled = [(float(row["m"]), float(row[column])) for row in rows if row[column]]
        m, Gamma = np.log(np.array(filled)).T
        table[column] = (m, Gamma)
    return table
