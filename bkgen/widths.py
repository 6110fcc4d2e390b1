"""Two-body partial widths [GeV]: one formula per function, with the equation it comes from.

A closed channel (mass at or below threshold) has width exactly 0.  Non-physical input (negative or
non-finite masses, scales that are not positive) raises ValueError.  Arguments typed ``Real`` may be arrays,
for off-shell mediators; masses and scales in GeV, couplings and form factors are plain numbers.

A formula without a paper is the tree-level width of the Lagrangian in its docstring or in docs/physics.md.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np

from . import loops, units
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
    return _top_loop(constants.m_b, constants.VtbVts, constants)


def kappa_sd(VtsVtd: float, constants: Constants) -> float:
    """Coupling kappa of L = kappa h dbar P_R s + h.c.: ``kappa_sb`` with m_s and ``VtsVtd``.

    VtsVtd: |Vts* Vtd| for K+, |Re(Vts* Vtd)| for K_L (K_S takes the imaginary part).
    """
    return _top_loop(constants.m_s, VtsVtd, constants)


def B_to_K_H1(
    m_B: float, m_K: float, m_H1: Real, kappa: float, sin_theta: float, f_0: Real, m_b: float, m_s: float
) -> Real:
    """Width [GeV] of B -> K H1 with ``f_0`` at q2 = m_H1^2.  Source: arXiv:2401.10112.

    kappa^2 sin^2(theta) [(m_B^2 - m_K^2)/(m_b - m_s)]^2 f_0^2 sqrt(kallen)/(64 pi m_B^3).
    """
    _require_positive(m_B=m_B, m_b_minus_m_s=m_b - m_s)
    scalar_current = (m_B - m_K) * (m_B + m_K) / (m_b - m_s) * f_0
    coupling = (kappa * sin_theta) ** 2
    return coupling * scalar_current * scalar_current * _lambda_sqrt(m_B, m_K, m_H1) / (64.0 * math.pi * m_B)


def K_to_pi_H1(
    m_K: float, m_pi: float, m_H1: Real, kappa: float, sin_theta: float, f_0: Real, m_s: float, m_d: float
) -> Real:
    """Width [GeV] of K+ -> pi+ H1 or K_L -> pi0 H1: ``B_to_K_H1`` for s -> d, with ``kappa_sd`` and f_0 of K -> pi.

    The amplitude of K_L is that of K0 times Re(Vts* Vtd)/|Vts* Vtd|: the 1/sqrt(2) of pi0 and of K_L cancel the sum of
    K0 and K0bar.
    """
    return B_to_K_H1(m_K, m_pi, m_H1, kappa, sin_theta, f_0, m_s, m_d)


def B_to_V_H1(
    m_B: float, m_V: float, m_H1: Real, kappa: float, sin_theta: float, A_0: Real, m_b: float, m_s: float
) -> Real:
    """Width [GeV] of B -> V H1 with ``A_0`` at q2 = m_H1^2; V = K* or phi is longitudinal.

    kappa^2 sin^2(theta) |k|^3 A_0^2/(8 pi (m_b + m_s)^2), |k| the momentum in the B rest frame.
    Source: arXiv:2401.10112.
    """
    _require_positive(m_B=m_B, m_b_plus_m_s=m_b + m_s)
    k = 0.5 * m_B * _lambda_sqrt(m_B, m_V, m_H1)
    return (kappa * sin_theta / (m_b + m_s)) ** 2 * k * k * k * A_0 * A_0 / (8.0 * math.pi)


def B_to_K_alp(m_B: float, m_K: float, m_a: Real, C_V: complex, f_a: float, f_0: Real) -> Real:
    """Width [GeV] of B -> K a with ``f_0`` at q2 = m_a^2.  Source: arXiv:2502.04900 eq. (8).

    For L = (d_mu a/2 f_a) sbar gamma^mu (C_V + C_A gamma5) b + h.c.
    """
    mass_factor = ((m_B - m_K) * (m_B + m_K) / m_B**2) ** 2
    return _alp_scale(m_B, C_V, f_a) * mass_factor * f_0 * f_0 * _lambda_sqrt(m_B, m_K, m_a)


def B_to_V_alp(m_B: float, m_V: float, m_a: Real, C_A: complex, f_a: float, A_0: Real) -> Real:
    """Width [GeV] of B -> V a with ``A_0`` at q2 = m_a^2.  Source: arXiv:2502.04900 eq. (9), with m_V for m_K."""
    root = _lambda_sqrt(m_B, m_V, m_a)
    return _alp_scale(m_B, C_A, f_a) * A_0 * A_0 * root * root * root


def B_to_V_gamma_D(m_B: float, m_V: float, Lambda: float, T_1: float, paper_normalisation: bool = False) -> float:
    """Width [GeV] of B -> V gamma_D, a massless dark photon, with ``T_1`` at q2 = 0; V = K* or phi is transverse.

    m_B^3 T_1^2 (1 - m_V^2/m_B^2)^3/(8 pi Lambda^2) for L = (1/2 Lambda) sbar sigma_{mu nu} b F_D^{mu nu} + h.c.
    ``paper_normalisation``: 32 pi for 8 pi, as printed in arXiv:2402.05901 eq. (4.4).
    Source: polarisation sum for the Lagrangian of arXiv:2402.05901 eq. (2.1).
    """
    _require_positive(m_B=m_B, Lambda=Lambda)
    root = _lambda_sqrt(m_B, m_V, 0.0)
    return m_B**3 * (T_1 / Lambda) ** 2 * root**3 / ((32.0 if paper_normalisation else 8.0) * math.pi)


def B_to_K_X(m_B: float, m_K: float, m_X: Real, g_bs: complex, f_plus: Real) -> Real:
    """Width [GeV] of B -> K X for L = g_bs X_mu sbar gamma^mu P_L b + h.c., ``f_plus`` at q2 = m_X^2.

    |g_bs|^2 m_B/(64 pi) kallen^(3/2)(1, y_K, y_X)/y_X f_plus^2, y = m^2/m_B^2.  Source: arXiv:2502.04900 eq. (42).
    """
    _require_positive(m_B=m_B)
    _require_mass("m_X", m_X)
    root, y_X = _lambda_sqrt(m_B, m_K, m_X), (m_X / m_B) * (m_X / m_B)
    return abs(g_bs) ** 2 * m_B / (64.0 * math.pi) * root * root * root / y_X * f_plus * f_plus


def B_to_V_X_helicities(m_B: float, m_V: float, m_X: Real, A_1: Real, A_12: Real, V: Real) -> tuple[Real, Real, Real]:
    """Rescaled amplitudes (H_0, H_+, H_-) [1] of B -> V X for a left-handed current, form factors at q2 = m_X^2.

    H_0 = -(1 + sqrt(y_V)) A_1 x + 2 sqrt(y_V y_X)/(1 + sqrt(y_V)) A_2 (x^2 - 1) = -8 (m_V/m_X) A_12,
    H_+- = (1 + sqrt(y_V)) A_1 -+ 2 sqrt(y_V y_X)/(1 + sqrt(y_V)) V sqrt(x^2 - 1), where
    x = (m_B^2 - m_V^2 - m_X^2)/(2 m_V m_X) and y = m^2/m_B^2.  They belong to a Bbar: H_- is the large one.
    Source: arXiv:2502.04900 eqs. (44), (45) with the signs of H_+-, printed as + for both.
    """
    _require_positive(m_B=m_B)
    _require_mass("m_X", m_X)
    mass_factor = 1.0 + m_V / m_B
    axial = mass_factor * A_1
    vector = _lambda_sqrt(m_B, m_V, m_X) / mass_factor * V  # 2 sqrt(y_V y_X) sqrt(x^2 - 1) = kallen^(1/2)
    return -8.0 * m_V / m_X * A_12, axial - vector, axial + vector


def B_to_V_X(m_B: float, m_V: float, m_X: Real, g_bs: complex, helicities: Iterable[Real]) -> Real:
    """Width [GeV] of B -> V X into those helicities: |g_bs|^2 m_B/(64 pi) kallen^(1/2)(1, y_V, y_X) sum |H|^2.

    Source: arXiv:2502.04900 eq. (43).
    """
    total = sum(H * H for H in helicities)
    return abs(g_bs) ** 2 * m_B / (64.0 * math.pi) * _lambda_sqrt(m_B, m_V, m_X) * total


# --- Dark Higgs -----------------------------------------------------------------------------------


def v_Phi(m_Zp: float, g_X: float, Q_Phi: float) -> float:
    """Vacuum expectation value m_Zp/(g_X |Q_Phi|) [GeV] behind the Z' mass.  Source: arXiv:2401.10112."""
    _require_positive(m_Zp=m_Zp, g_X=g_X, Q_Phi_squared=Q_Phi**2)
    return m_Zp / (g_X * abs(Q_Phi))


