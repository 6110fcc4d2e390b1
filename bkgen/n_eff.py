"""Effective number of neutrinos with a light Z' of U(1)_Lmu-Ltau, which heats the neutrinos when it decays.

A model, good to about +-0.05: one temperature of all neutrinos and of the Z', no chemical potentials, no QED
corrections of the plasma.  Differences to the same calculation without a Z' are meant to be used.
Source: M. Escudero et al., arXiv:1901.02010; M. Escudero, arXiv:2001.04466; arXiv:2401.10112.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from .constants import Constants
from .kinematics import FloatArray

N_EFF_SM = 3.044
"""Effective number of neutrinos of the Standard Model.  Source: arXiv:2008.01074, arXiv:2012.02726."""
ACCURACY = 0.05
"""Accuracy of this model of N_eff."""
HEAVIEST = 0.1
"""m_Zp [GeV] above which the Z' is gone long before neutrinos decouple."""
LIGHTEST = 1e-4
"""m_Zp [GeV] below which the Z' is not yet gone at the end of the calculation."""

_RTOL, _ATOL = 1e-10, 1e-17  # GeV; looser ones miss T_nu - T_gamma of plasmas that are tightly coupled
_END = 4e-6  # GeV, photon temperature at about which the calculation ends
_START = 0.015  # GeV, or three times m_Zp
_DECOUPLING = 2.3e-3  # GeV
_G_NU = 5.25  # degrees of freedom of three neutrinos with the 7/8 of fermions
_G_E, _G_ZP = 4.0, 3.0
_G_L_ELECTRON, _G_L_OTHER, _G_R = 0.727, 0.273, 0.233  # |couplings| of neutrinos to electrons at low energy
_FD_ANNIHILATION, _FD_SCATTERING = 0.884, 0.829  # Fermi-Dirac statistics in the energy transfer

_NODE, _WEIGHT = np.polynomial.legendre.leggauss(96)
_Y, _DY = 25.0 * (_NODE + 1.0), 25.0 * _WEIGHT  # p/T from 0 to 50


class _Gas(NamedTuple):
    """Energy density, pressure [GeV^4] and d rho/dT [GeV^3] of one species."""

    rho: float
    p: float
    slope: float


def delta_N_eff_instantaneous(m_Zp: float, T_D: float = _DECOUPLING) -> float:
    """Change of N_eff if the entropy of the Z' at T_D [GeV] goes to neutrinos that decouple then at once.

    3.044 [(1 + s_Zp/s_nu)^(4/3) - 1].  Raises ValueError unless m_Zp and T_D are positive.
    """
    if not (m_Zp > 0.0 and T_D > 0.0):
        raise ValueError(f"m_Zp and T_D must be positive, got {m_Zp} and {T_D}")
    Zp = _gas(m_Zp, T_D, _G_ZP, fermion=False)
    s_nu = 2.0 * math.pi**2 / 45.0 * _G_NU * T_D**3
    return float(N_EFF_SM * ((1.0 + (Zp.rho + Zp.p) / (T_D * s_nu)) ** (4.0 / 3.0) - 1.0))


def N_eff(constants: Constants, m_Zp: float | None = None, Gamma_ee: float = 0.0) -> float:
    """Effective number of neutrinos 3 (11/4)^(4/3) (T_nu/T_gamma)^4 long after the electrons have annihilated.

    m_Zp [GeV]: None without a Z'; Gamma_ee [GeV]: its width to e+ e-, which couples the two plasmas.
    Raises ValueError unless `LIGHTEST` <= m_Zp <= `HEAVIEST` and Gamma_ee >= 0.
    """
    if m_Zp is not None and not LIGHTEST <= m_Zp <= HEAVIEST:
        raise ValueError(f"m_Zp must be between {LIGHTEST:g} and {HEAVIEST:g} GeV, got {m_Zp}")
    if not Gamma_ee >= 0.0:
        raise ValueError(f"Gamma_ee must not be negative, got {Gamma_ee}")
    from scipy.integrate import solve_ivp

    start = max(_START, 3.0 * (m_Zp or 0.0))

    def slopes(_: float, T: FloatArray) -> tuple[float, float]:
        return _slopes(float(T[0]), float(T[1]), m_Zp, Gamma_ee, constants)

    end = math.log(start / _END)
    found = solve_ivp(slopes, (0.0, end), [start, start], method="LSODA", rtol=_RTOL, atol=_ATOL)
    T_nu, T_gamma = found.y[:, -1]
    return float(3.0 * (11.0 / 4.0) ** (4.0 / 3.0) * (T_nu / T_gamma) ** 4)


