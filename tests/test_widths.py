"""Partial widths and loop functions: limits, thresholds and refusals (values: test_reference.py)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad

from bkgen import loops, widths
from bkgen.constants import Constants

C = Constants.named()
B_K = {"m_B": C.m_Bp, "m_b": C.m_b, "m_s": C.m_s, "kappa": 6.7e-6, "sin_theta": 1e-3}


def test_closed_channels_have_zero_width() -> None:
    for m in (2.0, 1.9):
        assert widths.beta(m, 1.0) == 0.0
        assert widths.H1_to_XX(m, 1.0, 0.1, 50.0, 1.0) == 0.0
        assert widths.H1_to_SS(m, 1.0, 0.1, 1.0) == 0.0
        assert widths.H1_to_chichi(m, 1.0, 0.1, 1.0) == 0.0
        assert widths.H1_to_NN(m, 1.0, 0.1, 1.0) == 0.0
        assert widths.H1_to_ff(m, 1.0, 0.1, 246.0) == 0.0
        assert widths.H1_to_ZpZp(m, 1.0, 50.0, 1.0) == 0.0
        assert widths.a_to_ff(m, 1.0, 1.0, 1e8) == 0.0
        assert widths.a_to_chichi(m, 1.0, 1.0, 1e8) == 0.0
        assert widths.Zp_to_ll(m, 1.0, 0.1) == 0.0
        assert widths.Zp_to_XX(m, 1.0, 0.1, 1.0) == 0.0
    for m in (C.m_Bp - C.m_Kp, 5.0, 100.0):
        assert widths.B_to_K_H1(m_K=C.m_Kp, m_H1=m, f_0=0.5, **B_K) == 0.0
        assert widths.B_to_V_H1(m_V=C.m_Kp, m_H1=m, A_0=0.5, **B_K) == 0.0
        assert widths.B_to_K_alp(C.m_Bp, C.m_Kp, m, 1.0, 1e8, 0.5) == 0.0
        assert widths.B_to_V_alp(C.m_Bp, C.m_Kp, m, 1.0, 1e8, 0.5) == 0.0


def test_arrays_over_a_threshold() -> None:
    m = np.array([1.5, 2.0, 2.5])
    result = widths.H1_to_XX(m, 1.0, 0.1, 50.0, 1.0)
    assert result.tolist() == [widths.H1_to_XX(x, 1.0, 0.1, 50.0, 1.0) for x in m.tolist()]
    assert (result > 0.0).tolist() == [False, False, True]
    m_H1 = np.array([1.0, 2.0, 5.0])
    width = widths.B_to_K_H1(m_K=C.m_Kp, m_H1=m_H1, f_0=np.full(3, 0.4), **B_K)
    assert (width > 0.0).tolist() == [True, True, False]


@pytest.mark.parametrize("m", [0.0, -1.0, math.nan, math.inf])
def test_non_physical_decaying_mass(m: float) -> None:
    calls: list[Callable[[], object]] = [
        lambda: widths.H1_to_XX(m, 0.1, 0.1, 50.0, 1.0),
        lambda: widths.H1_to_ff(m, 0.1, 0.1, 246.0),
        lambda: widths.a_to_gg(m, 1.0, 1e8, 0.3),
        lambda: widths.Zp_to_nunu(m, 0.1),
        lambda: widths.Zp_to_ll(m, 0.1, 0.1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must be finite and positive"):
            call()


def test_non_physical_arguments() -> None:
    scales: list[Callable[[], object]] = [
        lambda: widths.a_to_ff(2.0, 0.1, 1.0, 0.0),
        lambda: widths.a_to_gammagamma(2.0, 1.0, -1.0, 0.1),
        lambda: widths.H1_to_ZpZp(2.0, 0.1, 0.0, 1.0),
        lambda: widths.v_Phi(0.1, 0.1, 0.0),
        lambda: widths.B_to_K_alp(5.0, 0.5, 1.0, 1.0, math.nan, 0.3),
        lambda: widths.B_to_K_H1(5.0, 0.5, 1.0, 1e-6, 0.1, 0.3, 0.1, 0.2),
    ]
    for call in scales:
        with pytest.raises(ValueError, match="must be finite and positive"):
            call()
    daughters: list[Callable[[], object]] = [
        lambda: widths.H1_to_XX(2.0, -0.1, 0.1, 50.0, 1.0),
        lambda: widths.H1_to_XX(2.0, math.nan, 0.1, 50.0, 1.0),
        lambda: widths.B_to_K_alp(5.0, 0.5, -1.0, 1.0, 1e8, 0.3),
        lambda: widths.B_to_K_alp(5.0, 0.5, math.nan, 1.0, 1e8, 0.3),
    ]
    for call in daughters:
        with pytest.raises(ValueError, match="no decay of mass"):
            call()


def test_parts_of_ZpZp() -> None:
    arguments = (2.0, 0.4, 57.5, 0.9)
    LL, TT = widths.H1_to_ZpZp_LL(*arguments), widths.H1_to_ZpZp_TT(*arguments)
    x = (0.4 / 2.0) ** 2
    assert pytest.approx(LL / TT, rel=1e-14) == (1.0 / (2.0 * x) - 1.0) ** 2 / 2.0
    total = widths.H1_to_ZpZp(*arguments)
    assert total == pytest.approx(LL + TT, rel=1e-15)
    assert TT / total == pytest.approx(widths.ZpZp_transverse_fraction(2.0, 0.4), rel=1e-14)
    # At threshold all three helicity states are equal: two of three are transverse.
    assert widths.ZpZp_transverse_fraction(2.0, 1.0) == pytest.approx(2.0 / 3.0, rel=1e-15)


def test_light_ZpZp_is_the_goldstone_pair() -> None:
    # lambda_Phi v_Phi^2 = m^2/2: the Goldstone pair couples like a real scalar with mu = m^2/(2 v_Phi).
    m, v_Phi = 2.0, 57.5
    goldstones = widths.H1_to_SS(m, 0.0, m**2 / (2.0 * v_Phi), 1.0)
    assert widths.H1_to_ZpZp(m, 1e-6, v_Phi, 1.0) == pytest.approx(goldstones, rel=1e-9)


def test_two_real_scalars_are_one_complex_scalar() -> None:
    lambda_v = 0.1 * 57.5
    complex_pair = widths.H1_to_XX(2.0, 0.3, 0.1, 57.5, 0.9)
    assert complex_pair == pytest.approx(2.0 * widths.H1_to_SS(2.0, 0.3, lambda_v / 2.0, 0.9), rel=1e-14)


def test_majorana_switch() -> None:
    dirac = widths.a_to_chichi(2.0, 0.1, 1.0, 1e8)
    assert widths.a_to_chichi(2.0, 0.1, 1.0, 1e8, majorana=True) == 2.0 * dirac
    assert widths.a_to_chichi(2.0, 0.1, 0.5, 1e8, majorana=True) == pytest.approx(0.5 * dirac, rel=1e-15)
    assert widths.a_to_chichi(2.0, 0.1, 1.0, 1e8) == widths.a_to_ff(2.0, 0.1, 1.0, 1e8)


def test_kaon_mode_is_scalar_current_times_phase_space() -> None:
    # The ALP rate is the scalar-current rate with coupling (m_b - m_s) C_V/(2 f_a): equations of motion.
    f_a, m_a, f_0 = 1e8, 2.0, 0.4
    coupling = (C.m_b - C.m_s) / f_a
    scalar = widths.B_to_K_H1(C.m_Bp, C.m_Kp, m_a, coupling, 1.0, f_0, C.m_b, C.m_s)
    assert widths.B_to_K_alp(C.m_Bp, C.m_Kp, m_a, 1.0, f_a, f_0) == pytest.approx(scalar, rel=1e-14)
    pseudoscalar = widths.B_to_V_H1(C.m_Bp, C.m_Kstp, m_a, (C.m_b + C.m_s) / f_a, 1.0, 0.4, C.m_b, C.m_s)
    assert widths.B_to_V_alp(C.m_Bp, C.m_Kstp, m_a, 1.0, f_a, 0.4) == pytest.approx(pseudoscalar, rel=1e-14)


def test_dark_higgs_table() -> None:
    # Nodes, log-log interpolation between them, and the analytic rows below the muon threshold.
    assert widths.dark_higgs_visible_width(0.01) == pytest.approx(1.687e-15, rel=1e-12)
    assert widths.dark_higgs_visible_width(5.13) == pytest.approx(9.41414e-06, rel=1e-12)
    middle = math.sqrt(1.687e-15 * 2.0342e-15)
    assert widths.dark_higgs_visible_width(math.sqrt(0.01 * 0.012)) == pytest.approx(middle, rel=1e-12)
    assert widths.dark_higgs_visible_width(0.06) == pytest.approx(widths.H1_to_ff(0.06, C.m_e, 1.0, C.v_EW), rel=1e-5)
    assert widths.dark_higgs_visible_width(4.97, "Gtot_F") > 0.0
    for m in (0.0, 0.0099, 5.14, -1.0, math.nan):
        with pytest.raises(ValueError, match="outside the dark Higgs table"):
            widths.dark_higgs_visible_width(m)
    with pytest.raises(ValueError, match="outside the dark Higgs table"):
        widths.dark_higgs_visible_width(0.2, "Gtot_F")


def test_loop_function_limits() -> None:
    assert loops.B(0.0) == 1.0
    assert loops.B(1e-30) == pytest.approx(1.0, abs=1e-26)
    for x in (1e4, 1e8):
        assert loops.B(x).real == pytest.approx(-1.0 / (3.0 * x) * (1.0 + 8.0 / (15.0 * x)), rel=1e-7)
    # Both branches meet at threshold, series and closed form at the switch.
    assert loops.B(1.0 - 1e-12) == pytest.approx(loops.B(1.0), abs=1e-5)
    assert loops.B(100.0 * (1.0 + 1e-15)) == pytest.approx(loops.B(100.0), rel=1e-11)
    for x in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="x must be finite"):
            loops.B(x)
    with pytest.raises(ValueError, match="m_a must be positive"):
        loops.C_G_eff(0.0, 1.0, C)


def test_ultraviolet_couplings_add() -> None:
    assert loops.C_G_eff(2.0, 0.0, C, C_G_UV=0.7) == 0.7
    assert loops.C_gamma_eff(2.0, 0.0, 0.0, C, C_gamma_UV=0.7) == 0.7
    # Light fermions: B = 1, so one unit per lepton.
    assert loops.C_gamma_eff(1e6, 0.0, 1.0, C) == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize("q2", [-5.0, -1e-4, 0.0, 1e-4, 0.004, 0.03, 0.0446, 0.5, 4.0, 20.0])
def test_kinetic_mixing_is_its_integral(q2: float) -> None:
    def integrand(x: float) -> float:
        y = x * (1.0 - x) * q2
        return x * (1.0 - x) * math.log(abs((C.m_tau**2 - y) / (C.m_mu**2 - y)))

    singular = [0.5 - 0.5 * math.sqrt(1.0 - 4.0 * m**2 / q2) for m in (C.m_mu, C.m_tau) if q2 > 4.0 * m**2]
    integral = 2.0 * quad(integrand, 0.0, 0.5, points=singular or None, epsabs=0.0, epsrel=1e-9, limit=400)[0]
    expected = -math.sqrt(4.0 * math.pi * C.alpha_0) / (2.0 * math.pi**2) * integral
    assert loops.kinetic_mixing(q2, 1.0, C) == pytest.approx(expected, rel=1e-7)


def test_kinetic_mixing_needs_finite_q2() -> None:
    with pytest.raises(ValueError, match="q2 must be finite"):
        loops.kinetic_mixing(math.nan, 1.0, C)


def test_kaon_modes() -> None:
    """s -> d: the mass and the CKM factor of kappa, the scalar current of the kaon; K_L with the real part."""
    assert widths.kappa_sd(C.VtbVts, C) * C.m_b == pytest.approx(widths.kappa_sb(C) * C.m_s, rel=1e-14)
    kappa = widths.kappa_sd(3.5e-4, C)
    charged = widths.K_to_pi_H1(C.m_Kp, C.m_pip, 0.1, kappa, 1e-3, 1.0, C.m_s, C.m_d)
    current = kappa * 1e-3 * (C.m_Kp**2 - C.m_pip**2) / (C.m_s - C.m_d)
    p = math.sqrt((C.m_Kp**2 - (C.m_pip + 0.1) ** 2) * (C.m_Kp**2 - (C.m_pip - 0.1) ** 2)) / (2.0 * C.m_Kp)
    assert charged == pytest.approx(current**2 * p / (32.0 * math.pi * C.m_Kp**2), rel=1e-12)
    assert widths.K_to_pi_H1(C.m_Kp, C.m_pip, 0.36, kappa, 1e-3, 1.0, C.m_s, C.m_d) == 0.0


def test_gluons_above_all_thresholds_and_below() -> None:
    """One heavy quark, A = 1; light quarks decouple like m_q^2/m^2."""
    heavy_top = Constants.named(m_t=1e5, m_b=1e-6, m_c=1e-6)
    expected = loops.alpha_s(10.0, heavy_top) ** 2 * 1e3 / (72.0 * math.pi**3 * heavy_top.v_EW**2)
    assert widths.H1_to_gg(10.0, 1.0, heavy_top) == pytest.approx(expected, rel=1e-6)
    assert loops.A(0.0) == 0.0
    assert loops.A(1e6) == pytest.approx(1.0, rel=1e-5)
    for tau in (0.3, 0.8):
        direct = 1.5 * (tau + (tau - 1.0) * math.asin(math.sqrt(tau)) ** 2) / tau**2
        assert loops.A(1.0 / tau) == pytest.approx(direct, rel=1e-12)


def test_strong_coupling() -> None:
    assert loops.alpha_s(C.m_Z, C) == C.alpha_s_MZ
    assert 0.2 < loops.alpha_s(5.0, C) < 0.21
    with pytest.raises(ValueError, match="at least 1 GeV"):
        loops.alpha_s(0.9, C)


def test_leading_order_visible_width() -> None:
    m = 2.0 * C.m_Bp
    assert widths.H1_to_bb(m, 0.1, C) == 0.0
    assert widths.H1_to_bb(90.0, 0.1, C) == pytest.approx(widths.H1_to_ff(90.0, C.m_b, 0.1, C.v_EW, 3), rel=0.01)
    ratio = sum(widths.dark_higgs_visible_widths_LO(5.13, C).values()) / widths.dark_higgs_visible_width(5.13)
    assert ratio == pytest.approx(1.60, abs=0.01)
    parts = sum(widths.H1_to_ff(20.0, m_f, 1.0, C.v_EW, N) for m_f, N in ((C.m_mu, 1), (C.m_tau, 1), (C.m_c, 3)))
    parts += widths.H1_to_bb(20.0, 1.0, C) + widths.H1_to_gg(20.0, 1.0, C)
    assert sum(widths.dark_higgs_visible_widths_LO(20.0, C).values()) == pytest.approx(parts, rel=1e-14)
    for outside in (1.9, 101.0, math.nan):
        with pytest.raises(ValueError, match="outside the leading-order"):
            sum(widths.dark_higgs_visible_widths_LO(outside, C).values())


def test_muon_magnetic_moment_limits() -> None:
    light, heavy = 1.0 / (8.0 * math.pi**2), C.m_mu**2 / (12.0 * math.pi**2)
    assert loops.delta_a_mu(0.0, 1.0, C) == pytest.approx(light, rel=1e-12)
    assert loops.delta_a_mu(1e-12, 1.0, C) == pytest.approx(light, rel=1e-10)
    assert loops.delta_a_mu(1e3, 2.0, C) == pytest.approx(4.0 * heavy / 1e6, rel=1e-6)
    assert loops.delta_a_mu(1e8, 1.0, C) == pytest.approx(heavy / 1e16, rel=1e-12)
    values = [loops.delta_a_mu(m, 1.0, C) for m in (0.01, 0.05, 0.053, 0.1, 1.0)]
    assert values == sorted(values, reverse=True)
    for m in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="m_Zp must be finite"):
            loops.delta_a_mu(m, 1.0, C)
