"""Annihilation of X, S and chi of the dark Higgs models into H1 and Z', and semi-annihilation in the Z3 model.

    L = -lambda_PhiX (v_Phi phi + phi^2/2)|X|^2 + (m_Zp^2/v_Phi) phi Z'Z' + (m_Zp^2/2 v_Phi^2) phi^2 Z'Z'
        + i g_X Q_X Z'_mu (X* d^mu X - X d^mu X*) + (g_X Q_X)^2 Z'Z'|X|^2 + lambda_3 (X^3 Phi^dagger + h.c.),

phi = c H1 + s H2 and m_Zp = g_X |Q_Phi| v_Phi.  Amplitudes are at tree level and exact in s; those with Z' are helicity
amplitudes in unitary gauge with the powers of 1/m_Zp cancelled by hand, so that a light Z' costs no digits.
X Xbar into Standard Model particles and other dark pairs: see `higgs_exchange`.
Source: model of arXiv:2401.10112; amplitudes derived from L.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import widths
from ..higgs_sector import kappa_211
from ..kinematics import FloatArray
from .fermions import fermions_to_scalars
from .higgs_exchange import ComplexArray, Higgses, Width
from .two_to_two import Collision, cross_section, exchange_cross_section


def kappa_111(m_1: float, sin_theta: float, v_Phi: float, v_EW: float) -> float:
    """Coupling of kappa_111 H1^3 in V [GeV]: (m_1^2/2)(c^3/v_Phi - s^3/v).

    Raises ValueError unless masses and vevs are positive and |sin_theta| <= 1.
    """
    if not (m_1 > 0.0 and v_Phi > 0.0 and v_EW > 0.0 and abs(sin_theta) <= 1.0):
        raise ValueError(f"needs positive m_1, v_Phi, v_EW and |sin_theta| <= 1, got {m_1, v_Phi, v_EW, sin_theta}")
    c = math.sqrt((1.0 - sin_theta) * (1.0 + sin_theta))
    return 0.5 * m_1**2 * (c**3 / v_Phi - sin_theta**3 / v_EW)


def XX_to_H1H1(s: float | FloatArray, m_X: float, lambda_PhiX: float, v_Phi: float, higgses: Higgses) -> FloatArray:
    """sigma(X Xbar -> H1 H1) [GeV^-2] at ``s`` [GeV^2] of any shape, 1/2 for the identical H1: an s wave.

    M = -lambda [c^2 + v_Phi (6 c kappa_111/D_1 + 2 s kappa_211/D_2) + lambda v_Phi^2 c^2 (1/(t - m_X^2) +
    1/(u - m_X^2))], which without mixing is -lambda [1 + 3 m_1^2/(s - m_1^2) + lambda v_Phi^2 (...)].
    Source: arXiv:2401.10112, with mixing.  Raises ValueError as `cross_section` and `kappa_111`.
    """
    c, cubic = higgses.cos_theta, _cubic(v_Phi, higgses)

    def squared(x: Collision) -> FloatArray:
        exchange = v_Phi * cubic(x.s) + lambda_PhiX * (v_Phi * c) ** 2 * x.t_plus_u
        return np.asarray(0.5 * np.abs(lambda_PhiX * (c**2 + exchange)) ** 2)

    return cross_section(s, m_X, higgses.m_1, higgses.m_1, squared)


def XX_to_ZpZp(
    s: float | FloatArray, m_X: float, m_Zp: float, g_X: float, Q_X: float, lambda_PhiX: float, higgses: Higgses
) -> FloatArray:
    """sigma(X Xbar -> Z' Z') [GeV^-2] at ``s`` [GeV^2] of any shape, 1/2 for the identical Z': an s wave.

    M = (G + H) e_1.e_2 + 2 G [(p_1.e_1)(p_2.e_2)/(t - m_X^2) + (p_1.e_2)(p_2.e_1)/(u - m_X^2)] with real e,
    G = 2 (g_X Q_X)^2 and H = 2 lambda m_Zp^2 <phi phi>, from contact, t, u and s channel: with N = A^2 - B^2 c^2

        M_yy = -(G + H),  M_xx = M_yy + 4 G p^2 sin^2 A/N,  M_xL = M_Lx = -2 G p^2 sin cos m_Zp sqrt(s)/N,
        M_LL = H A/m_Zp^2 + G m_Zp^2 (A - 4 p^2 c^2)/N.

    A light Z' with g_X -> 0 leaves the Goldstone boson, H A/m_Zp^2 = lambda s <phi phi>.
    Source: arXiv:2401.10112.  Raises ValueError as `cross_section` and unless m_Zp > 0.
    """
    _require_mass(m_Zp)
    G = 2.0 * (g_X * Q_X) ** 2

    def squared(x: Collision) -> FloatArray:
        exchange = 2.0 * lambda_PhiX * higgses.phi_phi(x.s)  # H/m_Zp^2
        p2, cos2 = x.p * x.p, x.c * x.c
        yy = -(G + m_Zp**2 * exchange)
        xx = yy + 4.0 * G * p2 * x.sin2 * x.A / x.N
        xL2 = (2.0 * G * p2 * m_Zp / x.N) ** 2 * x.sin2 * cos2 * x.s
        LL = exchange * x.A + G * m_Zp**2 * (x.A - 4.0 * p2 * cos2) / x.N
        return np.asarray(0.5 * (np.abs(yy) ** 2 + np.abs(xx) ** 2 + 2.0 * xL2 + np.abs(LL) ** 2))

    return cross_section(s, m_X, m_Zp, m_Zp, squared)


def XX_to_ZpH1(
    s: float | FloatArray,
    m_X: float,
    m_Zp: float,
    g_X: float,
    Q_X: float,
    lambda_PhiX: float,
    v_Phi: float,
    higgses: Higgses,
    Gamma_Zp: float = 0.0,
) -> FloatArray:
    """sigma(X Xbar -> Z' H1) [GeV^-2] at ``s`` [GeV^2] of any shape: a p wave.

    M = g_X Q_X c {lambda v_Phi [2 p_1.e/(t - m_X^2) - 2 p_2.e/(u - m_X^2)] + 2 (m_Zp^2/v_Phi)(p_1 - p_2).e/D},
    t = (p_1 - k_Zp)^2, D = s - m_Zp^2 + i m_Zp Gamma_Zp, Q_X relative to Q_Phi > 0.  Transverse and longitudinal Z':

        M_x = 4 g_X Q_X c p sin (lambda v_Phi A/N - m_Zp^2/(v_Phi D)),
        M_L = 4 g_X Q_X c m_Zp p cos (lambda v_Phi E_H1/N - E_Zp/(v_Phi D)).

    Source: arXiv:2401.10112.  Raises ValueError as `cross_section` and unless m_Zp > 0 and v_Phi > 0.
    """
    _require_mass(m_Zp)
    _require_mass(v_Phi)
    coupling = (4.0 * g_X * Q_X * higgses.cos_theta) ** 2

    def squared(x: Collision) -> FloatArray:
        D = x.s - m_Zp**2 + 1j * m_Zp * Gamma_Zp
        T = np.abs(lambda_PhiX * v_Phi * x.A / x.N - m_Zp**2 / (v_Phi * D)) ** 2 * x.sin2
        L = np.abs(lambda_PhiX * v_Phi * x.E_2 / x.N - x.E_1 / (v_Phi * D)) ** 2 * (m_Zp * x.c) ** 2
        return np.asarray(coupling * x.p * x.p * (T + L))

    return cross_section(s, m_X, m_Zp, higgses.m_1, squared)


def XX_to_nunu(
    s: float | FloatArray, m_X: float, m_Zp: float, Gamma_Zp: float, g_X: float, Q_X: float, flavours: int = 2
) -> FloatArray:
    """sigma(X Xbar -> Z'* -> nu nubar) [GeV^-2], summed over ``flavours``, at ``s`` [GeV^2] of any shape: a p wave.

    sigma v = 2 (g_X Q_X)^2 beta^2 sqrt(s) Gamma(Z'* -> nu nubar)/|s - m_Zp^2 + i m_Zp Gamma_Zp|^2; only nu_mu and
    nu_tau, left-handed.  Source: arXiv:2401.10112.  Raises ValueError as `exchange_cross_section` and unless m_Zp > 0.
    """
    return _through_Zp(s, m_X, m_Zp, Gamma_Zp, g_X * Q_X, lambda m: flavours * widths.Zp_to_nunu(m, g_X))


def XX_to_ll(
    s: float | FloatArray, m_X: float, m_l: float, m_Zp: float, Gamma_Zp: float, g_X: float, Q_X: float, g_l: float
) -> FloatArray:
    """sigma(X Xbar -> Z'* -> l+ l-) [GeV^-2] of one charged lepton, as `XX_to_nunu` with vector coupling ``g_l``.

    g_l = g_X for muons and taus, e epsilon for electrons.  The exchange of H1 and H2 does not interfere after
    integration over the angle: add `higgs_exchange.pair_to_ff`.  Of the shape of s.  Raises ValueError as `XX_to_nunu`.
    """
    return _through_Zp(s, m_X, m_Zp, Gamma_Zp, g_X * Q_X, lambda m: widths.Zp_to_ll(m, m_l, g_l))


def XX_to_XbarH1(
    s: float | FloatArray, m_X: float, lambda_3: float, lambda_PhiX: float, v_Phi: float, higgses: Higgses
) -> FloatArray:
    """sigma(X X -> Xbar H1) [GeV^-2] of the Z3 model at ``s`` [GeV^2] of any shape: an s wave.

    M = 3 sqrt(2) lambda_3 c [1 + lambda v_Phi^2 (1/(s - m_X^2) + 1/(t - m_X^2) + 1/(u - m_X^2))].  Without lambda_PhiX
    and m_1, sigma v -> 27 lambda_3^2/(64 pi m_X^2).  No factor for the identical X in the initial state.
    Source: derived from L.  Raises ValueError as `cross_section`.
    """

    def squared(x: Collision) -> FloatArray:
        exchange = 1.0 / (x.s - m_X**2) + x.t_plus_u
        return np.asarray(18.0 * (lambda_3 * higgses.cos_theta * (1.0 + lambda_PhiX * v_Phi**2 * exchange)) ** 2)

    return cross_section(s, m_X, higgses.m_1, m_X, squared)


def XX_to_XbarZp(s: float | FloatArray, m_X: float, lambda_3: float, m_Zp: float) -> FloatArray:
    """sigma(X X -> Xbar Z') [GeV^-2] of the Z3 model, Q_Phi = 3 Q_X, at ``s`` [GeV^2] of any shape: an s wave.

    M = -2 sqrt(2) lambda_3 m_Zp [p_1.e/(t - m_X^2) + p_2.e/(u - m_X^2) - k_X.e/(s - m_X^2)], from the vertex
    3 sqrt(2) lambda_3 v_Phi X^3 and v_Phi g_X Q_X = m_Zp/3; t = (p_1 - k_Zp)^2.  Longitudinal and transverse Z':

        M_L = 2 sqrt(2) lambda_3 k [sqrt(s)/(s - m_X^2) + (sqrt(s) A - 4 p^2 cos^2 E_Zp)/N],
        M_x = 4 sqrt(2) lambda_3 m_Zp p B sin cos/N.

    For a light Z' sigma v -> 27 lambda_3^2/(64 pi m_X^2).  No factor for the identical X in the initial state.
    Source: derived from L.  Raises ValueError as `cross_section` and unless m_Zp > 0.
    """
    _require_mass(m_Zp)

    def squared(x: Collision) -> FloatArray:
        # m_Zp [p_1.e_L/(t - m_X^2) + p_2.e_L/(u - m_X^2)] = -k [sqrt(s) A - 4 p^2 c^2 E_Zp]/N
        sqrt_s, cos2 = np.sqrt(x.s), x.c * x.c
        L = x.k * (sqrt_s / (x.s - m_X**2) + (sqrt_s * x.A - 4.0 * x.p * x.p * cos2 * x.E_1) / x.N)
        T2 = (2.0 * m_Zp * x.p * x.B / x.N) ** 2 * x.sin2 * cos2
        return np.asarray(8.0 * lambda_3**2 * (L * L + T2))

    return cross_section(s, m_X, m_Zp, m_X, squared)


def chichi_to_H1H1(
    s: float | FloatArray, m_chi: float, y_chi: float, v_Phi: float | None, higgses: Higgses
) -> FloatArray:
    """sigma(chi chibar -> H1 H1) [GeV^-2], Dirac, L = -y_chi phi chibar chi, at ``s`` of any shape: a p wave.

    Average over 4 spin states, 1/2 for the identical H1; t, u and the s channels of H1 and H2, which are left out if
    v_Phi is None.  The same for N N with y_N, L = -(y_N/2) phi Nbar^c N.
    Source: see `fermions_to_scalars`.  Raises ValueError as that and `kappa_111`.
    """
    cubic = _cubic(v_Phi, higgses)
    return fermions_to_scalars(s, m_chi, higgses.m_1, y_chi * higgses.cos_theta, lambda x: y_chi * cubic(x))


def SS_to_H1H1(s: float | FloatArray, m_S: float, mu_S: float, v_Phi: float | None, higgses: Higgses) -> FloatArray:
    """sigma(S S -> H1 H1) [GeV^-2] of a real scalar, L = -mu_S phi S^2, at ``s`` [GeV^2] of any shape: an s wave.

    M = -2 mu_S [6 c kappa_111/D_1 + 2 s kappa_211/D_2 + 2 mu_S c^2 (1/(t - m_S^2) + 1/(u - m_S^2))], without the
    first two if v_Phi is None; 1/2 for the identical H1, no factor for the identical S in the initial state.
    Source: as `XX_to_H1H1`, rederived.  Raises ValueError as `cross_section` and `kappa_111`.
    """
    cubic = _cubic(v_Phi, higgses)

    def squared(x: Collision) -> FloatArray:
        amplitude = 2.0 * mu_S * (cubic(x.s) + 2.0 * mu_S * higgses.cos_theta**2 * x.t_plus_u)
        return np.asarray(0.5 * np.abs(amplitude) ** 2)

    return cross_section(s, m_S, higgses.m_1, higgses.m_1, squared)


def _cubic(v_Phi: float | None, higgses: Higgses) -> Callable[[FloatArray], ComplexArray]:
    """phi* -> H1 H1, propagators and vertices: 6 c kappa_111/D_1 + 2 s kappa_211/D_2 [GeV^-1] at s; 0 without v_Phi."""
    if v_Phi is None:
        return lambda s: np.zeros_like(s, dtype=np.complex128)
    v, m_2, m_1, sine = higgses.constants.v_EW, higgses.constants.m_h, higgses.m_1, higgses.sin_theta
    k_1 = 6.0 * higgses.cos_theta * kappa_111(m_1, sine, v_Phi, v)
    k_2 = 2.0 * sine * kappa_211(m_1, m_2, sine, v_Phi, v)
    return lambda s: np.asarray(k_1 / higgses.D_1(s) + k_2 / higgses.D_2(s))


def _through_Zp(s: float | FloatArray, m_X: float, m_Zp: float, Gamma_Zp: float, g: float, width: Width) -> FloatArray:
    """X Xbar -> Z'* -> pair: |(p_1 - p_2).J|^2 is s beta^2 = s - 4 m_X^2 times a third of the sum over J."""
    _require_mass(m_Zp)

    def squared(x: FloatArray) -> FloatArray:
        D2 = (x - m_Zp**2) ** 2 + (m_Zp * Gamma_Zp) ** 2
        return np.asarray(g**2 * (x - 4.0 * m_X**2) / D2)

    return exchange_cross_section(s, m_X, squared, lambda x: np.sqrt(x) * width(np.sqrt(x)))


def _require_mass(m: float) -> None:
    if not (math.isfinite(m) and m > 0.0):
        raise ValueError(f"m_Zp and v_Phi must be finite and positive, got {m}")
