"""Annihilation cross sections: explicit amplitudes, expansions, limits, thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import explicit_annihilation as explicit
import numpy as np
import pytest
from explicit_amplitudes import GAMMA, GAMMA5, METRIC, dot, spinors, two_body
from explicit_annihilation import ONE, Scattering, integrated, random_scattering, slash, to_fermions
from scipy.integrate import quad
from scipy.special import kve

from bkgen import self_energies, widths
from bkgen.annihilation import alp, dark_higgs, dark_photon, fermions, higgs_exchange, scalar_dm, two_to_two
from bkgen.annihilation.higgs_exchange import Higgses, SM_width, pair_to_ff, pair_to_pair, pair_to_SM
from bkgen.annihilation.two_to_two import Collision, cross_section, expansion, relative_velocity, s_of_velocity
from bkgen.constants import Constants
from bkgen.higgs_sector import kappa_211
from bkgen.kinematics import FloatArray

C = Constants.named()
SIGMA = Callable[[FloatArray], FloatArray]
MIXED = Higgses(1.7, Constants.named(m_h=9.0, Gamma_h=0.4), Gamma_1=0.3, sin_theta=0.4)
X = {"m_X": 2.3, "lambda_PhiX": 0.7, "v_Phi": 3.1}


def collision(x: Scattering) -> Collision:
    """Kinematics of one event, from its invariants."""
    E = 0.5 * math.sqrt(x.s)
    E_1 = 0.5 * (x.s + x.m_1**2 - x.m_2**2) / math.sqrt(x.s)
    p, k = math.sqrt(E**2 - x.m_a**2), math.sqrt(E_1**2 - x.m_1**2)
    c = (x.t - x.m_a**2 - x.m_1**2 + 2.0 * E * E_1) / (2.0 * p * k)
    N = (x.t - x.m_a**2) * (x.u - x.m_a**2)
    A = 0.5 * (x.s - x.m_1**2 - x.m_2**2)
    values = (x.s, p, k, E_1, math.sqrt(x.s) - E_1, A, 2.0 * p * k, N, c)
    return Collision(*(np.array([[value]]) for value in values))


def assert_explicit(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    sigma: SIGMA,
    masses: tuple[float, float, float],
    squared: Callable[[Scattering], float],
) -> None:
    """|M|^2 under the integral is that of four-vectors, at random s, angles and frames; and so is the integral."""
    rng = np.random.default_rng(5)
    m, m_1, m_2 = masses
    threshold = max(2.0 * m, m_1 + m_2) ** 2
    for _ in range(20):
        x = random_scattering(rng, threshold * rng.uniform(1.02, 8.0), m, m, m_1, m_2)
        with monkeypatch.context() as patch:
            patch.setattr(module, "cross_section", lambda s, a, b, c, f, x=x: f(collision(x)))
            assert float(sigma(np.array([x.s]))[0, 0]) == pytest.approx(squared(x), rel=1e-9)
    s = 1.7 * threshold
    assert float(sigma(np.array(s))) == pytest.approx(integrated(squared, s, (m, m, m_1, m_2), 60), rel=1e-9)


# --- X Xbar ---------------------------------------------------------------------------------------


def cubic_couplings(m_1: float, sin: float, v_Phi: float, c: Constants) -> tuple[float, float]:
    """Coefficients of H1^3 and H1^2 H2 in the potential."""
    cos, m_2, v = math.sqrt(1.0 - sin**2), c.m_h, c.v_EW
    lambda_H = (m_1**2 * sin**2 + m_2**2 * cos**2) / (2.0 * v**2)
    lambda_Phi = (m_1**2 * cos**2 + m_2**2 * sin**2) / (2.0 * v_Phi**2)
    lambda_PhiH = (m_2**2 - m_1**2) * sin * cos / (v * v_Phi)

    def cubic(H1: float, H2: float) -> float:
        h, phi = -sin * H1 + cos * H2, cos * H1 + sin * H2
        mixed = 0.5 * lambda_PhiH * (v * h * phi**2 + v_Phi * phi * h**2)
        return lambda_H * v * h**3 + lambda_Phi * v_Phi * phi**3 + mixed

    return cubic(1.0, 0.0), 0.5 * (cubic(1.0, 1.0) - cubic(1.0, -1.0)) - cubic(0.0, 1.0)


def test_cubic_couplings_of_the_potential() -> None:
    c = MIXED.constants
    k_111, k_211 = cubic_couplings(MIXED.m_1, MIXED.sin_theta, X["v_Phi"], c)
    assert dark_higgs.kappa_111(MIXED.m_1, MIXED.sin_theta, X["v_Phi"], c.v_EW) == pytest.approx(k_111, rel=1e-12)
    assert kappa_211(MIXED.m_1, c.m_h, MIXED.sin_theta, X["v_Phi"], c.v_EW) == pytest.approx(k_211, rel=1e-12)


def test_XX_to_H1H1(monkeypatch: pytest.MonkeyPatch) -> None:
    m_X, coupling, v_Phi = X.values()
    k_111, k_211 = cubic_couplings(MIXED.m_1, MIXED.sin_theta, v_Phi, MIXED.constants)

    def squared(x: Scattering) -> float:
        c, s, v = MIXED.cos_theta, MIXED.sin_theta, coupling * v_Phi
        D = [x.s - 1.7**2 + 1j * 1.7 * 0.3, x.s - 9.0**2 + 1j * 9.0 * 0.4]
        return 0.5 * explicit.XX_to_H1H1(x, (v * c, v * s), coupling * c**2, (6.0 * k_111, 2.0 * k_211), D)

    assert_explicit(
        monkeypatch, dark_higgs, lambda s: dark_higgs.XX_to_H1H1(s, **X, higgses=MIXED), (m_X, 1.7, 1.7), squared
    )


@pytest.mark.parametrize("v_Phi", [3.1, None])
def test_SS_to_H1H1(monkeypatch: pytest.MonkeyPatch, v_Phi: float | None) -> None:
    mu_S, c, s = 0.6, MIXED.cos_theta, MIXED.sin_theta
    k_111, k_211 = (0.0, 0.0) if v_Phi is None else cubic_couplings(MIXED.m_1, s, v_Phi, MIXED.constants)

    def squared(x: Scattering) -> float:
        D = [x.s - 1.7**2 + 1j * 1.7 * 0.3, x.s - 9.0**2 + 1j * 9.0 * 0.4]
        return 0.5 * explicit.XX_to_H1H1(x, (2.0 * mu_S * c, 2.0 * mu_S * s), 0.0, (6.0 * k_111, 2.0 * k_211), D)

    def sigma(x: FloatArray) -> FloatArray:
        return dark_higgs.SS_to_H1H1(x, 2.3, mu_S, v_Phi, MIXED)

    assert_explicit(monkeypatch, dark_higgs, sigma, (2.3, 1.7, 1.7), squared)


def test_XX_to_ZpZp(monkeypatch: pytest.MonkeyPatch) -> None:
    m_X, coupling, v_Phi = X.values()
    m_Zp, g_X, Q_X = 0.9, 0.8, -1.3

    def squared(x: Scattering) -> float:
        c, s = MIXED.cos_theta, MIXED.sin_theta
        exchange = c**2 / (x.s - 1.7**2 + 1j * 1.7 * 0.3) + s**2 / (x.s - 9.0**2 + 1j * 9.0 * 0.4)
        return 0.5 * explicit.XX_to_ZpZp(x, g_X * Q_X, coupling * v_Phi, 2.0 * m_Zp**2 / v_Phi, exchange)

    def sigma(s: FloatArray) -> FloatArray:
        return dark_higgs.XX_to_ZpZp(s, m_X, m_Zp, g_X, Q_X, coupling, MIXED)

    assert_explicit(monkeypatch, dark_higgs, sigma, (m_X, m_Zp, m_Zp), squared)


def test_XX_to_ZpH1(monkeypatch: pytest.MonkeyPatch) -> None:
    m_X, coupling, v_Phi = X.values()
    m_Zp, g_X, Q_X, Gamma_Zp = 0.9, 0.8, -1.3, 0.2

    def squared(x: Scattering) -> float:
        c, D = MIXED.cos_theta, x.s - m_Zp**2 + 1j * m_Zp * Gamma_Zp
        return explicit.XX_to_ZpH1(x, g_X * Q_X, coupling * v_Phi * c, 2.0 * m_Zp**2 / v_Phi * c, D)

    def sigma(s: FloatArray) -> FloatArray:
        return dark_higgs.XX_to_ZpH1(s, m_X, m_Zp, g_X, Q_X, coupling, v_Phi, MIXED, Gamma_Zp)

    assert_explicit(monkeypatch, dark_higgs, sigma, (m_X, m_Zp, 1.7), squared)


def test_XX_to_XbarH1(monkeypatch: pytest.MonkeyPatch) -> None:
    m_X, coupling, v_Phi = X.values()
    lambda_3, c = 0.6, MIXED.cos_theta
    vertex = 6.0 * lambda_3 / math.sqrt(2.0)  # of X^3 phi

    def squared(x: Scattering) -> float:
        return explicit.XX_to_XbarH1(x, vertex * v_Phi, vertex * c, coupling * v_Phi * c)

    def sigma(s: FloatArray) -> FloatArray:
        return dark_higgs.XX_to_XbarH1(s, m_X, lambda_3, coupling, v_Phi, MIXED)

    assert_explicit(monkeypatch, dark_higgs, sigma, (m_X, 1.7, m_X), squared)


def test_XX_to_XbarZp(monkeypatch: pytest.MonkeyPatch) -> None:
    m_X, m_Zp, lambda_3, v_Phi = 2.3, 0.9, 0.6, 3.1

    def squared(x: Scattering) -> float:
        return explicit.XX_to_XbarZp(x, m_Zp / (3.0 * v_Phi), 6.0 * lambda_3 / math.sqrt(2.0) * v_Phi)

    assert_explicit(
        monkeypatch,
        dark_higgs,
        lambda s: dark_higgs.XX_to_XbarZp(s, m_X, lambda_3, m_Zp),
        (m_X, m_Zp, m_X),
        squared,
    )


@pytest.mark.parametrize(("m_l", "chirality", "number"), [(0.0, 0.5 * (ONE - GAMMA5), 2.0), (0.9, ONE, 1.0)])
def test_through_Zp(m_l: float, chirality: np.ndarray, number: float) -> None:
    m_X, m_Zp, Gamma_Zp, g_X, Q_X, g_l = 1.3, 3.0, 0.4, 0.7, 1.2, 0.7

    def squared(x: Scattering) -> float:
        q, D = x.p1 + x.p2, x.s - m_Zp**2 + 1j * m_Zp * Gamma_Zp
        current = METRIC @ (x.p1 - x.p2 - q * dot(q, x.p1 - x.p2) / m_Zp**2)
        return number * to_fermions(x, g_X * Q_X * g_l / D * np.einsum("m,mab->ab", current, GAMMA) @ chirality)

    for s in (7.0, 9.0, 40.0):
        if m_l == 0.0:
            sigma = dark_higgs.XX_to_nunu(s, m_X, m_Zp, Gamma_Zp, g_X, Q_X)
        else:
            sigma = dark_higgs.XX_to_ll(s, m_X, m_l, m_Zp, Gamma_Zp, g_X, Q_X, g_l)
        assert float(sigma) == pytest.approx(integrated(squared, s, (m_X, m_X, m_l, m_l), 4), rel=1e-9)
        v2 = float(relative_velocity(s, m_X)) ** 2
        D2 = (s - m_Zp**2) ** 2 + (m_Zp * Gamma_Zp) ** 2
        if m_l == 0.0:  # the formula of the slides
            expected = 2.0 * g_X**4 * Q_X**2 * s * v2 / 4.0 / (12.0 * math.pi * D2)
            assert float(sigma) * math.sqrt(v2) == pytest.approx(expected, rel=1e-12)


# --- H1 and H2 in the s channel -------------------------------------------------------------------

PAIRS = {
    "X": self_energies.XX(1.3, 0.7, 3.1),
    "S": self_energies.SS(1.3, 0.6),
    "chi": self_energies.chichi(1.3, 0.6),
    "N": self_energies.NN(1.3, 0.6),
}


def initial_vertex(name: str, x: Scattering) -> float:
    """Sum over spins of |initial vertex|^2, averaged."""
    if name == "X":
        return (0.7 * 3.1) ** 2
    if name == "S":
        return (2.0 * 0.6) ** 2
    # Of a Majorana fermion, -(y/2) phi N N has two contractions.
    return 0.25 * explicit.from_fermions(x, 0.6 * ONE)


def final_vertex(name: str, x: Scattering) -> float:
    """Sum over spins of |final vertex|^2, 1/2 for identical particles."""
    if name == "X":
        return (0.7 * 3.1) ** 2
    if name == "S":
        return 0.5 * (2.0 * 0.6) ** 2
    return (1.0 if name == "chi" else 0.5) * to_fermions(x, 0.6 * ONE)


@pytest.mark.parametrize("name", PAIRS)
def test_pair_to_ff(name: str) -> None:
    m_f, c = 0.8, MIXED.constants
    cos, sin = MIXED.cos_theta, MIXED.sin_theta

    def squared(x: Scattering) -> float:
        D_1, D_2 = x.s - 1.7**2 + 1j * 1.7 * 0.3, x.s - 81.0 + 1j * 9.0 * 0.4
        exchange = cos / D_1 * -sin + sin / D_2 * cos
        return abs(exchange) ** 2 * initial_vertex(name, x) * 3.0 * to_fermions(x, m_f / c.v_EW * ONE)

    for s in (6.9, 12.0, 81.0, 200.0):
        expected = integrated(squared, s, (1.3, 1.3, m_f, m_f), 4)
        assert float(pair_to_ff(s, PAIRS[name], MIXED, m_f, 3)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("into", PAIRS)
def test_pair_to_pair(name: str, into: str) -> None:
    final = self_energies.Pair(PAIRS[into].name, 0.5, PAIRS[into].w)
    if name == into:
        with pytest.raises(ValueError, match="scatters into itself"):
            pair_to_pair(9.0, PAIRS[name], final, MIXED)
        return

    def squared(x: Scattering) -> float:
        D_1, D_2 = x.s - 1.7**2 + 1j * 1.7 * 0.3, x.s - 81.0 + 1j * 9.0 * 0.4
        exchange = MIXED.cos_theta**2 / D_1 + MIXED.sin_theta**2 / D_2
        return abs(exchange) ** 2 * initial_vertex(name, x) * final_vertex(into, x)

    for s in (6.9, 81.0, 200.0):
        expected = integrated(squared, s, (1.3, 1.3, 0.5, 0.5), 4)
        assert float(pair_to_pair(s, PAIRS[name], final, MIXED)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_peak_of_the_resonance(name: str) -> None:
    """Breit-Wigner: 4 pi/p^2 over the spin states, twice that for identical particles, times both fractions."""
    pair, Gamma, sin, m_f = PAIRS[name], 1e-4, 0.01, 0.8
    higgses = Higgses(4.0, C, Gamma_1=Gamma, sin_theta=sin)
    cos2 = 1.0 - sin**2
    into = cos2 * float(pair.W(16.0)) / 4.0 / Gamma
    out = widths.H1_to_ff(4.0, m_f, sin, C.v_EW) / Gamma
    spins, identical = (1.0 if name in "XS" else 4.0), (2.0 if name in "SN" else 1.0)
    expected = 4.0 * math.pi / (4.0 - 1.3**2) / spins * identical * into * out
    assert float(pair_to_ff(16.0, pair, higgses, m_f)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("propagator", ["full", "contact"])
def test_singlet_to_SM(propagator: str) -> None:
    c = MIXED.constants

    def squared(x: Scattering) -> float:
        D = 81.0 if propagator == "contact" else x.s - 81.0 + 1j * 9.0 * 0.4
        return abs(2.0 * 0.3 * c.v_EW / D) ** 2 * to_fermions(x, 0.8 / c.v_EW * ONE)

    def width(m: FloatArray) -> FloatArray:
        return widths.H1_to_ff(m, 0.8, 1.0, c.v_EW)

    for s in (6.9, 81.0, 200.0):
        sigma = higgs_exchange.singlet_to_SM(s, 1.3, 0.3, c, width, propagator)
        assert float(sigma) == pytest.approx(integrated(squared, s, (1.3, 1.3, 0.8, 0.8), 4), rel=1e-9)


def test_singlet_as_in_the_paper() -> None:
    """sigma v = (8 v^2 lambda^2/m_h^4) Gamma(m)/m at m = 2 m_S."""
    a, _ = expansion(lambda s: higgs_exchange.singlet_to_SM(s, 0.7, 0.1, C, lambda m: SM_width(m, C), "contact"), 0.7)
    expected = 8.0 * (C.v_EW * 0.1) ** 2 / C.m_h**4 * widths.dark_higgs_visible_width(1.4) / 1.4
    assert a == pytest.approx(expected, rel=1e-3)


def test_standard_model_width() -> None:
    m = np.array([0.0, 1e-3, 5e-3, 0.5, 3.0, 20.0, 500.0])
    width = SM_width(m, C)
    assert width[0] == width[1] == 0.0
    assert width[2] == pytest.approx(widths.H1_to_ff(5e-3, C.m_e, 1.0, C.v_EW), rel=1e-12)
    assert width[3] == widths.dark_higgs_visible_width(0.5)
    assert width[4] == widths.dark_higgs_visible_width(3.0)
    leading = sum(widths.dark_higgs_visible_widths_LO(20.0, C).values())
    assert width[5] == pytest.approx(leading, rel=1e-12)
    # Goldstone bosons of a heavy Higgs boson: 3 m^3/(32 pi v^2); top and mass corrections are of order 20%.
    assert width[6] == pytest.approx(3.0 * 500.0**3 / (32.0 * math.pi * C.v_EW**2), rel=0.2)
    assert SM_width(0.5, C).shape == ()
    assert SM_width(m.reshape(7, 1), C).shape == (7, 1)
    assert list(higgs_exchange.SM_thresholds(C)) == sorted(higgs_exchange.SM_thresholds(C))
    with pytest.raises(ValueError, match="m must be finite"):
        SM_width(np.array([1.0, np.nan]), C)


def test_pair_to_SM_takes_any_width() -> None:
    s = np.array([6.9, 20.0, 900.0])
    sigma = pair_to_SM(s, PAIRS["X"], MIXED, lambda m: 2.0 * SM_width(m, C))
    assert sigma == pytest.approx(2.0 * pair_to_SM(s, PAIRS["X"], MIXED, lambda m: SM_width(m, C)), rel=1e-14)
    with pytest.raises(ValueError, match="Zp Zp is not dark matter"):
        pair_to_SM(s, self_energies.ZpZp(1.0, 1.0), MIXED, lambda m: m)


def test_propagator_of_H1() -> None:
    """Fixed and running widths, and the self-energy, from the same pairs."""
    s, pairs = np.array([5.0, 16.0, 30.0]), (PAIRS["X"],)
    W = PAIRS["X"].W(s)
    running = Higgses(4.0, C, Gamma_1=0.1, sin_theta=0.6, pairs=pairs, width="running")
    assert running.D_1(s) == pytest.approx(s - 16.0 + 1j * (0.64 * W + 0.4), rel=1e-13)
    dispersive = Higgses(4.0, C, sin_theta=0.6, pairs=pairs, width="dispersive")
    assert dispersive.D_1(s) == pytest.approx(self_energies.inverse_propagator(s, 4.0, 0.8, pairs), rel=1e-13)
    expected = 0.64 / dispersive.D_1(s) + 0.36 / dispersive.D_2(s)
    assert dispersive.phi_phi(s) == pytest.approx(expected, rel=1e-13)
    for wrong in ({"m_1": 0.0}, {"Gamma_1": -1.0}, {"sin_theta": 1.1}):
        with pytest.raises(ValueError, match="must be"):
            Higgses(**({"m_1": 1.0, "constants": C} | wrong))


# --- fermions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("v_Phi", [3.1, None])
def test_chichi_to_H1H1(monkeypatch: pytest.MonkeyPatch, v_Phi: float | None) -> None:
    y = 0.6
    k_111, k_211 = (0.0, 0.0) if v_Phi is None else cubic_couplings(MIXED.m_1, MIXED.sin_theta, v_Phi, MIXED.constants)

    def squared(x: Scattering) -> float:
        c, s = MIXED.cos_theta, MIXED.sin_theta
        D_1, D_2 = x.s - 1.7**2 + 1j * 1.7 * 0.3, x.s - 81.0 + 1j * 9.0 * 0.4
        s_channel = (c * 6.0 * k_111 / D_1 + s * 2.0 * k_211 / D_2) / c  # y c is the vertex of H1
        return 0.125 * explicit.to_scalars(x, y * c, s_channel, 1.0)

    def sigma(s: FloatArray) -> FloatArray:
        return dark_higgs.chichi_to_H1H1(s, 2.3, y, v_Phi, MIXED)

    assert_explicit(monkeypatch, fermions, sigma, (2.3, 1.7, 1.7), squared)


@pytest.mark.parametrize("trilinear", [False, True])
def test_psipsi_to_phiphi(monkeypatch: pytest.MonkeyPatch, trilinear: bool) -> None:
    m, m_phi, m_X, alpha_X, Gamma = 0.5, 0.3, 2.0, 0.1, 0.02
    v_phi = m_X / (2.0 * math.sqrt(4.0 * math.pi * alpha_X))

    def squared(x: Scattering) -> float:
        cubic = 3.0 * m_phi**2 / v_phi if trilinear else 0.0
        return 0.125 * explicit.to_scalars(x, m / v_phi, cubic, x.s - m_phi**2 + 1j * m_phi * Gamma)

    def sigma(s: FloatArray) -> FloatArray:
        return dark_photon.psipsi_to_phiphi(s, m, m_phi, m_X, alpha_X, trilinear, Gamma)

    assert_explicit(monkeypatch, fermions, sigma, (m, m_phi, m_phi), squared)


@pytest.mark.parametrize("trilinear", [False, True])
@pytest.mark.parametrize("m_phi", [0.004, 0.2, 0.4])
def test_thermal_coefficient(trilinear: bool, m_phi: float) -> None:
    """<sigma v> = 6 b/x, and no s wave."""
    point = (0.5, m_phi, 2.0, 0.002, trilinear)
    a, b = expansion(lambda s: dark_photon.psipsi_to_phiphi(s, *point), 0.5)
    c = dark_photon.psipsi_to_phiphi_coefficient(*point)
    assert 6.0 * b == pytest.approx(c, rel=1e-6)
    assert abs(a) < 1e-9 * c


def test_thermal_coefficient_limits() -> None:
    assert dark_photon.psipsi_to_phiphi_coefficient(0.5, 0.5, 2.0, 0.1) == 0.0
    light = dark_photon.psipsi_to_phiphi_coefficient(0.5, 0.0, 2.0, 0.1)
    assert light == pytest.approx(64.0 * math.pi * 0.01 * 0.25 / 16.0 * 9.0 / 16.0, rel=1e-14)
    for wrong in ((0.0, 0.1, 2.0, 0.1), (0.5, -0.1, 2.0, 0.1), (0.5, 0.1, 0.0, 0.1), (0.5, 0.1, 2.0, -0.1)):
        with pytest.raises(ValueError, match="must be finite"):
            dark_photon.psipsi_to_phiphi_coefficient(*wrong)


# --- contact operators ----------------------------------------------------------------------------


@pytest.mark.parametrize("nonzero", [("gS",), ("gP",), ("gV",), ("gA",), ("gS", "gP", "gV", "gA")])
def test_phiphi_to_sb(nonzero: tuple[str, ...]) -> None:
    m_b, m_s = 4.2, 0.9
    values = {"gS": 0.3 + 0.2j, "gP": -0.4 + 0.1j, "gV": 0.5 - 0.3j, "gA": 0.1 + 0.7j}
    g = {name: values[name] if name in nonzero else 0.0 for name in values}

    def vertex(x: Scattering, conjugate: bool) -> np.ndarray:
        """s bbar from the operators, b sbar from their Hermitian conjugates."""
        current = slash(x.p1 - x.p2)
        if conjugate:
            scalar = np.conj(g["gS"]) * ONE - np.conj(g["gP"]) * GAMMA5
            return np.asarray(scalar + current @ (np.conj(g["gV"]) * ONE + np.conj(g["gA"]) * GAMMA5))
        return np.asarray(g["gS"] * ONE + g["gP"] * GAMMA5 + current @ (g["gV"] * ONE + g["gA"] * GAMMA5))

    for m_phi, s in ((1.5, 29.0), (3.0, 37.0), (3.0, 100.0)):
        quark = integrated(lambda x: 3.0 * to_fermions(x, vertex(x, False)), s, (m_phi, m_phi, m_s, m_b), 4)
        antiquark = integrated(lambda x: 3.0 * to_fermions(x, vertex(x, True)), s, (m_phi, m_phi, m_b, m_s), 4)
        assert quark == pytest.approx(antiquark, rel=1e-12)
        assert float(scalar_dm.phiphi_to_sb(s, m_phi, m_b, m_s, **g)) == pytest.approx(quark + antiquark, rel=1e-9)


def test_real_scalar_dark_matter() -> None:
    s = np.array([20.0, 40.0])
    complex_phi = scalar_dm.phiphi_to_sb(s, 1.0, 4.18, 0.09, gS=1.0, gP=2.0)
    assert np.all(scalar_dm.phiphi_to_sb(s, 1.0, 4.18, 0.09, gS=1.0, gP=2.0, real=True) == complex_phi)
    with pytest.raises(ValueError, match="no vector current"):
        scalar_dm.phiphi_to_sb(s, 1.0, 4.18, 0.09, gV=1.0, real=True)


# --- ALP ------------------------------------------------------------------------------------------

ALP = {"m_a": 2.0, "m_b": 4.18, "C_bb": 0.6, "f_a": 50.0}
AXIAL = 0.6 / (2.0 * 50.0)


@pytest.mark.parametrize("s", [71.0, 80.0, 200.0])
def test_bb_to_a_vector(s: float) -> None:
    """Derivative couplings; colours tr(T^a T^a) = 4 or 3, averaged over 9."""
    masses = (4.18, 4.18, 2.0, 0.0)
    for sigma, g2, colours in (
        (alp.bb_to_ag(s, **ALP, alpha_s=0.22), 4.0 * math.pi * 0.22, 4.0 / 9.0),
        (alp.bb_to_agamma(s, **ALP, alpha=0.0073), 4.0 * math.pi * 0.0073 / 9.0, 3.0 / 9.0),
    ):
        expected = integrated(lambda x, g2=g2: explicit.b_bbar_to_a_vector(x, math.sqrt(g2), AXIAL), s, masses, 80)
        assert float(sigma) == pytest.approx(0.25 * colours * expected, rel=1e-9)


@pytest.mark.parametrize("s", [39.0, 80.0, 200.0])
def test_b_vector_to_ba(s: float) -> None:
    """Derivative couplings; colours 4 over 3 x 8, or 1."""
    masses = (4.18, 0.0, 4.18, 2.0)
    for sigma, g2, colours in (
        (alp.bg_to_ba(s, **ALP, alpha_s=0.22), 4.0 * math.pi * 0.22, 4.0 / 24.0),
        (alp.bgamma_to_ba(s, **ALP, alpha=0.0073), 4.0 * math.pi * 0.0073 / 9.0, 1.0),
    ):
        expected = integrated(lambda x, g2=g2: explicit.b_vector_to_b_a(x, math.sqrt(g2), AXIAL), s, masses, 80)
        assert float(sigma) == pytest.approx(0.25 * colours * expected, rel=1e-9)


def test_b_to_s_a() -> None:
    """(C_V qslash + C_A qslash gamma5)/(2 f_a) between spinors of b and of a massless s."""
    C_V, C_A, f_a = 0.3 + 0.2j, 0.5 - 0.4j, 20.0
    rng = np.random.default_rng(1)
    b = np.array([4.18, 0.0, 0.0, 0.0])
    s, a = two_body(rng, b, 0.0, 2.0)
    matrix = slash(a) @ (C_V * ONE + C_A * GAMMA5) / (2.0 * f_a)
    squared = 0.5 * explicit.squares(explicit.bars(spinors(s, 0.0)[0]), matrix, spinors(b, 4.18)[0])
    expected = squared * float(s[0]) / (8.0 * math.pi * 4.18**2)
    assert alp.b_to_s_a(4.18, 2.0, C_V, C_A, f_a) == pytest.approx(expected, rel=1e-9)
    assert alp.b_to_s_a(4.18, 4.2, C_V, C_A, f_a) == 0.0


def test_thermal_average_of_bb_to_ag() -> None:
    """Gondolo-Gelmini at T = m_b, with 1 for 4 alpha_s/9."""
    T = m_b = 4.18

    def integrand(s: float) -> float:
        sigma = float(alp.bb_to_ag(s, 2.0, m_b, 1.0, 1.0, alpha_s=2.25))
        return (
            math.sqrt(s)
            * (s - 4.0 * m_b**2)
            * kve(1, math.sqrt(s) / T)
            * math.exp((2.0 * m_b - math.sqrt(s)) / T)
            * sigma
        )

    integral = sum(
        quad(integrand, low, high, epsabs=0.0, epsrel=1e-9)[0] for low, high in ((70.0, 500.0), (500.0, 2e4))
    )
    integral += quad(integrand, 4.0 * m_b**2, 70.0, epsabs=0.0, epsrel=1e-9)[0]
    average = integral / (8.0 * T * (m_b**2 * kve(2, m_b / T)) ** 2)
    assert average == pytest.approx(0.0986489428421118, rel=1e-4)


def test_alp_far_above_threshold() -> None:
    """Leading logarithms, without loss of digits: artanh(beta) -> (1/2) ln(s/m_b^2)."""
    for s in (1e6, 1e10):
        log = math.log(s / 4.18**2)
        expected = 4.0 * 0.22 / 9.0 * (0.6 / 50.0) ** 2 * 4.18**2 / s * 0.5 * log
        assert float(alp.bb_to_ag(s, **ALP, alpha_s=0.22)) == pytest.approx(expected, rel=200.0 / s)
        expected = 0.22 / 48.0 * (0.6 / 50.0) ** 2 * 4.18**2 / s * (2.0 * log - 3.0)
        assert float(alp.bg_to_ba(s, **ALP, alpha_s=0.22)) == pytest.approx(expected, rel=2000.0 / s)


def test_alp_limits() -> None:
    with pytest.raises(ValueError, match="soft gluons"):
        alp.bb_to_ag(100.0, 9.0, 4.18, 1.0, 1.0, 0.2)
    for wrong in ({"m_a": -1.0}, {"m_b": 0.0}, {"f_a": math.inf}):
        with pytest.raises(ValueError, match="must be finite"):
            alp.bg_to_ba(80.0, **(ALP | wrong), alpha_s=0.2)
    # Equal thresholds of the initial and final state of b g -> b a are those of the final one.
    assert float(alp.bg_to_ba(6.17**2, **ALP, alpha_s=0.2)) == 0.0
    near = alp.bg_to_ba((6.18 * (1.0 + np.array([1e-8, 4e-8]))) ** 2, **ALP, alpha_s=0.2)
    assert near[1] / near[0] == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("y", [1e-7, 1e-4])
def test_light_alp_at_the_threshold_of_b_gluon(y: float) -> None:
    """For m_a = 0 the braces are -2 y^2 [ln(1 - y) + y + y^2/2] = (2/3) y^5 + ..., y = 1 - m_b^2/s."""
    sigma = float(alp.bg_to_ba(4.18**2 / (1.0 - y), 1e-15, 4.18, 1.0, 1.0, 0.2))
    expected = 0.2 / 48.0 * (1.0 - y) * y**2 * (2.0 / 3.0 + y / 2.0)
    assert sigma == pytest.approx(expected, rel=1e-7)


def test_alp_at_twice_the_mass_of_b() -> None:
    """For m_a -> 2 m_b at threshold, where x_a = 4 x_b = 1: the bracket goes to (1 - x_a)^2 beta + (4/3) x_a beta^3."""
    m_b, above = 4.18, 1e-6
    beta, x_a = math.sqrt(above), 1.0 - 2.0 * above
    s = 4.0 * m_b**2 / (1.0 - above)
    sigma = float(alp.bb_to_ag(s, math.sqrt(x_a * s), m_b, 1.0, 1.0, 0.2))
    bracket = (1.0 - x_a) ** 2 + x_a * beta**2 * 4.0 / 3.0
    expected = 4.0 * 0.2 / 9.0 * 0.25 * (1.0 - above) / (beta * (1.0 - x_a)) * bracket
    assert sigma == pytest.approx(expected, rel=1e-5)


# --- expansions and limits ------------------------------------------------------------------------


def test_expansion_of_a_known_function() -> None:
    """1/v + b v, with s from v and back."""
    v = np.array([1e-4, 0.1, 1.9])
    assert relative_velocity(s_of_velocity(v, 3.0), 3.0) == pytest.approx(v, rel=1e-6)
    a, b = expansion(lambda s: 2.0 / relative_velocity(s, 3.0) + 5.0 * relative_velocity(s, 3.0), 3.0)
    assert (a, b) == pytest.approx((2.0, 5.0), rel=1e-9)


def test_H1H1_expansion() -> None:
    """a of the closed form, a and b of an independent derivation."""
    m_X, m_1, coupling, v_Phi = 5.0, 2.0, 1e-3, 57.5
    a, b = expansion(lambda s: dark_higgs.XX_to_H1H1(s, m_X, coupling, v_Phi, Higgses(m_1, C)), m_X)
    amplitude = 1.0 + 3.0 * m_1**2 / (4.0 * m_X**2 - m_1**2) - 2.0 * coupling * v_Phi**2 / (2.0 * m_X**2 - m_1**2)
    beta = math.sqrt(1.0 - m_1**2 / m_X**2)
    assert a == pytest.approx(coupling**2 * beta / (64.0 * math.pi * m_X**2) * amplitude**2, rel=1e-9)
    assert a == pytest.approx(1.7556143709150679e-10, rel=1e-6)
    assert b == pytest.approx(-4.163480769552704e-11, rel=1e-6)


def test_ZpZp_expansion() -> None:
    m_X, m_Zp, m_1, coupling, g_X, Q_X, Gamma = 5.0, 1.4, 2.0, 1e-3, 5e-2, 0.7, 0.4
    higgses = Higgses(m_1, C, Gamma_1=Gamma)
    a, _ = expansion(lambda s: dark_higgs.XX_to_ZpZp(s, m_X, m_Zp, g_X, Q_X, coupling, higgses), m_X)
    G = 2.0 * (g_X * Q_X) ** 2
    A = 2.0 * coupling * m_Zp**2 / (4.0 * m_X**2 - m_1**2 + 1j * m_1 * Gamma)
    D = 2.0 * m_X**2 - m_Zp**2
    amplitudes = 2.0 * abs(G + A) ** 2 + abs(G * m_Zp**2 / D + A * D / m_Zp**2) ** 2
    expected = math.sqrt(1.0 - (m_Zp / m_X) ** 2) / (64.0 * math.pi * m_X**2) * amplitudes
    assert a == pytest.approx(expected, rel=1e-9)


def test_p_waves() -> None:
    higgses = Higgses(2.0, C)
    a, b = expansion(lambda s: dark_higgs.XX_to_ZpH1(s, 5.0, 0.0115, 5e-4, 1.0, 1e-3, 57.5, higgses), 5.0)
    assert b == pytest.approx(9.135391330393606e-15, rel=1e-6)
    assert abs(a) < 1e-9 * b
    mixed = Higgses(1.0, C, sin_theta=1e-3)
    a, b = expansion(lambda s: pair_to_ff(s, self_energies.chichi(0.1, 1e-4), mixed, C.m_e), 0.1)
    assert b == pytest.approx(1.8592665776337398e-29, rel=1e-6)
    assert abs(a) < 1e-9 * b


@pytest.mark.parametrize("s", [101.0, 130.0, 1e4])
def test_light_Zp_is_a_Goldstone_boson(s: float) -> None:
    """g_X -> 0 at fixed v_Phi: M = lambda s/(s - m_1^2), exactly, and Z' H1 vanishes."""
    m_X, m_1, coupling, v_Phi = 5.0, 2.0, 1e-3, 57.5
    m_Zp = 1e-6
    g_X = m_Zp / v_Phi
    sigma = dark_higgs.XX_to_ZpZp(s, m_X, m_Zp, g_X, 1.0, coupling, Higgses(m_1, C))
    v = float(relative_velocity(s, m_X))
    expected = (coupling * s / (s - m_1**2)) ** 2 / (16.0 * math.pi * s)
    assert float(sigma) * v == pytest.approx(expected, rel=1e-9)
    single = dark_higgs.XX_to_ZpH1(s, m_X, m_Zp, g_X, 1.0, coupling, v_Phi, Higgses(m_1, C))
    assert 0.0 < float(single) < 1e-8 * float(sigma)


