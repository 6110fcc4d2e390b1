"""Amplitudes of B -> P chi1 chi2bar and B -> V (-> K pi) chi1 chi2bar from Dirac spinors and four-vectors.

Nothing is shared with bkgen: gamma matrices, spinors for any direction, hadronic matrix elements in their covariant
form, polarisation vectors summed coherently with K* -> K pi, and angles from scalar and vector products.  Four-vectors
are (E, px, py, pz), metric (+, -, -, -), gamma5 = i g0 g1 g2 g3.  The covariant forms of V and T_1 (arXiv:0811.1214)
need epsilon_{0123} = +1; `test_pair.py` shows that no other sign keeps the tensor current finite at q2 = 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
_SIGMA = (
    np.array([[0, 1], [1, 0]], dtype=complex),
    np.array([[0, -1j], [1j, 0]], dtype=complex),
    np.array([[1, 0], [0, -1]], dtype=complex),
)
_ONE, _ZERO = np.eye(2, dtype=complex), np.zeros((2, 2), dtype=complex)
GAMMA: Complex = np.array(
    [np.block([[_ONE, _ZERO], [_ZERO, -_ONE]])] + [np.block([[_ZERO, s], [-s, _ZERO]]) for s in _SIGMA]
)
GAMMA5: Complex = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
SIGMA: Complex = np.array([[0.5j * (GAMMA[m] @ GAMMA[n] - GAMMA[n] @ GAMMA[m]) for n in range(4)] for m in range(4)])
CHARGE: Complex = 1j * GAMMA[2] @ GAMMA[0]


def _levi_civita() -> Real:
    """epsilon_{mu nu rho sigma} with epsilon_{0123} = +1."""
    epsilon = np.zeros((4, 4, 4, 4))
    for p in itertools.permutations(range(4)):
        epsilon[p] = round(np.linalg.det(np.eye(4)[list(p)]))
    return epsilon


EPSILON = _levi_civita()


@dataclass(frozen=True)
class Decay:
    """Four-momenta of one decay; K and pi are absent for B -> P."""

    B: Real
    H: Real
    p1: Real
    p2: Real
    K: Real | None = None
    pi: Real | None = None

    @property
    def q(self) -> Real:
        """Momentum of the pair."""
        return self.p1 + self.p2


def dot(a: Complex | Real, b: Complex | Real) -> complex:
    """Minkowski product, without complex conjugation."""
    return complex(a @ METRIC @ b)


def lower(a: Complex | Real) -> Complex:
    """Vector with its index lowered, or raised."""
    return np.asarray(METRIC @ a, dtype=complex)


def boosted(p: Real, frame: Real) -> Real:
    """p, given in the rest frame of the particle with momentum `frame`, in the frame where that has `frame`."""
    mass = math.sqrt(dot(frame, frame).real)
    along = float(frame[1:] @ p[1:])
    E = (frame[0] * p[0] + along) / mass
    return np.concatenate([[E], p[1:] + frame[1:] * ((p[0] + E) / (mass + frame[0]))])


def at_rest(p: Real, frame: Real) -> Real:
    """p in the rest frame of the particle with momentum `frame`."""
    return boosted(p, np.concatenate([frame[:1], -frame[1:]]))


def two_body(rng: np.random.Generator, parent: Real, m1: float, m2: float) -> tuple[Real, Real]:
    """Isotropic decay of `parent`."""
    M = math.sqrt(dot(parent, parent).real)
    k = math.sqrt((M**2 - (m1 + m2) ** 2) * (M**2 - (m1 - m2) ** 2)) / (2.0 * M)
    n = rng.normal(size=3)
    n *= k / np.linalg.norm(n)
    first = boosted(np.array([math.hypot(k, m1), *n]), parent)
    return first, boosted(np.array([math.hypot(k, m2), *(-n)]), parent)


def random_decay(
    rng: np.random.Generator,
    m_B: float,
    m_H: float,
    m1: float,
    m2: float,
    daughters: tuple[float, float] | None = None,
) -> Decay:
    """A decay of a moving B at a random q2, not at the edge of the phase space."""
    lower_end, upper_end = (m1 + m2) ** 2, (m_B - m_H) ** 2
    q2 = lower_end + (upper_end - lower_end) * rng.uniform(0.02, 0.98)
    momentum = rng.normal(size=3)
    B = np.array([math.sqrt(m_B**2 + momentum @ momentum), *momentum])
    H, q = two_body(rng, B, m_H, math.sqrt(q2))
    p1, p2 = two_body(rng, q, m1, m2)
    return Decay(B, H, p1, p2, *(two_body(rng, H, *daughters) if daughters else ()))


def decay_at(
    m_B: float,
    m_H: float,
    masses: tuple[float, float],
    q2: float,
    angles: tuple[float, float, float],
    daughters: tuple[float, float] | None = None,
) -> Decay:
    """A decay of a B at rest, the hadron along +z; pair and K are tilted by these angles, in some convention."""

    def momenta(M: float, m1: float, m2: float, cosine: float, phi: float) -> tuple[Real, Real]:
        k = math.sqrt((M**2 - (m1 + m2) ** 2) * (M**2 - (m1 - m2) ** 2)) / (2.0 * M)
        sine = math.sqrt(1.0 - cosine**2)
        p = k * np.array([sine * math.cos(phi), sine * math.sin(phi), cosine])
        return np.array([math.hypot(k, m1), *p]), np.array([math.hypot(k, m2), *(-p)])

    B = np.array([m_B, 0.0, 0.0, 0.0])
    H, q = momenta(m_B, m_H, math.sqrt(q2), 1.0, 0.0)
    c, c_K, phi = angles
    p1, p2 = (boosted(p, q) for p in momenta(math.sqrt(q2), *masses, c, phi))
    if daughters is None:
        return Decay(B, H, p1, p2)
    return Decay(B, H, p1, p2, *(boosted(p, H) for p in momenta(m_H, *daughters, c_K, 0.0)))


def all_angles(spin_1: bool) -> list[tuple[tuple[float, float, float], float]]:
    """Angles for `decay_at` and weights, which sum to 2 for B -> P and to 8 pi for B -> V.

    |M|^2 and its moments are polynomials of degree 4 in the cosines and of order 4 in the azimuth (terms odd in a sine
    of an angle vanish with the azimuth): three Gauss points and five azimuths are exact.
    """
    x, w = np.polynomial.legendre.leggauss(3)
    cosines = [(float(a), float(b)) for a, b in zip(x, w, strict=True)]
    if not spin_1:
        return [((c, 0.0, 0.0), w_c) for c, w_c in cosines]
    step = 2.0 * math.pi / 5
    return [
        ((c, c_K, step * i + 0.1), w_c * w_K * step) for c, w_c in cosines for c_K, w_K in cosines for i in range(5)
    ]


def angles(decay: Decay) -> tuple[float, float, float]:
    """(cos theta, cos theta_K, phi) from the four-momenta; the last two are 0 for B -> P.

    theta of chi1 against the hadron in the pair frame, theta_K of the K against the direction opposite to the B in the
    frame of the K*; cos phi = n_K.n_l, sin phi = (n_l x n_K).e_z with n_l ~ p1 x p2, n_K ~ p_K x p_pi, e_z ~ p_K* in
    the B frame (arXiv:0811.1214).
    """

    def unit(v: Real) -> Real:
        return np.asarray(v / np.linalg.norm(v))

    c = float(unit(at_rest(decay.p1, decay.q)[1:]) @ unit(at_rest(decay.H, decay.q)[1:]))
    if decay.K is None or decay.pi is None:
        return c, 0.0, 0.0
    c_K = -float(unit(at_rest(decay.K, decay.H)[1:]) @ unit(at_rest(decay.B, decay.H)[1:]))
    p1, p2, K, pi, H = (at_rest(p, decay.B)[1:] for p in (decay.p1, decay.p2, decay.K, decay.pi, decay.H))
    n_l, n_K = unit(np.cross(p1, p2)), unit(np.cross(K, pi))
    return c, c_K, math.atan2(float(np.cross(n_l, n_K) @ unit(H)), float(n_l @ n_K))


def spinors(p: Real, m: float) -> tuple[list[Complex], list[Complex]]:
    """Two u and two v of momentum p, with spins up and down along z in the rest frame and v = C ubar^T.

    Sums u ubar = pslash + m and v vbar = pslash - m, also for m = 0.
    """
    scale = 1.0 / math.sqrt(p[0] + m)
    sigma_p = sum(_SIGMA[i] * p[i + 1] for i in range(3))
    us = [np.asarray(scale * np.concatenate([(p[0] + m) * chi, sigma_p @ chi]), dtype=complex) for chi in _ONE]
    return us, [CHARGE @ (u.conj() @ GAMMA[0]) for u in us]


def bilinear(name: str) -> Complex:
    """Matrix of the pair's bilinear V, A (4, 4, 4), S, P (4, 4), T or T5 (4, 4, 4, 4); P is i gamma5."""
    return {
        "V": GAMMA,
        "A": GAMMA @ GAMMA5,
        "S": np.eye(4, dtype=complex),
        "P": 1j * GAMMA5,
        "T": SIGMA,
        "T5": SIGMA @ GAMMA5,
    }[name]


