"""Masses, form factors and phase space of the tests of invisible pairs, with currents of bkgen at these points."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bkgen.hadron_currents import HadronP, HadronV, hadron_P, hadron_V

Array = NDArray[np.float64]

m_B, m_P, m_V, m_b, m_s = 5.28, 0.494, 0.892, 4.18, 0.09
m_K, m_pi = 0.494, 0.14
M2_P, M2_V = m_B**2 - m_P**2, m_B**2 - m_V**2
FF_P = ("f_plus", "f_0", "f_T")
FF_V = ("V", "A_0", "A_1", "A_12", "T_1", "T_2", "T_23")


def kallen(a: float, b: float, q2: Array | float) -> Array:
    """Kallen function of a^2, b^2 and q2."""
    return np.asarray(((a + b) ** 2 - q2) * ((a - b) ** 2 - q2))


def flux(q2: Array | float, m_H: float, m1: float, m2: float) -> Array:
    """Factor of the spin-summed |M|^2, averaged over angles, in dGamma/dq2."""
    root = np.sqrt(kallen(m_B, m_H, q2) * kallen(m1, m2, q2))
    return np.asarray(root / q2 / (256.0 * math.pi**3 * m_B**3))


def standard(f: Mapping[str, float], q2: float) -> dict[str, float]:
    """Form factors with A_2 and T_3, from A_12 and T_23."""
    lam = float(kallen(m_B, m_V, q2))
    A_2 = (m_B + m_V) ** 2 * (M2_V - q2) * f["A_1"] - 16.0 * m_B * m_V**2 * (m_B + m_V) * f["A_12"]
    T_3 = M2_V * (m_B**2 + 3.0 * m_V**2 - q2) * f["T_2"] - 8.0 * m_B * m_V**2 * (m_B - m_V) * f["T_23"]
    return {**f, "A_2": A_2 / lam, "T_3": T_3 / lam}


def of_P(q2: Array | float, f: Mapping[str, float | Array]) -> HadronP:
    return hadron_P(np.atleast_1d(q2), m_B, m_P, **f, m_b=m_b, m_s=m_s)


def of_V(q2: Array | float, f: Mapping[str, float | Array]) -> HadronV:
    return hadron_V(np.atleast_1d(q2), m_B, m_V, **f, m_b=m_b, m_s=m_s)


def random_form_factors(rng: np.random.Generator, names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(rng.uniform(0.3, 1.0)) for name in names}


def grid(m_H: float, m1: float = 0.0, m2: float = 0.0, n: int = 20) -> Array:
    """q2 inside the phase space."""
    lower, upper = (m1 + m2) ** 2, (m_B - m_H) ** 2
    return lower + (upper - lower) * (np.arange(n) + 0.5) / n


def squares_V(q2: Array, f: Mapping[str, float]) -> dict[str, Array]:
    """Squares of the B -> V amplitudes: transverse V and A, longitudinal A, timelike, scalar, tensors E and M."""
    lam = kallen(m_B, m_V, q2)
    T_23 = 16.0 * m_B**2 * m_V**2 * q2 * f["T_23"] ** 2 / (m_B + m_V) ** 2
    return {
        "Tv": 2.0 * lam * f["V"] ** 2 / (m_B + m_V) ** 2,
        "Ta": np.full_like(q2, 2.0 * (m_B + m_V) ** 2 * f["A_1"] ** 2),
        "Lg": 64.0 * m_B**2 * m_V**2 * f["A_12"] ** 2 / q2,
        "t": lam * f["A_0"] ** 2 / q2,
        "HP2": lam * f["A_0"] ** 2 / (m_b + m_s) ** 2,
        "E": 2.0 * lam * f["T_1"] ** 2,
        "M": 2.0 * M2_V**2 * f["T_2"] ** 2 + T_23,
    }