def test_Goldstone_limit_at_threshold() -> None:
    higgses = Higgses(2.0, C)
    a, _ = expansion(lambda s: dark_higgs.XX_to_ZpZp(s, 5.0, 1e-6, 1e-9, 1.0, 1e-3, higgses), 5.0)
    assert a == pytest.approx(1e-6 * 25.0 / (4.0 * math.pi * (100.0 - 4.0) ** 2), rel=1e-9)


@pytest.mark.parametrize("s", [4.04, 6.0, 100.0])
def test_semi_annihilation_into_light_particles(s: float) -> None:
    """Z' and H1 of equal rates far from their masses: the components of one complex Phi."""
    Zp = dark_higgs.XX_to_XbarZp(s, 1.0, 1e-3, 1e-7)
    H1 = dark_higgs.XX_to_XbarH1(s, 1.0, 1e-3, 0.0, 1.0, Higgses(1e-7, C))
    assert float(Zp) == pytest.approx(float(H1), rel=1e-9)


def test_semi_annihilation_at_threshold() -> None:
    a, _ = expansion(lambda s: dark_higgs.XX_to_XbarZp(s, 1.0, 1e-3, 1e-7), 1.0)
    assert a == pytest.approx(27.0 * 1e-6 / (64.0 * math.pi), rel=1e-9)
    m_X, m_Zp, lambda_3 = 2.0, 0.7, 0.1
    a, _ = expansion(lambda s: dark_higgs.XX_to_XbarZp(s, m_X, lambda_3, m_Zp), m_X)
    s = 4.0 * m_X**2
    E = (s + m_Zp**2 - m_X**2) / (4.0 * m_X)
    k, t = math.sqrt(E**2 - m_Zp**2), m_X**2 + m_Zp**2 - 2.0 * m_X * E
    M = 3.0 * math.sqrt(2.0) * lambda_3 * 4.0 * m_X * k / 3.0 * (1.0 / (t - m_X**2) - 1.0 / (s - m_X**2))
    assert a == pytest.approx(M**2 * k / (4.0 * math.pi * math.sqrt(s)) / s, rel=1e-9)


