"""Relic densities: published values, independent formulations, limits, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import kve

from bkgen import widths
from bkgen.constants import Constants
from bkgen.cosmology import DegreesOfFreedom, Universe, relic_density
from bkgen.cosmology.averages import reaction_density, thermal_average
from bkgen.cosmology.freeze_in import equilibrium_freeze_in, freeze_in, yield_per_width
from bkgen.cosmology.freeze_out import Relic, freeze_out, tabulated, thermal_relic, unitarity_limit
from bkgen.cosmology.semi_annihilation import semi_annihilation
from bkgen.cosmology.thermodynamics import equilibrium_density, time_dilation
from bkgen.dark_matter import (
    AnnihilationChannel,
    FreezeIn,
    FreezeOut,
    ProductionDecay,
    ProductionScattering,
    SemiAnnihilation,
)
from bkgen.loops import C_G_eff, C_gamma_eff
from bkgen.units import GEV3_TO_PER_CM3, GEV_M2_TO_CM3_PER_S, KELVIN

Array = NDArray[np.float64]
CONSTANTS = Constants.named("default", M_Pl=2.435323e18, s_0=2891.2, rho_c_h2=1.053672e-5)
UNIVERSE = Universe(CONSTANTS)
PORTALS = Universe(replace(CONSTANTS, rho_c_h2=1.05371e-5))
"""The critical density of the reference values of the ALP and the dark photon."""


def power(value: float, n: int = 0) -> Callable[[Array], Array]:
    """<sigma v> = value/x^n."""
    return lambda x: value * x**-n


def solved(value: Callable[[float], float], target: float, low: float, high: float) -> float:
    """The argument between low and high at which a power law, or nearly one, has a value."""
    return math.exp(brentq(lambda u: math.log(value(math.exp(u)) / target), math.log(low), math.log(high), xtol=1e-10))


# --- Degrees of freedom, expansion ----------------------------------------------------------------


def test_degrees_of_freedom() -> None:
    """g_rho_g_s_1GeV, g_rho_g_s_50MeV, gstar_1GeV, gstar_WS_1GeV."""
    dof = DegreesOfFreedom.named()
    assert (dof.g_rho(1.0), dof.g_s(1.0)) == pytest.approx((69.74376142054093, 68.77157117731772), rel=1e-7)
    assert (dof.g_rho(0.05), dof.g_s(0.05)) == pytest.approx((14.61972223987538, 14.314425392447083), rel=1e-7)
    assert DegreesOfFreedom.named("WS").g_rho(1.0) == pytest.approx(76.08301316717697, rel=1e-9)


@pytest.mark.parametrize("name", ["SS", "WS"])
def test_degrees_of_freedom_are_smooth(name: str) -> None:
    """The slope is the derivative of the values; outside the nodes everything is constant."""
    dof = DegreesOfFreedom.named(name)
    T = np.geomspace(2e-6, 9e3, 301)
    step = 1e-5
    difference = np.log(dof.g_s(T * math.exp(step)) / dof.g_s(T * math.exp(-step))) / (2.0 * step)
    np.testing.assert_allclose(dof.slope_s(T), difference, atol=1e-4)
    assert dof.g_s(1e-13) == dof.g_s(1e-6)
    assert dof.g_rho(1e9) == dof.g_rho(1e4)
    assert dof.slope_s(1e-13) == dof.slope_s(1e9) == 0.0


def test_degrees_of_freedom_refusals() -> None:
    with pytest.raises(ValueError, match="unknown degrees of freedom"):
        DegreesOfFreedom.named("XX")
    with pytest.raises(ValueError, match="positive values"):
        DegreesOfFreedom.constant(0.0)


def test_expansion() -> None:
    """hubble_1GeV, omega_factor, and the entropy density of today."""
    assert UNIVERSE.hubble(1.0) == pytest.approx(1.1355982918436047e-18, rel=1e-7)
    assert PORTALS.omega_h2(1.0, 1.0) == pytest.approx(274382894.7243549, rel=1e-12)
    today = float(UNIVERSE.entropy(CONSTANTS.T_0 * KELVIN)) * GEV3_TO_PER_CM3
    assert today == pytest.approx(CONSTANTS.s_0, rel=0.01)


def test_equilibrium() -> None:
    """Number densities: massless, massive, and their ratio to the entropy."""
    T = np.array([0.01, 0.3, 1.0, 50.0])
    np.testing.assert_allclose(equilibrium_density(0.0, 2.0, T), equilibrium_density(1e-6, 2.0, T), rtol=1e-6)
    expected = equilibrium_density(1.0, 2.0, T) / UNIVERSE.entropy(T)
    np.testing.assert_allclose(UNIVERSE.equilibrium_yield(1.0, 2.0, T), expected, rtol=1e-12)
    bosons = UNIVERSE.relativistic_yield(1.0, False, 1.0)
    assert UNIVERSE.relativistic_yield(1.0, True, 1.0) == pytest.approx(0.75 * bosons)
    assert bosons == pytest.approx(1.202057 * UNIVERSE.equilibrium_yield(1e-3, 1.0, 1.0), rel=1e-5)
    np.testing.assert_allclose(time_dilation(1.0, np.array([1e-3, 1e3])), [1.0 - 1.5e-3, 0.5e-3], rtol=1e-3)


# --- Thermal averages -----------------------------------------------------------------------------

M_R, WIDTH = 2.3, 1e-5


def beta(s: Array, m: float = 1.0) -> Array:
    return np.asarray(np.sqrt(1.0 - 4.0 * m**2 / s))


def s_wave(s: Array) -> Array:
    return 0.5 / beta(s)


def resonance(s: Array) -> Array:
    return beta(s) / ((s - M_R**2) ** 2 + (M_R * WIDTH) ** 2)


def closed_below(s: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(1.0 - 6.25 / s, 0.0)) / beta(s))


def by_quadrature(sigma: Callable[[Array], Array], x: float, points: list[float]) -> float:
    """<sigma v> for m = 1 by an adaptive quadrature in ln(sqrt(s) - 2 m)."""

    def integrand(t: float) -> float:
        e = math.exp(t)
        root = 2.0 + e
        value = float(sigma(np.array([root * root]))[0])
        return value * (root * root - 4.0) * 2.0 * root * root * float(kve(1, root * x)) * math.exp(-e * x) * e

    low, high = math.log(1e-9 / x), math.log(60.0 / x)
    inside = [math.log(p) for p in points if low < math.log(p) < high]
    value, _ = quad(integrand, low, high, epsabs=0.0, epsrel=1e-9, limit=2000, points=inside or None)
    return float(value) * x / (8.0 * float(kve(2, x)) ** 2)


NEAR = [M_R - 2.0 + k * WIDTH for k in (-1000.0, -20.0, -1.0, 0.0, 1.0, 20.0, 1000.0)]
AVERAGES = [
    (s_wave, [], [], []),
    (resonance, [], [(M_R, WIDTH)], NEAR),
    (closed_below, [6.25], [], [0.5, 0.5001, 0.501, 0.51]),
    (lambda s: s_wave(s) + closed_below(s), [0.0, 6.25], [], [0.5, 0.5001, 0.501, 0.51]),
]


@pytest.mark.parametrize(("sigma", "thresholds", "resonances", "points"), AVERAGES)
def test_thermal_average(
    sigma: Callable[[Array], Array],
    thresholds: list[float],
    resonances: list[tuple[float, float]],
    points: list[float],
) -> None:
    """Threshold singularities, narrow resonances and channels that open above, against adaptive quadratures."""
    x = np.array([1.0, 6.0, 25.0, 80.0])
    values = thermal_average(sigma, (1.0, 1.0), 1.0 / x, thresholds, resonances)
    for i, expected in enumerate(by_quadrature(sigma, at, points) for at in x):
        assert values[i] == pytest.approx(expected, rel=2e-8, abs=0.0)


def test_thermal_average_of_a_p_wave() -> None:
    """<v^2> = 6/x, and a constant sigma v up to relativistic corrections 1 - 3/(2 x)... of the Moller velocity."""
    x = np.array([1e3, 1e4, 1e5])
    values = thermal_average(lambda s: 2.0 * beta(s), (1.0, 1.0), 1.0 / x)
    np.testing.assert_allclose(values * x / 6.0, 1.0, atol=20.0 / x[0])
    np.testing.assert_allclose(thermal_average(s_wave, (1.0, 1.0), 1.0 / x), 1.0, atol=2.0 / x[0])


def test_thermal_average_of_different_masses() -> None:
    """Massless and light targets agree; the density of reactions is n_1 n_2 <sigma v>; a threshold may be left out."""
    T = np.array([0.05, 0.3, 1.0, 40.0])

    def sigma(s: Array) -> Array:
        return np.where(s > 9.0, (1.0 - 9.0 / s) ** 2, 0.0)

    massless = thermal_average(sigma, (2.0, 0.0), T, (9.0,))
    np.testing.assert_allclose(thermal_average(sigma, (2.0, 1e-4), T, (9.0,)), massless, rtol=1e-5)
    densities = equilibrium_density(2.0, 6.0, T) * equilibrium_density(0.0, 16.0, T)
    found = reaction_density(sigma, (2.0, 0.0), (6.0, 16.0), T, 0.0, (9.0,))
    np.testing.assert_allclose(found, densities * massless, rtol=1e-12)
    scaled = reaction_density(sigma, (2.0, 0.0), (6.0, 16.0), T, 1.5, (9.0,))
    np.testing.assert_allclose(scaled, found * np.exp(1.5 / T), rtol=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_cross_sections_must_be_numbers(value: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        thermal_average(lambda s: np.full_like(s, value), (1.0, 1.0), np.array([0.1]))


def test_resonances_must_be_resolved() -> None:
    """Too narrow above threshold; elsewhere it does not matter."""
    with pytest.raises(ValueError, match=r"resonance at 2\.5 GeV is too narrow"):
        thermal_average(s_wave, (1.0, 1.0), np.array([0.1]), (), [(2.5, 1e-13)])
    expected = thermal_average(s_wave, (1.0, 1.0), np.array([0.1]))
    assert thermal_average(s_wave, (1.0, 1.0), np.array([0.1]), (), [(1.9, 1e-13)]) == pytest.approx(expected)


# --- Freeze-out and semi-annihilation -------------------------------------------------------------


def complex_scalar(mass: float, annihilation: float, semi: float = 0.0, dof: DegreesOfFreedom | None = None) -> float:
    """Omega h2 of X and Xbar with constant <sigma v>."""
    universe = UNIVERSE if dof is None else Universe(CONSTANTS, dof)
    return thermal_relic(mass, 1.0, False, universe, power(annihilation), power(semi) if semi else None).omega_h2


def test_freeze_out_of_a_complex_scalar() -> None:
    """Oh2_ann_10, Oh2_ann_10_WS, Oh2_ann_10_constg, Oh2_semi_10."""
    assert complex_scalar(10.0, 3.8e-9) == pytest.approx(0.12844161679923302, rel=3e-4)
    wantz_shellard = complex_scalar(10.0, 3.8e-9, dof=DegreesOfFreedom.named("WS"))
    assert wantz_shellard == pytest.approx(0.116499770340135, rel=3e-4)
    constant = complex_scalar(10.0, 3.8e-9, dof=DegreesOfFreedom.constant(80.0))
    assert constant == pytest.approx(0.09943592263119738, rel=3e-4)
    assert complex_scalar(10.0, 0.0, 3.8e-9) == pytest.approx(0.25572639444851436, rel=3e-4)


LAMBDA_3 = [(1.0, 2, 0.00023917493763640026), (1.0, 1, 0.0003382444398783939), (10.0, 2, 0.0017768362667505567)]


@pytest.mark.parametrize(("mass", "channels", "expected"), LAMBDA_3)
def test_semi_annihilation_coupling(mass: float, channels: int, expected: float) -> None:
    """lam3_1GeV_both, lam3_1GeV_ZpOnly, lam3_10GeV_both, from cross sections 27 lambda^2/(64 pi m^2) per channel."""

    def omega(lambda_3: float) -> float:
        per_channel = 27.0 * lambda_3**2 / (64.0 * math.pi * mass**2)
        return complex_scalar(mass, 0.0, channels * per_channel)

    assert solved(omega, 0.12, 1e-5, 0.1) == pytest.approx(expected, rel=3e-4)


THERMAL = [
    (20.0, False, 1.0, 0.12, 4.4172807865567493e-26, 3e-4),
    (100.0, True, 2.0, 0.11, 2.303519174954689e-26, 3e-4),
    (0.3, True, 2.0, 0.11, 4.996836807688077e-26, 3e-4),
    (100.0, True, 2.0, 0.11, 2.2e-26, 0.05),
    (0.3, True, 2.0, 0.11, 5.2e-26, 0.05),
]


@pytest.mark.parametrize(("mass", "self_conjugate", "g", "omega", "expected", "tolerance"), THERMAL)
def test_thermal_cross_section(
    mass: float, self_conjugate: bool, g: float, omega: float, expected: float, tolerance: float
) -> None:
    """sv_thermal_complex_20GeV_cm3s, sv_swave_canonical_*, and Steigman, Dasgupta, Beacom, arXiv:1204.3622."""

    def density(sigma_v: float) -> float:
        return thermal_relic(mass, g, self_conjugate, PORTALS, power(sigma_v)).omega_h2

    assert solved(density, omega, 1e-10, 1e-7) * GEV_M2_TO_CM3_PER_S == pytest.approx(expected, rel=tolerance)


def dark_photon(m: float, alpha_X: float, m_X: float = 2.0, m_phi: float = 0.004) -> Relic:
    """psi psi -> phi phi of arXiv:2502.04900 eq. (47): <sigma v> = c/x."""
    y = (m_phi / m) ** 2
    shape = (9.0 - 8.0 * y + 2.0 * y**2) * math.sqrt(1.0 - y) / (2.0 - y) ** 4
    c = 64.0 * math.pi * alpha_X**2 * m**2 * shape / m_X**4
    return thermal_relic(m, 2.0, True, PORTALS, power(c, 1))


def test_freeze_out_of_a_p_wave() -> None:
    """omega_freezeout_paper_point, alphaX_relic_0.1GeV, alphaX_relic_0.8GeV."""
    assert dark_photon(0.5, 0.002).omega_h2 == pytest.approx(0.003707081503296827, rel=1e-3)
    for m, expected in ((0.1, 0.0013814089514166243), (0.8, 0.000180413661279161)):
        found = solved(lambda alpha_X, m=m: dark_photon(m, alpha_X).omega_h2, 0.12, 1e-5, 0.05)
        assert found == pytest.approx(expected, rel=1e-3)


def direct(mass: float, g: float, annihilation: Callable[[Array], Array], semi: Callable[[Array], Array]) -> float:
    """Today's Y of one particle by integrating Y itself in ln x, with scipy's Radau."""
    u, steps = UNIVERSE, np.linspace(math.log(3.0), math.log(1e5), 1000)
    x = np.exp(steps)
    factor = u.entropy_factor(mass / x) * u.entropy(mass / x) / u.hubble(mass / x)
    ln_equilibrium = np.log(u.scaled_yield(mass, g, mass / x)) - x
    table = CubicSpline(steps, np.stack([factor * annihilation(x), factor * semi(x), ln_equilibrium], axis=1))

    def pieces(t: float) -> tuple[float, float, float]:
        a, s, ln_eq = table(t)
        return float(a), float(s), math.exp(ln_eq)

    def rhs(t: float, Y: Array) -> Array:
        a, s, eq = pieces(t)
        return np.asarray(-a * (Y**2 - eq**2) - 0.5 * s * (Y**2 - Y * eq))

    def jacobian(t: float, Y: Array) -> Array:
        a, s, eq = pieces(t)
        return np.array([[float(-2.0 * a * Y[0] - 0.5 * s * (2.0 * Y[0] - eq))]])

    start = math.log(3.0)
    Y_0 = [pieces(start)[2]]
    end = math.log(1e5)
    found = solve_ivp(rhs, (start, end), Y_0, method="Radau", jac=jacobian, rtol=1e-5, atol=1e-25)
    assert found.success
    a, s, _ = pieces(end)
    return float(1.0 / (1.0 / found.y[0, -1] + a + 0.5 * s))


def test_independent_formulation_of_freeze_out() -> None:
    """50 random points: masses, spins, s and p waves, with and without semi-annihilation, within 1e-3."""
    rng = np.random.default_rng(20)
    for _ in range(50):
        mass, g = 10.0 ** rng.uniform(-2.0, 3.0), float(rng.integers(1, 5))
        annihilation = power(10.0 ** rng.uniform(-9.5, -6.0), int(rng.integers(0, 2)))
        semi = power(10.0 ** rng.uniform(-9.5, -6.0) * float(rng.integers(0, 2)))
        relic = thermal_relic(mass, g, False, UNIVERSE, annihilation, semi)
        assert relic.kind == "cold"
        assert relic.yield_today == pytest.approx(2.0 * direct(mass, g, annihilation, semi), rel=1e-3)


def test_instantaneous_freeze_out() -> None:
    """x_f = ln(0.038 g M m <sigma v>/sqrt(g_* x_f)), Omega h2 = 1.07e9 x_f/(M sqrt(g_*) <sigma v>), to 15 percent."""
    planck = 2.435323e18 * math.sqrt(8.0 * math.pi)
    for mass, sigma_v in ((10.0, 2e-9), (100.0, 1e-9), (1000.0, 1e-8)):
        relic = thermal_relic(mass, 2.0, True, UNIVERSE, power(sigma_v))
        x_f = 20.0
        for _ in range(50):
            g = float(UNIVERSE.dof.g_rho(mass / x_f))
            x_f = math.log(0.038 * 2.0 * planck * mass * sigma_v / math.sqrt(g * x_f))
        assert relic.x_f is not None
        assert relic.x_f == pytest.approx(x_f, abs=2.0)
        assert relic.omega_h2 == pytest.approx(1.07e9 * x_f / (planck * math.sqrt(g) * sigma_v), rel=0.15)


def channel(sigma: Callable[[Array], Array], threshold_s: float = 0.0) -> AnnihilationChannel:
    return AnnihilationChannel("test", sigma, threshold_s)


def test_cross_sections_of_a_model() -> None:
    """sigma(s) of an s wave gives the density of its <sigma v>; channels and both kinds of annihilation add."""
    half = channel(lambda s: 1e-9 * s_wave(s))
    candidate = FreezeOut("chi", 1.0, 2.0, True, (half, half))
    relic = freeze_out(candidate, UNIVERSE)
    average = tabulated(lambda x: 2e-9 * thermal_average(s_wave, (1.0, 1.0), 1.0 / x))
    assert relic.omega_h2 == pytest.approx(thermal_relic(1.0, 2.0, True, UNIVERSE, average).omega_h2, rel=1e-8)
    assert relic_density(candidate, UNIVERSE) is not None
    none = SemiAnnihilation("X", 1.0, 1.0, (half,), ())
    only = freeze_out(FreezeOut("X", 1.0, 1.0, False, (half,)), UNIVERSE)
    assert semi_annihilation(none, UNIVERSE).omega_h2 == pytest.approx(only.omega_h2, rel=1e-12)
    both = relic_density(SemiAnnihilation("X", 1.0, 1.0, (half,), (half,)), UNIVERSE)
    mixed = thermal_relic(1.0, 1.0, False, UNIVERSE, lambda x: 0.5 * average(x), lambda x: 0.5 * average(x))
    assert both.omega_h2 == pytest.approx(mixed.omega_h2, rel=1e-8)


def test_history() -> None:
    """Yields follow equilibrium, leave it at x_f and end at today's value."""
    relic = dark_photon(0.5, 3e-4)
    assert relic.history is not None
    assert relic.x_f is not None
    near = relic.history.x < 100.0
    x, Y, Y_eq = relic.history.x, relic.history.Y, relic.history.Y_eq
    assert (x[0], x[-1]) == pytest.approx((1.0, 1e5), rel=0.02)
    np.testing.assert_allclose(Y[x < 5.0], Y_eq[x < 5.0], rtol=1e-3)
    assert np.interp(relic.x_f, x[near], Y[near] / Y_eq[near]) == pytest.approx(2.5, rel=0.01)
    assert np.all(np.diff(Y) < 0.0)
    assert Y[-1] == pytest.approx(relic.yield_today, rel=0.01)


