"""Predictions of dark sectors outside B decays that limits bound: Z' of L_mu - L_tau, Higgs portal, dark photon."""

from __future__ import annotations

import math
from collections.abc import Iterator

from . import direct_detection, n_eff, self_interaction, trident, widths
from .constants import Constants
from .dark_matter import Widths
from .observables import Observable
from .units import GEV_M2_TO_CM2, GEV_M3_TO_CM2_PER_G, lifetime_from_width

NUCLEON = "sigma_SI(nucleon)"
"""Name of the spin-independent cross section off a nucleon in the data of limits."""

_XENON = (54, 131, 131 * 0.9315)  # Z, A, mass [GeV]
_NOT_BORN = 1.0  # coupling from which the Born approximation of self-scattering has no meaning


def muon_tau_boson(Zp: Widths, g_X: float, constants: Constants) -> Iterator[Observable]:
    """Neutrino tridents, and N_eff where the Z' is light and was in equilibrium with the neutrinos."""
    low, high = trident.mass_range()
    if low <= Zp.mass <= high:
        yield Observable(
            "sigma(trident)/SM",
            trident.ratio(Zp.mass, g_X),
            mass=Zp.mass,
            source="tree level on iron, 160 GeV, arXiv:1406.2332",
        )
    if n_eff.LIGHTEST <= Zp.mass <= n_eff.HEAVIEST and _thermal(Zp, constants):
        shift = n_eff.delta_N_eff(Zp.mass, Zp.partial.get("e+ e-", 0.0), constants)
        yield Observable(
            "Delta N_eff",
            shift,
            mass=Zp.mass,
            accuracy=n_eff.ACCURACY,
            caveat=f"+- {n_eff.ACCURACY}, a model with one neutrino temperature",
            source="arXiv:1901.02010",
        )


def _thermal(Zp: Widths, constants: Constants) -> bool:
    """Whether Z' <-> nu nubar is faster than the expansion at T = m_Zp, with 10.75 degrees of freedom."""
    H = math.pi * math.sqrt(10.75 / 90.0) * Zp.mass**2 / constants.M_Pl
    return sum(width for name, width in Zp.partial.items() if name.startswith("nu")) > H


def portal_scattering(name: str, mass: float, sigma: float) -> Observable:
    """Spin-independent scattering of dark matter ``name`` off a nucleon; mass [GeV], sigma [GeV^-2]."""
    return Observable(
        f"sigma_SI({name} nucleon)",
        sigma * GEV_M2_TO_CM2,
        "cm^2",
        NUCLEON,
        mass=mass,
        density_power=1,
        informative=True,
        source="Higgs exchange",
    )


def axial_scattering(
    alpha_X: float, m_psi: float, m_X: float, eps: float, eps_Z: float, constants: Constants
) -> Iterator[Observable]:
    """Scattering [GeV^-2] of psi by X off xenon, off one of its nucleons on average, and off electrons, at 220 km/s."""
    Z, A, m_Xe = _XENON
    v, source = direct_detection.HALO_VELOCITY, "arXiv:2502.04900 eqs. (51), (52)"
    b_p, b_n = direct_detection.quark_vector_charges(eps, eps_Z, constants)
    sigma = direct_detection.axial_exchange(alpha_X, Z * b_p + (A - Z) * b_n, m_X, m_psi, m_Xe, v)
    m_N = constants.m_N
    per_nucleon = sigma * (m_N * (m_psi + m_Xe) / (m_Xe * (m_psi + m_N)) / A) ** 2
    yield Observable(
        "sigma(psi Xe)",
        sigma * GEV_M2_TO_CM2,
        "cm^2",
        mass=m_psi,
        informative=True,
        caveat="at 220 km/s",
        source=source,
    )
    yield Observable(
        "sigma(psi nucleon)",
        per_nucleon * GEV_M2_TO_CM2,
        "cm^2",
        NUCLEON,
        mass=m_psi,
        density_power=1,
        caveat="from xenon at 220 km/s, falls with v^2",
        source=source,
    )
    e = math.sqrt(4.0 * math.pi * constants.alpha_0)
    on_electron = direct_detection.axial_exchange(alpha_X, e * eps, m_X, m_psi, constants.m_e, v)
    yield Observable(
        "sigma(psi e)",
        on_electron * GEV_M2_TO_CM2,
        "cm^2",
        mass=m_psi,
        informative=True,
        caveat="at 220 km/s",
        source=source,
    )


def self_scattering(alpha_X: float, m_psi: float, m_X: float, m_phi: float | None) -> Observable:
    """sigma/m [GeV^-3] of psi with itself at 1000 km/s, by phi if there is one, plus that by X."""
    v = self_interaction.CLUSTER_VELOCITY
    total, caveat = self_interaction.by_dark_photon(alpha_X, m_psi, m_X), "at 1000 km/s"
    if m_phi is not None:
        total += self_interaction.by_dark_higgs(alpha_X, m_psi, m_X, m_phi, v)
        coupling = self_interaction.effective_coupling(alpha_X, m_psi, m_X, m_phi)
        if coupling > _NOT_BORN:
            caveat += f"; Born approximation outside its range (coupling {coupling:.3g})"
    return Observable(
        "sigma(psi psi)/m",
        total * GEV_M3_TO_CM2_PER_G,
        "cm^2/g",
        "sigma/m",
        mass=m_psi,
        density_power=2,
        caveat=caveat,
        source="Born approximation",
    )


def dark_higgs_lifetime(m_phi: float, sin_theta: float, constants: Constants) -> float:
    """Lifetime [s] of phi that decays to e+ e- through its mixing with the Higgs boson, infinite below the threshold.

    Below the threshold of muons no other decay is of that size.  Source: arXiv:2502.04900 eq. (49).
    """
    return lifetime_from_width(widths.H1_to_ff(m_phi, constants.m_e, sin_theta, constants.v_EW))


def light_dark_higgs(m_phi: float, sin_theta: float, constants: Constants) -> Iterator[Observable]:
    """The lifetime [s] of phi between the thresholds of e+ e- and mu+ mu-, nothing elsewhere; m_phi [GeV]."""
    if 2.0 * constants.m_e < m_phi < 2.0 * constants.m_mu:
        tau = dark_higgs_lifetime(m_phi, sin_theta, constants)
        yield Observable("tau(phi)", tau, "s", "tau", mass=m_phi, source="phi -> e+ e-, arXiv:2502.04900 eq. (49)")


def smallest_dark_higgs_mass(tau: float, sin_theta: float, constants: Constants) -> float:
    """m_phi [GeV] at which phi -> e+ e- gives the lifetime ``tau`` [s].

    Raises ValueError unless it lies between the thresholds of e+ e- and mu+ mu-.  Source: arXiv:2502.04900 eq. (49).
    """
    from scipy.optimize import brentq

    def excess(m_phi: float) -> float:
        return dark_higgs_lifetime(m_phi, sin_theta, constants) / tau - 1.0

    low, high = 2.0 * constants.m_e * (1.0 + 1e-9), 2.0 * constants.m_mu
    if not excess(low) > 0.0 > excess(high):
        raise ValueError(
            f"no mass between 2 m_e and 2 m_mu gives a lifetime of {tau:g} s for sin_theta = {sin_theta:g}"
        )
    return float(brentq(excess, low, high, rtol=1e-12))
