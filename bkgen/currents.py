"""B -> hadron + fermion pair for a channel: hadronic amplitudes from its form factors, times those of the pair."""

from __future__ import annotations

import math

from .channels import Channel
from .constants import Constants
from .formfactors import Inputs
from .hadron_currents import HadronP, HadronV, hadron_P, hadron_V
from .pair import FermionCouplings, fermion_pair
from .spectrum import Array

_B_TO_V = ("V", "A_0", "A_1", "A_12", "T_1", "T_2", "T_23")


def hadron(q2: Array, channel: Channel, inputs: Inputs) -> HadronP | HadronV:
    """Matrix elements of all quark currents at q2 (n,) [GeV^2], with the form factors of the channel."""
    c, form_factors = inputs.constants, inputs.form_factor(channel.transition)
    m_B, m_H = channel.m_B(c), channel.m_H(c)
    if channel.spin == 0:
        f_plus, f_0, f_T = (form_factors.value(name, q2) for name in ("f_plus", "f_0", "f_T"))
        return hadron_P(q2, m_B, m_H, f_plus, f_0, f_T, c.m_b, c.m_s)
    values = {name: form_factors.value(name, q2) for name in _B_TO_V}
    return hadron_V(q2, m_B, m_H, **values, m_b=c.m_b, m_s=c.m_s)


def weak_coupling(constants: Constants) -> float:
    """(4 G_F/sqrt(2)) (alpha/2 pi) |VtbVts| [GeV^-2], in front of the Wilson coefficients of b -> s nu nubar.

    alpha at the scale of the coefficients.  Source: EOS class `sbnunu`, arXiv:2111.15428 eq. (2).
    """
    c = constants
    return 4.0 * c.G_F / math.sqrt(2.0) * c.alpha_MZ / (2.0 * math.pi) * c.VtbVts


def neutrino_pairs(
    q2: Array,
    channel: Channel,
    inputs: Inputs,
    C_VL: complex,
    C_VR: complex = 0.0,
    C_SL: complex = 0.0,
    C_SR: complex = 0.0,
    C_TL: complex = 0.0,
) -> Array:
    """Angular coefficients [GeV^-1] of b -> s nu nu, three massless flavours, in EOS normalisation.

    O_VL, O_VR = (sbar gamma P_L,R b)(nubar gamma P_L nu) and O_SL, O_SR = (sbar P_L,R b)(nubar^c P_L nu) are diagonal
    and equal for three flavours, the scalar pairs identical particles.  O_TL vanishes for one flavour: C_TL stands for
    off-diagonal pairs with sum_{a != b} |C_ab|^2 = 3 |C_TL|^2.  The three kinds do not interfere without masses.
    Source: EOS observables `B->Knunu`, `B->K^*nunu` (arXiv:2111.15428).
    """
    g = weak_coupling(inputs.constants)
    amplitudes = hadron(q2, channel, inputs)
    # Vector pairs have opposite helicities and tensor pairs equal ones, so both can be one sum without interference.
    # Tensor: 3 unordered pairs of flavours, each with twice the amplitude of C_ab = -C_ba, |C_ab|^2 = |C_TL|^2/2.
    three_flavours = FermionCouplings.chiral(VLL=g * C_VL, VRL=g * C_VR, TLL=2.0**0.5 * g * C_TL)
    total = 3.0 * fermion_pair(amplitudes, 0.0, 0.0, three_flavours)
    if C_SL or C_SR:
        scalar = FermionCouplings.chiral(SLL=g * C_SL, SRL=g * C_SR)
        total = total + 3.0 * fermion_pair(amplitudes, 0.0, 0.0, scalar, identical=True)
    return total