def test_extreme_cross_sections() -> None:
    """Far stronger annihilation than any theory allows still gives a number, in order."""
    values = [thermal_relic(1.0, 2.0, True, UNIVERSE, power(10.0**n)).omega_h2 for n in range(-16, 100, 4)]
    assert np.all(np.diff(values) < 0.0)
    assert values[-1] > 0.0


def test_forbidden_channel() -> None:
    """Annihilation into heavier particles is suppressed by exp(-2 x (m'/m - 1)): the relic density is larger."""
    sigma_v = 1e-7
    opened = freeze_out(FreezeOut("chi", 1.0, 1.0, True, (channel(lambda s: sigma_v * s_wave(s)),)), UNIVERSE)
    closed = channel(lambda s: sigma_v * 0.5 * closed_below(s), 6.25)
    forbidden = freeze_out(FreezeOut("chi", 1.0, 1.0, True, (closed,)), UNIVERSE)
    assert forbidden.omega_h2 > 100.0 * opened.omega_h2
    assert not forbidden.warnings


def through_H1(mediated: bool) -> FreezeOut:
    """Dirac chi of 0.1 GeV, chi chibar -> H1* -> e+ e- with m_H1 = 1 GeV, y = 1e-4, sin theta = 1e-3."""
    m, m_1, m_2, y, sine, m_e, v = 0.1, 1.0, 125.2, 1e-4, 1e-3, CONSTANTS.m_e, CONSTANTS.v_EW
    Gamma = (y**2 * (1.0 - 0.04) ** 1.5 + (sine * m_e / v) ** 2) * m_1 / (8.0 * math.pi)
    b = (
        (y * sine * m_e / v * m) ** 2
        / (8.0 * math.pi)
        * (1.0 / (4.0 * m**2 - m_1**2) - 1.0 / (4.0 * m**2 - m_2**2)) ** 2
    )
    assert b == pytest.approx(1.8592665776337398e-29, rel=1e-4)

    def sigma(s: Array) -> Array:
        if not mediated:
            return 2.0 * b * beta(s, m)
        exchange = 1.0 / (s - m_1**2 + 1j * m_1 * Gamma) - 1.0 / (s - m_2**2 + 1j * m_2 * CONSTANTS.Gamma_h)
        return np.asarray((y * sine * m_e / v) ** 2 * np.abs(exchange) ** 2 * s * beta(s, m) / (16.0 * math.pi))

    return FreezeOut("chi", m, 2.0, False, (channel(sigma),), ((m_1, Gamma), (m_2, CONSTANTS.Gamma_h)))


