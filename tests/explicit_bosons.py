"""Amplitudes of B -> P and B -> V (-> K pi) with two scalars or two massive vectors, from four-vectors.

As in `explicit_amplitudes`, whose hadronic currents are used, nothing is shared with bkgen: every operator is
contracted with the metric and with epsilon (epsilon_{0123} = +1, epsilon^{0123} = -1), for three polarisation vectors
of each moving X.  The field with a dagger makes particle 1 and the other field particle 2, so that X*^mu X^nu stands
for e1*^mu e2*^nu, a derivative of an outgoing particle of momentum p for +i p, and A <->d B for A dB - (dA) B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from explicit_amplitudes import EPSILON, METRIC, Complex, Decay, Real, dot, dual, hadronic_P, hadronic_V, polarisations

SCALAR_NAMES = ("gS", "gP", "gV", "gA")
"""(sbar (gS + gP gamma5) b) phi* phi + (sbar gamma_mu (gV + gA gamma5) b)(phi* i<->d^mu phi)."""

VECTOR_NAMES = ("S", "P", "V2", "A2", "V3", "A3", "V4", "A4", "V5", "A5", "V6", "A6", "T1", "T2")
"""S, V2 to V6 and T1 have no gamma5 on the quarks; P, A2 to A6 are the same with one, and T2 has sigma gamma5."""

RAISED_EPSILON: Real = np.einsum("ma,nb,rc,sd,abcd->mnrs", *[METRIC] * 4, EPSILON, optimize=True)


def vector_bilinear(name: str, p1: Real, p2: Real, states: Complex) -> Complex:
    """The bilinear of that operator between two vectors and the vacuum, (states, ...) with upper indices.

    states: (n, 4, 4) products e1*^mu e2*^nu.
    """
    q, difference = METRIC @ (p1 + p2), METRIC @ (p2 - p1)
    exchanged = np.swapaxes(states, 1, 2)
    lowered = METRIC @ states @ METRIC
    trace = np.einsum("mn,amn->a", METRIC, states)
    result: dict[str, Callable[[], Complex]] = {
        # X*.X
        "S": lambda: trace,
        # d_nu (X*^mu X^nu + X*^nu X^mu)
        "2": lambda: 1j * (states + exchanged) @ q,
        # eps^{mu nu rho sigma} (X*_rho <->d_nu X_sigma)
        "3": lambda: 1j * np.einsum("mnrs,n,ars->am", RAISED_EPSILON, difference, lowered),
        # X*_nu i<->d^mu X^nu
        "4": lambda: 1j * 1j * np.outer(trace, p2 - p1),
        # i d_nu (X*^mu X^nu - X*^nu X^mu)
        "5": lambda: 1j * 1j * (states - exchanged) @ q,
        # eps^{mu nu rho sigma} i d_nu (X*_rho X_sigma)
        "6": lambda: 1j * 1j * np.einsum("mnrs,n,ars->am", RAISED_EPSILON, q, lowered),
        # (i/2)(X*^mu X^nu - X*^nu X^mu) with sigma, (1/2)(...) with sigma gamma5
        "T1": lambda: 0.5j * (states - exchanged),
        "T2": lambda: 0.5 * (states - exchanged),
    }
    return np.asarray(result[_pair_part(name)]())


def scalar_bilinear(name: str, p1: Real, p2: Real) -> Complex:
    """phi* phi (1,) or phi* i<->d^mu phi (1, 4)."""
    return np.ones(1, dtype=complex) if name in ("gS", "gP") else np.asarray([1j * 1j * (p2 - p1)])


def vector_states(decay: Decay, mass: float) -> Complex:
    """e1*^mu e2*^nu of the nine spin states, (9, 4, 4): each X polarised along x, y and z in its rest frame."""
    first, second = (_boosted_axes(p, mass) for p in (decay.p1, decay.p2))
    return np.asarray(np.einsum("am,bn->abmn", first, second).reshape(9, 4, 4), dtype=complex)


def _boosted_axes(p: Real, mass: float) -> Real:
    """Three real polarisation vectors (3, 4) of a vector of momentum p."""
    axes = np.eye(3)
    along = np.outer(p[1:], p[1:]) / (mass * (p[0] + mass))
    return np.concatenate([p[1:, None] / mass, axes + along], axis=1)


def _pair_part(name: str) -> str:
    """The bilinear of a vector operator, the same with and without gamma5 on the quarks."""
    return {"S": "S", "P": "S", "T1": "T1", "T2": "T2"}.get(name, name[1:])


def _quark_part(name: str) -> str:
    """The quark current of an operator."""
    return {"T1": "T", "T2": "T5"}.get(name, name[1] if name in SCALAR_NAMES else name[0])


def pair_amplitudes(decay: Decay, mass: float, names: tuple[str, ...], kind: str, real: bool) -> dict[str, Complex]:
    """Bilinears of the named operators for all spin states, of a complex or a real field.

    A real field has a factor 1/2 in the Lagrangian and two ways to make the pair.
    """
    if kind == "scalar":
        direct = {name: scalar_bilinear(name, decay.p1, decay.p2) for name in names}
        crossed = {name: scalar_bilinear(name, decay.p2, decay.p1) for name in names}
    else:
        states = vector_states(decay, mass)
        direct = {name: vector_bilinear(name, decay.p1, decay.p2, states) for name in names}
        exchanged = np.swapaxes(states, 1, 2)
        crossed = {name: vector_bilinear(name, decay.p2, decay.p1, exchanged) for name in names}
    return {name: 0.5 * (direct[name] + crossed[name]) for name in names} if real else direct


def contracted(
    hadron: Mapping[str, Complex], pairs: Mapping[str, Complex], couplings: Mapping[str, complex]
) -> Complex:
    """Amplitude (states,): quark currents times bilinears."""
    currents = {**hadron, "T5": dual(hadron["T"])}
    total: Complex = np.zeros(1, dtype=complex)
    for name, value in couplings.items():
        current, pair = currents[_quark_part(name)], pairs[name]
        lowered = {0: lambda x: x, 1: lambda x: METRIC @ x, 2: lambda x: METRIC @ x @ METRIC}[current.ndim](current)
        total = total + value * (pair.reshape(len(pair), -1) @ lowered.reshape(-1))
    return total


def squared_amplitude(
    decay: Decay,
    mass: float,
    form_factors: Mapping[str, float],
    m_b: float,
    m_s: float,
    couplings: Mapping[str, complex],
    kind: str,
    real: bool = False,
) -> float:
    """Sum over spins of |M|^2 for a pair of equal masses, without a factor for identical particles.

    With K* -> K pi, of |sum_lambda M_lambda eps_lambda.(p_K - p_pi)|^2.  kind: "scalar", with couplings named as in
    `SCALAR_NAMES`, or "vector" with `VECTOR_NAMES`; real: the field is real and the Lagrangian has a factor 1/2.
    """
    pairs = pair_amplitudes(decay, mass, tuple(couplings), kind, real)
    if decay.K is None or decay.pi is None:
        return float(np.sum(np.abs(contracted(hadronic_P(decay, form_factors, m_b, m_s), pairs, couplings)) ** 2))
    total: Complex = np.zeros(1, dtype=complex)
    for eps in polarisations(decay.H):
        hadron = hadronic_V(decay, eps, form_factors, m_b, m_s)
        total = total + contracted(hadron, pairs, couplings) * dot(eps, decay.K - decay.pi)
    return float(np.sum(np.abs(total) ** 2))