def delta_N_eff(m_Zp: float, Gamma_ee: float, constants: Constants) -> float:
    """Change of N_eff by a Z' of mass m_Zp [GeV] in equilibrium with the neutrinos; arguments as for `N_eff`."""
    return N_eff(constants, m_Zp, Gamma_ee) - _standard(constants)


@cache
def _standard(constants: Constants) -> float:
    return N_eff(constants)


def _slopes(
    T_nu: float, T_gamma: float, m_Zp: float | None, Gamma_ee: float, constants: Constants
) -> tuple[float, float]:
    """dT_nu/dln a and dT_gamma/dln a [GeV].

    [-4 rho_nu - 3 (rho + p)_Zp + q/H]/[4 rho_nu/T_nu + drho_Zp/dT] for neutrinos with the Z', and
    [-4 rho_gamma - 3 (rho + p)_e - q/H]/[4 rho_gamma/T_gamma + drho_e/dT] for photons and electrons.
    Source: arXiv:2001.04466.
    """
    rho_nu = math.pi**2 / 30.0 * _G_NU * T_nu**4
    rho_gamma = math.pi**2 / 15.0 * T_gamma**4
    electrons = _gas(constants.m_e, T_gamma, _G_E, fermion=True)
    Zp = _Gas(0.0, 0.0, 0.0) if m_Zp is None else _gas(m_Zp, T_nu, _G_ZP, fermion=False)
    H = math.sqrt((rho_nu + rho_gamma + electrons.rho + Zp.rho) / 3.0) / constants.M_Pl
    q = _weak_transfer(T_nu, T_gamma, constants.G_F)
    if m_Zp is not None and Gamma_ee > 0.0:
        q += _decay_transfer(T_nu, T_gamma, m_Zp, Gamma_ee)
    nu = (-4.0 * rho_nu - 3.0 * (Zp.rho + Zp.p) + q / H) / (4.0 * rho_nu / T_nu + Zp.slope)
    gamma = (-4.0 * rho_gamma - 3.0 * (electrons.rho + electrons.p) - q / H) / (
        4.0 * rho_gamma / T_gamma + electrons.slope
    )
    return nu, gamma


def _weak_transfer(T_nu: float, T_gamma: float, G_F: float) -> float:
    """Energy per volume and time [GeV^5] from electrons to three neutrinos by weak interactions.

    (G_F^2/pi^5) [4 (g_Le^2 + g_R^2) + 8 (g_Lmu^2 + g_R^2)] times
    [32 f_a (T_gamma^9 - T_nu^9) + 56 f_s T_gamma^4 T_nu^4 (T_gamma - T_nu)].  Source: arXiv:2001.04466 eq. (2.11).
    """
    couplings = 4.0 * (_G_L_ELECTRON**2 + _G_R**2) + 8.0 * (_G_L_OTHER**2 + _G_R**2)
    annihilation = 32.0 * _FD_ANNIHILATION * (T_gamma**9 - T_nu**9)
    scattering = 56.0 * _FD_SCATTERING * T_gamma**4 * T_nu**4 * (T_gamma - T_nu)
    return G_F**2 / math.pi**5 * couplings * (annihilation + scattering)


def _decay_transfer(T_nu: float, T_gamma: float, m_Zp: float, Gamma_ee: float) -> float:
    """Energy per volume and time [GeV^5] from electrons to the Z' by e+ e- <-> Z'.

    (3 m^3 Gamma_ee/2 pi^2) [T_gamma K_2(m/T_gamma) - T_nu K_2(m/T_nu)].  Source: arXiv:1901.02010.
    """
    from scipy.special import kn

    density = T_gamma * kn(2, m_Zp / T_gamma) - T_nu * kn(2, m_Zp / T_nu)
    return float(3.0 * m_Zp**3 * Gamma_ee / (2.0 * math.pi**2) * density)


def _gas(mass: float, T: float, g: float, fermion: bool) -> _Gas:
    """Thermodynamics of a species with Fermi-Dirac or Bose-Einstein statistics and no chemical potential."""
    x = mass / T
    e = np.sqrt(_Y * _Y + x * x)
    boltzmann = np.exp(-e)
    occupation = boltzmann / (1.0 + boltzmann if fermion else -np.expm1(-e))
    spread = occupation * (1.0 - occupation if fermion else 1.0 + occupation)
    density = g / (2.0 * math.pi**2) * _DY * _Y * _Y
    rho = T**4 * float(np.sum(density * e * occupation))
    p = T**4 * float(np.sum(density * _Y * _Y / (3.0 * e) * occupation))
    return _Gas(rho, p, T**3 * float(np.sum(density * e * e * spread)))
