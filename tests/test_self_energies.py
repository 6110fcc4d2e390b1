"""Self-energies of the dark scalar: absorptive parts, dispersion relations, and the three-body rates they give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from bkgen import formfactors, widths
from bkgen import self_energies as se
from bkgen.constants import Constants
from bkgen.kinematics import FloatArray
from bkgen.self_energies import Pair

M_X, M_CHI, M_N, M_ZP = 0.6, 0.8, 0.5, 0.7
PAIRS = {
    "XX": se.XX(M_X, 0.4, 57.5),
    "SS": se.SS(M_X, 3.0),
    "chichi": se.chichi(M_CHI, 1.3),
    "NN": se.NN(M_N, 0.7),
    "ZpZp": se.ZpZp(M_ZP, 5.0),
}
WIDTHS = {
    "XX": lambda m: widths.H1_to_XX(m, M_X, 0.4, 57.5, 1.0),
    "SS": lambda m: widths.H1_to_SS(m, M_X, 3.0, 1.0),
    "chichi": lambda m: widths.H1_to_chichi(m, M_CHI, 1.3, 1.0),
    "NN": lambda m: widths.H1_to_NN(m, M_N, 0.7, 1.0),
    "ZpZp": lambda m: widths.H1_to_ZpZp(m, M_ZP, 5.0, 1.0),
}


def dispersion(pair: Pair, s: float, subtraction: float) -> float:
    """(s - s_0)^(n+1)/pi P int ds' W(s')/[(s' - s_0)^(n+1) (s' - s)], with s' = 4 m^2 + u^2 and s_0 below threshold."""
    n = len(pair.w)

    def regular(u: float) -> float:
        s_prime = pair.threshold + u * u
        return 2.0 * u * float(pair.W(s_prime)) / (s_prime - subtraction) ** n

    def whole(u: float) -> float:
        return regular(u) / (pair.threshold + u * u - s)

    options = {"epsabs": 0.0, "epsrel": 1e-11, "limit": 500}
    if s <= pair.threshold:
        integral = quad(whole, 0.0, 1.0, **options)[0] + quad(whole, 1.0, math.inf, **options)[0]
    else:
        u_0 = math.sqrt(s - pair.threshold)
        principal = quad(lambda u: regular(u) / (u + u_0), 0.0, 2.0 * u_0, weight="cauchy", wvar=u_0, **options)[0]
        integral = principal + quad(whole, 2.0 * u_0, math.inf, **options)[0]
    return float((s - subtraction) ** n * integral / math.pi)


