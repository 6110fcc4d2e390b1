"""Annihilation of a pair of fermions into two scalars, Dirac or Majorana."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..kinematics import FloatArray
from .two_to_two import Collision, cross_section


def fermions_to_scalars(
    s: float | FloatArray,
    m: float,
    m_phi: float,
    y: float,
    s_channel: Callable[[FloatArray], NDArray[np.complex128]] | None = None,
) -> FloatArray:
    """sigma [GeV^-2] of f fbar -> phi phi at ``s`` [GeV^2] of any shape: a p wave.

    For L = -y phi fbar f of a Dirac fermion or L = -(y/2) phi fbar f of a Majorana one, of mass ``m`` [GeV]: average
    over 4 spin states, 1/2 for the identical phi.  The amplitude is -vbar [S - V (k_1slash - k_2slash)] u,

        S = 2 m y^2 [1/(t - m^2) + 1/(u - m^2)] + T,  V = (y^2/2) [1/(t - m^2) - 1/(u - m^2)] = -y^2 B c/N,
        sum |M|^2 = 8 p^2 |S|^2 + 8 k^2 (s - 4 p^2 c^2) V^2 + 16 m Re(S) y^2 B^2 c^2/N,

    with T = s_channel(s) [GeV^-1], y times the cubic vertex (6 kappa for V = kappa phi^3) over the inverse propagator.
    Source: spinor traces; arXiv:2502.04900 eq. (47) is its limit at threshold.  Raises ValueError as `cross_section`.
    """

    def squared(x: Collision) -> FloatArray:
        T = 0.0 if s_channel is None else s_channel(x.s)
        S = 2.0 * m * y**2 * x.t_plus_u + T
        Bc2, p2 = (x.B * x.c) ** 2, x.p * x.p
        V2 = y**4 * Bc2 / (x.N * x.N)
        total = p2 * np.abs(S) ** 2 + x.k * x.k * (x.s - 4.0 * p2 * x.c * x.c) * V2
        return np.asarray(total + 2.0 * m * np.real(S) * y**2 * Bc2 / x.N)  # 8/(4 spins x 2)

    return cross_section(s, m, m_phi, m_phi, squared)
