"""The scalar potential of the dark Higgs model and the Higgs boson's decays, against the potential itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

from bkgen import higgs_sector as hs
from bkgen import self_energies as se
from bkgen import widths
from bkgen.constants import Constants
from bkgen.higgs_sector import Quartics

C = Constants.named(G_F=1.1663788e-05, m_h=125.2, Gamma_h=0.0041, BR_h_4nu=0.00106)
POINT = (30.0, 125.2, 0.3, 57.5, C.v_EW)  # m_1, m_2, sin_theta, v_Phi, v


def potential(couplings: Quartics, v_Phi: float) -> Callable[[float, float], float]:
    """V(h, phi)."""

    def V(h: float, phi: float) -> float:
        A, a = C.v_EW * h + 0.5 * h * h, v_Phi * phi + 0.5 * phi * phi
        return couplings.lambda_H * A * A + couplings.lambda_Phi * a * a + couplings.lambda_PhiH * A * a

    return V


def test_masses_and_mixing_from_the_potential() -> None:
    m_1, m_2, s, v_Phi, v = POINT
    c = math.sqrt(1.0 - s * s)
    couplings = hs.quartics(*POINT)
    mass_matrix = [
        [2.0 * couplings.lambda_H * v**2, couplings.lambda_PhiH * v * v_Phi],
        [couplings.lambda_PhiH * v * v_Phi, 2.0 * couplings.lambda_Phi * v_Phi**2],
    ]
    rotation = np.array([[-s, c], [c, s]])  # rows H1, H2; columns h, phi are its transpose
    diagonal = np.array([[-s, c], [c, s]]) @ np.array(mass_matrix) @ rotation.T
    assert diagonal == pytest.approx(np.diag([m_1**2, m_2**2]), rel=1e-12, abs=1e-9)
    assert 4.0 * couplings.lambda_H * couplings.lambda_Phi - couplings.lambda_PhiH**2 == pytest.approx(
        (m_1 * m_2 / (v * v_Phi)) ** 2, rel=1e-12
    )
    assert hs.bounded_below(couplings)
    assert couplings.perturbative
    assert not hs.quartics(2.0, 125.2, 0.9, 10.0, v).perturbative


@pytest.mark.parametrize("sin_theta", [0.3, -0.3, 6e-3])
def test_kappa_211_is_the_cubic_term(sin_theta: float) -> None:
    """d3V/dH1^2 dH2 = 2 kappa_211 at the minimum; the polynomial has exact differences."""
    m_1, m_2, _, v_Phi, v = POINT
    s, c = sin_theta, math.sqrt(1.0 - sin_theta**2)
    V = potential(hs.quartics(m_1, m_2, s, v_Phi, v), v_Phi)

    def rotated(H1: float, H2: float) -> float:
        return V(-s * H1 + c * H2, c * H1 + s * H2)

    def curvature(H2: float) -> float:
        return (rotated(1.0, H2) - 2.0 * rotated(0.0, H2) + rotated(-1.0, H2)) / 2.0

    assert (curvature(1.0) - curvature(-1.0)) / 2.0 == pytest.approx(hs.kappa_211(m_1, m_2, s, v_Phi, v), rel=1e-9)


def test_bounded_below_against_sampling() -> None:
    rng = np.random.default_rng(3)
    squares = rng.dirichlet([0.5, 0.5, 0.5], 20000)
    verdicts = []
    for _ in range(300):
        lambda_H, lambda_Phi, lambda_X = rng.uniform(0.01, 1.0, 3).tolist()
        lambda_PhiH, lambda_PhiX = rng.uniform(-2.0, 2.0, 2).tolist()
        H, F, X = squares.T
        lowest = float(
            (lambda_H * H * H + lambda_Phi * F * F + lambda_X * X * X + lambda_PhiH * H * F + lambda_PhiX * F * X).min()
        )
        verdict = hs.bounded_below(Quartics(lambda_H, lambda_Phi, lambda_PhiH), lambda_PhiX, lambda_X)
        if abs(lowest) > 1e-3:
            assert verdict == (lowest > 0.0)
        verdicts.append(verdict)
    assert 50 < sum(verdicts) < 250
    assert not hs.bounded_below(Quartics(0.1, 0.1, 0.0), lambda_PhiX=-1e-6)
    assert hs.bounded_below(Quartics(0.1, 0.1, 0.0), lambda_PhiX=1.0)
    for couplings in (Quartics(-0.1, 0.1, 0.0), Quartics(0.1, -0.1, 0.0), Quartics(0.1, 0.1, -0.2001)):
        assert not hs.bounded_below(couplings)


@pytest.mark.parametrize(("sin_theta", "m_X"), [(6e-3, 0.05), (0.3, 3.0), (0.0, 0.0)])
def test_lambda_X_min_is_where_a_deeper_vacuum_appears(sin_theta: float, m_X: float) -> None:
    m_1, m_2, _, v_Phi, v = POINT
    couplings = hs.quartics(m_1, m_2, sin_theta, v_Phi, v)
    lambda_PhiX = 0.4
    critical = hs.lambda_X_min(couplings, lambda_PhiX, m_X, v_Phi)

    def lowest(lambda_X: float) -> float:
        """Smallest V over |H|^2, |Phi|^2, |X|^2 in units of v_Phi^2, away from the vacuum."""

        def V(squares: np.ndarray) -> float:
            A, a, b = squares[0] - 0.5 * (v / v_Phi) ** 2, squares[1] - 0.5, squares[2]
            value = couplings.lambda_H * A * A + couplings.lambda_Phi * a * a + couplings.lambda_PhiH * A * a
            return float(value + (m_X / v_Phi) ** 2 * b + lambda_PhiX * b * a + lambda_X * b * b)

        start = [0.5 * (v / v_Phi) ** 2, 0.0, 0.25 * lambda_PhiX / critical]
        return float(minimize(V, start, bounds=[(0.0, None)] * 3, tol=1e-14).fun)

    assert lowest(1.01 * critical) > -1e-9
    assert lowest(0.99 * critical) < -1e-5


def test_lambda_X_min_in_terms_of_the_width() -> None:
    """8 pi Gamma_1/m_1 for m_X, s -> 0, of either sign of lambda_PhiX."""
    m_1, lambda_PhiX, v_Phi = 6.0, 0.3, 57.5
    couplings = hs.quartics(m_1, 125.2, 0.0, v_Phi, C.v_EW)
    ratio = widths.H1_to_XX(m_1, 0.0, lambda_PhiX, v_Phi, 1.0) / m_1
    critical = hs.lambda_X_min(couplings, lambda_PhiX, 0.0, v_Phi)
    assert critical == pytest.approx(8.0 * math.pi * ratio, rel=1e-12)
    assert hs.bounded_below(couplings, -lambda_PhiX, 1.0001 * critical)
    assert not hs.bounded_below(couplings, -lambda_PhiX, 0.9999 * critical)
    # With mixing, c^2 of the width is in it up to s^2 m_1^2/m_2^2.
    s = 0.1
    mixed = hs.lambda_X_min(hs.quartics(m_1, 125.2, s, v_Phi, C.v_EW), lambda_PhiX, 0.0, v_Phi)
    assert mixed == pytest.approx(8.0 * math.pi * ratio * (1.0 - s**2 + (s * m_1 / 125.2) ** 2), rel=1e-12)
    assert hs.lambda_X_min(couplings, lambda_PhiX, 1.001 * v_Phi * math.sqrt(lambda_PhiX / 2.0), v_Phi) == 0.0
    with pytest.raises(ValueError, match="bounded_below"):
        hs.lambda_X_min(couplings, -0.1, 0.0, v_Phi)


def test_H2_pairs_are_H1_formulas_at_m_h() -> None:
    s = 0.1
    cases = {
        se.XX(0.3, 0.1, 57.5): widths.H1_to_XX(C.m_h, 0.3, 0.1, 57.5, s),
        se.SS(0.3, 0.7): widths.H1_to_SS(C.m_h, 0.3, 0.7, s),
        se.chichi(0.3, 0.7): widths.H1_to_chichi(C.m_h, 0.3, 0.7, s),
        se.NN(0.3, 0.7): widths.H1_to_NN(C.m_h, 0.3, 0.7, s),
        se.ZpZp(0.3, 57.5): widths.H1_to_ZpZp(C.m_h, 0.3, 57.5, s),
        se.ZpZp(70.0, 57.5): 0.0,
    }
    for pair, expected in cases.items():
        assert hs.H2_to_pair(pair, s, C) == pytest.approx(expected, rel=1e-12)
    assert hs.H2_to_H1H1(63.0, s, 57.5, C) == 0.0


def test_equivalence_of_H1H1_and_ZpZp() -> None:
    """Small angle, light H1 and Z': both s^2 m_2^3/(32 pi v_Phi^2)."""
    s, v_Phi = 1e-4, 57.5
    goldstone = s**2 * C.m_h**3 / (32.0 * math.pi * v_Phi**2)
    assert hs.H2_to_H1H1(0.01, s, v_Phi, C) == pytest.approx(goldstone, rel=1e-4)
    assert hs.H2_to_pair(se.ZpZp(0.01, v_Phi), s, C) == pytest.approx(goldstone, rel=1e-4)