@pytest.mark.parametrize("name", PAIRS)
def test_absorptive_part_is_the_running_width(name: str) -> None:
    q2 = np.linspace(-25.0, 1000.0, 4001)
    positive = q2[q2 > 0.0]
    expected = np.sqrt(positive) * WIDTHS[name](np.sqrt(positive))
    assert PAIRS[name].W(positive) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert not PAIRS[name].W(q2[q2 <= PAIRS[name].threshold]).any()
    assert PAIRS[name].Pi(q2, 2.0).imag == pytest.approx(PAIRS[name].W(q2), rel=1e-15)
    assert PAIRS[name].width(2.0, 0.9) == pytest.approx(0.81 * WIDTHS[name](2.0), rel=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("q2", [-25.0, -0.3, 0.0, 0.2, 0.9, 3.0, 22.0, 400.0])
def test_dispersion_relation_subtracted_on_shell(name: str, q2: float) -> None:
    """m_1 below threshold: the subtractions are at q2 = m_1^2 itself."""
    pair, m_1 = PAIRS[name], 0.4
    assert pair.Pi(q2, m_1).real == pytest.approx(dispersion(pair, q2, m_1**2), rel=1e-8)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("m_1", [2.0, 10.0, 31.0])
def test_dispersion_relation_above_threshold(name: str, m_1: float) -> None:
    """m_1 above threshold: the same function up to a polynomial of degree n."""
    pair = PAIRS[name]
    q2 = np.array([-20.0, -8.0, 0.3, 4.0, 9.0, 16.0, 24.0])
    difference = pair.Pi(q2, m_1).real - np.array([dispersion(pair, s, -1.0) for s in q2.tolist()])
    scale = np.abs(difference).max() + np.abs(pair.Pi(q2, m_1).real).max()
    fitted = np.polynomial.Polynomial.fit(q2, difference, len(pair.w) - 1)
    assert np.abs(fitted(q2) - difference).max() < 1e-8 * scale


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("m_1", [0.1, 0.4, 2.0, 10.0, 31.0])
def test_on_shell_conditions(name: str, m_1: float) -> None:
    """Re Pi vanishes like (q2 - m_1^2)^(n + 1)."""
    pair = PAIRS[name]
    h = 0.01 * m_1**2
    far, near = (pair.Pi(m_1**2 + np.array([step, -step]), m_1).real for step in (h, 0.5 * h))
    assert abs(float(pair.Pi(m_1**2, m_1).real)) < 1e-14 * abs(pair.w[0] + pair.w[-1] * m_1**2 + 1.0)
    assert far / near == pytest.approx(2.0 ** len(pair.w), rel=0.05)


@pytest.mark.parametrize("name", PAIRS)
def test_smooth_through_threshold(name: str) -> None:
    pair = PAIRS[name]
    around = pair.Pi(pair.threshold * (1.0 + np.array([-1e-14, 0.0, 1e-14])), 2.0)
    assert around[0] == pytest.approx(around[1], rel=1e-6)
    assert around[2] == pytest.approx(around[1], rel=1e-6)


def test_B0() -> None:
    assert se.Re_B0(0.0, 0.3) == 0.0
    for q2 in (1e-14, -1e-14, 1e-9, -1e-9, 1e-5, -1e-5):
        assert se.Re_B0(q2, 1.0) == pytest.approx(q2 / 6.0, rel=1e-5, abs=1e-15)
    for q2 in (-7.0, 0.5, 3.0, 3.9999, 4.0, 4.0001, 9.0):
        singular = [0.5 - 0.5 * math.sqrt(1.0 - 4.0 / q2)] if q2 > 4.0 else None
        integral = quad(lambda x, q2=q2: -math.log(abs(1.0 - x * (1.0 - x) * q2)), 0.0, 0.5, points=singular)[0]
        assert se.Re_B0(q2, 1.0) == pytest.approx(2.0 * integral, rel=1e-7)
    for q2 in (-1e3, 1e3):  # a light pair: ln(m^2) and then the massless form
        assert se.Re_B0(q2, 1e-6) == pytest.approx(2.0 - math.log(1e15), rel=1e-13)
        assert se.Re_B0(q2, 0.0) == pytest.approx(2.0 - math.log(1e3), rel=1e-15)


@pytest.mark.parametrize("build", [lambda m: se.XX(m, 0.4, 57.5), lambda m: se.NN(m, 0.7), lambda m: se.ZpZp(m, 5.0)])
def test_massless_pairs_are_the_limit(build: Callable[[float], Pair]) -> None:
    q2 = np.array([-20.0, -0.1, 0.2, 4.0, 22.0])
    assert build(0.0).Pi(q2, 3.0) == pytest.approx(build(1e-5).Pi(q2, 3.0), rel=1e-7)


def test_massless_pairs_at_zero() -> None:
    assert se.XX(0.0, 0.4, 57.5).Pi(0.0, 3.0).real == math.inf
    assert math.isfinite(se.NN(0.0, 0.7).Pi(0.0, 3.0).real)


def test_heavy_pairs_decouple() -> None:
    """Far below 2 m the first term of the expansion in q2/m^2 remains, and it is small."""
    q2 = np.array([0.0, 4.0, 20.0])
    scalars = se.XX(1e3, 0.1, 57.5)
    assert scalars.Pi(q2, 3.0).real == pytest.approx(scalars.w[0] / math.pi * (q2 - 9.0) / 6e6, rel=1e-5)
    assert np.abs(se.chichi(1e3, 1.0).Pi(q2, 3.0).real).max() < 1e-4
    assert np.abs(se.ZpZp(100.0, 1e3).Pi(q2, 3.0).real).max() < 1e-4


def test_threshold_mass() -> None:
    q2 = np.array([1.0, 4.0, 9.0])
    assert np.isfinite(se.XX(1.0, 0.4, 57.5).Pi(q2, 2.0)).all()
    exact, near = se.chichi(1.0, 0.7).Pi(q2, 2.0), se.chichi(1.0, 0.7).Pi(q2, 2.0 + 1e-9)
    assert exact == pytest.approx(near, rel=1e-4, abs=1e-9)
    with pytest.raises(ValueError, match=r"Zp Zp: m_1 = 2.0 GeV is exactly at the threshold"):
        se.ZpZp(1.0, 5.0).Pi(q2, 2.0)


def test_refusals() -> None:
    for arguments in (("X", -1.0, (1.0,)), ("X", math.nan, (1.0,)), ("X", 1.0, ()), ("X", 1.0, (math.inf,))):
        with pytest.raises(ValueError, match="X: "):
            Pair(*arguments)
    with pytest.raises(ValueError, match="probability"):
        Pair("X", 1.0, (1.0,), invisible=1.1)
    for m_1 in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="scalar mass"):
            PAIRS["XX"].Pi(4.0, m_1)
    with pytest.raises(ValueError, match="v_Phi"):
        se.ZpZp(1.0, 0.0)


