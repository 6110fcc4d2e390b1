"""Annihilation psi psi -> phi phi of the Majorana fermion of the dark-photon model into its dark Higgs bosons.

v_phi = m_X/(2 g_X) and L = -(lambda/2) phi psibar psi with lambda = m_psi/v_phi = 2 g_X m_psi/m_X.
Source: arXiv:2502.04900 eqs. (37) and (47).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..kinematics import FloatArray
from .fermions import fermions_to_scalars


def psipsi_to_phiphi(
    s: float | FloatArray,
    m_psi: float,
    m_phi: float,
    m_X: float,
    alpha_X: float,
    trilinear: bool = False,
    Gamma_phi: float = 0.0,
) -> FloatArray:
    """sigma(psi psi -> phi phi) [GeV^-2] at ``s`` [GeV^2] of any shape, exact in s: a p wave, sigma v = b v^2 + ...

    Average over 4 spin states, 1/2 for the identical phi, none for the identical psi; t and u channel.  ``trilinear``
    adds phi* in the s channel with (m_phi^2/2 v_phi) phi^3 in V, and the width Gamma_phi [GeV].  6 b, the thermal
    average times x = m_psi/T, is `psipsi_to_phiphi_coefficient`.
    Source: arXiv:2502.04900.  Raises ValueError as `cross_section`, and unless m_X > 0 and alpha_X >= 0.
    """
    y = _yukawa(m_psi, m_X, alpha_X)
    vertex = 3.0 * m_phi**2 * y / m_psi  # 3 m_phi^2/v_phi

    def exchange(x: FloatArray) -> NDArray[np.complex128]:
        return np.asarray(y * vertex / (x - m_phi**2 + 1j * m_phi * Gamma_phi))

    return fermions_to_scalars(s, m_psi, m_phi, y, exchange if trilinear else None)


def psipsi_to_phiphi_coefficient(
    m_psi: float, m_phi: float, m_X: float, alpha_X: float, trilinear: bool = False
) -> float:
    """c [GeV^-2] of the thermal average <sigma v> = c/x at x = m_psi/T >> 1; 0 for m_phi >= m_psi.

    64 pi alpha_X^2 m^2 sqrt(1 - y)(9 - 8 y + 2 y^2)/(m_X^4 (2 - y)^4), y = m_phi^2/m_psi^2.  ``trilinear`` subtracts
    (15/2 - 3 y) h - (27/16) h^2 in the second bracket, h = y (2 - y)^2/(4 - y).  The expansion fails near y = 1.
    Source: arXiv:2502.04900 eq. (47).  Raises ValueError unless m_psi, m_X > 0, m_phi >= 0 and alpha_X >= 0.
    """
    _yukawa(m_psi, m_X, alpha_X)
    if not (math.isfinite(m_phi) and m_phi >= 0.0):
        raise ValueError(f"m_phi must be finite and not negative, got {m_phi}")
    y = (m_phi / m_psi) ** 2
    if y >= 1.0:
        return 0.0
    bracket = 9.0 - 8.0 * y + 2.0 * y**2
    if trilinear:
        h = y * (2.0 - y) ** 2 / (4.0 - y)
        bracket -= (7.5 - 3.0 * y) * h - 27.0 / 16.0 * h**2
    return 64.0 * math.pi * (alpha_X * m_psi / m_X**2) ** 2 * math.sqrt(1.0 - y) * bracket / (2.0 - y) ** 4


def _yukawa(m_psi: float, m_X: float, alpha_X: float) -> float:
    """lambda = 2 g_X m_psi/m_X."""
    for name, value in (("m_psi", m_psi), ("m_X", m_X)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be finite and positive, got {value}")
    if not (math.isfinite(alpha_X) and alpha_X >= 0.0):
        raise ValueError(f"alpha_X must be finite and not negative, got {alpha_X}")
    return 2.0 * math.sqrt(4.0 * math.pi * alpha_X) * m_psi / m_X