def pair_current(name: str, decay: Decay, m1: float, m2: float) -> Complex:
    """ubar(p1) Gamma v(p2) for the four spin states, (4, ...)."""
    u1, _ = spinors(decay.p1, m1)
    _, v2 = spinors(decay.p2, m2)
    bars = [u.conj() @ GAMMA[0] for u in u1]
    return np.array([np.einsum("a,...ab,b->...", bar, bilinear(name), v) for bar in bars for v in v2])


def exchanged_current(name: str, decay: Decay, m1: float, m2: float) -> Complex:
    """- ubar(p2) Gamma v(p1) for the same spin states: chi2bar Gamma chi1 of Majorana fields."""
    _, v1 = spinors(decay.p1, m1)
    u2, _ = spinors(decay.p2, m2)
    bars = [u.conj() @ GAMMA[0] for u in u2]
    return np.array([-np.einsum("a,...ab,b->...", bar, bilinear(name), v) for v in v1 for bar in bars])


def hadronic_P(decay: Decay, f: Mapping[str, float], m_b: float, m_s: float) -> dict[str, Complex]:
    """Currents of B -> P, upper indices: V, A, S, P (of sbar gamma5 b) and T."""
    m_B2, m_P2, q2 = (dot(p, p).real for p in (decay.B, decay.H, decay.q))
    P, q, M2 = decay.B + decay.H, decay.q, m_B2 - m_P2
    tensor = 1j * f["f_T"] / (math.sqrt(m_B2) + math.sqrt(m_P2)) * (np.outer(P, q) - np.outer(q, P))
    return {
        "V": f["f_plus"] * (P - M2 / q2 * q) + f["f_0"] * M2 / q2 * q + 0j,
        "A": np.zeros(4, dtype=complex),
        "S": np.array(f["f_0"] * M2 / (m_b - m_s), dtype=complex),
        "P": np.array(0j),
        "T": tensor,
    }