def test_sums_and_propagators() -> None:
    pairs = list(PAIRS.values())
    q2 = np.linspace(-3.0, 25.0, 101).reshape(1, 101)
    assert se.Pi(q2, 6.0, pairs) == pytest.approx(sum(pair.Pi(q2, 6.0) for pair in pairs))
    assert se.W(q2, ()).tolist() == np.zeros((1, 101)).tolist()
    D = {mode: se.inverse_propagator(q2, 6.0, 0.8, pairs, mode) for mode in ("fixed", "running", "dispersive")}
    assert D["running"].imag == pytest.approx(0.64 * se.W(q2, pairs))
    assert D["fixed"].imag == pytest.approx(6.0 * sum(pair.width(6.0, 0.8) for pair in pairs))
    assert D["dispersive"] == pytest.approx(q2 - 36.0 + 0.64 * se.Pi(q2, 6.0, pairs))
    assert D["fixed"].shape == D["dispersive"].shape == (1, 101)


@pytest.mark.parametrize(("m_1", "m_X"), [(5.0, 0.03), (6.0, 0.05), (10.0, 0.1)])
def test_tachyon(m_1: float, m_X: float) -> None:
    """Beyond Gamma_1/m_1 = pi/[ln(m_1^2/m^2) - 2] there is a pole at negative q2, before it none."""
    ratio = math.pi / (2.0 * math.log(m_1 / m_X) - 2.0)
    bound = math.pi / (2.0 * math.log(m_1 / m_X))
    assert 0.3 < bound < ratio < 0.45

    def pair(strength: float) -> Pair:
        return Pair("X Xbar", m_X, (strength * m_1**2,))

    def D(q2: float, strength: float) -> float:
        return float(se.inverse_propagator(q2, m_1, 1.0, [pair(strength)]).real)

    assert se.tachyon(m_1, 1.0, [pair(1.002 * ratio)])
    assert not se.tachyon(m_1, 1.0, [pair(0.998 * ratio)])
    assert se.pole_below_threshold(m_1, 1.0, [pair(1.002 * bound)])
    assert not se.pole_below_threshold(m_1, 1.0, [pair(0.998 * bound)])
    assert brentq(D, -1e4, 0.0, args=(1.002 * ratio,)) < 0.0
    grid = -np.geomspace(1e-8, 1e6, 2000)
    assert (se.inverse_propagator(grid, m_1, 1.0, [pair(0.998 * ratio)]).real < 0.0).all()
    assert 0.0 < brentq(D, 0.0, pair(1.0).threshold, args=(0.5 * (bound + ratio),)) < pair(1.0).threshold


def test_no_further_pole_without_pairs_or_below_threshold() -> None:
    assert not se.pole_below_threshold(5.0, 1.0, ())
    assert not se.tachyon(5.0, 1.0, ())
    assert not se.pole_below_threshold(1.0, 1.0, [se.XX(0.6, 1.0, 57.5)])


# --- Three-body rates ------------------------------------------------------------------------------

Width = Literal["fixed", "running", "dispersive", "none"]
SIN_THETA, KAPPA = 6e-3, 6.7e-6
CONSTANTS = Constants.named(m_Bp=5.27941, m_Kp=0.493677, m_b=4.18, m_s=0.0935, tau_Bp=1.638e-12, m_h=125.2)
F_0 = formfactors.form_factor_set("HPQCD2022", "K")
NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)
Q2_MAX = (CONSTANTS.m_Bp - CONSTANTS.m_Kp) ** 2


def dBR_dq2(q2: FloatArray, m_1: float, pair: Pair, width: Width) -> FloatArray:
    """Gamma(B -> K S*; kappa s c) |1/D_2 - 1/D_1|^2 W/pi over the width of the B+ [GeV^-2]."""
    c, cos_theta = CONSTANTS, math.sqrt(1.0 - SIN_THETA**2)
    virtual = widths.B_to_K_H1(c.m_Bp, c.m_Kp, np.sqrt(q2), KAPPA, SIN_THETA * cos_theta, F_0.f_0(q2), c.m_b, c.m_s)
    D_1 = q2 - m_1**2 if width == "none" else se.inverse_propagator(q2, m_1, cos_theta, [pair], width)
    D_2 = q2 - c.m_h**2 + 1j * c.m_h * c.Gamma_h
    return widths.branching_fraction(virtual * np.abs(1.0 / D_2 - 1.0 / D_1) ** 2 * pair.W(q2) / math.pi, c.tau_Bp)