# --- phase space and thresholds -------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [4.001, 10.0, 1e4, 1e6])
@pytest.mark.parametrize("m_1", [0.0, 1e-3, 0.6])
def test_angular_integral(ratio: float, m_1: float) -> None:
    """int dc and int dc A^2/N, which is (A/B) ln[(A + B)/(A - B)]."""
    m, s = 1.0, ratio

    def ratio_of(squared: Callable[[Collision], FloatArray]) -> float:
        flux = 32.0 * math.pi * s * math.sqrt((s / 4.0 - m**2) / (s / 4.0 - m_1**2))
        return float(cross_section(s, m, m_1, m_1, squared)) * flux

    A = 0.5 * s - m_1**2
    B = 2.0 * math.sqrt((s / 4.0 - m**2) * (s / 4.0 - m_1**2))
    edge = m_1**4 + 4.0 * m**2 * (s / 4.0 - m_1**2)
    assert ratio_of(lambda x: np.ones_like(x.c)) == pytest.approx(2.0, rel=1e-11)
    assert ratio_of(lambda x: x.A**2 / x.N) == pytest.approx(2.0 * A / B * math.asinh(B / math.sqrt(edge)), rel=1e-11)
    assert ratio_of(lambda x: x.c**2) == pytest.approx(2.0 / 3.0, rel=1e-11)