def test_invisible_fraction() -> None:
    v_Phi, pair = 57.5, se.ZpZp(0.0115, 57.5)
    assert hs.BR_H2_invisible(0.0, 2.0, v_Phi, (pair,), C) == pytest.approx(C.BR_h_4nu, rel=1e-14)
    s, standard = 0.1, 0.99 * C.Gamma_h
    cascade, dark = hs.H2_to_H1H1(2.0, s, v_Phi, C), hs.H2_to_pair(pair, s, C)
    total = standard + cascade + dark
    half = se.ZpZp(0.0115, 57.5, invisible=0.5)
    expected = (C.BR_h_4nu * standard + 0.09 * cascade + 0.5 * dark) / total
    assert hs.BR_H2_invisible(s, 2.0, v_Phi, (half,), C, H1_invisible=0.3) == pytest.approx(expected, rel=1e-12)


def test_bounds_are_where_the_limit_is_reached() -> None:
    v_Phi, pairs = 57.5, (se.ZpZp(0.0115, 57.5),)
    s = hs.sin_theta_max(0.107, 2.0, v_Phi, pairs, C)
    assert s == pytest.approx(6.4e-3, abs=0.05e-3)
    assert hs.BR_H2_invisible(s, 2.0, v_Phi, pairs, C) == pytest.approx(0.107, rel=1e-10)
    assert hs.v_Phi_min(0.107, s, 2.0, 0.0115, C) == pytest.approx(v_Phi, rel=1e-9)
    ratios = [hs.sin_theta_over_v_Phi_max(0.13, 2.0, v, (se.ZpZp(0.0115, v),), C) for v in (7.6667, 57.5)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-2)
    assert hs.sin_theta_max(0.13, 80.0, v_Phi, (), C) == 1.0
    assert hs.v_Phi_min(0.13, 0.01, 80.0, 80.0, C) == 0.0
    for BR_max in (1e-3, 1.0, math.nan):
        with pytest.raises(ValueError, match="BR_max"):
            hs.sin_theta_max(BR_max, 2.0, v_Phi, pairs, C)
        with pytest.raises(ValueError, match="BR_max"):
            hs.v_Phi_min(BR_max, 0.01, 2.0, 0.0115, C)


@pytest.mark.parametrize(("sin_theta", "v_Phi"), [(3.044061e-3, 24.4), (4.088483e-3, 32.8), (5.718795e-3, 45.9)])
def test_smallest_v_Phi_of_the_quoted_excesses(sin_theta: float, v_Phi: float) -> None:
    assert hs.v_Phi_min(0.13, sin_theta, 2.0, 0.0115, C) == pytest.approx(v_Phi, abs=0.05)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="sin_theta"):
        hs.quartics(2.0, 125.2, 1.1, 57.5, C.v_EW)
    with pytest.raises(ValueError, match="v_Phi must be finite and positive"):
        hs.kappa_211(2.0, 125.2, 0.1, 0.0, C.v_EW)
    with pytest.raises(ValueError, match="sin_theta must be between 0 and 1"):
        hs.v_Phi_min(0.13, 0.0, 2.0, 0.0115, C)
    with pytest.raises(ValueError, match="0 < BR_max < 1"):
        hs.HNL_width_bound(1.0, 0.1, C)
    with pytest.raises(ValueError, match="BR must be"):
        hs.sin_theta_of_rate(-1.0, 0.5)