def H1_to_XX(m_H1: Real, m_X: float, lambda_PhiX: float, v_Phi: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> X X^dagger for a complex scalar: (lambda_PhiX v_Phi cos)^2 beta/(16 pi m_H1).

    Source: arXiv:2401.10112.
    """
    return (lambda_PhiX * v_Phi * cos_theta) ** 2 * beta(m_H1, m_X) / (16.0 * math.pi * m_H1)


def H1_to_SS(m_H1: Real, m_S: float, mu_S: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> S S for a real scalar with L = -mu_S phi S^2: (2 mu_S cos)^2 beta/(32 pi m_H1)."""
    return (2.0 * mu_S * cos_theta) ** 2 * beta(m_H1, m_S) / (32.0 * math.pi * m_H1)


def H1_to_chichi(m_H1: Real, m_chi: float, y_chi: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> chi chibar, Dirac, L = -y_chi phi chibar chi: (y_chi cos)^2 m_H1 beta^3/(8 pi)."""
    velocity = beta(m_H1, m_chi)
    return (y_chi * cos_theta) ** 2 * m_H1 * velocity * velocity * velocity / (8.0 * math.pi)


def H1_to_NN(m_H1: Real, m_N: float, y_N: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> N N for a Majorana fermion with L = -(y_N/2) phi Nbar^c N: half of the Dirac width."""
    return 0.5 * H1_to_chichi(m_H1, m_N, y_N, cos_theta)


def H1_to_ff(m_H1: Real, m_f: float, sin_theta: float, v_EW: float, N_c: int = 1) -> Real:
    """Width [GeV] of H1 -> f fbar through Higgs mixing: sin^2 N_c m_f^2 m_H1 beta^3/(8 pi v^2)."""
    _require_positive(v_EW=v_EW)
    return N_c * H1_to_chichi(m_H1, m_f, m_f / v_EW, sin_theta)


def H1_to_gg(m_H1: Real, sin_theta: float, constants: Constants) -> Real:
    """Width [GeV] of H1 -> g g at leading order: sin^2 alpha_s^2 m_H1^3/(72 pi^3 v^2) |A_c + A_b + A_t|^2.

    alpha_s at m_H1.  Perturbative, so only meaningful above 2 GeV; the next order about doubles it.
    Source: A. Djouadi, hep-ph/0503172.  Raises ValueError below 1 GeV.
    """
    c = constants
    _require_mass("m_H1", m_H1)
    A_c, A_b, A_t = (loops.A((2.0 * m_q / m_H1) ** 2) for m_q in (c.m_c, c.m_b, c.m_t))
    loop = cast("Real", np.abs(A_c + A_b + A_t))
    scale = (sin_theta * loops.alpha_s(m_H1, c) * loop / c.v_EW) ** 2
    return scale * m_H1**3 / (72.0 * math.pi**3)


def H1_to_bb(m_H1: Real, sin_theta: float, constants: Constants) -> Real:
    """Width [GeV] of H1 -> b bbar at leading order, open above 2 m_B.

    3 sin^2 m_b^2 m_H1/(8 pi v^2) beta^3, beta of a B+ B- pair.
    """
    c = constants
    velocity = beta(m_H1, c.m_Bp)
    width: Real = 3.0 * (sin_theta * c.m_b / c.v_EW) ** 2 * m_H1 * velocity**3 / (8.0 * math.pi)
    return width


def H1_to_ZpZp_LL(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> Z'_L Z'_L: cos^2 m_H1^3/(32 pi v_Phi^2) beta (1 - 2 x)^2, x = m_Zp^2/m_H1^2."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return _ZpZp_scale(m_H1, m_Zp, v_Phi, cos_theta) * (1.0 - 2.0 * x) * (1.0 - 2.0 * x)


def H1_to_ZpZp_TT(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> Z'_T Z'_T, (++) and (--) in equal parts: as ``H1_to_ZpZp_LL`` with 8 x^2 for (1 - 2 x)^2."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return _ZpZp_scale(m_H1, m_Zp, v_Phi, cos_theta) * 8.0 * x * x


def H1_to_ZpZp(m_H1: Real, m_Zp: float, v_Phi: float, cos_theta: float) -> Real:
    """Width [GeV] of H1 -> Z' Z': cos^2 m_H1^3/(32 pi v_Phi^2) beta (1 - 4 x + 12 x^2).  Source: arXiv:2401.10112."""
    longitudinal = H1_to_ZpZp_LL(m_H1, m_Zp, v_Phi, cos_theta)
    return longitudinal + H1_to_ZpZp_TT(m_H1, m_Zp, v_Phi, cos_theta)


def ZpZp_transverse_fraction(m_H1: Real, m_Zp: float) -> Real:
    """Fraction 8 x^2/(1 - 4 x + 12 x^2) of transverse pairs in H1 -> Z' Z', x = m_Zp^2/m_H1^2, masses [GeV]."""
    x = (m_Zp / m_H1) * (m_Zp / m_H1)
    return 8.0 * x * x / (1.0 - 4.0 * x + 12.0 * x * x)


VISIBLE = {
    "e+ e-": "BR_ee",
    "mu+ mu-": "BR_mumu",
    "tau+ tau-": "BR_tautau",
    "pi pi": "BR_pipi",
    "K K": "BR_KK",
    "hadrons": "BR_4pi",
    "g g": "BR_gg",
    "s sbar": "BR_ss",
    "c cbar": "BR_cc",
}
"""Visible final states of a dark Higgs boson, by their column in the table of widths."""


def dark_higgs_visible_width(m_H1: Real, source: str = "Gtot") -> Real:
    """Total width into Standard Model particles over sin^2(theta) [GeV], at ``m_H1`` [GeV] of any shape.

    Log-log interpolation between the nodes of a table.  ``source``: ``Gtot`` and ``Gtot_F`` are two independent
    digitisations in the shipped table, everything else the path of a CSV file with its columns; hadronic widths are
    uncertain by a factor 2 between 0.95 and 1.9 GeV.
    Raises ValueError outside the table or without its columns, OSError for a file that cannot be read.
    Sources: arXiv:1809.01876, arXiv:1904.10447; see SOURCE.toml.
    """
    shipped = source in ("Gtot", "Gtot_F")
    log_m, log_Gamma = _dark_higgs_table(None if shipped else source)[source if shipped else "Gtot"]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_m_H1 = np.log(m_H1)
    if not np.all((log_m[0] <= log_m_H1) & (log_m_H1 <= log_m[-1])):
        low, high = math.exp(log_m[0]), math.exp(log_m[-1])
        raise ValueError(f"m_H1 = {m_H1} GeV is outside the dark Higgs table ({low:.6g} to {high:.6g} GeV)")
    width: Real = np.exp(np.interp(log_m_H1, log_m, log_Gamma))
    return width


def dark_higgs_visible_widths(m_H1: float, constants: Constants, source: str = "Gtot") -> dict[str, float]:
    """Partial widths into Standard Model particles over sin^2(theta) [GeV], by the names in `VISIBLE`.

    Branching fractions, linear in log(m_H1) between the nodes, times `dark_higgs_visible_width`, which is their sum.
    pi pi and K K are summed over charges, hadrons are the other ones.  Above the shipped table, 5.13 GeV, at leading
    order.  Raises as `dark_higgs_visible_width` and `dark_higgs_visible_widths_LO`.
    """
    shipped = source in ("Gtot", "Gtot_F")
    columns = _dark_higgs_table(None if shipped else source)
    if shipped and m_H1 > 0.0 and math.log(m_H1) > columns["Gtot"][0][-1]:
        return dark_higgs_visible_widths_LO(m_H1, constants)
    total = dark_higgs_visible_width(m_H1, source)
    shares = {name: float(np.interp(math.log(m_H1), *columns[column])) for name, column in VISIBLE.items()}
    return {name: total * share / sum(shares.values()) for name, share in shares.items()}


def dark_higgs_visible_widths_LO(m_H1: float, constants: Constants) -> dict[str, float]:
    """Partial widths into Standard Model particles over sin^2(theta) [GeV] at leading order, above the shipped table.

    b bbar above 2 m_B; quark masses of ``constants``, no QCD corrections.  At the end of the table, 5.13 GeV, their sum
    is 1.6 times the value there: running m_c and the D threshold halve c cbar.
    Raises ValueError outside 2 to 100 GeV, where hadrons, and W W* and Z Z*, are missing.
    """
    if not 2.0 <= m_H1 <= 100.0:
        raise ValueError(f"m_H1 = {m_H1} GeV is outside the leading-order quark widths (2 to 100 GeV)")
    c = constants
    return {
        "mu+ mu-": H1_to_ff(m_H1, c.m_mu, 1.0, c.v_EW),
        "tau+ tau-": H1_to_ff(m_H1, c.m_tau, 1.0, c.v_EW),
        "c cbar": H1_to_ff(m_H1, c.m_c, 1.0, c.v_EW, N_c=3),
        "b bbar": H1_to_bb(m_H1, 1.0, c),
        "g g": H1_to_gg(m_H1, 1.0, c),
    }


# --- ALP ------------------------------------------------------------------------------------------


def a_to_ff(m_a: Real, m_f: float, C_f: float, f_a: float, N_c: int = 1) -> Real:
    """Width [GeV] of a -> f fbar for a Dirac fermion: N_c C_f^2 m_a m_f^2 beta/(8 pi f_a^2).  Source: arXiv:2502.04900.

    For L = (d_mu a/2 f_a) C_f fbar gamma^mu gamma5 f.
    """
    _require_positive(f_a=f_a)
    coupling = C_f * m_f / f_a
    return N_c * (coupling * coupling) * m_a * beta(m_a, m_f) / (8.0 * math.pi)


def a_to_chichi(m_a: Real, m_chi: float, C_chi: float, f_a: float, majorana: bool = False) -> Real:
    """Width [GeV] of a -> chi chibar, Dirac as in ``a_to_ff``.

    ``majorana`` keeps the prefactor of the Dirac Lagrangian, which doubles the width.  For a Lagrangian with
    an extra 1/2 also halve ``C_chi``; the width is then half of the Dirac one.
    """
    return (2.0 if majorana else 1.0) * a_to_ff(m_a, m_chi, C_chi, f_a)


def a_to_gg(m_a: Real, C_G: complex, f_a: float, alpha_s: float) -> Real:
    """Width [GeV] of a -> g g: |C_G|^2 alpha_s^2 m_a^3/(8 pi^3 f_a^2) (1 + 83 alpha_s/(4 pi)).

    Perturbative, so only meaningful above about 1.5 GeV.  Source: arXiv:2502.04900.
    """
    correction = 1.0 + 83.0 * alpha_s / (4.0 * math.pi)
    return 8.0 * correction * a_to_gammagamma(m_a, C_G, f_a, alpha_s)


def a_to_gammagamma(m_a: Real, C_gamma: complex, f_a: float, alpha: float) -> Real:
    """Width [GeV] of a -> gamma gamma: |C_gamma|^2 alpha^2 m_a^3/(64 pi^3 f_a^2).  Source: arXiv:2502.04900."""
    _require_positive(f_a=f_a)
    _require_mass("m_a", m_a)
    coupling = abs(C_gamma) * alpha / f_a
    return coupling * coupling / (64.0 * math.pi**3) * m_a * m_a * m_a


# --- Z' of U(1)_Lmu-Ltau --------------------------------------------------------------------------


def Zp_to_nunu(m_Zp: Real, g_X: float) -> Real:
    """Width [GeV] of Z' -> nu nubar of one left-handed flavour: g_X^2 m_Zp/(24 pi)."""
    _require_mass("m_Zp", m_Zp)
    return g_X**2 * m_Zp / (24.0 * math.pi)


def Zp_to_ll(m_Zp: Real, m_l: float, g: float) -> Real:
    """Width [GeV] of Z' -> l+ l- with vector coupling ``g``: g^2 m_Zp/(12 pi) (1 + 2 r) beta, r = m_l^2/m_Zp^2.

    g = g_X for muons and taus, e epsilon(m_Zp^2) for electrons.
    """
    velocity = beta(m_Zp, m_l)
    return g**2 * m_Zp / (12.0 * math.pi) * (1.0 + 2.0 * (m_l / m_Zp) * (m_l / m_Zp)) * velocity


def Zp_to_XX(m_Zp: Real, m_X: float, g_X: float, Q_X: float) -> Real:
    """Width [GeV] of Z' -> X X^dagger for a complex scalar: g_X^2 Q_X^2 m_Zp beta^3/(48 pi)."""
    velocity = beta(m_Zp, m_X)
    return (g_X * Q_X) ** 2 * m_Zp * velocity * velocity * velocity / (48.0 * math.pi)


# --- Dark photon ----------------------------------------------------------------------------------


def X_to_ff(m_X: Real, m_f: float, g_V: float, g_A: float, N_c: int = 1) -> Real:
    """Width [GeV] of X -> f fbar for L = X_mu fbar gamma^mu (g_V + g_A gamma5) f.

    N_c m_X beta/(12 pi) [g_V^2 (1 + 2 r) + g_A^2 (1 - 4 r)], r = m_f^2/m_X^2; g_A = -g_V for a massless neutrino.
    Source: arXiv:2502.04900 eq. (38) without its approximations, which need c_W^4 for the printed c_W^2.
    """
    velocity, r = beta(m_X, m_f), (m_f / m_X) * (m_f / m_X)
    return N_c * m_X * velocity / (12.0 * math.pi) * (g_V**2 * (1.0 + 2.0 * r) + g_A**2 * (1.0 - 4.0 * r))


def X_to_psipsi(m_X: Real, m_psi: float, alpha_X: float) -> Real:
    """Width [GeV] of X -> psi psi, Majorana, L = (1/2) g_X X_mu psibar gamma^mu gamma5 psi: alpha_X m_X beta^3/6.

    Source: arXiv:2502.04900 eq. (39).
    """
    velocity = beta(m_X, m_psi)
    return alpha_X * m_X / 6.0 * velocity * velocity * velocity


# --- Shared ---------------------------------------------------------------------------------------


def beta(m: Real, m_d: float) -> Real:
    """Velocity sqrt(1 - 4 m_d^2/m^2) [1] of two equal daughters, masses in GeV, 0 when the channel is closed."""
    _require_mass("decaying mass", m)
    return kallen_sqrt(m, m_d, m_d, allow_closed=True) / (m * m)


def _lambda_sqrt(M: float, m_1: float, m_2: Real) -> Real:
    """kallen^(1/2)(1, m_1^2/M^2, m_2^2/M^2), 0 when the channel is closed."""
    return kallen_sqrt(M, m_1, m_2, allow_closed=True) / (M * M)


def _top_loop(m_q: float, V: float, constants: Constants) -> float:
    """3 m_t^2 m_q V/(16 pi^2 v^3)."""
    return 3.0 * constants.m_t**2 * m_q * V / (16.0 * math.pi**2 * constants.v_EW**3)


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
def _dark_higgs_table(path: str | None = None) -> Mapping[str, tuple[FloatArray, FloatArray]]:
    """(log m, log width or branching fraction) by column; the shipped table, or a CSV file with its columns."""
    source = data_path("dark_higgs_widths", "dark_higgs_widths.csv") if path is None else Path(path)
    with source.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    required = ("m", "Gtot", *VISIBLE.values())
    if not rows or (missing := [name for name in required if name not in rows[0]]):
        raise ValueError(f"{path} lacks the columns {', '.join(missing if rows else required)}")
    table = {}
    for column in (name for name in rows[0] if name in required[1:] or name == "Gtot_F"):
        m, values = np.array([(float(row["m"]), float(row[column])) for row in rows if row[column]]).T
        table[column] = (np.log(m), np.log(values) if column.startswith("Gtot") else values)
    return table
