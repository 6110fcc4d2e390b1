"""Annihilation of a Bs into an invisible pair by the operators that drive B -> K(*) + pair.

<0|sbar gamma_mu gamma5 b|Bs(p)> = i f_Bs p_mu, hence <0|sbar gamma5 b|Bs> = -i f_Bs m_Bs^2/(m_b + m_s).
The widths are the tree-level results for the Lagrangians in the docstrings, see docs/constraints.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .constants import Constants
from .kinematics import kallen_sqrt
from .observables import Observable
from .units import width_from_lifetime

NAME = "BR(Bs -> inv)"


def to_scalars(m_phi: float, gP: complex, identical: bool, constants: Constants) -> float:
    """Width [GeV] of Bs -> phi phi* for L = gP (sbar gamma5 b) phi* phi, of (1/2) of that for a real, identical phi.

    |gP|^2 f_Bs^2 m_Bs^3 beta/[16 pi (m_b + m_s)^2], half of it for identical particles; a vector current does not
    contribute to equal masses.
    """
    amplitude = abs(gP) * _pseudoscalar(constants)
    width = amplitude**2 * _beta(m_phi, constants) / (16.0 * math.pi * constants.m_Bs)
    return 0.5 * width if identical else width


def to_fermions(m_chi: float, hPS: complex, hPP: complex, hAA: complex, majorana: bool, constants: Constants) -> float:
    """Width [GeV] of Bs -> chi chibar for L = (sbar gamma5 b) chibar (hPS + i hPP gamma5) chi + hAA of axial currents.

    m_Bs beta/(8 pi) [beta^2 |a_S|^2 + |a_P|^2] with a_S = hPS P, a_P = hPP P + 2 i m f_Bs hAA,
    P = f_Bs m_Bs^2/(m_b + m_s); twice that for a Majorana chi with the same Lagrangian.
    """
    c, P, beta = constants, _pseudoscalar(constants), _beta(m_chi, constants)
    scalar, pseudoscalar = hPS * P, hPP * P + 2j * m_chi * c.f_Bs * hAA
    width = c.m_Bs * beta / (8.0 * math.pi) * (beta**2 * abs(scalar) ** 2 + abs(pseudoscalar) ** 2)
    return 2.0 * width if majorana else width


def observable(width: float, constants: Constants) -> Iterator[Observable]:
    """The branching fraction of a width [GeV], nothing for a width of 0."""
    if width > 0.0:
        yield Observable(NAME, width / width_from_lifetime(constants.tau_Bs), source="f_Bs of the inputs")


def _pseudoscalar(constants: Constants) -> float:
    """|<0|sbar gamma5 b|Bs>| [GeV^2]."""
    return constants.f_Bs * constants.m_Bs**2 / (constants.m_b + constants.m_s)


def _beta(m: float, constants: Constants) -> float:
    """sqrt(1 - 4 m^2/m_Bs^2), 0 above threshold."""
    return kallen_sqrt(constants.m_Bs, m, m, allow_closed=True) / constants.m_Bs**2
