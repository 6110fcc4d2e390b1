"""Invisible pairs from quark currents: helicity amplitudes and angular coefficients of B -> P and B -> V.

A width is built in two steps.  `hadron_P` and `hadron_V` give the matrix elements of the quark currents between B and
hadron in the rest frame of the pair; `fermion_pair_P` and `fermion_pair_V` contract them with the helicity amplitudes
of a pair chi1(m1) chi2bar(m2), sum over its spins and return the coefficients that `bkgen.spectrum` takes: (n, 3) or
(n, 12), in GeV^-1, so that ``spectrum.integrated`` of them is dGamma/dq2.  Nothing is neglected: masses, the
interference of all operators and complex couplings are exact, as sbar Gamma b makes pairs of total J <= 1 only.

Angles are those of `bkgen.spectrum`: theta of chi1 against the hadron, in the pair frame; theta_K of the K against the
direction opposite to the B, in the K* frame; azimuth phi of arXiv:0811.1214.  The narrow vector decays to two
spinless mesons with unit branching fraction.

**Charge.**  A term (sbar Gamma b)(chi1bar Gamma' chi2) of the Lagrangian annihilates a b quark: couplings and angles
are those of Bbar -> Kbar(*) chi1 chi2bar.  They are used unchanged for the named B+, B0 or Bs, as if its decay were
written b -> s: no sign is flipped for CP.  So the signs of J5, J6s and J6c and of the CP-odd J7, J8 and J9 are those
of the Bbar decay.  The "+ h.c." adds nothing to either.

Conventions: metric (+, -, -, -), sigma^{mu nu} = (i/2) [gamma^mu, gamma^nu], gamma5 = i gamma^0 gamma^1 gamma^2
gamma^3 and epsilon_{0123} = +1, with which a left-handed s quark gives mostly V of negative helicity for V, A_1, T_1
and T_2 of the same sign.  Source of the method: arXiv:1506.03970 (helicity formalism, all dimension-six operators).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .kinematics import FloatArray, kallen_sqrt

ComplexArray = NDArray[np.complexfloating[Any, Any]]
Coupling = complex | ComplexArray
"""A coupling [GeV^-2]; an array (n,) if it depends on q2, as for a mediator that is not heavy."""

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class FermionCouplings:
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

    def __add__(self, other: FermionCouplings) -> FermionCouplings:
        """Sum of two Lagrangians."""
        return FermionCouplings(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, factor: Coupling) -> FermionCouplings:
        """All couplings times ``factor``."""
        return FermionCouplings(*(getattr(self, f.name) * factor for f in fields(self)))

    __rmul__ = __mul__

    def at(self, part: slice) -> FermionCouplings:
        """The couplings of a part of the q2 values."""
        values = (getattr(self, f.name) for f in fields(self))
        return FermionCouplings(*(value[part] if isinstance(value, np.ndarray) else value for value in values))

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


class HadronP(NamedTuple):
    """Quark currents between B and P in the pair frame, P along z; arrays (n,).

    <sbar gamma^mu b> = (H_t, 0, 0, H_0) [GeV], <sbar b> = H_S [GeV], <sbar sigma^{0z} b> = -i H_T [GeV];
    all other components vanish.  ``flux`` = sqrt(kallen)/(256 pi^3 m_B^3) [GeV^-1], q2 [GeV^2].
    """

    q2: FloatArray
    flux: FloatArray
    H_0: FloatArray
    H_t: FloatArray
    H_S: FloatArray
    H_T: FloatArray


class HadronV(NamedTuple):
    """Quark currents between B and V in the pair frame, V along z with polarisation eps; arrays (n,), [GeV].

    Of a longitudinal V and of a transverse V (eps* a vector in the x-y plane), all divided by i:

        <sbar gamma^mu gamma5 b>:     (H_t, 0, 0, H_0)   and  H_par eps*
        <sbar gamma^mu b>:            0                  and  -i H_perp z x eps*
        <sbar gamma5 b>:              -H_P               and  0
        <sbar sigma^{0k} b>:          0                  and  -T_perp z x eps*
        <sbar sigma^{0k} gamma5 b>:   i T5_0 z           and  i T5_par eps*

    ``flux`` = sqrt(kallen)/(256 pi^3 m_B^3) [GeV^-1], q2 [GeV^2].
    """

    q2: FloatArray
    flux: FloatArray
    H_perp: FloatArray
    H_par: FloatArray
    H_0: FloatArray
    H_t: FloatArray
    H_P: FloatArray
    T_perp: FloatArray
    T5_par: FloatArray
    T5_0: FloatArray


Hadron = TypeVar("Hadron", HadronP, HadronV)


def hadron_P(
    q2: FloatArray,
    m_B: float,
    m_P: float,
    f_plus: float | FloatArray,
    f_0: float | FloatArray,
    f_T: float | FloatArray,
    m_b: float,
    m_s: float,
) -> HadronP:
    """Amplitudes of B -> P from the form factors at q2 (n,) [GeV^2], defined in `bkgen.formfactors`.

    Masses in GeV; the quark masses enter scalar operators only.  Beyond the end point ``flux`` is 0.
    Raises ValueError unless q2 > 0 and m_b > m_s.
    """
    root_q2, root = _root_q2_and_lambda(q2, m_B, m_P)
    if not m_b > m_s:
        raise ValueError(f"scalar currents need m_b > m_s, got m_b = {m_b}, m_s = {m_s}")
    M2 = (m_B - m_P) * (m_B + m_P)
    return HadronP(
        q2=q2,
        flux=_flux(root, m_B),
        H_0=root / root_q2 * f_plus,
        H_t=M2 / root_q2 * f_0,
        H_S=np.broadcast_to(M2 / (m_b - m_s) * np.asarray(f_0), q2.shape),
        H_T=root / (m_B + m_P) * f_T,
    )


def hadron_V(
    q2: FloatArray,
    m_B: float,
    m_V: float,
    *,
    V: float | FloatArray,
    A_0: float | FloatArray,
    A_1: float | FloatArray,
    A_12: float | FloatArray,
    T_1: float | FloatArray,
    T_2: float | FloatArray,
    T_23: float | FloatArray,
    m_b: float,
    m_s: float,
) -> HadronV:
    """Amplitudes of B -> V from the form factors at q2 (n,) [GeV^2], as in arXiv:1503.05534 sec. 2.

    With p + k the sum of the momenta of B and V, and 2 m_V A_3 = (m_B + m_V) A_1 - (m_B - m_V) A_2
    (arXiv:0811.1214, epsilon_{0123} = +1; A_12 and T_23 as in arXiv:1310.3722):

        <V|sbar gamma_mu b|B> = epsilon_{mu nu rho sigma} eps*^nu p^rho k^sigma 2 V/(m_B + m_V)
        <V|sbar gamma_mu gamma5 b|B> = i eps*_mu (m_B + m_V) A_1 - i (p + k)_mu (eps*.q) A_2/(m_B + m_V)
            - i q_mu (eps*.q) (2 m_V/q2) (A_3 - A_0)
        <V|sbar sigma_{mu nu} q^nu b|B> = i epsilon_{mu nu rho sigma} eps*^nu p^rho k^sigma 2 T_1
        <V|sbar sigma_{mu nu} q^nu gamma5 b|B> = T_2 (eps*_mu (m_B^2 - m_V^2) - (eps*.q) (p + k)_mu)
            + T_3 (eps*.q) (q_mu - q2/(m_B^2 - m_V^2) (p + k)_mu)
        A_12 = ((m_B + m_V)^2 (m_B^2 - m_V^2 - q2) A_1 - kallen A_2)/(16 m_B m_V^2 (m_B + m_V))
        T_23 = ((m_B^2 - m_V^2)(m_B^2 + 3 m_V^2 - q2) T_2 - kallen T_3)/(8 m_B m_V^2 (m_B - m_V))

    Masses in GeV; the quark masses enter scalar operators only.  Beyond the end point ``flux`` is 0.
    Raises ValueError unless q2 > 0 and m_b + m_s > 0.
    """
    root_q2, root = _root_q2_and_lambda(q2, m_B, m_V)
    if not m_b + m_s > 0.0:
        raise ValueError(f"scalar currents need m_b + m_s > 0, got m_b = {m_b}, m_s = {m_s}")
    M2 = (m_B - m_V) * (m_B + m_V)
    return HadronV(
        q2=q2,
        flux=_flux(root, m_B),
        H_perp=root / (m_B + m_V) * V,
        H_par=np.broadcast_to((m_B + m_V) * np.asarray(A_1), q2.shape),
        H_0=8.0 * m_B * m_V / root_q2 * A_12,
        H_t=root / root_q2 * A_0,
        H_P=root / (m_b + m_s) * A_0,
        T_perp=root / root_q2 * T_1,
        T5_par=M2 / root_q2 * T_2,
        T5_0=np.broadcast_to(4.0 * m_B * m_V / (m_B + m_V) * np.asarray(T_23), q2.shape),
    )


def fermion_pair_P(
    hadron: HadronP, m1: float, m2: float, couplings: FermionCouplings, identical: bool = False
) -> FloatArray:
    """Angular coefficients (n, 3) [GeV^-1] of d2Gamma(B -> P chi1 chi2bar)/dq2 dc = G0 + G1 c + G2 c^2.

    chi1 of mass m1, chi2bar of mass m2 [GeV].  ``identical``: a pair of equal Majorana fermions, with L as in
    `FermionCouplings` (no factor 1/2), the exchanged amplitude and the factor 1/2 of identical particles: S, P and A
    give twice the Dirac width, V, T and T5 nothing.  Below threshold and beyond the end point the result is 0.

    Two equal helicities (+-1/2) of chi1 and chi2bar have amplitudes even +- odd, each of the form a_0 + a_1 c; two
    opposite ones (+-1/2, -+1/2) have (vector +- axial) sin(theta).
    """
    return _in_blocks(_coefficients_P, hadron, m1, m2, couplings, identical)


def fermion_pair_V(
    hadron: HadronV, m1: float, m2: float, couplings: FermionCouplings, identical: bool = False
) -> FloatArray:
    """Angular coefficients (n, 12) [GeV^-1] of d4Gamma(B -> V (-> K pi) chi1 chi2bar)/dq2 dc dc_K dphi.

    Normalised and ordered as in `bkgen.spectrum`.  chi1 of mass m1, chi2bar of mass m2 [GeV]; ``identical`` as in
    `fermion_pair_P`.  Below threshold and beyond the end point the result is 0.

    Transversity amplitudes of V (0, parallel, perpendicular, and timelike t), each for pairs of equal and of opposite
    helicities and there for their vector-like (V, S, sigma^{0k}) and axial (A, P, sigma^{0k} gamma5) bilinears, which
    the sum over spins keeps apart but for J5, J6s and J7.  With massless pairs and no S, P, T only opposite helicities
    are left: vector -+ axial are, up to signs and normalisation, the A^{L,R} of arXiv:0811.1214 sec. 3.
    """
    return _in_blocks(_coefficients_V, hadron, m1, m2, couplings, identical)


def _coefficients_P(hadron: HadronP, m1: float, m2: float, g: FermionCouplings) -> FloatArray:
    """Coefficients (n, 3) for pairs that are not identical."""
    pair = _Pair(hadron.q2, m1, m2)
    s_plus, s_minus, total, difference = pair.s_plus, pair.s_minus, pair.total, pair.difference
    _, flux, H_0, H_t, H_S, H_T = hadron

    odd_0 = g.hSS * (s_plus * H_S) + g.hVV * (s_plus * difference * H_t)
    odd_1 = g.hVV * (s_minus * total * H_0) + g.hT * (2.0 * s_minus * H_T)
    even_0 = 1j * g.hSP * (s_minus * H_S) + g.hVA * (s_minus * total * H_t)
    even_1 = g.hVA * (s_plus * difference * H_0) + g.hT5 * (2.0 * s_plus * H_T)
    vector = g.hVV * (s_minus * H_0) + g.hT * (2.0 * s_minus * total * H_T)
    axial = g.hVA * (s_plus * H_0) + g.hT5 * (2.0 * s_plus * difference * H_T)

    opposite = _square(vector) + _square(axial)
    G0 = _square(even_0) + _square(odd_0) + opposite
    G1 = 2.0 * (_real(even_0, even_1) + _real(odd_0, odd_1))
    G2 = _square(even_1) + _square(odd_1) - opposite
    scale = flux * pair.velocity  # 2 for two equal (or opposite) helicities times 1/2 for the mean over c
    return np.stack([scale * G0, scale * G1, scale * G2], axis=-1)


def _coefficients_V(hadron: HadronV, m1: float, m2: float, g: FermionCouplings) -> FloatArray:
    """Coefficients (n, 12) for pairs that are not identical."""
    pair = _Pair(hadron.q2, m1, m2)
    s_plus, s_minus, total, difference = pair.s_plus, pair.s_minus, pair.total, pair.difference
    J = np.zeros((12, len(hadron.q2)))

    timelike_vector = g.hAV * (s_plus * difference * hadron.H_t) - g.hPS * (s_plus * hadron.H_P)
    timelike_axial = g.hAA * (s_minus * total * hadron.H_t) - 1j * g.hPP * (s_minus * hadron.H_P)
    equal_vector = _transversity(hadron, s_minus * total, g.hVV, g.hAV, s_minus, g.hT, g.hT5)
    equal_axial = _transversity(hadron, s_plus * difference, g.hVA, g.hAA, s_plus, g.hT5, g.hT)
    for t, (zero, par, perp) in ((timelike_vector, equal_vector), (timelike_axial, equal_axial)):
        _add_squares(J, zero, par, perp, transverse=(0.25, -0.25), sign=-1.0)
        J[1] += _square(t)
        J[6] -= _real(t, par)
        J[8] += 2.0 * _real(t, zero)
        J[9] -= _imag(t, perp)

    vector = _transversity(hadron, s_minus, g.hVV, g.hAV, s_minus * total, g.hT, g.hT5)
    axial = _transversity(hadron, s_plus, g.hVA, g.hAA, s_plus * difference, g.hT5, g.hT)
    for zero, par, perp in (vector, axial):
        _add_squares(J, zero, par, perp, transverse=(0.75, 0.25), sign=1.0)
    for (zero, par, _), (_, other_par, other_perp) in ((vector, axial), (axial, vector)):
        J[6] -= _real(zero, other_perp)
        J[7] -= 2.0 * _real(par, other_perp)
        J[9] -= _imag(zero, other_par)

    J *= (8.0 / 3.0) * hadron.flux * pair.velocity  # 2 x 1/2 as for P, 3 cos^2 or sin^2 of the K*, 9/(32 pi)
    return J.T


class _Pair:
    """Amplitudes of a pair with masses m1, m2 that is made at rest with mass squared q2 (n,).

    velocity = 2 |p|/sqrt(q2); s_plus and s_minus are the square roots of s+- = q2 - (m1 +- m2)^2 [GeV], total and
    difference are (m1 +- m2)/sqrt(q2).  With chi1 along n, e_theta and e_phi the directions of growing theta and phi,
    ubar Gamma v for equal helicities +-1/2 and for the opposite helicities (+-1/2, -+1/2) is

        1                 +- s_plus                        0
        gamma5            - s_minus                        0
        gamma^0           +- difference s_plus             0
        gamma^0 gamma5    - total s_minus                  0
        gamma             -+ total s_minus n               - s_minus (e_theta -+ i e_phi)
        gamma gamma5      difference s_plus n              -+ s_plus (e_theta -+ i e_phi)
        sigma^{0k}        -+ i s_minus n                   - i total s_minus (e_theta -+ i e_phi)
        sigma^{0k}gamma5  i s_plus n                       -+ i difference s_plus (e_theta -+ i e_phi)
    """

    def __init__(self, q2: FloatArray, m1: float, m2: float) -> None:
        root_q2 = np.sqrt(q2)
        m_plus, m_minus = m1 + m2, m1 - m2
        self.velocity = kallen_sqrt(root_q2, m1, m2, allow_closed=True) / q2
        self.s_plus = np.sqrt(np.maximum(root_q2 - m_plus, 0.0) * (root_q2 + m_plus))
        self.s_minus = np.sqrt(np.maximum(root_q2 - m_minus, 0.0) * np.maximum(root_q2 + m_minus, 0.0))
        self.total = m_plus / root_q2
        self.difference = m_minus / root_q2


def _transversity(
    hadron: HadronV,
    current: FloatArray,
    gV: Coupling,
    gA: Coupling,
    tensor: FloatArray,
    gT: Coupling,
    gT5: Coupling,
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """(0, parallel, perpendicular) for the pair's amplitudes of its current (quark gV, gA) and tensor (gT, gT5).

    From contracting <gamma_mu> with the current and <sigma_{mu nu}> sigma^{mu nu} = -2 (<sigma^{0k}> sigma^{0k} +
    <sigma^{0k} gamma5> sigma^{0k} gamma5), summed over k, with the matrix elements of `HadronV`.
    """
    zero = gA * (current * hadron.H_0) - gT5 * (2.0 * tensor * hadron.T5_0)
    par = gA * (current * hadron.H_par) - gT5 * (2.0 * tensor * hadron.T5_par)
    perp = gV * (current * hadron.H_perp) + gT * (2.0 * tensor * hadron.T_perp)
    return zero, par, perp


def _add_squares(
    J: FloatArray,
    zero: ComplexArray,
    par: ComplexArray,
    perp: ComplexArray,
    transverse: tuple[float, float],
    sign: float,
) -> None:
    """Terms that equal (sign = -1) and opposite (+1) helicities of the pair have in common."""
    par2, perp2, zero2 = _square(par), _square(perp), _square(zero)
    J[0] += transverse[0] * (par2 + perp2)
    J[1] += 0.5 * zero2
    J[2] += transverse[1] * (par2 + perp2)
    J[3] -= sign * 0.5 * zero2
    J[4] += sign * 0.5 * (perp2 - par2)
    J[5] += sign * 0.5 * _real(zero, par)
    J[10] += sign * 0.5 * _imag(zero, perp)
    J[11] -= sign * _imag(par, perp)


def _in_blocks(
    formula: Callable[[Hadron, float, float, FermionCouplings], FloatArray],
    hadron: Hadron,
    m1: float,
    m2: float,
    couplings: FermionCouplings,
    identical: bool,
) -> FloatArray:
    """The formula for all q2, in blocks whose temporary arrays stay in the cache: twice as fast as all at once."""
    if identical and m1 != m2:
        raise ValueError(f"identical particles have one mass, got m1 = {m1}, m2 = {m2}")
    # The root is the factor 1/2 of identical particles in the width.
    g = 0.5**0.5 * (couplings + couplings.exchanged()) if identical else couplings
    blocks = (slice(start, start + _BLOCK) for start in range(0, max(len(hadron.q2), 1), _BLOCK))
    return np.concatenate([formula(type(hadron)(*(a[k] for a in hadron)), m1, m2, g.at(k)) for k in blocks])


def _root_q2_and_lambda(q2: FloatArray, m_B: float, m_H: float) -> tuple[FloatArray, FloatArray]:
    """sqrt(q2) [GeV] and sqrt(kallen(m_B^2, m_H^2, q2)) [GeV^2], the latter 0 beyond the end point."""
    if not np.all(q2 > 0.0):
        raise ValueError("the mass squared of a pair must be positive")
    root_q2 = np.sqrt(q2)
    return root_q2, kallen_sqrt(np.full_like(root_q2, m_B), m_H, root_q2, allow_closed=True)


def _flux(root_lambda: FloatArray, m_B: float) -> FloatArray:
    return root_lambda / (256.0 * math.pi**3 * m_B**3)


def _square(a: ComplexArray) -> FloatArray:
    """|a|^2."""
    return a.real**2 + a.imag**2


def _real(a: ComplexArray, b: ComplexArray) -> FloatArray:
    """Re(a b*)."""
    return a.real * b.real + a.imag * b.imag


def _imag(a: ComplexArray, b: ComplexArray) -> FloatArray:
    """Im(a b*)."""
    return a.imag * b.real - a.real * b.imag
