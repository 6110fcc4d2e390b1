"""nu_mu gamma -> nu_mu mu+ mu- from spinors and gamma matrices, with equivalent photons of iron.

`events` gives the momentum transfer between the neutrinos and the weights of the vector and axial couplings of muons,
from which the table of `bkgen.trident` follows: their interference is odd under mu+ <-> mu- and drops out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1, expn
from scipy.stats import qmc

Array = NDArray[Any]

M_MU = 0.1056583755
E_NU = 160.0
RADIUS = 3.7377 / 0.1973269804  # charge radius of iron [GeV^-1]
_S_MAX = 2.0 * E_NU * 0.45  # GeV^2, beyond it the form factor leaves nothing
_T_SCALE = 1e-4  # GeV^2, of the logarithmic sampling of the momentum transfer

_PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_METRIC = np.array([1.0, -1.0, -1.0, -1.0])


def _gamma() -> Array:
    """gamma^mu in the chiral basis."""
    matrices = np.zeros((4, 4, 4), dtype=complex)
    matrices[:, :2, 2:] = _PAULI
    matrices[:, 2:, :2] = _METRIC[:, None, None] * _PAULI
    return matrices


GAMMA = _gamma()
GAMMA_5 = np.diag([-1.0, -1.0, 1.0, 1.0]).astype(complex)


def slash(p: Array) -> Array:
    """p_mu gamma^mu (n, 4, 4)."""
    return np.einsum("nm,m,mij->nij", p, _METRIC, GAMMA)


def left_handed(p: Array) -> Array:
    """Spinor (n, 2) of a massless particle of negative helicity, normalised to 2 E."""
    E, x, y, z = p.T
    norm = np.sqrt(np.maximum(E + z, 1e-300))
    return np.stack([-(x - 1j * y) / norm, norm], axis=-1)


def photon_flux(s: Array) -> Array:
    """int dQ^2/Q^2 (1 - Q_min^2/Q^2) F(Q^2)^2 from Q_min = s/(2 E_nu), F = exp(-Q^2 R^2/6)."""
    x = (s / (2.0 * E_NU)) ** 2 * RADIUS**2 / 3.0
    return np.asarray(exp1(x) - expn(2, x))


def _boosted(p: Array, P: Array, mass: Array, sign: float) -> Array:
    """p in the frame in which its rest frame moves with P (sign 1), or the other way round (-1)."""
    velocity = sign * P[:, 1:] / mass[:, None]
    along = np.sum(velocity * p[:, 1:], axis=1)
    gamma = P[:, 0] / mass
    space = p[:, 1:] + velocity * (p[:, 0] + along / (gamma + 1.0))[:, None]
    return np.concatenate([(gamma * p[:, 0] + along)[:, None], space], axis=1)


def events(n: int, seed: int) -> tuple[Array, Array, Array]:
    """|t| [GeV^2], weights of C_V^2 and of C_A^2, each (n,), n a power of 2."""
    u = np.clip(qmc.Sobol(5, seed=seed).random(n), 1e-9, 1.0 - 1e-9).T
    s_min = 4.0 * M_MU**2
    s = s_min * (_S_MAX / s_min) ** u[0]
    pair = s_min * (s / s_min) ** u[1]
    t_max = s - pair
    t = _T_SCALE * ((1.0 + t_max / _T_SCALE) ** u[2] - 1.0)
    beta = np.sqrt(1.0 - s_min / pair)
    rapidity = np.arctanh(beta)
    c = np.tanh(rapidity * (2.0 * u[3] - 1.0)) / beta  # collinear muons are frequent
    phi = 2.0 * math.pi * u[4]

    root_s, m_pair = np.sqrt(s), np.sqrt(pair)
    zero = np.zeros(n)
    k = 0.5 * np.stack([root_s, zero, zero, root_s], axis=1)
    q = 0.5 * np.stack([root_s, zero, zero, -root_s], axis=1)
    energy, cos = 0.5 * t_max / root_s, 1.0 - 2.0 * t / t_max
    k_out = np.stack([energy, energy * np.sqrt(1.0 - cos**2), zero, energy * cos], axis=1)
    P = k + q - k_out
    z = _boosted(q, P, m_pair, -1.0)
    z = z[:, 1:] / z[:, :1]
    x = np.cross(z, np.where(np.abs(z[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]))
    x /= np.linalg.norm(x, axis=1)[:, None]
    sin = np.sqrt(1.0 - c**2)[:, None]
    direction = c[:, None] * z + sin * (np.cos(phi)[:, None] * x + np.sin(phi)[:, None] * np.cross(z, x))
    half = 0.5 * m_pair[:, None]
    muons = [_boosted(np.hstack([half, d * half * beta[:, None]]), P, m_pair, 1.0) for d in (direction, -direction)]

    jacobian = s * pair * np.log(s / s_min) * (t + _T_SCALE) * np.log1p(t_max / _T_SCALE)
    phase_space = beta / s * rapidity * (1.0 - (beta * c) ** 2) / beta
    weight = jacobian * phase_space * photon_flux(s) / s**2
    vector, axial = _squared(k, k_out, q, muons[0], muons[1])
    return t, weight * vector, weight * axial


def _squared(k: Array, k_out: Array, q: Array, minus: Array, plus: Array) -> tuple[Array, Array]:
    """Sum over spins and photon polarisations of the amplitude with muon couplings gamma and gamma gamma5."""
    sigma_bar = _METRIC[:, None, None] * _PAULI
    current = slash(np.einsum("ni,mij,nj->nm", left_handed(k_out).conj(), sigma_bar, left_handed(k)))
    mass = M_MU * np.eye(4)

    def propagator(p: Array) -> Array:
        return np.asarray((slash(p) + mass) / (np.sum(p**2 * _METRIC, axis=1) - M_MU**2)[:, None, None])

    before, after = propagator(minus - q), propagator(q - plus)
    found = []
    for vertex in (current, current @ GAMMA_5):
        total = np.zeros(len(k))
        for mu in range(4):
            amplitude = GAMMA[mu] @ before @ vertex + vertex @ after @ GAMMA[mu]
            conjugate = GAMMA[0] @ amplitude.conj().transpose(0, 2, 1) @ GAMMA[0]
            trace = np.einsum("nij,nji->n", (slash(minus) + mass) @ amplitude, (slash(plus) - mass) @ conjugate)
            total -= _METRIC[mu] * trace.real
        found.append(total)
    return found[0], found[1]
