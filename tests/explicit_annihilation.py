"""|M|^2 of annihilation from spinors, polarisation vectors and four-momenta, in any frame.

As in `explicit_amplitudes`, nothing is shared with bkgen.  Amplitudes are written vertex by vertex, i M as a product of
i times the terms of the Lagrangian and of propagators; sums over spins are explicit, averages and symmetry factors are
left to the caller.  p1, p2 come in, k1, k2 go out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from explicit_amplitudes import GAMMA, GAMMA5, METRIC, Complex, Real, dot, polarisations, spinors, two_body

ONE = np.eye(4, dtype=complex)


@dataclass(frozen=True)
class Scattering:
    """Four-momenta and masses of p1 p2 -> k1 k2."""

    p1: Real
    p2: Real
    k1: Real
    k2: Real
    m_a: float
    m_b: float
    m_1: float
    m_2: float

    @property
    def s(self) -> float:
        """(p1 + p2)^2."""
        return dot(self.p1 + self.p2, self.p1 + self.p2).real

    @property
    def t(self) -> float:
        """(p1 - k1)^2."""
        return dot(self.p1 - self.k1, self.p1 - self.k1).real

    @property
    def u(self) -> float:
        """(p2 - k1)^2."""
        return dot(self.p2 - self.k1, self.p2 - self.k1).real


def random_scattering(rng: np.random.Generator, s: float, m_a: float, m_b: float, m_1: float, m_2: float) -> Scattering:
    """Random directions in a moving frame."""
    momentum = rng.normal(size=3)
    total = np.array([math.sqrt(s + momentum @ momentum), *momentum])
    p1, p2 = two_body(rng, total, m_a, m_b)
    k1, k2 = two_body(rng, total, m_1, m_2)
    return Scattering(p1, p2, k1, k2, m_a, m_b, m_1, m_2)


def scattering_at(s: float, c: float, m_a: float, m_b: float, m_1: float, m_2: float) -> Scattering:
    """At cos(theta) = c in the centre-of-mass frame, off the axes."""

    def momenta(x: float, y: float, direction: Real) -> tuple[Real, Real]:
        E = (s + x * x - y * y) / (2.0 * math.sqrt(s))
        p = math.sqrt(E * E - x * x) * direction
        return np.array([E, *p]), np.array([math.sqrt(s) - E, *(-p)])

    z, x = np.array([2.0, 1.0, 2.0]) / 3.0, np.array([1.0, 2.0, -2.0]) / 3.0
    p1, p2 = momenta(m_a, m_b, z)
    k1, k2 = momenta(m_1, m_2, c * z + math.sqrt(1.0 - c * c) * x)
    return Scattering(p1, p2, k1, k2, m_a, m_b, m_1, m_2)


def integrated(
    squared: Callable[[Scattering], float], s: float, masses: tuple[float, float, float, float], nodes: int
) -> float:
    """(1/F) int |M|^2 dPhi_2 with Gauss-Legendre in the cosine."""
    at = [scattering_at(s, c, *masses) for c in np.polynomial.legendre.leggauss(nodes)[0]]
    weights = np.polynomial.legendre.leggauss(nodes)[1]
    p = np.linalg.norm(at[0].p1[1:])
    k = np.linalg.norm(at[0].k1[1:])
    return float(k / p / (32.0 * math.pi * s) * sum(w * squared(x) for w, x in zip(weights, at, strict=True)))


def slash(p: Complex | Real) -> Complex:
    """gamma.p."""
    return np.einsum("m,mn,nab->ab", p, METRIC, GAMMA)


def bars(us: Iterable[Complex]) -> list[Complex]:
    """ubar of each spinor."""
    return [u.conj() @ GAMMA[0] for u in us]


def fermion_propagator(q: Real, m: float) -> Complex:
    """(qslash + m)/(q^2 - m^2)."""
    return (slash(q) + m * ONE) / (dot(q, q) - m * m)


def squares(rows: Sequence[Complex], matrix: Complex, columns: Sequence[Complex]) -> float:
    """Sum over spins of |row matrix column|^2."""
    return float(sum(abs(row @ matrix @ column) ** 2 for row in rows for column in columns))


def to_fermions(x: Scattering, matrix: Complex) -> float:
    """Sum over the final spins of |ubar(k1) matrix v(k2)|^2."""
    return squares(bars(spinors(x.k1, x.m_1)[0]), matrix, spinors(x.k2, x.m_2)[1])


def from_fermions(x: Scattering, matrix: Complex) -> float:
    """Sum over the initial spins of |vbar(p2) matrix u(p1)|^2."""
    return squares(bars(spinors(x.p2, x.m_b)[1]), matrix, spinors(x.p1, x.m_a)[0])


def outgoing(k: Real) -> list[Complex]:
    """e* of the three states of a massive vector."""
    return [e.conj() for e in polarisations(k)]


def transverse(k: Real) -> list[Complex]:
    """Two real polarisation vectors of a massless vector, in the gauge e^0 = 0."""
    n = k[1:] / np.linalg.norm(k[1:])
    first = np.cross(n, np.eye(3)[int(np.argmin(np.abs(n)))])
    first /= np.linalg.norm(first)
    return [np.array([0.0, *e], dtype=complex) for e in (first, np.cross(n, first))]


def scalars(amplitude: complex) -> float:
    """|M|^2 from i M."""
    return abs(amplitude) ** 2


def XX_to_H1H1(x: Scattering, XXH: Sequence[float], XXHH: float, HHH: Sequence[float], D: Sequence[complex]) -> float:
    """i M from the vertices -i XXH[i], -i XXHH, -i HHH[i] and propagators i/D[i], i/(t - m^2), i/(u - m^2)."""
    m2 = x.m_a**2
    iM = -1j * XXHH
    iM += sum((-1j * a) * (1j / d) * (-1j * b) for a, d, b in zip(XXH, D, HHH, strict=True))
    iM += (-1j * XXH[0]) ** 2 * (1j / (x.t - m2) + 1j / (x.u - m2))
    return scalars(iM)


def XX_to_ZpZp(x: Scattering, g: float, XXphi: float, phiZZ: float, exchange: complex) -> float:
    """Vertices i g (q + q').e, 2 i g^2 e1.e2, -i XXphi, i phiZZ e1.e2; propagators i/(q^2 - m^2), i exchange."""
    m2, total = x.m_a**2, 0.0
    for e1 in outgoing(x.k1):
        for e2 in outgoing(x.k2):
            iM = 2j * g**2 * dot(e1, e2) + (-1j * XXphi) * 1j * exchange * 1j * phiZZ * dot(e1, e2)
            for k, e, f in ((x.k1, e1, e2), (x.k2, e2, e1)):  # X(p1) emits e, then annihilates with Xbar(p2) into f
                q = x.p1 - k
                iM += 1j * g * dot(x.p1 + q, e) * 1j / (dot(q, q) - m2) * 1j * g * dot(q - x.p2, f)
            total += scalars(iM)
    return total


def XX_to_ZpH1(x: Scattering, g: float, XXH: float, HZZ: float, D: complex) -> float:
    """Vertices as in `XX_to_ZpZp`; propagators i/(q^2 - m^2) and -i (g - q q/M^2)/D of the Z' of momentum k1."""
    m2, M2, q = x.m_a**2, x.m_1**2, x.p1 + x.p2
    current = x.p1 - x.p2
    total = 0.0
    for e in outgoing(x.k1):
        t, u = x.p1 - x.k1, x.k1 - x.p2
        iM = 1j * g * dot(x.p1 + t, e) * 1j / (x.t - m2) * (-1j * XXH)
        iM += (-1j * XXH) * 1j / (x.u - m2) * 1j * g * dot(u - x.p2, e)
        contracted = dot(current, e) - dot(current, q) * dot(q, e) / M2
        iM += 1j * g * (-1j / D) * contracted * 1j * HZZ
        total += scalars(iM)
    return total


def XX_to_XbarH1(x: Scattering, XXX: float, XXXH: float, XXH: float) -> float:
    """X(p1) X(p2) -> H1(k1) Xbar(k2): vertices i XXXH, i XXX, -i XXH."""
    m2 = x.m_a**2
    propagators = sum(1j / (y - m2) for y in (x.s, x.t, x.u))
    return scalars(1j * XXXH + 1j * XXX * propagators * (-1j * XXH))


def XX_to_XbarZp(x: Scattering, g: float, XXX: float) -> float:
    """X(p1) X(p2) -> Z'(k1) Xbar(k2): vertices i XXX and, along the charge of X, i g (q + q').e."""
    m2, total = x.m_a**2, 0.0
    for e in outgoing(x.k1):
        iM = sum(
            1j * g * dot(p + q, e) * 1j / (dot(q, q) - m2) * 1j * XXX
            for p, q in ((x.p1, x.p1 - x.k1), (x.p2, x.p2 - x.k1))
        )
        inner = -(x.k2 + x.k1)  # momentum along the charge flow, against that of the Xbar
        iM += 1j * XXX * 1j / (x.s - m2) * 1j * g * dot(inner - x.k2, e)
        total += scalars(iM)
    return total


def to_scalars(x: Scattering, y: float, cubic: float, D: complex) -> float:
    """f fbar -> phi phi: vertices -i y, -i cubic."""
    iM = sum((-1j * y) * 1j * fermion_propagator(x.p1 - k, x.m_a) * (-1j * y) for k in (x.k1, x.k2))
    return from_fermions(x, iM + (-1j * y) * 1j / D * (-1j * cubic) * ONE)


def b_bbar_to_a_vector(x: Scattering, g: float, axial: float) -> float:
    """b(p1) bbar(p2) -> a(k1) g(k2) without colour: L = axial d_mu a bbar gamma^mu gamma5 b and g bbar Aslash b."""
    vertex = 1j * axial * 1j * slash(x.k1) @ GAMMA5
    total = 0.0
    for e in transverse(x.k2):
        gauge = 1j * g * slash(e)
        iM = vertex @ (1j * fermion_propagator(x.p1 - x.k2, x.m_a)) @ gauge
        iM += gauge @ (1j * fermion_propagator(x.p1 - x.k1, x.m_a)) @ vertex
        total += from_fermions(x, iM)
    return total


def b_vector_to_b_a(x: Scattering, g: float, axial: float) -> float:
    """b(p1) g(p2) -> b(k1) a(k2) without colour, as in `b_bbar_to_a_vector`."""
    vertex = 1j * axial * 1j * slash(x.k2) @ GAMMA5
    total = 0.0
    for e in transverse(x.p2):
        gauge = 1j * g * slash(e)
        iM = vertex @ (1j * fermion_propagator(x.p1 + x.p2, x.m_a)) @ gauge
        iM += gauge @ (1j * fermion_propagator(x.p1 - x.k2, x.m_a)) @ vertex
        total += squares(bars(spinors(x.k1, x.m_1)[0]), iM, spinors(x.p1, x.m_a)[0])
    return total