@pytest.mark.parametrize("mediated", [False, True])
def test_no_freeze_out(mediated: bool) -> None:
    """The rate is below H at all T: the density is that of a hot relic, about 3e5, not 4e20 as for x_f = 20."""
    relic = freeze_out(through_H1(mediated), UNIVERSE)
    assert relic.kind == "never in equilibrium"
    assert 1e5 < relic.omega_h2 < 6e5
    assert (relic.x_f, relic.sigma_v, relic.history) == (None, None, None)
    (warning,) = relic.warnings
    assert "no freeze-out" in warning
    assert "\n" not in warning


def test_hot_relic() -> None:
    """Decoupling at T >> m, as of neutrinos: the relativistic yield at the temperature where the rate is H."""
    G = 1e-16  # GeV^-4: sigma = G s
    relic = freeze_out(FreezeOut("nu", 1e-6, 2.0, True, (channel(lambda s: G * s),)), UNIVERSE)
    assert relic.kind == "hot"
    T = float(relic.warnings[0].split("T = ")[1].split(" GeV")[0])
    n = 0.75 * 2.0 * 1.2020569 * T**3 / math.pi**2
    assert n * float(thermal_average(lambda s: G * s, (1e-6, 1e-6), np.array([T]))[0]) == pytest.approx(
        float(UNIVERSE.hubble(T)), rel=0.1
    )
    assert relic.yield_today == pytest.approx(float(UNIVERSE.relativistic_yield(2.0, True, T)), rel=1e-2)
    unknown = thermal_relic(1e-6, 2.0, True, UNIVERSE, power(1e-30))
    assert unknown.kind == "never in equilibrium"


