"""Loop functions: effective couplings to gluons and photons, penguins, kinetic mixing and g-2 of the Z'."""

from __future__ import annotations

import cmath
import math

import numpy as np
from numpy.typing import NDArray

from .constants import Constants
from .kinematics import FloatArray, Real

ComplexArray = NDArray[np.complex128]

_CHARGE = {"u": 2.0 / 3.0, "d": -1.0 / 3.0, "s": -1.0 / 3.0, "c": 2.0 / 3.0, "b": -1.0 / 3.0, "t": 2.0 / 3.0}
_LEPTONS = ("e", "mu", "tau")
_SELF_ENERGY = [math.factorial(k + 1) ** 2 / (k * math.factorial(2 * k + 3)) for k in range(1, 22)]
_LOGIT = np.linspace(-45.0, 45.0, 361)
_TINY = 1e-300
_SERIES_FROM = 100.0  # beyond this x the closed form of B(x) loses digits to 1 - x f^2


def B(x: float) -> complex:
    """Fermion loop function B(x) = 1 - x f(x)^2 of an ALP, with x = 4 m_f^2/m_a^2.

    f = arcsin(1/sqrt(x)) for x >= 1 and pi/2 + (i/2) ln[(1 + sqrt(1-x))/(1 - sqrt(1-x))] below, so B is
    complex when the fermion can be on shell.  B -> 1 for x -> 0 and -1/(3 x) for x -> infinity.
    Raises ValueError for negative or non-finite x.  Source: arXiv:2502.04900 eq. (6).
    """
    if not (math.isfinite(x) and x >= 0.0):
        raise ValueError(f"x must be finite and not negative, got {x}")
    if x == 0.0:
        return 1.0 + 0.0j
    if x > _SERIES_FROM:
        return complex(-_arcsin_squared_tail(x))
    if x >= 1.0:
        return complex(1.0 - x * math.asin(1.0 / math.sqrt(x)) ** 2)
    # (1 + r)/(1 - r) = (1 + r)^2/x keeps its digits for x -> 0.
    f = 0.5 * math.pi + 0.5j * cmath.log((1.0 + math.sqrt(1.0 - x)) ** 2 / x)
    return 1.0 - x * f * f


def A(x: float | FloatArray) -> ComplexArray:
    """Quark loop of scalar -> g g, x = 4 m_q^2/m^2 of any shape: (3/2) [tau + (tau - 1) f(tau)]/tau^2 with tau = 1/x.

    f = arcsin(sqrt(tau))^2 and its continuation, so A = (3/2) [1 + (x - 1) B(x)]; A -> 1 for a heavy quark.
    Raises ValueError for negative or non-finite x.  Source: A. Djouadi, hep-ph/0503172.
    """
    x = np.asarray(x, dtype=np.float64)
    if not np.all(np.isfinite(x) & (x >= 0.0)):
        raise ValueError(f"x must be finite and not negative, got {x}")
    small = np.clip(x, _TINY, _SERIES_FROM)
    root = np.sqrt(np.abs(1.0 - small))
    above = np.arctan2(1.0, root)  # arcsin(1/sqrt(x))
    f = np.where(small >= 1.0, above, 0.5 * math.pi + 0.5j * np.log((1.0 + root) ** 2 / small))
    B_x = np.where(x > _SERIES_FROM, -_arcsin_squared_tail(np.maximum(x, _SERIES_FROM)), 1.0 - small * f * f)
    return np.asarray(np.where(x > 0.0, 1.5 * (1.0 + (x - 1.0) * B_x), 0.0))


def alpha_s(mu: Real, constants: Constants) -> Real:
    """Strong coupling at the scale ``mu`` [GeV], run from m_Z at one loop with five flavours (leading order).

    alpha_s(m_Z)/[1 + (23/(6 pi)) alpha_s(m_Z) ln(mu/m_Z)].  Raises ValueError below 1 GeV.
    """
    if not np.all(np.asarray(mu) >= 1.0):
        raise ValueError(f"mu must be at least 1 GeV, got {mu}")
    c = constants
    running: Real = c.alpha_s_MZ / (1.0 + 23.0 / (6.0 * math.pi) * c.alpha_s_MZ * np.log(mu / c.m_Z))
    return running


