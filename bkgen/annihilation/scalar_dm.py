"""Annihilation phi phi -> s bbar and b sbar of scalar dark matter through its contact operators.

    L = sbar (gS + gP gamma5) b phi* phi + sbar gamma_mu (gV + gA gamma5) b phi* i<->d^mu phi + h.c.,

with (1/2) phi^2 in place of phi* phi, and no vector operators, for a real phi.  Quarks are free: it means nothing
close to the thresholds of hadrons.  Source: arXiv:2309.12741, arXiv:2209.05223.
"""

from __future__ import annotations

import math

from ..kinematics import FloatArray, kallen_sqrt
from .two_to_two import exchange_cross_section

_N_C = 3.0


def phiphi_to_sb(
    s: float | FloatArray,
    m_phi: float,
    m_b: float,
    m_s: float,
    gS: complex = 0.0,
    gP: complex = 0.0,
    gV: complex = 0.0,
    gA: complex = 0.0,
    real: bool = False,
) -> FloatArray:
    """sigma [GeV^-2] of phi phibar (real: phi phi) into s bbar plus b sbar, at ``s`` [GeV^2] of any shape.

    Summed over 3 colours, spins and both final states, which are equal; no further factors, also for a real phi, whose
    amplitude is that of the complex one.  Integrated over the angle the scalar operators, an s wave, and the vector
    operators, a p wave, do not interfere:

        sum |M|^2 = 12 [|gS|^2 (s - M_+^2) + |gP|^2 (s - M_-^2)]
                    + 4 (s - 4 m_phi^2) [|gV|^2 (s - M_-^2)(2 s + M_+^2) + |gA|^2 (s - M_+^2)(2 s + M_-^2)]/s

    in the average over the angle, M_+- = m_b +- m_s.
    Raises ValueError as `exchange_cross_section`, for vector couplings of a real phi, and for negative masses.
    """
    if real and (gV != 0.0 or gA != 0.0):
        raise ValueError("a real phi has no vector current: gV and gA must be 0")
    plus2, minus2 = (m_b + m_s) ** 2, (m_b - m_s) ** 2

    def squared(x: FloatArray) -> FloatArray:
        scalar = abs(gS) ** 2 * (x - plus2) + abs(gP) ** 2 * (x - minus2)
        vector = abs(gV) ** 2 * (x - minus2) * (2.0 * x + plus2) + abs(gA) ** 2 * (x - plus2) * (2.0 * x + minus2)
        return 4.0 * _N_C * scalar + 4.0 / 3.0 * _N_C * (x - 4.0 * m_phi**2) * vector / x

    def phase_space(x: FloatArray) -> FloatArray:
        """Half of the two-body phase space."""
        return kallen_sqrt(x**0.5, m_b, m_s, allow_closed=True) / (16.0 * math.pi * x)

    return exchange_cross_section(s, m_phi, squared, phase_space)
