"""Pairs of fermions: their couplings to the quark currents and the amplitudes of their helicity states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hadron_currents import HadronP, HadronV
from .kinematics import FloatArray, kallen_sqrt
from .pair_angles import Coupling, Couplings, PairState, PairStates, angular_coefficients


@dataclass(frozen=True, slots=True)
class FermionCouplings(Couplings):
    """Couplings [GeV^-2] of two fermions to the quark currents, each as it stands in the Lagrangian.

    L = (sbar gamma_mu b)           chi1bar gamma^mu (hVV + hVA gamma5) chi2
      + (sbar gamma_mu gamma5 b)    chi1bar gamma^mu (hAV + hAA gamma5) chi2
      + (sbar b)                    chi1bar (hSS + i hSP gamma5) chi2
      + (sbar gamma5 b)             chi1bar (hPS + i hPP gamma5) chi2
      + (sbar sigma_{mu nu} b)      chi1bar sigma^{mu nu} (hT + hT5 gamma5) chi2  + h.c.

    The first letter is the quark current, the second the bilinear of the pair.  An operator with
    sbar sigma_{mu nu} gamma5 b is not independent: its gamma5 can be moved to the pair.
    """

    hVV: Coupling = 0.0
    hVA: Coupling = 0.0
    hAV: Coupling = 0.0
    hAA: Coupling = 0.0
    hSS: Coupling = 0.0
    hSP: Coupling = 0.0
    hPS: Coupling = 0.0
    hPP: Coupling = 0.0
    hT: Coupling = 0.0
    hT5: Coupling = 0.0

    @classmethod
    def without_quark_gamma5(
        cls,
        gV: Coupling = 0.0,
        gA: Coupling = 0.0,
        gS: Coupling = 0.0,
        gP: Coupling = 0.0,
        gT: Coupling = 0.0,
        gT5: Coupling = 0.0,
    ) -> FermionCouplings:
        """Quark currents without gamma5, the ones of B -> P:

        (sbar gamma_mu b) chibar gamma^mu (gV + gA gamma5) chi + (sbar b) chibar (gS + i gP gamma5) chi
        + (sbar sigma_{mu nu} b) chibar sigma^{mu nu} (gT + gT5 gamma5) chi.
        """
        return cls(hVV=gV, hVA=gA, hSS=gS, hSP=gP, hT=gT, hT5=gT5)

    @classmethod
    def chiral(
        cls,
        VLL: Coupling = 0.0,
        VLR: Coupling = 0.0,
        VRL: Coupling = 0.0,
        VRR: Coupling = 0.0,
        SLL: Coupling = 0.0,
        SLR: Coupling = 0.0,
        SRL: Coupling = 0.0,
        SRR: Coupling = 0.0,
        TLL: Coupling = 0.0,
        TRR: Coupling = 0.0,
    ) -> FermionCouplings:
        """Chiral operators, with P_X of the quark current first and P_Y of the pair second:

        VXY (sbar gamma_mu P_X b)(chi1bar gamma^mu P_Y chi2) + SXY (sbar P_X b)(chi1bar P_Y chi2)
        + TXX (sbar sigma_{mu nu} P_X b)(chi1bar sigma^{mu nu} P_X chi2); TLR and TRL vanish identically.
        """
        return cls(
            hVV=0.25 * (VLL + VLR + VRL + VRR),
            hVA=0.25 * (-VLL + VLR - VRL + VRR),
            hAV=0.25 * (-VLL - VLR + VRL + VRR),
            hAA=0.25 * (VLL - VLR - VRL + VRR),
            hSS=0.25 * (SLL + SLR + SRL + SRR),
            hSP=-0.25j * (-SLL + SLR - SRL + SRR),
            hPS=0.25 * (-SLL - SLR + SRL + SRR),
            hPP=-0.25j * (SLL - SLR - SRL + SRR),
            hT=0.5 * (TLL + TRR),
            hT5=0.5 * (-TLL + TRR),
        )

    def exchanged(self) -> FermionCouplings:
        """The same operators with chi1 and chi2 exchanged, written again as chi1bar ... chi2, for Majorana fields.

        chi2bar Gamma chi1 = + chi1bar Gamma chi2 for S, P and A, - for V, T and T5.  Two different Majorana
        fermions with (chi1bar .. chi2) and (chi2bar .. chi1) in L have the couplings a + b.exchanged().
        """
        return FermionCouplings(
            hVV=-self.hVV,
            hVA=self.hVA,
            hAV=-self.hAV,
            hAA=self.hAA,
            hSS=self.hSS,
            hSP=self.hSP,
            hPS=self.hPS,
            hPP=self.hPP,
            hT=-self.hT,
            hT5=-self.hT5,
        )


def fermion_pair(
    hadron: HadronP | HadronV, m1: float, m2: float, couplings: FermionCouplings, identical: bool = False
) -> FloatArray:
    """Angular coefficients (n, 3) or (n, 12) [GeV^-1] of B -> P or V with chi1 (mass m1) chi2bar (mass m2) [GeV].

    Normalised and ordered as in `bkgen.spectrum`, exact as said in `bkgen.pair_angles`.  ``identical``: a pair of equal
    Majorana fermions, with L as in `FermionCouplings` (no factor 1/2), the exchanged amplitude and the factor 1/2 of
    identical particles: S, P and A give twice the Dirac width, V, T and T5 nothing.  Below threshold and beyond the end
    point the result is 0.  Raises ValueError for identical particles of two masses.
    """
    if identical and m1 != m2:
        raise ValueError(f"identical particles have one mass, got m1 = {m1}, m2 = {m2}")
    # The root is the factor 1/2 of identical particles in the width.
    g = 0.5**0.5 * (couplings + couplings.exchanged()) if identical else couplings
    return angular_coefficients(lambda q2, part: _states(q2, m1, m2, part), hadron, g)


def _states(q2: FloatArray, m1: float, m2: float, g: FermionCouplings) -> PairStates:
    """Helicity states of chi1 chi2bar made at rest with mass squared q2 (n,).

    With s_plus and s_minus the square roots of s+- = q2 - (m1 +- m2)^2 [GeV], total and difference (m1 +- m2)/sqrt(q2)
    and n, e_theta, e_phi as in `PairState`, ubar Gamma v for equal helicities +-1/2 (projection 0) and for the opposite
    helicities (+-1/2, -+1/2) is

        1                 +- s_plus                        0
        gamma5            - s_minus                        0
        gamma^0           +- difference s_plus             0
        gamma^0 gamma5    - total s_minus                  0
        gamma             -+ total s_minus n               - s_minus (e_theta -+ i e_phi)
        gamma gamma5      difference s_plus n              -+ s_plus (e_theta -+ i e_phi)
        sigma^{0k}        -+ i s_minus n                   - i total s_minus (e_theta -+ i e_phi)
        sigma^{0k}gamma5  i s_plus n                       -+ i difference s_plus (e_theta -+ i e_phi)

    and sigma^{ij} = -i epsilon^{ijk} sigma^{0k} gamma5.
    """
    root_q2 = np.sqrt(q2)
    m_plus, m_minus = m1 + m2, m1 - m2
    s_plus = np.sqrt(np.maximum(root_q2 - m_plus, 0.0) * (root_q2 + m_plus))
    s_minus = np.sqrt(np.maximum(root_q2 - m_minus, 0.0) * np.maximum(root_q2 + m_minus, 0.0))
    total, difference = m_plus / root_q2, m_minus / root_q2

    def vector_like(s: FloatArray, t: FloatArray, v: FloatArray, sigma: FloatArray) -> PairState:
        """1, gamma^0, gamma and i sigma^{0k} of a state."""
        return PairState(
            S=g.hSS * s,
            P=g.hPS * s,
            V_t=g.hVV * t,
            V=g.hVV * v,
            A_t=g.hAV * t,
            A=g.hAV * v,
            e=g.hT * sigma,
            b=-g.hT5 * sigma,
        )

    def axial(s: FloatArray, t: FloatArray, v: FloatArray, sigma: FloatArray) -> PairState:
        """gamma5, gamma^0 gamma5, gamma gamma5 and i sigma^{0k} gamma5 of a state."""
        S, P = 1j * g.hSP, 1j * g.hPP
        return PairState(
            S=S * s, P=P * s, V_t=g.hVA * t, V=g.hVA * v, A_t=g.hAA * t, A=g.hAA * v, e=g.hT5 * sigma, b=-g.hT * sigma
        )

    none = np.zeros_like(q2)
    return PairStates(
        velocity=kallen_sqrt(root_q2, m1, m2, allow_closed=True) / q2,
        zero=[
            vector_like(s_plus, difference * s_plus, -total * s_minus, s_minus),
            axial(-s_minus, -total * s_minus, difference * s_plus, -s_plus),
        ],
        one=[(vector_like(none, none, -s_minus, total * s_minus), axial(none, none, -s_plus, difference * s_plus))],
    )
