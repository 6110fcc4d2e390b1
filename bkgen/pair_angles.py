"""Angular coefficients of B -> P and B -> V from the amplitudes of an invisible pair, whatever its spin.

A kind of pair (`bkgen.pair`: fermions, `bkgen.boson_pair`: scalars and vectors) says what each helicity state gives for
the bilinears that the quark currents of `bkgen.hadron_currents` couple to.  Here the two are contracted and summed over
spins, to the coefficients that `bkgen.spectrum` takes: (n, 3) or (n, 12), in GeV^-1, so that ``spectrum.integrated`` of
them is dGamma/dq2.  Nothing is neglected: masses, the interference of all operators and complex couplings are exact, as
sbar Gamma b makes pairs of total J <= 1 only, that is with a spin projection 0 or +-1 on their axis.

Angles are those of `bkgen.spectrum`: theta of the first particle against the hadron, in the pair frame; theta_K of the
K against the direction opposite to the B, in the K* frame; azimuth phi of arXiv:0811.1214.  The narrow vector decays to
two spinless mesons with unit branching fraction.

**Charge.**  A term (sbar Gamma b)(chi1bar Gamma' chi2) of the Lagrangian annihilates a b quark: couplings and angles
are those of Bbar -> Kbar(*) chi1 chi2bar.  They are used unchanged for the named B+, B0 or Bs, as if its decay were
written b -> s: no sign is flipped for CP.  So the signs of J5, J6s and J6c and of the CP-odd J7, J8 and J9 are those
of the Bbar decay.  The "+ h.c." adds nothing to either.

Source of the method: arXiv:1506.03970 (helicity formalism, all dimension-six operators).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from .hadron_currents import Hadron, HadronP, HadronV
from .kinematics import FloatArray

ComplexArray = NDArray[np.complexfloating[Any, Any]]
Coupling = complex | ComplexArray
"""A coupling; an array (n,) if it depends on q2, as for a mediator that is not heavy."""
Amplitude = complex | FloatArray | ComplexArray

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Couplings:
    """Couplings of one kind of pair to the quark currents; they add up like the terms of a Lagrangian."""

    __array_ufunc__: ClassVar[None] = None  # an array times couplings is left to __rmul__

    def __add__(self, other: Self) -> Self:
        """Sum of two Lagrangians."""
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, factor: Coupling) -> Self:
        """All couplings times ``factor``."""
        return type(self)(*(getattr(self, f.name) * factor for f in fields(self)))

    __rmul__ = __mul__

    def at(self, part: slice) -> Self:
        """The couplings of a part of the q2 values."""
        values = (getattr(self, f.name) for f in fields(self))
        return type(self)(*(value[part] if isinstance(value, np.ndarray) else value for value in values))


C = TypeVar("C", bound=Couplings)


class PairState(NamedTuple):
    """What a pair in one helicity state couples to each quark current, couplings included; numbers or arrays (n,).

    S, P: to sbar b and sbar gamma5 b.  V_t, V and A_t, A: time component and coefficient of the direction, of the
    currents that meet sbar gamma_mu b and sbar gamma_mu gamma5 b.  e, b: coefficients of the direction of i B^{0k} and
    epsilon^{kij} B^{ij}/2, of the tensor B that meets sbar sigma_{mu nu} b.

    The direction is n, that of the first particle, for a state of spin projection 0 on n; it is e_theta -+ i e_phi for
    the projections +-1, which have no S, P, V_t, A_t.
    """

    S: Amplitude = 0.0
    P: Amplitude = 0.0
    V_t: Amplitude = 0.0
    V: Amplitude = 0.0
    A_t: Amplitude = 0.0
    A: Amplitude = 0.0
    e: Amplitude = 0.0
    b: Amplitude = 0.0


class PairStates(NamedTuple):
    """All helicity states of a pair.

    velocity: 2 |p|/sqrt(q2), (n,).
    zero: states of projection 0.  Each stands for two, +- even and odd combinations of a state and its mirror image;
    one that is its own mirror image is given times 1/sqrt(2).
    one: (even, odd) for the states of projection +-1, whose amplitudes are even +- odd.
    """

    velocity: FloatArray
    zero: Sequence[PairState]
    one: Sequence[tuple[PairState, PairState]]


def angular_coefficients(
    states: Callable[[FloatArray, C], PairStates], hadron: HadronP | HadronV, couplings: C
) -> FloatArray:
    """Coefficients (n, 3) or (n, 12) [GeV^-1] of d2Gamma/dq2 dc or d4Gamma/dq2 dc dc_K dphi at all q2 of the hadron.

    ``states`` gives the pair at q2 (n,) with couplings.  In blocks whose temporary arrays stay in the cache: twice as
    fast as all at once.
    """
    if isinstance(hadron, HadronP):
        return _in_blocks(_coefficients_P, states, hadron, couplings)
    return _in_blocks(_coefficients_V, states, hadron, couplings)


def _in_blocks(
    formula: Callable[[Hadron, PairStates], FloatArray],
    states: Callable[[FloatArray, C], PairStates],
    hadron: Hadron,
    couplings: C,
) -> FloatArray:
    parts = [slice(start, start + _BLOCK) for start in range(0, max(len(hadron.q2), 1), _BLOCK)]
    return np.concatenate([formula(hadron.at(k), states(hadron.q2[k], couplings.at(k))) for k in parts])


def _coefficients_P(hadron: HadronP, pair: PairStates) -> FloatArray:
    """Coefficients (n, 3): an amplitude a_0 + a_1 c for projection 0, one proportional to sin(theta) for +-1."""
    G = np.zeros((3, len(hadron.q2)))
    for state in pair.zero:
        a_0 = state.S * hadron.H_S + state.V_t * hadron.H_t
        a_1 = _along_P(hadron, state)
        G[0] += _square(a_0)
        G[1] += 2.0 * _real(a_0, a_1)
        G[2] += _square(a_1)
    for state in (part for parts in pair.one for part in parts):
        squared = _square(_along_P(hadron, state))
        G[0] += squared
        G[2] -= squared
    return (G * (hadron.flux * pair.velocity)).T  # 2 for two helicities times 1/2 for the mean over c


def _along_P(hadron: HadronP, state: PairState) -> Amplitude:
    """Contraction of the spatial currents and tensors, which are along z for P."""
    return 2.0 * state.e * hadron.H_T - state.V * hadron.H_0


def _coefficients_V(hadron: HadronV, pair: PairStates) -> FloatArray:
    """Coefficients (n, 12) from transversity amplitudes of V: 0, parallel, perpendicular, and timelike t.

    With massless fermions and no S, P, T only pairs of projection +-1 are left: even -+ odd are, up to signs and
    normalisation, the A^{L,R} of arXiv:0811.1214 sec. 3.
    """
    J = np.zeros((12, len(hadron.q2)))
    for state in pair.zero:
        t = state.A_t * hadron.H_t - state.P * hadron.H_P
        zero, par, perp = _transversity(hadron, state)
        _add_squares(J, zero, par, perp, transverse=(0.25, -0.25), sign=-1.0)
        J[1] += _square(t)
        J[6] -= _real(t, par)
        J[8] += 2.0 * _real(t, zero)
        J[9] -= _imag(t, perp)
    for even, odd in pair.one:
        amplitudes = _transversity(hadron, even), _transversity(hadron, odd)
        for zero, par, perp in amplitudes:
            _add_squares(J, zero, par, perp, transverse=(0.75, 0.25), sign=1.0)
        for (zero, par, _), (_, other_par, other_perp) in (amplitudes, amplitudes[::-1]):
            J[6] -= _real(zero, other_perp)
            J[7] -= 2.0 * _real(par, other_perp)
            J[9] -= _imag(zero, other_par)
    return (J * ((8.0 / 3.0) * hadron.flux * pair.velocity)).T  # 1 as for P, 3 of the K* decay, 9/(32 pi)


def _transversity(hadron: HadronV, state: PairState) -> tuple[Amplitude, Amplitude, Amplitude]:
    """(0, parallel, perpendicular) of V for the currents and tensors of a pair.

    From V^mu L_mu and B_{mu nu} <sigma^{mu nu}> = 2i (e.<sigma^{0k}> - b.<sigma^{0k} gamma5>), as sigma^{ij} =
    -i epsilon^{ijk} sigma^{0k} gamma5, with the matrix elements of `HadronV`; perpendicular stands for -i z x eps*.
    """
    zero = 2.0 * state.b * hadron.T5_0 - state.A * hadron.H_0
    par = 2.0 * state.b * hadron.T5_par - state.A * hadron.H_par
    perp = 2.0 * state.e * hadron.T_perp - state.V * hadron.H_perp
    return zero, par, perp


def _add_squares(
    J: FloatArray,
    zero: Amplitude,
    par: Amplitude,
    perp: Amplitude,
    transverse: tuple[float, float],
    sign: float,
) -> None:
    """Terms that projections 0 (sign = -1) and +-1 (sign = +1) of the pair have in common."""
    par2, perp2, zero2 = _square(par), _square(perp), _square(zero)
    J[0] += transverse[0] * (par2 + perp2)
    J[1] += 0.5 * zero2
    J[2] += transverse[1] * (par2 + perp2)
    J[3] -= sign * 0.5 * zero2
    J[4] += sign * 0.5 * (perp2 - par2)
    J[5] += sign * 0.5 * _real(zero, par)
    J[10] += sign * 0.5 * _imag(zero, perp)
    J[11] -= sign * _imag(par, perp)


def _square(a: Amplitude) -> FloatArray:
    """|a|^2."""
    return np.asarray(a.real**2 + a.imag**2)


def _real(a: Amplitude, b: Amplitude) -> FloatArray:
    """Re(a b*)."""
    return np.asarray(a.real * b.real + a.imag * b.imag)


def _imag(a: Amplitude, b: Amplitude) -> FloatArray:
    """Im(a b*)."""
    return np.asarray(a.imag * b.real - a.real * b.imag)