def all_cross_sections() -> dict[str, tuple[SIGMA, float]]:
    """Every cross section with the larger of its thresholds, sqrt(s) in GeV."""
    higgses, m_X = Higgses(1.7, C, Gamma_1=0.01, sin_theta=0.01), 2.3
    higher = Higgses(3.1, C, Gamma_1=0.01, sin_theta=0.01)
    return {
        "H1H1": (lambda s: dark_higgs.XX_to_H1H1(s, m_X, 0.1, 57.5, higgses), 4.6),
        "H1H1, closed at rest": (lambda s: dark_higgs.XX_to_H1H1(s, m_X, 0.1, 57.5, higher), 6.2),
        "ZpZp": (lambda s: dark_higgs.XX_to_ZpZp(s, m_X, 0.01, 5e-4, 1.0, 0.1, higgses), 4.6),
        "ZpH1": (lambda s: dark_higgs.XX_to_ZpH1(s, m_X, 0.01, 5e-4, 1.0, 0.1, 57.5, higgses), 4.6),
        "nunu": (lambda s: dark_higgs.XX_to_nunu(s, m_X, 0.01, 1e-9, 5e-4, 1.0), 4.6),
        "mumu": (lambda s: dark_higgs.XX_to_ll(s, m_X, 0.1, 0.01, 1e-9, 5e-4, 1.0, 5e-4), 4.6),
        "SM": (lambda s: pair_to_SM(s, PAIRS["X"], higgses, lambda m: SM_width(m, C)), 2.6),
        "ff": (lambda s: pair_to_ff(s, PAIRS["N"], higgses, 1.6), 3.2),
        "pair": (lambda s: pair_to_pair(s, PAIRS["X"], PAIRS["chi"], higgses), 2.6),
        "XbarH1": (lambda s: dark_higgs.XX_to_XbarH1(s, m_X, 0.1, 0.1, 57.5, higgses), 4.6),
        "XbarZp": (lambda s: dark_higgs.XX_to_XbarZp(s, m_X, 0.1, 0.01), 4.6),
        "chichi": (lambda s: dark_higgs.chichi_to_H1H1(s, m_X, 0.1, 57.5, higgses), 4.6),
        "SS": (lambda s: dark_higgs.SS_to_H1H1(s, m_X, 0.1, 57.5, higgses), 4.6),
        "psipsi": (lambda s: dark_photon.psipsi_to_phiphi(s, 0.5, 0.004, 2.0, 1e-3), 1.0),
        "sb": (lambda s: scalar_dm.phiphi_to_sb(s, 1.0, 4.18, 0.1, 1e-7, 1e-7, 1e-8, 1e-8), 4.28),
        "singlet": (lambda s: higgs_exchange.singlet_to_SM(s, 0.5, 0.1, C, lambda m: SM_width(m, C)), 1.0),
        "ag": (lambda s: alp.bb_to_ag(s, **ALP, alpha_s=0.2), 8.36),
        "agamma": (lambda s: alp.bb_to_agamma(s, **ALP, alpha=0.2), 8.36),
        "ba": (lambda s: alp.bg_to_ba(s, **ALP, alpha_s=0.2), 6.18),
        "ba from photons": (lambda s: alp.bgamma_to_ba(s, **ALP, alpha=0.2), 6.18),
    }