def test_early_freeze_out_is_noted() -> None:
    (warning,) = thermal_relic(1.0, 2.0, True, UNIVERSE, power(1.5e-17)).warnings
    assert "Maxwell-Boltzmann" in warning


def test_unitarity_is_noted() -> None:
    """<sigma v> beyond what one s wave can have."""
    limit = unitarity_limit(1.0, 25.0)
    assert limit == pytest.approx(4.0 * math.pi * math.sqrt(25.0 / math.pi))
    (warning,) = thermal_relic(1.0, 2.0, True, UNIVERSE, power(3.0 * limit)).warnings
    assert "times the unitarity limit of an s wave" in warning
    assert not thermal_relic(1.0, 2.0, True, UNIVERSE, power(0.1 * limit)).warnings


@pytest.mark.parametrize("bad", [{"mass": 0.0}, {"g": 0.0}, {"mass": math.inf}, {"channels": ()}])
def test_candidates_are_checked(bad: dict[str, object]) -> None:
    good = FreezeOut("chi", 1.0, 2.0, True, (channel(s_wave),))
    with pytest.raises(ValueError, match="chi: "):
        replace(good, **bad)
    with pytest.raises(ValueError, match="X: at least one channel"):
        SemiAnnihilation("X", 1.0, 1.0, (), ())


