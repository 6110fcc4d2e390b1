"""The expanding universe: Hubble rate, entropy and equilibrium yields of Maxwell-Boltzmann particles.

Natural units: temperatures and masses in GeV, number densities in GeV^3, entropy density in GeV^3, rates in GeV.
Yields are Y = n/s.  Source: E. W. Kolb, M. S. Turner, The Early Universe; arXiv:2502.04900 eqs. (26)-(29) with g_rho
in the Hubble rate, where the paper prints g_s, and with the factor 1 + (1/3) dln g_s/dln T, which it leaves out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import k0e, k1e, zeta

from ..constants import Constants
from ..kinematics import FloatArray
from .dof import DegreesOfFreedom

ZETA_3 = float(zeta(3.0))
FERMI = 0.75
"""Number density of a relativistic fermion over that of a boson."""


@dataclass(frozen=True)
class Universe:
    """Expansion and entropy for given constants (M_Pl, s_0, rho_c_h2) and degrees of freedom."""

    constants: Constants
    dof: DegreesOfFreedom = field(default_factory=DegreesOfFreedom.named)

    def hubble(self, T: float | FloatArray) -> FloatArray:
        """Hubble rate (pi/M_Pl) sqrt(g_rho/90) T^2 [GeV] at T [GeV] of any shape."""
        return np.asarray(math.pi / self.constants.M_Pl * np.sqrt(self.dof.g_rho(T) / 90.0) * np.square(T))

    def entropy(self, T: float | FloatArray) -> FloatArray:
        """Entropy density (2 pi^2/45) g_s T^3 [GeV^3] at T [GeV] of any shape."""
        return np.asarray(2.0 * math.pi**2 / 45.0 * self.dof.g_s(T) * np.power(T, 3))

    def entropy_factor(self, T: float | FloatArray) -> FloatArray:
        """1 + (1/3) dln g_s/dln T, which multiplies rates over H in d/dln(1/T); T [GeV] of any shape."""
        return np.asarray(1.0 + self.dof.slope_s(T) / 3.0)

    def scaled_yield(self, mass: float, g: float, T: float | FloatArray) -> FloatArray:
        """Equilibrium yield of a particle times exp(m/T): 45 g x^2 K_2(x) e^x/(4 pi^4 g_s), x = m/T; any shape.

        mass, T: [GeV].
        """
        x = mass / np.asarray(T, dtype=np.float64)
        return np.asarray(45.0 * g * x * x * k2e(x) / (4.0 * math.pi**4 * self.dof.g_s(T)))

    def equilibrium_yield(self, mass: float, g: float, T: float | FloatArray) -> FloatArray:
        """Equilibrium yield of a particle with Maxwell-Boltzmann statistics at T [GeV] of any shape."""
        return self.scaled_yield(mass, g, T) * np.exp(-mass / np.asarray(T))

    def relativistic_yield(self, g: float, fermion: bool, T: float | FloatArray) -> FloatArray:
        """Equilibrium yield 45 zeta(3) g/(2 pi^4 g_s), times 3/4 for a fermion, with m << T [GeV]; shape of T."""
        statistics = FERMI if fermion else 1.0
        return np.asarray(45.0 * ZETA_3 * g * statistics / (2.0 * math.pi**4 * self.dof.g_s(T)))

    def omega_h2(self, mass: float, total_yield: float) -> float:
        """Density today over the critical one, times h^2: s_0 m Y/(rho_c/h^2), Y of particles and antiparticles.

        mass: [GeV].
        """
        return self.constants.s_0 / self.constants.rho_c_h2 * mass * total_yield


def k2e(x: FloatArray) -> FloatArray:
    """Bessel function K_2(x) times e^x, for x > 0 of any shape."""
    return np.asarray(k0e(x) + 2.0 / x * k1e(x))


def equilibrium_density(mass: float, g: float, T: float | FloatArray) -> FloatArray:
    """Number density g m^2 T K_2(m/T)/(2 pi^2) [GeV^3] at T [GeV] of any shape; g T^3/pi^2 for m = 0."""
    T = np.asarray(T, dtype=np.float64)
    if mass == 0.0:
        return np.asarray(g * T**3 / math.pi**2)
    x = mass / T
    return np.asarray(g * mass**2 * T * k2e(x) * np.exp(-x) / (2.0 * math.pi**2))


def time_dilation(mass: float, T: float | FloatArray) -> FloatArray:
    """K_1(m/T)/K_2(m/T), the mean of m/E, which slows decays in a plasma; T [GeV] of any shape."""
    x = mass / np.asarray(T, dtype=np.float64)
    return np.asarray(k1e(x) / k2e(x))