@pytest.mark.parametrize("name", all_cross_sections())
def test_positive_and_smooth(name: str) -> None:
    """0 up to the threshold, positive above; p sigma or sigma/k, without jumps; any shape; errors."""
    sigma, threshold = all_cross_sections()[name]
    below = threshold**2 * np.array([0.0, 0.1, 1.0 - 1e-9])
    assert np.all(sigma(below) == 0.0)
    distance = np.geomspace(1e-10, 1e-4, 25)
    near = sigma((threshold * (1.0 + distance)) ** 2)
    assert np.all(near > 0.0)
    slopes = np.diff(np.log(near)) / np.diff(np.log(distance))
    assert np.ptp(slopes) < 0.02  # a pure power: v^-1, v or k, or k/v, k^3/v at equal thresholds
    assert min(abs(slopes[0] - power) for power in (-0.5, 0.0, 0.5, 1.0, 1.5)) < 0.02
    s = np.geomspace(1.001 * threshold**2, 1e4 * threshold**2, 200)
    assert np.all(np.isfinite(sigma(s)) & (sigma(s) > 0.0))
    grid = sigma(s.reshape(20, 10))
    assert grid.shape == (20, 10)
    assert grid.ravel() == pytest.approx(sigma(s), rel=1e-13)
    assert sigma(np.array(s[7])).shape == ()
    for wrong in (np.nan, -1.0, np.inf):
        with pytest.raises(ValueError, match="s must be finite"):
            sigma(np.array([s[0], wrong]))


