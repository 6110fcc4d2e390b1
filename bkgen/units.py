"""The only unit conversions of bkgen; everywhere else energies, masses and widths are in GeV.

All factors follow from the exact SI defining constants (SI Brochure, 9th edition).
"""

from __future__ import annotations

import math

_H = 6.62607015e-34  # J s, exact
_E = 1.602176634e-19  # C, exact
_K_B = 1.380649e-23  # J/K, exact

C = 299792458.0
"""Speed of light [m/s]."""
JOULE_PER_GEV = _E * 1e9
"""One GeV in joules."""
HBAR = _H / (2.0 * math.pi) / JOULE_PER_GEV
"""Reduced Planck constant [GeV s]."""
HBARC = HBAR * C
"""Conversion constant [GeV m]."""
KELVIN = _K_B / JOULE_PER_GEV
"""One kelvin in GeV."""
GEV_M2_TO_CM2 = (100.0 * HBARC) ** 2
"""One GeV^-2 of cross section in cm^2."""
GEV_M2_TO_CM3_PER_S = GEV_M2_TO_CM2 * 100.0 * C
"""One GeV^-2 of cross section times velocity in cm^3/s."""
GEV_M3_TO_CM2_PER_G = GEV_M2_TO_CM2 / (1e3 * JOULE_PER_GEV / C**2)
"""One GeV^-3 of cross section per mass in cm^2/g."""
GEV3_TO_PER_CM3 = (100.0 * HBARC) ** -3
"""One GeV^3 of number density in cm^-3."""
M_TO_MM = 1e3
FB_TO_PB = 1e-3
S_TO_NS = 1e9


def width_from_lifetime(tau: float) -> float:
    """Total width [GeV] of a particle with mean lifetime ``tau`` [s].

    An infinite lifetime gives width 0.  Raises ValueError unless ``tau > 0``.
    """
    return _invert("lifetime", tau, HBAR)


def lifetime_from_width(Gamma: float) -> float:
    """Mean lifetime [s] of a particle with total width ``Gamma`` [GeV].

    A stable particle (``Gamma = 0``) gives infinity.  Raises ValueError for a negative width or NaN.
    """
    return math.inf if Gamma == 0.0 else _invert("width", Gamma, HBAR)


def ctau_from_width(Gamma: float) -> float:
    """Proper decay length c tau [m] of a particle with total width ``Gamma`` [GeV].

    A stable particle (``Gamma = 0``) gives infinity.  Raises ValueError for a negative width or NaN.
    """
    return math.inf if Gamma == 0.0 else _invert("width", Gamma, HBARC)


def _invert(name: str, value: float, numerator: float) -> float:
    if not value > 0.0:
        raise ValueError(f"the {name} must be positive, got {value!r}")
    return numerator / value