def C_G_eff(m_a: float, C_q: float, constants: Constants, C_G_UV: float = 0.0) -> complex:
    """Effective gluon coupling C_G_UV + (1/2) sum_q C_q B(x_q) over six quarks with one common C_q, at ``m_a`` [GeV].

    Raises ValueError unless ``m_a > 0``.  Source: arXiv:2502.04900 eq. (5).
    """
    return C_G_UV + 0.5 * C_q * sum(_B_of(quark, m_a, constants) for quark in _CHARGE)


def C_gamma_eff(m_a: float, C_q: float, C_l: float, constants: Constants, C_gamma_UV: float = 0.0) -> complex:
    """Effective photon coupling C_gamma_UV + sum_f N_c Q_f^2 C_f B(x_f), common C_q and C_l, at ``m_a`` [GeV].

    Raises ValueError unless ``m_a > 0``.  Source: arXiv:2502.04900 eq. (5).
    """
    quarks = sum(3.0 * Q * Q * _B_of(quark, m_a, constants) for quark, Q in _CHARGE.items())
    leptons = sum(_B_of(lepton, m_a, constants) for lepton in _LEPTONS)
    return C_gamma_UV + C_q * quarks + C_l * leptons


def kinetic_mixing(q2: float, g_X: float, constants: Constants) -> float:
    """Kinetic mixing epsilon(q2) of photon and L_mu - L_tau Z' from muon and tau loops (real part).

    -(e g_X/2 pi^2) int_0^1 dx x (1-x) ln|[m_tau^2 - x(1-x) q2]/[m_mu^2 - x(1-x) q2]|, e at zero momentum.
    Source: arXiv:2401.10112.  Raises ValueError for non-finite q2.
    """
    if not math.isfinite(q2):
        raise ValueError(f"q2 must be finite, got {q2}")
    e = math.sqrt(4.0 * math.pi * constants.alpha_0)
    m_mu, m_tau = constants.m_mu, constants.m_tau
    mass_ratio = math.log(m_tau / m_mu) / 3.0
    integral = mass_ratio + _self_energy(q2 / m_tau**2) - _self_energy(q2 / m_mu**2)
    return -e * g_X / (2.0 * math.pi**2) * integral


def delta_a_mu(m_Zp: float, g_X: float, constants: Constants) -> float:
    """Contribution of a Z' with vector coupling ``g_X`` to the muon's anomalous magnetic moment (g - 2)/2.

    (g_X^2/4 pi^2) int_0^1 dx x^2 (1 - x)/[x^2 + (1 - x) r], r = m_Zp^2/m_mu^2: g_X^2/(8 pi^2) for a light Z' and
    g_X^2 m_mu^2/(12 pi^2 m_Zp^2) for a heavy one.  Source: arXiv:2401.10112.
    Raises ValueError if ``m_Zp`` is negative or not finite.
    """
    if not (math.isfinite(m_Zp) and m_Zp >= 0.0):
        raise ValueError(f"m_Zp must be finite and not negative, got {m_Zp}")
    r = (m_Zp / constants.m_mu) ** 2
    # The trapezoidal rule in y = log(x/(1 - x)), in which the integrand falls exponentially at both ends.
    x, one_minus_x = 1.0 / (1.0 + np.exp(-_LOGIT)), 1.0 / (1.0 + np.exp(_LOGIT))
    integrand = x**3 * one_minus_x**2 / (x**2 + one_minus_x * r)
    return g_X**2 / (4.0 * math.pi**2) * float(integrand.sum()) * float(_LOGIT[1] - _LOGIT[0])


def X_0(x_t: float) -> float:
    """Inami-Lim function of b -> s nu nubar at x_t = m_t^2/m_W^2, without QCD corrections.

    X_0(x) = (x/8) [(x + 2)/(x - 1) + (3 x - 6) ln(x)/(x - 1)^2].  Source: hep-ph/9512380.
    Raises ValueError unless x_t > 0 and x_t != 1.
    """
    x = _checked_x_t(x_t)
    return x / 8.0 * ((x + 2.0) / (x - 1.0) + (3.0 * x - 6.0) * math.log(x) / (x - 1.0) ** 2)