# --- Freeze-in ------------------------------------------------------------------------------------


def bb_to_a(s: Array, m_a: float, m_b: float, C: float) -> Array:
    """arXiv:2502.04900 eq. (22) without 4 alpha_s/9."""
    x_a, x_b = m_a**2 / s, m_b**2 / s
    v = np.sqrt(1.0 - 4.0 * x_b)
    bracket = (1.0 + x_a**2 - 4.0 * x_a * x_b) * np.arctanh(v) - x_a * v
    return np.asarray(C**2 * x_b / (v**2 * (1.0 - x_a)) * bracket)


def compton(s: Array, m_a: float, m_b: float, C: float) -> Array:
    """arXiv:2502.04900 eq. (23) without alpha_s/6."""
    x_a, x_b = m_a**2 / s, m_b**2 / s
    l2 = np.maximum(1.0 + x_a**2 + x_b**2 - 2.0 * (x_a + x_b + x_a * x_b), 0.0)
    root = np.sqrt(l2)
    first = 7.0 * x_a + 2.0 * x_a * x_b - x_a * x_b**2 - (3.0 - x_b) * (1.0 - x_b) ** 2
    second = 4.0 * (l2 + x_a**2) * np.arctanh(root / (1.0 + x_b - x_a))
    return np.asarray(C**2 / 8.0 * x_b / (1.0 - x_b) ** 3 * (root * first + second))


