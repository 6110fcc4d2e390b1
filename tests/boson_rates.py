"""Closed forms of sum|M|^2 for pairs of scalars and of massive vectors: each operator alone, and rates of mixtures.

With x = q2/m^2, N0 = 2 + (x - 2)^2/4, c = cos(theta), s^2 = 1 - c^2, S1 = q2 sum_h |H_h|^2 and St = q2 |H_t|^2 of the
quark current:

    scalars  gS, gP: HS^2                                  gV, gA: S1 b^2 c^2
    vectors  S, P:   HS^2 N0
             V2, A2: S1 (b^2 x/2) s^2 + St b^4 x^2/4       V3, A3: S1 (b^4 x/2) s^2 + 2 b^2 St
             V4, A4: S1 b^2 c^2 N0
             V5, A5: S1 el,  el = (b^2 x/4)(2 s^2 + x c^2)
             V6, A6: S1 mg,  mg = 2 c^2 + (x/2) s^2
             T1: (E el + M mg)/q2                          T2: (E mg + M el)/q2

For B -> P they hold at any angle (only the helicity 0 of the current, M = 0); for B -> V after the average over all
angles, c^2 -> 1/3: every helicity of the current then has the same weight, and no two of them interfere.

In rates two operators interfere if their currents and their pairs have the same spin and parity: with
y = x (x - 2)/2 and K the product of two amplitudes whose squares are those above,

    S, V2 and P, A2:      b^2 y Im(S V2*) HS^2 (m_b - m_s)   and   - b^2 y Im(P A2*) HP2 (m_b + m_s)
    V4, V5 and A4, A5:    - b^2 c^2 y Re(V4 V5*) S1
    V4, V5 and T1:        (2 el Re(V5 T1*) - b^2 c^2 y Re(V4 T1*)) K      V6, T2: - 2 mg Re(V6 T2*) K
    A4, A5 and T2:        (2 el Im(A5 T2*) - b^2 c^2 y Im(A4 T2*)) K      A6, T1: 2 mg Im(A6 T1*) K
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from transitions import M2_P, M2_V, Array, kallen, m_B, m_b, m_P, m_s, m_V, squares_V

FORMS_P = ("gS", "gV", "S", "V2", "V3", "V4", "V5", "V6", "T1", "T2")
FORMS_V = ("gP", "gV", "gA", "P", "V2", "A2", "V3", "A3", "V4", "A4", "V5", "A5", "V6", "A6", "T1", "T2")
"""Operators with a rate; parity forbids the others."""


def squared_to_P(name: str, q2: Array, m: float, f: Mapping[str, float], c: float) -> Array:
    """Sum over spins of |M|^2 of B -> P at cos(theta) = c."""
    lam = kallen(m_B, m_P, q2)
    squares = {
        "S": np.full_like(q2, (f["f_0"] * M2_P / (m_b - m_s)) ** 2),
        "1": lam * f["f_plus"] ** 2,
        "t": (M2_P * f["f_0"]) ** 2 + 0.0 * q2,
        "E": lam * q2 * (f["f_T"] / (m_B + m_P)) ** 2,
        "M": 0.0 * q2,
    }
    return _squared(name, q2, m, squares, c**2)


def squared_to_V(name: str, q2: Array, m: float, f: Mapping[str, float]) -> Array:
    """Sum over spins, also of V, of |M|^2 of B -> V, averaged over angles."""
    s = squares_V(q2, f)
    axial = name[0] == "A" or name == "gA"
    squares = {
        "S": s["HP2"],
        "1": q2 * (s["Ta"] + s["Lg"] if axial else s["Tv"]),
        "t": q2 * s["t"] if axial else 0.0 * q2,
        "E": s["E"],
        "M": s["M"],
    }
    return _squared(name, q2, m, squares, 1.0 / 3.0)


def rate_to_P(couplings: Mapping[str, complex], q2: Array, m: float, f: Mapping[str, float]) -> Array:
    """Sum over spins of |M|^2 of B -> P, averaged over angles, for vectors with all operators at once."""
    lam = kallen(m_B, m_P, q2)
    alone = [abs(g) ** 2 * _mean_to_P(name, q2, m, f) for name, g in couplings.items() if name in FORMS_P]
    scalar = (m_b - m_s) * (f["f_0"] * M2_P / (m_b - m_s)) ** 2
    quark_V = lam * f["f_plus"] * f["f_T"] / (m_B + m_P)
    mixed = _interference(couplings, q2, m, scalar, 0.0, lam * f["f_plus"] ** 2, quark_V, 0.0)
    return np.asarray(np.sum(alone, axis=0) + mixed)


def rate_to_V(couplings: Mapping[str, complex], q2: Array, m: float, f: Mapping[str, float]) -> Array:
    """Sum over spins of |M|^2 of B -> V, averaged over angles, for vectors with all operators at once."""
    lam, s = kallen(m_B, m_V, q2), squares_V(q2, f)
    alone = [abs(g) ** 2 * squared_to_V(name, q2, m, f) for name, g in couplings.items() if name in FORMS_V]
    quark_V = 2.0 * lam * f["V"] * f["T_1"] / (m_B + m_V)
    quark_A = 2.0 * (m_B + m_V) * M2_V * f["A_1"] * f["T_2"]
    quark_A += 32.0 * (m_B * m_V) ** 2 * f["A_12"] * f["T_23"] / (m_B + m_V)
    mixed = _interference(couplings, q2, m, 0.0, -(m_b + m_s) * s["HP2"], q2 * s["Tv"], quark_V, quark_A)
    axial = {"V4": couplings["A4"], "V5": couplings["A5"]}
    mixed = mixed + _current_interference(axial, q2, m) * q2 * (s["Ta"] + s["Lg"])
    return np.asarray(np.sum(alone, axis=0) + mixed)


def _mean_to_P(name: str, q2: Array, m: float, f: Mapping[str, float]) -> Array:
    return squared_to_P(name, q2, m, f, 3.0**-0.5)


def _interference(
    g: Mapping[str, complex],
    q2: Array,
    m: float,
    scalar: Array | float,
    pseudoscalar: Array | float,
    vector: Array,
    quark_V: Array,
    quark_A: Array | float,
) -> Array:
    """Interference terms of rates, without A4 with A5; the last two are products of current and tensor amplitudes."""
    b2, y, electric, magnetic = _weights(q2, m, 1.0 / 3.0)

    def product(a: str, b: str) -> complex:
        return complex(g[a] * np.conj(g[b]))

    return np.asarray(
        b2 * y * (product("S", "V2").imag * scalar + product("P", "A2").imag * pseudoscalar)
        + _current_interference(g, q2, m) * vector
        + (2.0 * electric * product("V5", "T1").real - b2 * y / 3.0 * product("V4", "T1").real) * quark_V
        - 2.0 * magnetic * product("V6", "T2").real * quark_V
        + (2.0 * electric * product("A5", "T2").imag - b2 * y / 3.0 * product("A4", "T2").imag) * quark_A
        + 2.0 * magnetic * product("A6", "T1").imag * quark_A
    )


def _current_interference(g: Mapping[str, complex], q2: Array, m: float) -> Array:
    b2, y, _, _ = _weights(q2, m, 1.0 / 3.0)
    return np.asarray(-b2 * y / 3.0 * (g["V4"] * np.conj(g["V5"])).real)


def _weights(q2: Array, m: float, c2: float) -> tuple[Array, Array, Array, Array]:
    """b^2, y, el and mg."""
    x = q2 / m**2
    b2 = 1.0 - 4.0 / x
    return (
        b2,
        x * (x - 2.0) / 2.0,
        b2 * x / 4.0 * (2.0 * (1.0 - c2) + x * c2),
        2.0 * c2 + x / 2.0 * (1.0 - c2),
    )


def _squared(name: str, q2: Array, m: float, squares: Mapping[str, Array], c2: float) -> Array:
    x, s2 = q2 / m**2, 1.0 - c2
    N_0 = 2.0 + (x - 2.0) ** 2 / 4.0
    b2, _, electric, magnetic = _weights(q2, m, c2)
    if name[0] == "g":
        return squares["S"] if name in ("gS", "gP") else squares["1"] * b2 * c2
    if name in ("S", "P"):
        return squares["S"] * N_0
    if name[0] == "T":
        E, M = (squares["E"], squares["M"]) if name == "T1" else (squares["M"], squares["E"])
        return (E * electric + M * magnetic) / q2
    weights: dict[str, tuple[Array, Array | float]] = {
        "2": (b2 * x / 2.0 * s2, b2**2 * x**2 / 4.0),
        "3": (b2**2 * x / 2.0 * s2, 2.0 * b2),
        "4": (b2 * c2 * N_0, 0.0),
        "5": (electric, 0.0),
        "6": (magnetic, 0.0),
    }
    spatial, timelike = weights[name[1]]
    return np.asarray(squares["1"] * spatial + squares["t"] * timelike)
