"""Scattering of dark matter off nucleons, nuclei and electrons at rest.

Cross sections in GeV^-2; masses in GeV, velocities in units of c.  A dark photon couples to the axial current of a
Majorana fermion: these rates fall with v^2.  Higgs bosons couple to the mass of the nucleon, independent of spin.
A formula without a paper is the tree-level result for the Lagrangian in its docstring, see docs/constraints.md.
"""

from __future__ import annotations

import math

from .constants import Constants
from .dark_photon_couplings import X_couplings

HALO_VELOCITY = 220.0 / 299792.458
"""Velocity of dark matter in the halo, 220 km/s, over c."""


def quark_vector_charges(eps: float, eps_Z: float, constants: Constants) -> tuple[float, float]:
    """Vector couplings b_p = 2 b_u + b_d and b_n = b_u + 2 b_d of a dark photon to proton and neutron.

    b_q = e eps Q_q + (g/2 c_W) eps_Z (T3_q - 2 Q_q s_W^2).  Source: arXiv:2502.04900 eq. (51).
    """
    b_u = X_couplings(2.0 / 3.0, 0.5, eps, eps_Z, constants.alpha_0, constants)[0]
    b_d = X_couplings(-1.0 / 3.0, -0.5, eps, eps_Z, constants.alpha_0, constants)[0]
    return 2.0 * b_u + b_d, b_u + 2.0 * b_d


def axial_exchange(alpha_X: float, b: float, m_X: float, m_dm: float, m_target: float, v: float) -> float:
    """sigma [GeV^-2] of Majorana dark matter with an axial coupling, off a target with vector coupling ``b``.

    2 alpha_X b^2 v^2 x_N^2 x_D^2 (x_N^2 + 2 x_N x_D + 3 x_D^2)/[m_X^2 (x_N + x_D)^4], x = m/m_X, for m_X far above the
    momentum transfer.  Raises ValueError unless all masses are positive.  Source: arXiv:2502.04900 eqs. (50), (52).
    """
    _require_positive(m_X=m_X, m_dm=m_dm, m_target=m_target)
    x_N, x_D = m_target / m_X, m_dm / m_X
    masses = (x_N * x_D) ** 2 * (x_N**2 + 2.0 * x_N * x_D + 3.0 * x_D**2) / (x_N + x_D) ** 4
    return 2.0 * alpha_X * (b * v) ** 2 * masses / m_X**2


def nucleus_limit(alpha_X: float, b: float, m_X: float, m_dm: float, v: float) -> float:
    """`axial_exchange` [GeV^-2] off a nucleus far heavier than the dark matter: 2 alpha_X b^2 m^2 v^2/m_X^4.

    b = Z e eps for pure photon exchange, arXiv:2502.04900 eq. (53), where the number in cm^2 is 13 times too large.
    """
    return 2.0 * alpha_X * (b * m_dm * v) ** 2 / m_X**4


def electron_limit(alpha_X: float, eps: float, m_X: float, v: float, constants: Constants) -> float:
    """`axial_exchange` [GeV^-2] off an electron far lighter than the dark matter.

    24 pi alpha_X alpha eps^2 m_e^2 v^2/m_X^4.
    Source: arXiv:2502.04900 eq. (54), where the number in cm^2 is 400 times too small.
    """
    return 24.0 * math.pi * alpha_X * constants.alpha_0 * (eps * constants.m_e * v) ** 2 / m_X**4


def higgs_exchange_fermion(coupling: float, m_dm: float, m_1: float, sin_theta: float, constants: Constants) -> float:
    """sigma [GeV^-2] off a nucleon of a fermion with L = -y phi chibar chi, or -(y/2) phi for a Majorana fermion.

    y^2 s^2 c^2 (1/m_1^2 - 1/m_2^2)^2 (f_N m_N/v)^2 mu^2/pi for exchange of H1 and H2; spin independent.
    phi = c H1 + s H2, h = -s H1 + c H2.
    """
    return (coupling * _portal(m_1, sin_theta, constants)) ** 2 * _reduced(m_dm, constants) ** 2 / math.pi


def higgs_exchange_scalar(coupling: float, m_dm: float, m_1: float, sin_theta: float, constants: Constants) -> float:
    """sigma [GeV^-2] off a nucleon of a complex scalar with L = -a phi |X|^2, ``coupling`` a [GeV].

    a^2 s^2 c^2 (1/m_1^2 - 1/m_2^2)^2 (f_N m_N/v)^2 mu^2/(4 pi m_X^2).  A real scalar with L = -mu phi S^2 has a = 2 mu.
    """
    amplitude = coupling * _portal(m_1, sin_theta, constants)
    return amplitude**2 * _reduced(m_dm, constants) ** 2 / (4.0 * math.pi * m_dm**2)


def higgs_exchange_singlet(lambda_S: float, m_S: float, constants: Constants) -> float:
    """sigma [GeV^-2] off a nucleon of a real scalar with L = -lambda_S v h S^2.

    lambda_S^2 f_N^2 m_N^2 mu^2/(pi m_h^4 m_S^2).
    """
    _require_positive(m_S=m_S)
    amplitude = lambda_S * constants.f_N * constants.m_N / constants.m_h**2
    return amplitude**2 * _reduced(m_S, constants) ** 2 / (math.pi * m_S**2)


def _portal(m_1: float, sin_theta: float, constants: Constants) -> float:
    """s c (1/m_1^2 - 1/m_2^2) f_N m_N/v [GeV^-2]: phi to nucleon through H1 and H2."""
    _require_positive(m_1=m_1)
    mixing = sin_theta * math.sqrt((1.0 - sin_theta) * (1.0 + sin_theta))
    return mixing * (m_1**-2 - constants.m_h**-2) * constants.f_N * constants.m_N / constants.v_EW


def _reduced(m_dm: float, constants: Constants) -> float:
    """Reduced mass of dark matter and nucleon [GeV]."""
    _require_positive(m_dm=m_dm)
    return m_dm * constants.m_N / (m_dm + constants.m_N)


def _require_positive(**masses: float) -> None:
    for name, mass in masses.items():
        if not mass > 0.0:
            raise ValueError(f"{name} must be positive, got {mass}")