def alp(C_q: float, C_chi: float, m_chi: float, m_a: float = 2.0, m_b: float = 4.18) -> FreezeIn:
    """ALP with couplings C/f_a [GeV^-1] to all quarks and to Dirac dark matter; alpha_s = 0.3 in decays, 0.22 in the
    plasma."""
    c, alpha_s, photon = CONSTANTS, 0.22, CONSTANTS.alpha_0 / 9.0
    visible = widths.a_to_gg(m_a, C_G_eff(m_a, 1.0, c, 0.0), 1.0 / C_q, 0.3)
    visible += widths.a_to_gammagamma(m_a, C_gamma_eff(m_a, 1.0, 0.0, c, 0.0), 1.0 / C_q, c.alpha_0)
    visible += sum(widths.a_to_ff(m_a, getattr(c, f"m_{q}"), 1.0, 1.0 / C_q, N_c=3) for q in "udscb")
    decay = m_b**3 / (64.0 * math.pi) * 2.0 * C_q**2 * (1.0 - (m_a / m_b) ** 2) ** 2
    pair, threshold = 4.0 * alpha_s / 9.0 + photon / 3.0, (m_a + m_b) ** 2
    return FreezeIn(
        "chi",
        m_chi,
        2.0,
        False,
        m_a,
        visible,
        widths.a_to_chichi(m_a, m_chi, 1.0, 1.0 / C_chi),
        (ProductionDecay("b -> s a", m_b, 6.0, decay),),
        (
            ProductionScattering("b bbar -> a g", (m_b, m_b), (6.0, 6.0), lambda s: pair * bb_to_a(s, m_a, m_b, C_q)),
            ProductionScattering(
                "b g -> b a",
                (m_b, 0.0),
                (6.0, 16.0),
                lambda s: alpha_s / 6.0 * compton(s, m_a, m_b, C_q),
                threshold,
                2,
            ),
            ProductionScattering(
                "b gamma -> b a", (m_b, 0.0), (6.0, 2.0), lambda s: photon * compton(s, m_a, m_b, C_q), threshold, 2
            ),
        ),
    )