def dual(tensor: Complex) -> Complex:
    """sigma^{mu nu} gamma5 = (-i/2) epsilon^{mu nu rho sigma} sigma_{rho sigma}, applied to an antisymmetric tensor."""
    return np.asarray(-0.5j * _raised(np.einsum("mnrs,rs->mn", EPSILON, tensor)))


def _raised(tensor: Complex) -> Complex:
    return np.asarray(METRIC @ tensor @ METRIC)


def tensor_current(a: Complex, b: Complex, q: Real) -> Complex:
    """<sigma^{mu nu}> with <sigma^{mu nu} q_nu> = a and <sigma^{mu nu} gamma5 q_nu> = b."""

    def wedge(x: Complex) -> Complex:
        return np.asarray(np.outer(x, q) - np.outer(q, x))

    return np.asarray((wedge(a) + dual(wedge(b))) / dot(q, q))


def hadronic_V(
    decay: Decay, polarisation: Complex, f: Mapping[str, float], m_b: float, m_s: float
) -> dict[str, Complex]:
    """Currents of B -> V for one polarisation vector eps (upper index): V, A, S, P and T, upper indices."""
    eps, p, k, q = polarisation.conj(), decay.B, decay.H, decay.q
    m_B, m_V = math.sqrt(dot(p, p).real), math.sqrt(dot(k, k).real)
    q2, M2, eps_q = dot(q, q).real, m_B**2 - m_V**2, dot(eps, q)
    cross = lower(np.einsum("mnrs,n,r,s->m", EPSILON, eps, p, k))
    A_3 = ((m_B + m_V) * f["A_1"] - (m_B - m_V) * f["A_2"]) / (2.0 * m_V)
    axial = 1j * (
        eps * (m_B + m_V) * f["A_1"]
        - (p + k) * eps_q * f["A_2"] / (m_B + m_V)
        - q * eps_q * (2.0 * m_V / q2) * (A_3 - f["A_0"])
    )
    sigma_q = 1j * cross * 2.0 * f["T_1"]
    sigma_q_5 = f["T_2"] * (eps * M2 - eps_q * (p + k)) + f["T_3"] * eps_q * (q - q2 / M2 * (p + k))
    return {
        "V": cross * 2.0 * f["V"] / (m_B + m_V),
        "A": axial,
        "S": np.array(0j),
        # Equation of motion of the quarks: q_mu sbar gamma^mu gamma5 b = -(m_b + m_s) sbar gamma5 b.
        "P": np.array(-dot(q, axial) / (m_b + m_s)),
        "T": tensor_current(sigma_q, sigma_q_5, q),
    }