def test_unitarity_at_the_benchmarks() -> None:
    """The s wave is at most pi/p^2: benchmark couplings are far from it, lambda = 4 pi at a TeV vev is not."""
    s = s_of_velocity(0.5, 5.0)
    bound = math.pi / float(s / 4.0 - 25.0)
    benchmark = float(dark_higgs.XX_to_ZpZp(s, 5.0, 0.0115, 5e-4, 1.0, 0.1, Higgses(2.0, C)))
    assert benchmark < 1e-3 * bound
    assert float(dark_higgs.XX_to_H1H1(s, 5.0, 4.0 * math.pi, 1e3, Higgses(2.0, C))) > bound


def test_errors_of_masses_and_velocities() -> None:
    with pytest.raises(ValueError, match="m must be finite and positive"):
        cross_section(4.0, 0.0, 0.1, 0.1, lambda x: x.c)
    with pytest.raises(ValueError, match="at least 0 and below 2"):
        s_of_velocity(2.0, 1.0)
    with pytest.raises(ValueError, match="m_Zp and v_Phi"):
        dark_higgs.XX_to_XbarZp(5.0, 1.0, 0.1, 0.0)
    with pytest.raises(ValueError, match="needs positive"):
        dark_higgs.kappa_111(1.0, 0.1, -1.0, 246.0)
    assert float(two_to_two.sigma_v(3.0, 1.0, 1.0)) == 0.0
