"""Pairs of scalars and of massive vectors: their couplings to the quark currents and their helicity states.

The field with a star creates the first particle, the other one its antiparticle; A <-> d B = A dB - (dA) B.
Source of the operators: arXiv:2209.05223, numbered as in its list of vector operators.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from .hadron_currents import HadronP, HadronV
from .kinematics import FloatArray, kallen_sqrt
from .pair_angles import Coupling, Couplings, PairState, PairStates, angular_coefficients

_ROOT_HALF = 0.5**0.5


@dataclass(frozen=True, slots=True)
class ScalarCouplings(Couplings):
    """Couplings of phi phi* as they stand in the Lagrangian; gS and gP in GeV^-1, gV and gA in GeV^-2.

    L = sbar (gS + gP gamma5) b phi* phi + sbar gamma_mu (gV + gA gamma5) b phi* i<->d^mu phi + h.c.
    """

    gS: Coupling = 0.0
    gP: Coupling = 0.0
    gV: Coupling = 0.0
    gA: Coupling = 0.0


@dataclass(frozen=True, slots=True)
class VectorCouplings(Couplings):
    """Couplings of X X* as they stand in the Lagrangian; S, P, T1, T2 in GeV^-1, the others in GeV^-2.

    L = sbar (S + P gamma5) b X*.X
      + sbar gamma_mu (V2 + A2 gamma5) b d_nu (X*^mu X^nu + X*^nu X^mu)
      + sbar gamma_mu (V3 + A3 gamma5) b epsilon^{mu nu rho sigma} X*_rho <->d_nu X_sigma
      + sbar gamma_mu (V4 + A4 gamma5) b X*_nu i<->d^mu X^nu
      + sbar gamma_mu (V5 + A5 gamma5) b i d_nu (X*^mu X^nu - X*^nu X^mu)
      + sbar gamma_mu (V6 + A6 gamma5) b epsilon^{mu nu rho sigma} i d_nu (X*_rho X_sigma)
      + sbar sigma_{mu nu} (i T1 + T2 gamma5) b (X*^mu X^nu - X*^nu X^mu)/2 + h.c.
    """

    S: Coupling = 0.0
    P: Coupling = 0.0
    V2: Coupling = 0.0
    A2: Coupling = 0.0
    V3: Coupling = 0.0
    A3: Coupling = 0.0
    V4: Coupling = 0.0
    A4: Coupling = 0.0
    V5: Coupling = 0.0
    A5: Coupling = 0.0
    V6: Coupling = 0.0
    A6: Coupling = 0.0
    T1: Coupling = 0.0
    T2: Coupling = 0.0


Bosons = TypeVar("Bosons", ScalarCouplings, VectorCouplings)

VANISH_FOR_REAL = {
    ScalarCouplings: frozenset({"gV", "gA"}),
    VectorCouplings: frozenset({"V4", "A4", "V5", "A5", "V6", "A6", "T1", "T2"}),
}
"""Operators that are odd under the exchange of the two fields, which a real field does not have."""


def scalar_pair(hadron: HadronP | HadronV, m: float, couplings: ScalarCouplings, identical: bool = False) -> FloatArray:
    """Angular coefficients (n, 3) or (n, 12) [GeV^-1] of B -> P or V with two scalars of mass m [GeV].

    Normalised and ordered as in `bkgen.spectrum`, exact as said in `bkgen.pair_angles`.  ``identical``: a real phi with
    the Lagrangian times 1/2, which gives half of the complex width.  Below threshold and beyond the end point the
    result is 0.  Raises ValueError for identical particles with gV or gA.
    """
    g = _real_field(couplings) if identical else couplings
    return angular_coefficients(lambda q2, part: _scalar_states(q2, m, part), hadron, g)


def vector_pair(hadron: HadronP | HadronV, m: float, couplings: VectorCouplings, identical: bool = False) -> FloatArray:
    """Angular coefficients (n, 3) or (n, 12) [GeV^-1] of B -> P or V with two vectors of mass m [GeV].

    As `scalar_pair`.  Raises ValueError unless m > 0, as the rates grow like (q2/m^2)^2, and for identical particles
    with V4, V5, V6, A4, A5, A6, T1 or T2.
    """
    if not m > 0.0:
        raise ValueError(f"the mass of a vector must be positive, got {m}")
    g = _real_field(couplings) if identical else couplings
    return angular_coefficients(lambda q2, part: _vector_states(q2, m, part), hadron, g)


def _real_field(couplings: Bosons) -> Bosons:
    """Couplings with the same width for a complex field: L times 1/2, two contractions, 1/2 of identical particles."""
    vanishing = VANISH_FOR_REAL[type(couplings)]
    if odd := [f.name for f in fields(couplings) if f.name in vanishing and np.any(getattr(couplings, f.name))]:
        raise ValueError(f"a real field has no {', '.join(odd)}")
    return _ROOT_HALF * couplings


def _scalar_states(q2: FloatArray, m: float, g: ScalarCouplings) -> PairStates:
    """The one state of two scalars with mass squared q2 (n,): 1, and p1 - p2 = beta sqrt(q2) n."""
    root_q2 = np.sqrt(q2)
    beta = kallen_sqrt(root_q2, m, m, allow_closed=True) / q2
    k, current = _ROOT_HALF, _ROOT_HALF * beta * root_q2
    return PairStates(beta, [PairState(S=g.gS * k, P=g.gP * k, V=g.gV * current, A=g.gA * current)], [])


def _vector_states(q2: FloatArray, m: float, g: VectorCouplings) -> PairStates:
    """Helicity states of two vectors with mass squared q2 (n,), x = q2/m^2; currents in units of sqrt(q2).

    Polarisation vectors (p, E n)/m and (p, -E n)/m of longitudinal ones, (e_theta -+ i e_phi)/sqrt(2) of transverse
    ones, with n, e_theta, e_phi as in `PairState`.  Of projection 0: both longitudinal (LL), and both transverse, +-
    even and odd.  Of projection +-1: sum and difference, over sqrt(2), of (T L) and (L T), each even or odd.

                 LL              +- even   +- odd   sum, even        sum, odd      diff., even     diff., odd
        X*.X     x/2 - 1         -1
        V2       i beta^2 x/2 t                     i beta sqrt(x)/2
        V3                                 beta t                                                  beta^2 sqrt(x)/2
        V4       beta (x/2 - 1)  -beta
        V5       -beta x/2                                                         -beta sqrt(x)/2
        V6                                 -i                        -i sqrt(x)/2
        T1, e    beta x/4                                                          beta sqrt(x)/4
        T1, b                              -1/2                      -sqrt(x)/4

    with t the time component of a current, all others along n or e_theta -+ i e_phi; T2 has e = i b and b = i e of T1.
    """
    root_q2 = np.sqrt(q2)
    beta = kallen_sqrt(root_q2, m, m, allow_closed=True) / q2
    x, root_x = q2 / m**2, root_q2 / m
    LL = PairState(
        S=g.S * (0.5 * x - 1.0),
        P=g.P * (0.5 * x - 1.0),
        V_t=1j * g.V2 * (0.5 * beta**2 * x * root_q2),
        A_t=1j * g.A2 * (0.5 * beta**2 * x * root_q2),
        V=(g.V4 * (0.5 * x - 1.0) - g.V5 * (0.5 * x)) * (beta * root_q2),
        A=(g.A4 * (0.5 * x - 1.0) - g.A5 * (0.5 * x)) * (beta * root_q2),
        e=g.T1 * (0.25 * beta * x),
        b=1j * g.T2 * (0.25 * beta * x),
    )
    TT_even = PairState(S=-g.S, P=-g.P, V=-g.V4 * (beta * root_q2), A=-g.A4 * (beta * root_q2))
    TT_odd = PairState(
        V_t=g.V3 * (beta * root_q2),
        A_t=g.A3 * (beta * root_q2),
        V=-1j * g.V6 * root_q2,
        A=-1j * g.A6 * root_q2,
        e=-0.5j * g.T2,
        b=-0.5 * g.T1,
    )
    half = 0.5 * root_x * root_q2
    sum_even = PairState(V=1j * g.V2 * (beta * half), A=1j * g.A2 * (beta * half))
    sum_odd = PairState(
        V=-1j * g.V6 * half, A=-1j * g.A6 * half, e=-1j * g.T2 * (0.25 * root_x), b=-g.T1 * (0.25 * root_x)
    )
    difference_even = PairState(
        V=-g.V5 * (beta * half),
        A=-g.A5 * (beta * half),
        e=g.T1 * (0.25 * beta * root_x),
        b=1j * g.T2 * (0.25 * beta * root_x),
    )
    difference_odd = PairState(V=g.V3 * (beta**2 * half), A=g.A3 * (beta**2 * half))
    LL = PairState(*(_ROOT_HALF * amplitude for amplitude in LL))  # its own mirror image
    return PairStates(beta, [LL, TT_even, TT_odd], [(sum_even, sum_odd), (difference_even, difference_odd)])
