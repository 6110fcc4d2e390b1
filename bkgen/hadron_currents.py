"""Quark currents between a B and a hadron, in the rest frame of the invisible pair.

`hadron_P` and `hadron_V` give the matrix elements of all quark currents from form factors; `bkgen.pair_angles`
contracts them with those of a pair.

Conventions: metric (+, -, -, -), sigma^{mu nu} = (i/2) [gamma^mu, gamma^nu], gamma5 = i gamma^0 gamma^1 gamma^2
gamma^3 and epsilon_{0123} = +1, with which a left-handed s quark gives mostly V of negative helicity for V, A_1, T_1
and T_2 of the same sign.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import numpy as np

from .kinematics import FloatArray, kallen_sqrt


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

    def at(self, part: slice) -> HadronP:
        """The currents at a part of the q2 values."""
        return HadronP(*(amplitude[part] for amplitude in self))


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

    def at(self, part: slice) -> HadronV:
        """The currents at a part of the q2 values."""
        return HadronV(*(amplitude[part] for amplitude in self))


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


def _root_q2_and_lambda(q2: FloatArray, m_B: float, m_H: float) -> tuple[FloatArray, FloatArray]:
    """sqrt(q2) [GeV] and sqrt(kallen(m_B^2, m_H^2, q2)) [GeV^2], the latter 0 beyond the end point."""
    if not np.all(q2 > 0.0):
        raise ValueError("the mass squared of a pair must be positive")
    root_q2 = np.sqrt(q2)
    return root_q2, kallen_sqrt(np.full_like(root_q2, m_B), m_H, root_q2, allow_closed=True)


def _flux(root_lambda: FloatArray, m_B: float) -> FloatArray:
    return root_lambda / (256.0 * math.pi**3 * m_B**3)