def polarisations(k: Real) -> list[Complex]:
    """Three polarisation vectors of a massive vector of momentum k, with complex transverse ones."""
    circular = [np.array([0, 1, 1j, 0]), np.array([0, 1, -1j, 0])]
    rest = [circular[0] / math.sqrt(2.0), circular[1] / math.sqrt(2.0), np.array([0, 0, 0, 1])]
    return [boosted(e.real.astype(float), k) + 1j * boosted(e.imag.astype(float), k) for e in rest]


def contracted(
    hadron: Mapping[str, Complex], pairs: Mapping[str, Complex], couplings: Mapping[str, complex]
) -> Complex:
    """Amplitude for the four spin states: quark currents times bilinears, with couplings named as in bkgen."""
    amplitude = np.zeros(4, dtype=complex)
    for name, value in couplings.items():
        quark, bilinear_name = ("T", name[1:]) if name in ("hT", "hT5") else (name[1], name[2])
        current = hadron[quark]
        lowered = {0: lambda x: x, 1: lower, 2: _raised}[current.ndim](current)
        pair = pairs[bilinear_name].reshape(4, -1)
        amplitude += value * (pair @ lowered.reshape(-1))
    return amplitude


def squared_amplitude(
    decay: Decay,
    m1: float,
    m2: float,
    form_factors: Mapping[str, float],
    m_b: float,
    m_s: float,
    couplings: Mapping[str, complex],
    exchanged: Mapping[str, complex] | None = None,
) -> float:
    """Sum over spins of |M|^2; with K* -> K pi, of |sum_lambda M_lambda eps_lambda.(p_K - p_pi)|^2.

    `exchanged` are couplings of the same operators with chi2bar Gamma chi1, for Majorana fermions; those of a pair of
    identical ones are the couplings themselves.
    """
    names = ("V", "A", "S", "P", "T", "T5")
    direct = {name: pair_current(name, decay, m1, m2) for name in names}
    crossed = {name: exchanged_current(name, decay, m1, m2) for name in names} if exchanged else {}

    def amplitude(hadron: Mapping[str, Complex]) -> Complex:
        return contracted(hadron, direct, couplings) + contracted(hadron, crossed, exchanged or {})

    if decay.K is None or decay.pi is None:
        return float(np.sum(np.abs(amplitude(hadronic_P(decay, form_factors, m_b, m_s))) ** 2))
    total = np.zeros(4, dtype=complex)
    for eps in polarisations(decay.H):
        total += amplitude(hadronic_V(decay, eps, form_factors, m_b, m_s)) * dot(eps, decay.K - decay.pi)
    return float(np.sum(np.abs(total) ** 2))
