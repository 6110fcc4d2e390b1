"""Elastic scattering of Majorana dark matter off itself in the dark photon model, over its mass [GeV^-3].

Both particles are identical, so that the amplitude is symmetric (spin 0) or antisymmetric (spin 1) under exchange.
Born approximation: the effective coupling lambda^2/(4 pi) m/m_phi must be small.  Tree level of the Lagrangian of
arXiv:2502.04900; where the results differ from the paper the docstrings say so.
"""

from __future__ import annotations

import math

CLUSTER_VELOCITY = 1000.0 / 299792.458
"""Relative velocity in galaxy clusters, 1000 km/s, over c."""


def by_dark_photon(alpha_X: float, m_psi: float, m_X: float) -> float:
    """sigma/m [GeV^-3] by exchange of X at small velocity: 32 pi alpha_X^2 m/m_X^4.

    It does not vanish with v: t, u and s channel together are an s wave, where arXiv:2502.04900 eq. (55) has v^2.
    Raises ValueError unless masses are positive.
    """
    _require_positive(m_psi=m_psi, m_X=m_X)
    return 32.0 * math.pi * alpha_X**2 * m_psi / m_X**4


def by_dark_higgs(alpha_X: float, m_psi: float, m_X: float, m_phi: float, v: float = 0.0) -> float:
    """sigma/m [GeV^-3] by exchange of phi with L = -(lambda/2) phi psibar psi, lambda = 2 g_X m_psi/m_X.

    32 pi alpha_X^2 m^5/(m_X^4 m_phi^4) at v = 0, times 2/(1 + a) - ln(1 + a)/[a (1 + a/2)] with a = (m v/m_phi)^2 at
    relative velocity v: direct term and interference of the two exchanges.  arXiv:2502.04900 leaves it out.
    Raises ValueError unless masses are positive.
    """
    _require_positive(m_psi=m_psi, m_X=m_X, m_phi=m_phi)
    at_rest = 32.0 * math.pi * alpha_X**2 * m_psi**5 / (m_X * m_phi) ** 4
    a = (m_psi * v / m_phi) ** 2
    interference = math.log1p(a) / a if a > 1e-8 else 1.0
    return at_rest * (2.0 / (1.0 + a) - interference / (1.0 + 0.5 * a))


def effective_coupling(alpha_X: float, m_psi: float, m_X: float, m_phi: float) -> float:
    """(lambda^2/4 pi) m_psi/m_phi, the parameter [1] of the Born series: 4 alpha_X m_psi^3/(m_X^2 m_phi)."""
    _require_positive(m_psi=m_psi, m_X=m_X, m_phi=m_phi)
    return 4.0 * alpha_X * m_psi**3 / (m_X**2 * m_phi)


def _require_positive(**masses: float) -> None:
    for name, mass in masses.items():
        if not mass > 0.0:
            raise ValueError(f"{name} must be positive, got {mass}")
