"""Neutrino tridents nu_mu N -> nu_mu mu+ mu- N with a Z' of L_mu - L_tau, relative to the Standard Model.

The Z' adds v^2 g_X^2/(m_Zp^2 - t) to the vector coupling 1/2 + 2 s_W^2 of neutrinos to muons, t < 0 the momentum
transfer between the neutrinos.  For m_Zp^2 far above |t| this is a contact interaction; below some 10 GeV it is not.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .constants import Constants, data_path
from .kinematics import FloatArray


def contact_ratio(m_Zp: float, g_X: float, constants: Constants) -> float:
    """sigma/sigma_SM for a heavy Z': [1 + (1 + 4 s_W^2 + 2 v^2 g_X^2/m_Zp^2)^2]/[1 + (1 + 4 s_W^2)^2].

    Far too large for a Z' below some 10 GeV, see `ratio`.  Raises ValueError unless m_Zp > 0.
    Source: W. Altmannshofer et al., arXiv:1406.2332 eq. (9).
    """
    if not m_Zp > 0.0:
        raise ValueError(f"m_Zp must be positive, got {m_Zp}")
    standard = 1.0 + 4.0 * constants.s2w
    shifted = standard + 2.0 * (constants.v_EW * g_X / m_Zp) ** 2
    return (1.0 + shifted**2) / (1.0 + standard**2)


def ratio(m_Zp: float, g_X: float) -> float:
    """sigma/sigma_SM at CCFR for any Z': 1 + linear(m_Zp) g_X^2 + quadratic(m_Zp) g_X^4.

    Tree level, equivalent photons of iron at E_nu = 160 GeV; coefficients from the table in ``data/limits``, where
    s_W^2 = 0.23121, interpolated in double logarithm; m_Zp [GeV].  Raises ValueError for m_Zp outside of the table.
    Source: tree-level amplitude, see docs/constraints.md.
    """
    linear, quadratic = _coefficients(m_Zp)
    return 1.0 + linear * g_X**2 + quadratic * g_X**4


def g_X_max(m_Zp: float, largest_ratio: float) -> float:
    """g_X [1] at which `ratio` is ``largest_ratio``.  Raises ValueError unless that exceeds 1, and as `ratio`."""
    if not largest_ratio > 1.0:
        raise ValueError(f"the ratio must be above 1, got {largest_ratio}")
    linear, quadratic = _coefficients(m_Zp)
    excess = largest_ratio - 1.0
    squared = 2.0 * excess / (linear + (linear**2 + 4.0 * quadratic * excess) ** 0.5)
    return float(squared**0.5)


def mass_range() -> tuple[float, float]:
    """Smallest and largest m_Zp [GeV] of the table."""
    masses = _table()[:, 0]
    return float(masses[0]), float(masses[-1])


def _coefficients(m_Zp: float) -> tuple[float, float]:
    low, high = mass_range()
    if not low <= m_Zp <= high:
        raise ValueError(f"m_Zp must be between {low:g} and {high:g} GeV, got {m_Zp}")
    log_table = np.log(_table())
    linear, quadratic = (float(np.exp(np.interp(np.log(m_Zp), log_table[:, 0], log_table[:, k]))) for k in (1, 2))
    return linear, quadratic


@cache
def _table() -> FloatArray:
    """Rows of m_Zp [GeV], linear and quadratic coefficient."""
    path = data_path("limits", "trident_iron.csv")
    return np.loadtxt(path, delimiter=",", comments="#", dtype=np.float64)