def C_0(x_t: float) -> float:
    """Inami-Lim function of the Z penguin b -> s Z at x_t = m_t^2/m_W^2, in the Feynman gauge.

    C_0(x) = (x/8) [(x - 6)/(x - 1) + (3 x + 2) ln(x)/(x - 1)^2].  Source: hep-ph/9512380.
    Raises ValueError unless x_t > 0 and x_t != 1.
    """
    x = _checked_x_t(x_t)
    return x / 8.0 * ((x - 6.0) / (x - 1.0) + (3.0 * x + 2.0) * math.log(x) / (x - 1.0) ** 2)


def D_0(x_t: float) -> float:
    """Inami-Lim function of the photon penguin b -> s gamma* at x_t = m_t^2/m_W^2, in the Feynman gauge.

    D_0(x) = -(4/9) ln(x) + (25 x^2 - 19 x^3)/(36 (x - 1)^3) + x^2 (5 x^2 - 2 x - 6) ln(x)/(18 (x - 1)^4).
    Source: hep-ph/9512380.  Raises ValueError unless x_t > 0 and x_t != 1.
    """
    x = _checked_x_t(x_t)
    rational = (25.0 * x**2 - 19.0 * x**3) / (36.0 * (x - 1.0) ** 3)
    logarithm = x**2 * (5.0 * x**2 - 2.0 * x - 6.0) / (18.0 * (x - 1.0) ** 4) * math.log(x)
    return -4.0 / 9.0 * math.log(x) + rational + logarithm


def Z_0(x_t: float) -> float:
    """Combination C_0 + D_0/4 of Z and photon penguin, which does not depend on the gauge.  Source: hep-ph/9512380."""
    return C_0(x_t) + 0.25 * D_0(x_t)


def C_DM_over_C_nu(lambda_S: float, constants: Constants) -> float:
    """Coefficient of b -> s S S over that of b -> s nu nubar in the minimal scalar model.

    [3 x_t/(2 X_0(x_t))] lambda_S m_W^2/(g_W^2 m_h^2), with g_W = 2 m_W/v.  Source: Bird et al., hep-ph/0401195.
    """
    c = constants
    x_t = (c.m_t / c.m_W) ** 2
    return 1.5 * x_t / X_0(x_t) * lambda_S * (0.5 * c.v_EW / c.m_h) ** 2


def _checked_x_t(x_t: float) -> float:
    if not x_t > 0.0 or x_t == 1.0:
        raise ValueError(f"x_t must be positive and not 1, got {x_t}")
    return x_t


def _B_of(fermion: str, m_a: float, constants: Constants) -> complex:
    if not m_a > 0.0:
        raise ValueError(f"m_a must be positive, got {m_a}")
    return B((2.0 * float(getattr(constants, f"m_{fermion}")) / m_a) ** 2)


def _arcsin_squared_tail(x: Real) -> Real:
    """x arcsin(1/sqrt(x))^2 - 1 from the Taylor series of arcsin^2, for large x."""
    total: Real = 0.0 * x
    for n in range(2, 10):
        total = total + 0.5 * 4.0**n / (n * n * math.comb(2 * n, n)) * x ** (1.0 - n)
    return total


def _self_energy(t: float) -> float:
    """int_0^1 dx x (1-x) ln|1 - x(1-x) t|, the one-loop vacuum polarisation at t = q2/m^2."""
    if abs(t) < 0.5:
        # The closed form cancels to order t; int x^(k+1) (1-x)^(k+1) = ((k+1)!)^2/(2k+3)!.
        return -sum(coefficient * t**k for k, coefficient in enumerate(_SELF_ENERGY, start=1))
    b2 = 1.0 - 4.0 / t
    b = math.sqrt(abs(b2))
    angle = 2.0 * b * math.atan2(1.0, b) if b2 < 0.0 else b * math.log(abs((1.0 + b) / (1.0 - b)))
    return (-5.0 / 3.0 - 4.0 / t + (1.0 + 2.0 / t) * (angle if b2 else 0.0)) / 6.0