def test_freeze_in() -> None:
    """omega_freezein_3MeV, mchi_relic_GeV_6e-9, Cchi_at_15keV, and late decays that dominate at small C_q."""
    relic = freeze_in(alp(6e-9, 6e-9, 3e-3), PORTALS)
    assert relic.omega_h2 == pytest.approx(0.1134446370622546, rel=1e-3)
    assert not relic.warnings
    assert freeze_in(alp(1e-9, 6e-9, 3e-3), PORTALS).omega_h2 == pytest.approx(2.86, rel=2e-3)
    mass = solved(lambda m: freeze_in(alp(6e-9, 6e-9, m), PORTALS).omega_h2, 0.12, 1e-3, 1e-2)
    assert mass == pytest.approx(0.0030566953221807637, rel=1e-3)
    coupling = solved(lambda C: freeze_in(alp(6e-9, C, 1.5e-5), PORTALS).omega_h2, 0.12, 1e-6, 1e-4)
    assert coupling == pytest.approx(1.7473923113501763e-05, rel=1e-3)


def test_freeze_in_from_equilibrium() -> None:
    """omega_freezein_thermal_a, and omega_freezein_analytic with g at m_a/3."""
    candidate = alp(6e-9, 6e-9, 3e-3)
    found = PORTALS.omega_h2(3e-3, equilibrium_freeze_in(candidate, PORTALS))
    assert found == pytest.approx(0.0959892260331532, rel=1e-3)
    g_rho, g_s = (float(f(2.0 / 3.0)) for f in (PORTALS.dof.g_rho, PORTALS.dof.g_s))
    hubble = math.pi / CONSTANTS.M_Pl * math.sqrt(g_rho / 90.0) * 4.0
    analytic = 2.0 * 45.0 / (4.0 * math.pi**4 * g_s) * candidate.Gamma_dark / hubble * 1.5 * math.pi
    assert PORTALS.omega_h2(3e-3, analytic) == pytest.approx(0.08298069077026375, rel=1e-4)
    constant = Universe(CONSTANTS, DegreesOfFreedom.constant(70.0))
    hubble = math.pi / CONSTANTS.M_Pl * math.sqrt(70.0 / 90.0) * 4.0
    exact = 2.0 * 45.0 / (4.0 * math.pi**4 * 70.0) * candidate.Gamma_dark / hubble * 1.5 * math.pi
    assert equilibrium_freeze_in(candidate, constant) == pytest.approx(exact, rel=1e-4)
    strong = freeze_in(replace(candidate, Gamma_visible=1e3 * candidate.Gamma_visible), constant)
    assert strong.yield_today == pytest.approx(exact, rel=0.01)


def test_linear_response() -> None:
    """Y is proportional to the dark width, so that one integration serves all masses and dark couplings."""
    per_width = yield_per_width(alp(6e-9, 6e-9, 3e-3), PORTALS)
    for C_chi, m_chi in ((6e-9, 3e-3), (1e-8, 0.1), (1e-10, 0.9)):
        candidate = alp(6e-9, C_chi, m_chi)
        if candidate.Gamma_dark < 1e-3 * candidate.Gamma_visible:
            expected = freeze_in(candidate, PORTALS).yield_today
            assert candidate.Gamma_dark * per_width == pytest.approx(expected, rel=2e-3)