def three_body_BR(m_1: float, pair: Pair, width: Width) -> float:
    """Integral over q2 = low + (high - low) sin^4(pi u/2), which has the nodes at both ends."""
    u = 0.5 * (NODES + 1.0)
    sine = np.sin(0.5 * math.pi * u)
    q2 = pair.threshold + (Q2_MAX - pair.threshold) * sine**4
    slope = (Q2_MAX - pair.threshold) * math.pi * sine**3 * np.sqrt(1.0 - sine**2)
    return float((WEIGHTS * slope * dBR_dq2(q2, m_1, pair, width)).sum())


@pytest.mark.parametrize(
    ("m_1", "pair", "width", "expected"),
    [
        (10.0, se.XX(0.05, 0.1, 57.5), "none", 1.2003174369323143e-08),
        (6.0, se.XX(0.03, 1.0, 57.5), "none", 1.8894503575955785e-05),
        (6.0, se.XX(0.03, 1.0, 57.5), "running", 1.899881583335298e-06),
        (10.0, se.chichi(0.1, 0.5), "none", 2.176937419893287e-09),
        (10.0, se.chichi(0.1, 0.5), "running", 2.176937419893287e-09),
    ],
)
def test_three_body_branching_fractions(m_1: float, pair: Pair, width: Width, expected: float) -> None:
    assert three_body_BR(m_1, pair, width) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(
    ("width", "m_1", "expected"),
    [
        *(("running", m_1, value) for m_1, value in ((5.0, 5.9e-6), (6.0, 3.0e-6), (10.0, 0.8e-6))),
        *(("dispersive", m_1, value) for m_1, value in ((5.0, 7.4e-6), (6.0, 4.5e-6), (10.0, 1.6e-6))),
    ],
)
def test_largest_rate_over_the_coupling(width: Width, m_1: float, expected: float) -> None:
    """Two digits of the largest BR(X Xbar) at sin(theta) = 6e-3: only the ratio Gamma_1/m_1 enters."""
    rates = [three_body_BR(m_1, Pair("X Xbar", 0.03, (r * m_1**2,)), width) for r in np.geomspace(0.1, 2.0, 30)]
    assert 0 < int(np.argmax(rates)) < 29
    assert max(rates) == pytest.approx(expected, abs=0.05e-6)


@pytest.mark.parametrize(("m_1", "expected"), [(5.0, 7.1e-6), (6.0, 3.2e-6), (10.0, 0.74e-6)])
def test_largest_rate_without_a_further_pole(m_1: float, expected: float) -> None:
    """The maxima above lie where there is a bound pair or a tachyon; before that the rate rises with the coupling."""
    limit = math.pi / (2.0 * math.log(m_1 / 0.03))
    rates = [
        three_body_BR(m_1, Pair("X", 0.03, (r * m_1**2,)), "dispersive") for r in np.linspace(0.1, 1.0, 10) * limit
    ]
    assert int(np.argmax(rates)) == 9
    assert max(rates) == pytest.approx(expected, rel=0.02)


def test_narrow_limit_is_the_two_body_rate() -> None:
    c, m_1, Gamma = CONSTANTS, 2.0, 1e-4
    cos_theta = math.sqrt(1.0 - SIN_THETA**2)
    unit = Pair("X Xbar", 0.05, (1.0,))
    pair = Pair("X Xbar", 0.05, (Gamma / unit.width(m_1, cos_theta),))
    low, high = (math.atan((q2 - m_1**2) / (m_1 * Gamma)) for q2 in (pair.threshold, Q2_MAX))
    angle = 0.5 * (low + high) + 0.5 * (high - low) * NODES
    q2 = m_1**2 + m_1 * Gamma * np.tan(angle)
    slope = 0.5 * (high - low) * m_1 * Gamma / np.cos(angle) ** 2
    three = float((WEIGHTS * slope * dBR_dq2(q2, m_1, pair, "fixed")).sum())
    two = widths.B_to_K_H1(c.m_Bp, c.m_Kp, m_1, KAPPA, SIN_THETA, F_0.f_0(m_1**2), c.m_b, c.m_s)
    assert three / widths.branching_fraction(two, c.tau_Bp) == pytest.approx(0.9999811733454768, rel=2e-4)