def in_scipy(candidate: FreezeIn) -> float:
    """Y of chi and chibar by scipy's Radau on (Y_a, Y_chi) in ln(1/T), with rates at every step."""
    u, T = UNIVERSE, np.geomspace(300.0, 0.02, 1500)
    gamma = np.zeros_like(T)
    for d in candidate.decays:
        gamma += 2.0 * equilibrium_density(d.mass, d.g, T) * d.width * time_dilation(d.mass, T)
    for p in candidate.scatterings:
        gamma += p.multiplicity * reaction_density(p.sigma, p.masses, p.g, T, 0.0, (p.threshold_s,))
    m_a, m, Gamma_vis, Gamma = candidate.mediator_mass, candidate.mass, candidate.Gamma_visible, candidate.Gamma_dark
    slow, rate = time_dilation(m_a, T), u.entropy_factor(T) / u.hubble(T)
    equilibrium, dark = u.equilibrium_yield(m_a, 1.0, T), u.equilibrium_yield(m, 4.0, T)
    produced = rate * (gamma / equilibrium_density(m_a, 1.0, T) + Gamma_vis * slow)
    table = CubicSpline(-np.log(T), np.log(np.stack([produced, rate * Gamma * slow, equilibrium, dark], axis=1)))

    def pieces(t: float) -> Array:
        return np.asarray(np.exp(table(t)))

    def rhs(t: float, y: Array) -> list[float]:
        P, Q, equilibrium, dark = pieces(t)
        flow = Q * (y[0] - equilibrium * (y[1] / dark) ** 2)
        return [P * (equilibrium - y[0]) - flow, 2.0 * flow]

    def jacobian(t: float, y: Array) -> Array:
        P, Q, equilibrium, dark = pieces(t)
        loss = 2.0 * Q * equilibrium * y[1] / dark**2
        return np.array([[-P - Q, loss], [2.0 * Q, -2.0 * loss]])

    span = (-math.log(300.0), -math.log(0.02))
    found = solve_ivp(rhs, span, [0.0, 0.0], "Radau", jac=jacobian, rtol=1e-6, atol=[1e-16, 1e-20], max_step=0.2)
    assert found.success
    return float(found.y[1, -1] + 2.0 * found.y[0, -1] * Gamma / (Gamma + Gamma_vis))


def test_independent_formulation_of_freeze_in() -> None:
    """50 random points of couplings and masses within 1e-3, dark matter close to equilibrium included."""
    rng = np.random.default_rng(21)
    for _ in range(50):
        m_a = rng.uniform(1.5, 4.0)
        m_chi = m_a * 10.0 ** rng.uniform(-4.0, math.log10(0.45))
        candidate = alp(10.0 ** rng.uniform(-8.7, -7.5), 10.0 ** rng.uniform(-10.0, -7.0), m_chi, m_a)
        relic = freeze_in(candidate, UNIVERSE)
        assert relic.yield_today == pytest.approx(in_scipy(candidate), rel=1e-3)


def test_freeze_in_history_and_notes() -> None:
    """The mediator reaches equilibrium; strong dark couplings thermalise chi; slow mediators decay late."""
    h = freeze_in(alp(6e-9, 6e-9, 3e-3), UNIVERSE).history
    assert h.T[0] == pytest.approx(300.0)
    assert h.T[-1] <= 5e-3
    assert h.Y[0] == h.Y_mediator[0] == 0.0
    at_b = int(np.argmin(np.abs(h.T - 4.18)))
    assert h.Y_mediator[at_b] == pytest.approx(h.Y_mediator_eq[at_b], rel=0.05)
    assert np.all(np.diff(h.Y) >= 0.0)
    (thermal,) = freeze_in(alp(6e-9, 1e-3, 3e-2), UNIVERSE).warnings
    assert "equilibrium" in thermal
    slow = replace(alp(6e-9, 6e-9, 3e-3), Gamma_visible=1e-24, Gamma_dark=1e-26)
    relic = freeze_in(slow, UNIVERSE)
    (late,) = relic.warnings
    assert "decay below" in late
    assert relic.late_fraction > 0.5
    from_decays = 2.0 * 1e-26 / 1.01e-24 * relic.history.Y_mediator[-1]
    assert relic.yield_today == pytest.approx(relic.history.Y[-1] + from_decays, rel=1e-12)


def test_freeze_in_refusals() -> None:
    candidate = alp(6e-9, 6e-9, 3e-3)
    with pytest.raises(ValueError, match="heavier than two"):
        replace(candidate, mediator_mass=5e-3)
    with pytest.raises(ValueError, match="widths must not be negative"):
        replace(candidate, Gamma_dark=0.0)
    with pytest.raises(ValueError, match="wider than its mass"):
        replace(candidate, Gamma_dark=3.0)
    with pytest.raises(ValueError, match="T_start"):
        freeze_in(candidate, UNIVERSE, T_start=1e-3)
