"""Angular coefficients of fermion pairs: explicit amplitudes, closed forms of the rates, published numbers, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import explicit_amplitudes as explicit
import numpy as np
import pytest
from numpy.typing import NDArray
from transitions import (
    FF_P,
    FF_V,
    M2_P,
    M2_V,
    Array,
    flux,
    grid,
    kallen,
    m_B,
    m_b,
    m_K,
    m_P,
    m_pi,
    m_s,
    m_V,
    of_P,
    of_V,
    random_form_factors,
    squares_V,
    standard,
)

from bkgen.formfactors import form_factor_set
from bkgen.hadron_currents import hadron_P, hadron_V
from bkgen.models.kst_toy import angular_density
from bkgen.pair import FermionCouplings, fermion_pair
from bkgen.spectrum import Spectrum, integrated
from bkgen.units import width_from_lifetime

NAMES = ("hVV", "hVA", "hAV", "hAA", "hSS", "hSP", "hPS", "hPP", "hT", "hT5")
NATURAL = ("hVV", "hVA", "hSS", "hSP", "hT", "hT5")
MASSES = [(0.0, 0.0), (0.6, 0.6), (0.9, 0.2), (0.1, 0.7), (0.5, 0.0)]


def random_couplings(rng: np.random.Generator) -> dict[str, complex]:
    """All couplings of order 1e-8 GeV^-2, with phases."""
    return {name: 1e-8 * complex(*rng.normal(size=2)) for name in NAMES}


def densities(
    rng: np.random.Generator,
    m1: float,
    m2: float,
    couplings: Mapping[str, complex],
    exchanged: Mapping[str, complex] | None = None,
) -> tuple[float, float]:
    """Differential width of the explicit amplitude for one decay to P and one to V; `of_bkgen` draws the same two."""
    decay = explicit.random_decay(rng, m_B, m_P, m1, m2)
    q2 = explicit.dot(decay.q, decay.q).real
    f = random_form_factors(rng, FF_P)
    squared = explicit.squared_amplitude(decay, m1, m2, f, m_b, m_s, couplings, exchanged)
    to_P = 0.5 * float(flux(q2, m_P, m1, m2)) * squared
    decay = explicit.random_decay(rng, m_B, m_V, m1, m2, (m_K, m_pi))
    q2 = explicit.dot(decay.q, decay.q).real
    f = standard(random_form_factors(rng, FF_V), q2)
    squared = explicit.squared_amplitude(decay, m1, m2, f, m_b, m_s, couplings, exchanged)
    k2 = float(kallen(m_K, m_pi, m_V**2)) / (4.0 * m_V**2)
    # eps.(p_K - p_pi) = -2 eps.k, and (3/(4 pi)) sum_lambda integrates to the undecayed K*.
    to_V = 0.5 * 3.0 / (4.0 * math.pi) * float(flux(q2, m_V, m1, m2)) * squared / (4.0 * k2)
    return to_P, to_V


def of_bkgen(
    rng: np.random.Generator, m1: float, m2: float, couplings: FermionCouplings, identical: bool = False
) -> tuple[float, float]:
    """The same differential widths from the angular coefficients."""
    decay = explicit.random_decay(rng, m_B, m_P, m1, m2)
    q2 = explicit.dot(decay.q, decay.q).real
    hadron = of_P(q2, random_form_factors(rng, FF_P))
    c, _, _ = explicit.angles(decay)
    to_P = float(fermion_pair(hadron, m1, m2, couplings, identical)[0] @ [1.0, c, c**2])
    decay = explicit.random_decay(rng, m_B, m_V, m1, m2, (m_K, m_pi))
    q2 = explicit.dot(decay.q, decay.q).real
    J = fermion_pair(of_V(q2, random_form_factors(rng, FF_V)), m1, m2, couplings, identical)[0]
    c, c_K, phi = explicit.angles(decay)
    to_V = 9.0 / (32.0 * math.pi) * float(angular_density(J, np.array(c), np.array(c_K), np.array(phi)))
    return to_P, to_V


# --- Explicit amplitudes --------------------------------------------------------------------------


def test_spinors_and_gamma_matrices() -> None:
    g = explicit.GAMMA
    for m in range(4):
        for n in range(4):
            np.testing.assert_array_equal(g[m] @ g[n] + g[n] @ g[m], 2.0 * explicit.METRIC[m, n] * np.eye(4))
    for mass in (0.0, 0.7):
        p = np.array([math.sqrt(mass**2 + 1.0 + 4.0 + 0.25), 1.0, -2.0, 0.5])
        slash = np.einsum("m,mab->ab", explicit.lower(p), g)
        u, v = explicit.spinors(p, mass)
        u_sum, v_sum = (sum(np.outer(w, w.conj() @ g[0]) for w in spins) for spins in (u, v))
        np.testing.assert_allclose(u_sum, slash + mass * np.eye(4), atol=1e-14)
        np.testing.assert_allclose(v_sum, slash - mass * np.eye(4), atol=1e-14)
    duals = np.array([[explicit.dual(explicit.SIGMA[:, :, i, j]) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(np.einsum("ijmn->mnij", duals), explicit.SIGMA @ explicit.GAMMA5, atol=1e-15)


def test_sign_of_epsilon_is_fixed_by_the_tensor_current() -> None:
    """With T_1(0) = T_2(0) the current is finite at q2 = 0, for one sign of the form with T_1 only."""
    rng = np.random.default_rng(3)
    largest = {1.0: 0.0, -1.0: 0.0}
    for q2 in (1e-4, 1e-6):
        p = np.array([m_B, 0.0, 0.0, 0.0])
        k, q = explicit.two_body(rng, p, m_V, math.sqrt(q2))
        decay = explicit.Decay(p, k, 0.5 * q, 0.5 * q)
        f = standard({"V": 0.4, "A_0": 0.4, "A_1": 0.3, "A_12": 0.3, "T_1": 0.3, "T_2": 0.3, "T_23": 0.6}, q2)
        for sign in largest:
            flipped = {**f, "T_1": sign * f["T_1"]}
            eps = explicit.polarisations(k)[0]
            tensor = explicit.hadronic_V(decay, eps, flipped, m_b, m_s)["T"]
            largest[sign] = max(largest[sign], float(np.abs(tensor).max()))
    assert largest[1.0] < 10.0
    assert largest[-1.0] > 1e5


@pytest.mark.parametrize(("m1", "m2"), MASSES)
@pytest.mark.parametrize("operator", [*NAMES, "all"])
def test_explicit_amplitude(operator: str, m1: float, m2: float) -> None:
    for seed in range(3):
        values = random_couplings(np.random.default_rng(100 + seed))
        if operator != "all":
            values = {operator: values[operator]}
        expected = densities(np.random.default_rng(seed), m1, m2, values)
        found = of_bkgen(np.random.default_rng(seed), m1, m2, FermionCouplings(**values))
        assert found == pytest.approx(expected, rel=1e-10, abs=0.0)


@pytest.mark.parametrize(("m1", "m2"), MASSES)
def test_explicit_amplitude_of_two_majorana_fermions(m1: float, m2: float) -> None:
    """(chi1bar .. chi2) and (chi2bar .. chi1) of different Majorana fields lead to the same pair."""
    for seed in range(3):
        rng = np.random.default_rng(200 + seed)
        a, b = random_couplings(rng), random_couplings(rng)
        expected = densities(np.random.default_rng(seed), m1, m2, a, b)
        couplings = FermionCouplings(**a) + FermionCouplings(**b).exchanged()
        assert of_bkgen(np.random.default_rng(seed), m1, m2, couplings) == pytest.approx(expected, rel=1e-10, abs=0.0)


@pytest.mark.parametrize("m", [0.0, 0.6])
@pytest.mark.parametrize("operator", ["hVA", "hAA", "hSS", "hSP", "hPS", "hPP", "all"])
def test_explicit_amplitude_of_identical_majorana_fermions(operator: str, m: float) -> None:
    for seed in range(3):
        values = random_couplings(np.random.default_rng(300 + seed))
        if operator != "all":
            values = {operator: values[operator]}
        expected = densities(np.random.default_rng(seed), m, m, values, values)
        found = of_bkgen(np.random.default_rng(seed), m, m, FermionCouplings(**values), identical=True)
        assert found == pytest.approx([0.5 * x for x in expected], rel=1e-10, abs=0.0)


def test_couplings_may_depend_on_q2() -> None:
    rng = np.random.default_rng(4)
    q2_P, q2_V = grid(m_P, n=5000), grid(m_V, n=5000)
    form_factors_P, form_factors_V = random_form_factors(rng, FF_P), random_form_factors(rng, FF_V)
    values = random_couplings(rng)
    propagator = 1.0 / (1.0 - q2_P / 30.0 + 0.1j)
    together = FermionCouplings(**values) * propagator
    G = fermion_pair(of_P(q2_P, form_factors_P), 0.1, 0.0, together)
    J = fermion_pair(of_V(q2_V, form_factors_V), 0.1, 0.0, together)
    for i in (0, 4095, 4096, 4999):
        alone = FermionCouplings(**values) * complex(propagator[i])
        np.testing.assert_allclose(G[i], fermion_pair(of_P(q2_P[i], form_factors_P), 0.1, 0.0, alone)[0], rtol=1e-12)
        np.testing.assert_allclose(J[i], fermion_pair(of_V(q2_V[i], form_factors_V), 0.1, 0.0, alone)[0], rtol=1e-12)


# --- Couplings ------------------------------------------------------------------------------------


def products(couplings: FermionCouplings) -> NDArray[np.complex128]:
    """Sum of Gamma x Gamma' of the Lagrangian of these couplings, with the indices of both gamma matrices."""
    one, g5, low = np.eye(4, dtype=complex), explicit.GAMMA5, explicit.METRIC
    vector, tensor = explicit.GAMMA, explicit.SIGMA
    lowered_vector = np.einsum("mn,nab->mab", low, vector)
    lowered_tensor = np.einsum("mr,ns,rsab->mnab", low, low, tensor)
    c = couplings
    return np.asarray(
        np.einsum("mab,mcd->abcd", lowered_vector, vector @ (c.hVV * one + c.hVA * g5))
        + np.einsum("mab,mcd->abcd", lowered_vector @ g5, vector @ (c.hAV * one + c.hAA * g5))
        + np.einsum("ab,cd->abcd", one, c.hSS * one + 1j * c.hSP * g5)
        + np.einsum("ab,cd->abcd", g5, c.hPS * one + 1j * c.hPP * g5)
        + np.einsum("mnab,mncd->abcd", lowered_tensor, tensor @ (c.hT * one + c.hT5 * g5))
    )


@pytest.mark.parametrize("operator", ["VLL", "VLR", "VRL", "VRR", "SLL", "SLR", "SRL", "SRR", "TLL", "TRR"])
def test_chiral_operators(operator: str) -> None:
    kind, quark, pair = operator[0], operator[1], operator[2]
    projector = {"L": 0.5 * (np.eye(4) - explicit.GAMMA5), "R": 0.5 * (np.eye(4) + explicit.GAMMA5)}
    low = explicit.METRIC
    if kind == "S":
        expected = np.einsum("ab,cd->abcd", projector[quark], projector[pair])
    elif kind == "V":
        lowered = np.einsum("mn,nab->mab", low, explicit.GAMMA)
        expected = np.einsum("mab,mcd->abcd", lowered @ projector[quark], explicit.GAMMA @ projector[pair])
    else:
        lowered = np.einsum("mr,ns,rsab->mnab", low, low, explicit.SIGMA)
        expected = np.einsum("mnab,mncd->abcd", lowered @ projector[quark], explicit.SIGMA @ projector[pair])
    value = 0.3 - 0.8j
    found = products(FermionCouplings.chiral(**{operator: value}))
    np.testing.assert_allclose(found, value * expected, atol=1e-15)


def test_constructors() -> None:
    c = FermionCouplings.without_quark_gamma5(gV=1.0, gA=2.0, gS=3.0, gP=4.0, gT=5.0, gT5=6.0)
    assert c == FermionCouplings(hVV=1.0, hVA=2.0, hSS=3.0, hSP=4.0, hT=5.0, hT5=6.0)
    assert 2.0 * c == c + c
    assert c.exchanged().exchanged() == c


def test_majorana_pairs_have_no_vector_and_tensor() -> None:
    rng = np.random.default_rng(5)
    to_P = of_P(grid(m_P, 0.6, 0.6), random_form_factors(rng, FF_P))
    to_V = of_V(grid(m_V, 0.6, 0.6), random_form_factors(rng, FF_V))
    for name in NAMES:
        c = FermionCouplings(**{name: 1e-8})
        factor = 0.0 if name in ("hVV", "hAV", "hT", "hT5") else 2.0
        for found, dirac in (
            (fermion_pair(to_P, 0.6, 0.6, c, identical=True), fermion_pair(to_P, 0.6, 0.6, c)),
            (fermion_pair(to_V, 0.6, 0.6, c, identical=True), fermion_pair(to_V, 0.6, 0.6, c)),
        ):
            np.testing.assert_allclose(found, factor * dirac, rtol=1e-14, atol=0.0)
        # With a factor 1/2 in the Lagrangian the width is half of the Dirac one.
        halved = fermion_pair(to_V, 0.6, 0.6, 0.5 * c, identical=True)
        np.testing.assert_allclose(halved, 0.25 * factor * fermion_pair(to_V, 0.6, 0.6, c), rtol=1e-14, atol=0.0)


def test_identical_particles_look_the_same() -> None:
    """Exchange of the pair is theta -> pi - theta and phi -> phi + pi: no odd coefficient is left."""
    rng = np.random.default_rng(6)
    couplings = FermionCouplings(**random_couplings(rng))
    G = fermion_pair(of_P(grid(m_P, 0.6, 0.6), random_form_factors(rng, FF_P)), 0.6, 0.6, couplings, identical=True)
    assert np.abs(G[:, 1]).max() <= 1e-15 * np.abs(G).max()
    J = fermion_pair(of_V(grid(m_V, 0.6, 0.6), random_form_factors(rng, FF_V)), 0.6, 0.6, couplings, identical=True)
    assert np.abs(J[:, [6, 7, 8, 9]]).max() <= 1e-15 * np.abs(J).max()


# --- Closed forms of the rates --------------------------------------------------------------------


@pytest.mark.parametrize(("m1", "m2"), MASSES)
def test_rate_to_P(m1: float, m2: float) -> None:
    rng = np.random.default_rng(7)
    g = random_couplings(rng)
    gV, gA, gS, gP, gT, gT5 = (g[name] for name in NATURAL)
    f, q2 = random_form_factors(rng, FF_P), grid(m_P, m1, m2)
    lam, lq = kallen(m_B, m_P, q2), kallen(m1, m2, q2)
    plus, minus = q2 - (m1 + m2) ** 2, q2 - (m1 - m2) ** 2
    H_0, H_S, E = lam * f["f_plus"] ** 2 / q2, f["f_0"] * M2_P / (m_b - m_s), lam * q2 * (f["f_T"] / (m_B + m_P)) ** 2
    squared = (
        2.0 * H_0 * abs(gV) ** 2 * minus * (1.0 - plus / (3.0 * q2))
        + 2.0 * H_0 * abs(gA) ** 2 * plus * (1.0 - minus / (3.0 * q2))
        + 2.0 * plus * np.abs(gS * H_S + gV * (m1 - m2) * f["f_0"] * M2_P / q2) ** 2
        + 2.0 * minus * np.abs(1j * gP * H_S + gA * (m1 + m2) * f["f_0"] * M2_P / q2) ** 2
        + 8.0 * E / q2**2 * abs(gT) ** 2 * (lq / 3.0 + (m1 + m2) ** 2 * minus)
        + 8.0 * E / q2**2 * abs(gT5) ** 2 * (lq / 3.0 + (m1 - m2) ** 2 * plus)
        + (8.0 * lam * f["f_plus"] * f["f_T"] / ((m_B + m_P) * q2))
        * ((m1 + m2) * minus * (gV * np.conj(gT)).real + (m1 - m2) * plus * (gA * np.conj(gT5)).real)
    )
    found = integrated(fermion_pair(of_P(q2, f), m1, m2, FermionCouplings(**g)))
    np.testing.assert_allclose(found, flux(q2, m_P, m1, m2) * squared, rtol=1e-12)


@pytest.mark.parametrize(("m1", "m2"), MASSES)
def test_rate_to_V(m1: float, m2: float) -> None:
    rng = np.random.default_rng(8)
    h = random_couplings(rng)
    f, q2 = random_form_factors(rng, FF_V), grid(m_V, m1, m2)
    lam, lq = kallen(m_B, m_V, q2), kallen(m1, m2, q2)
    plus, minus, s = q2 - (m1 + m2) ** 2, q2 - (m1 - m2) ** 2, squares_V(q2, f)
    wV, wA = minus * (1.0 - plus / (3.0 * q2)), plus * (1.0 - minus / (3.0 * q2))
    electric, magnetic = lq / 3.0 + (m1 + m2) ** 2 * minus, lq / 3.0 + (m1 - m2) ** 2 * plus
    amplitude_S = h["hPS"] / (m_b + m_s) - h["hAV"] * (m1 - m2) / q2
    amplitude_P = 1j * h["hPP"] / (m_b + m_s) - h["hAA"] * (m1 + m2) / q2
    pure = (
        2.0 * s["Tv"] * (wV * abs(h["hVV"]) ** 2 + wA * abs(h["hVA"]) ** 2)
        + 2.0 * (s["Ta"] + s["Lg"]) * (wV * abs(h["hAV"]) ** 2 + wA * abs(h["hAA"]) ** 2)
        + 2.0 * lam * f["A_0"] ** 2 * (plus * np.abs(amplitude_S) ** 2 + minus * np.abs(amplitude_P) ** 2)
        + 8.0 / q2**2 * abs(h["hT"]) ** 2 * (s["E"] * electric + s["M"] * magnetic)
        + 8.0 / q2**2 * abs(h["hT5"]) ** 2 * (s["E"] * magnetic + s["M"] * electric)
    )

    def interference(a: str, b: str) -> float:
        return float((h[a] * np.conj(h[b])).real)

    quark_V = 16.0 * lam * f["V"] * f["T_1"] / ((m_B + m_V) * q2)
    quark_A = 16.0 * (m_B + m_V) * M2_V * f["A_1"] * f["T_2"] / q2
    quark_A = quark_A + 256.0 * m_B**2 * m_V**2 * f["A_12"] * f["T_23"] / ((m_B + m_V) * q2)
    mixed = (m1 + m2) * minus * (quark_V * interference("hVV", "hT") - quark_A * interference("hAV", "hT5"))
    mixed += (m1 - m2) * plus * (quark_V * interference("hVA", "hT5") - quark_A * interference("hAA", "hT"))
    found = integrated(fermion_pair(of_V(q2, f), m1, m2, FermionCouplings(**h)))
    np.testing.assert_allclose(found, flux(q2, m_V, m1, m2) * (pure + mixed), rtol=1e-12)


def test_rates_of_equal_masses() -> None:
    """The forms with beta of a Dirac pair, and of its timelike axial current."""
    m, rng = 0.6, np.random.default_rng(9)
    f, q2 = random_form_factors(rng, FF_V), grid(m_V, 0.6, 0.6)
    b2, s = 1.0 - 4.0 * m**2 / q2, squares_V(q2, f)
    expected = {
        "hVV": 2.0 * q2 * s["Tv"] * (1.0 - b2 / 3.0),
        "hVA": 2.0 * q2 * s["Tv"] * 2.0 * b2 / 3.0,
        "hAV": 2.0 * q2 * (s["Ta"] + s["Lg"]) * (1.0 - b2 / 3.0),
        "hAA": 2.0 * q2 * ((s["Ta"] + s["Lg"]) * 2.0 * b2 / 3.0 + (1.0 - b2) * s["t"]),
        "hPS": 2.0 * q2 * s["HP2"] * b2,
        "hPP": 2.0 * q2 * s["HP2"],
        "hT": 8.0 * (s["E"] * (1.0 - 2.0 * b2 / 3.0) + s["M"] * b2 / 3.0),
        "hT5": 8.0 * (s["E"] * b2 / 3.0 + s["M"] * (1.0 - 2.0 * b2 / 3.0)),
    }
    for name, squared in expected.items():
        found = integrated(fermion_pair(of_V(q2, f), m, m, FermionCouplings(**{name: 1e-8})))
        np.testing.assert_allclose(found, 1e-16 * flux(q2, m_V, m, m) * squared, rtol=1e-12)


def test_angles_to_P_of_equal_masses() -> None:
    m, rng = 0.6, np.random.default_rng(10)
    g = random_couplings(rng)
    gV, gA, gS, gP, gT, gT5 = (g[name] for name in NATURAL)
    f, q2 = random_form_factors(rng, FF_P), grid(m_P, m, m)
    lam, b2, tau = kallen(m_B, m_P, q2), 1.0 - 4.0 * m**2 / q2, f["f_T"] / (m_B + m_P)
    G = fermion_pair(of_P(q2, f), m, m, FermionCouplings(**g))
    for c in (-0.9, -0.2, 0.5, 1.0):
        r = -np.sqrt(b2 * lam) * c
        S = gS * f["f_0"] * M2_P / (m_b - m_s) - 2.0 * tau * r * gT
        P = 1j * gP * f["f_0"] * M2_P / (m_b - m_s) + 2.0 * m * f["f_0"] * M2_P / q2 * gA - 2.0 * tau * r * gT5
        V, A = f["f_plus"] * gV + 4.0 * m * tau * gT, f["f_plus"] * gA
        squared = (
            2.0 * q2 * b2 * np.abs(S) ** 2
            + 2.0 * lam * (1.0 - b2 * c**2) * np.abs(V) ** 2
            - 8.0 * m * r * (S * np.conj(V)).real
            + 2.0 * q2 * np.abs(P) ** 2
            + 2.0 * b2 * lam * (1.0 - c**2) * np.abs(A) ** 2
        )
        np.testing.assert_allclose(G @ [1.0, c, c**2], 0.5 * flux(q2, m_P, m, m) * squared, rtol=1e-12)


# --- Neutrinos ------------------------------------------------------------------------------------


def neutrinos(C: Mapping[str, complex], unit: float) -> list[tuple[float, FermionCouplings, bool]]:
    """(multiplicity, couplings, identical) of three flavours in the normalisation of the EOS model `WET sbnunu`.

    V: three pairs nu nubar.  S: three Majorana pairs.  T is antisymmetric in flavour: three pairs of different
    flavours with the coupling of two terms, 2 C_ab, and sum_{a != b} |C_ab|^2 = 3 |T_L|^2, so |C_ab|^2 = |T_L|^2/2.
    """
    get = {name: unit * C.get(name, 0.0) for name in ("VL", "VR", "SL", "SR", "TL")}
    return [
        (3.0, FermionCouplings.chiral(VLL=get["VL"], VRL=get["VR"]), False),
        (3.0, FermionCouplings.chiral(SLL=get["SL"], SRL=get["SR"]), True),
        (3.0, FermionCouplings.chiral(TLL=2.0 * get["TL"] / math.sqrt(2.0)), False),
    ]


def test_three_neutrinos() -> None:
    """Closed forms of the rates of three massless neutrinos, for both hadrons, and the longitudinal part."""
    rng, unit = np.random.default_rng(11), 1e-9
    C = {name: complex(*rng.normal(size=2)) for name in ("VL", "VR", "SL", "SR", "TL")}
    parts = neutrinos(C, unit)
    plus, minus = (abs(C["VL"] + s * C["VR"]) ** 2 for s in (1, -1))
    scalar_plus, scalar_minus = (abs(C["SL"] + s * C["SR"]) ** 2 for s in (1, -1))
    tensor = abs(C["TL"]) ** 2

    f, q2 = random_form_factors(rng, FF_P), grid(m_P)
    lam = kallen(m_B, m_P, q2)
    common = 3.0 * unit**2 * np.sqrt(lam) / (64.0 * math.pi**3 * m_B**3)
    E = q2 * lam * (f["f_T"] / (m_B + m_P)) ** 2
    rate = lam / 24.0 * f["f_plus"] ** 2 * plus + (2.0 / 3.0) * E * tensor
    rate = rate + q2 / 8.0 * (f["f_0"] * M2_P / (m_b - m_s)) ** 2 * scalar_plus
    G = sum(n * fermion_pair(of_P(q2, f), 0.0, 0.0, c, identical) for n, c, identical in parts)
    np.testing.assert_allclose(integrated(np.asarray(G)), common * rate, rtol=1e-12)

    f, q2 = random_form_factors(rng, FF_V), grid(m_V)
    s = squares_V(q2, f)
    common = 3.0 * unit**2 * np.sqrt(kallen(m_B, m_V, q2)) / (64.0 * math.pi**3 * m_B**3)
    vector = q2 / 24.0 * (s["Tv"] * plus + (s["Ta"] + s["Lg"]) * minus)
    rate = vector + q2 / 8.0 * s["HP2"] * scalar_minus + (2.0 / 3.0) * (s["E"] + s["M"]) * tensor
    each = [n * fermion_pair(of_V(q2, f), 0.0, 0.0, c, identical) for n, c, identical in parts]
    np.testing.assert_allclose(integrated(np.sum(each, axis=0)), common * rate, rtol=1e-12)
    longitudinal = 0.75 * each[0][:, 1] - 0.25 * each[0][:, 3]
    np.testing.assert_allclose(longitudinal, common * q2 / 24.0 * s["Lg"] * minus, rtol=1e-12)


@pytest.mark.parametrize("m1", [0.0, 0.4])
def test_chiral_pairs_do_not_mix_vector_scalar_and_tensor(m1: float) -> None:
    """Rates add up for a massless pair, and for a massless chi2 of opposite chirality in V and in S, T."""
    rng = np.random.default_rng(12)
    hadron = of_V(grid(m_V, m1), random_form_factors(rng, FF_V))
    alone = [FermionCouplings.chiral(VLL=1.0, VRL=0.3j), FermionCouplings.chiral(SLL=0.2, SRL=1j)]
    alone.append(FermionCouplings.chiral(TLL=0.7 - 0.1j))
    if m1 == 0.0:
        together = integrated(fermion_pair(hadron, m1, 0.0, alone[0] + alone[1] + alone[2]))
        rates = [integrated(fermion_pair(hadron, m1, 0.0, c)) for c in alone]
    else:
        other = FermionCouplings.chiral(SLR=0.2, SRR=1j, TRR=0.7 - 0.1j)
        together = integrated(fermion_pair(hadron, m1, 0.0, alone[0] + other))
        rates = [integrated(fermion_pair(hadron, m1, 0.0, c)) for c in (alone[0], other)]
    np.testing.assert_allclose(together, np.sum(rates, axis=0), rtol=1e-13)


def test_angular_coefficients_of_massless_pairs() -> None:
    """arXiv:0811.1214 sec. 3 with beta = 1, C7 = 0 and complex C9, C9', C10, C10'."""
    rng = np.random.default_rng(13)
    C9, C9p, C10, C10p = (complex(*rng.normal(size=2)) for _ in range(4))
    couplings = FermionCouplings(
        hVV=0.5 * (C9 + C9p), hVA=0.5 * (C10 + C10p), hAV=0.5 * (C9p - C9), hAA=0.5 * (C10p - C10)
    )
    f, q2 = random_form_factors(rng, FF_V), grid(m_V)
    J = fermion_pair(of_V(q2, f), 0.0, 0.0, couplings)
    A: dict[str, NDArray[np.complexfloating[Any, Any]]] = {}
    for chirality, s in (("L", -1.0), ("R", 1.0)):
        vector, axial = C9 + C9p + s * (C10 + C10p), C9 - C9p + s * (C10 - C10p)
        A["perp" + chirality] = vector * np.sqrt(2.0 * kallen(m_B, m_V, q2)) * f["V"] / (m_B + m_V)
        A["par" + chirality] = np.full_like(q2, -math.sqrt(2.0) * (m_B + m_V) * f["A_1"]) * axial
        A["0" + chirality] = -axial * 8.0 * m_B * m_V * f["A_12"] / np.sqrt(q2)
    scale = integrated(J) / sum(np.abs(a) ** 2 for a in A.values())

    def both(a: str, b: str, sign: int) -> NDArray[np.complex128]:
        return np.asarray(A[a + "L"] * np.conj(A[b + "L"]) + sign * A[a + "R"] * np.conj(A[b + "R"]))

    transverse = (both("perp", "perp", 1) + both("par", "par", 1)).real
    expected = [
        0.75 * transverse,
        both("0", "0", 1).real,
        0.25 * transverse,
        -both("0", "0", 1).real,
        0.5 * (both("perp", "perp", 1) - both("par", "par", 1)).real,
        math.sqrt(0.5) * both("0", "par", 1).real,
        math.sqrt(2.0) * both("0", "perp", -1).real,
        2.0 * both("par", "perp", -1).real,
        0.0 * q2,
        math.sqrt(2.0) * both("0", "par", -1).imag,
        math.sqrt(0.5) * both("0", "perp", 1).imag,
        both("perp", "par", 1).imag,
    ]
    np.testing.assert_allclose(J, (scale * np.array(expected)).T, rtol=1e-12, atol=1e-14 * np.abs(J).max())


def test_left_handed_quark_makes_negative_helicity() -> None:
    """(sbar gamma_mu P_L b), and sbar sigma P_R b, whose s quark is left-handed too: |H_-| > |H_+|, so J6s < 0."""
    f = {"V": 0.4, "A_0": 0.4, "A_1": 0.3, "A_12": 0.25, "T_1": 0.35, "T_2": 0.3, "T_23": 0.6}
    hadron = of_V(np.array([3.0]), f)
    # A K* of helicity -1 recoils against a pair of spin +1 along its flight: the left-handed chi1 flies backwards.
    current = fermion_pair(hadron, 0.0, 0.0, FermionCouplings.chiral(VLL=1.0))[0]
    assert current[7] < -0.8 * current[0]
    positive = hadron.H_par - hadron.H_perp
    negative = hadron.H_par + hadron.H_perp
    assert 0.0 < positive[0] < 0.3 * negative[0]
    # Contributions of the dipole and of the current have the relative sign of C7 and C9 in arXiv:0811.1214.
    assert np.all([hadron.T_perp > 0.0, hadron.T5_par > 0.0, hadron.T5_0 > 0.0])


# --- Published numbers ----------------------------------------------------------------------------

# B+ -> K+ chi chibar, m = 0.6 GeV, coupling 1e-8 GeV^-2, HPQCD2022, m_b = 4.18, m_s = 0.0935, tau = 1.638 ps; gS and
# gP from adaptive quadrature of the closed form in sqrt(q2_max - q2): their end point is too steep for a coarse one.
DIRAC = {
    "gV": 9.756650807841986e-06,
    "gA": 1.0426420656932142e-05,
    "gS": 1.2975758488940282e-05,
    "gP": 1.4688294018284387e-05,
    "gT": 6.8865613850177295e-06,
    "gT5": 4.641723446338058e-06,
}


@pytest.mark.parametrize("coupling", DIRAC)
def test_branching_fraction_of_dirac_pair(coupling: str) -> None:
    ff, m = form_factor_set("HPQCD2022", "K"), 0.6
    mass_B, mass_K = 5.27934, 0.493677
    couplings = FermionCouplings.without_quark_gamma5(**{coupling: 1e-8})

    def density(q2: Array) -> Array:
        currents = hadron_P(q2, mass_B, mass_K, ff.f_plus(q2), ff.f_0(q2), ff.f_T(q2), m_b=4.18, m_s=0.0935)
        return fermion_pair(currents, m, m, couplings)

    rate = Spectrum.from_density(density, 4.0 * m**2, (mass_B - mass_K) ** 2).rate()
    assert rate / width_from_lifetime(1.638e-12) == pytest.approx(DIRAC[coupling], rel=1e-5)


SM_COUPLING = 4.0 * 1.1663787e-5 / math.sqrt(2.0) / (2.0 * math.pi * 127.952) * 0.0418140927 * 1.469 / 0.23121
SM_NEUTRINO = FermionCouplings.chiral(VLL=SM_COUPLING)


def test_standard_model_to_P() -> None:
    """B+ -> K+ nu nubar, short distance, with the inputs of arXiv:2207.13371."""
    ff = form_factor_set("HPQCD2022", "K")

    def density(q2: Array) -> Array:
        currents = hadron_P(q2, 5.27934, 0.493677, ff.f_plus(q2), ff.f_0(q2), ff.f_T(q2), m_b=4.18, m_s=0.0935)
        return 3.0 * fermion_pair(currents, 0.0, 0.0, SM_NEUTRINO)

    rate = Spectrum.from_density(density, 0.0, (5.27934 - 0.493677) ** 2).rate()
    assert rate / width_from_lifetime(1.638e-12) == pytest.approx(4.966781415931983e-06, rel=2e-6)


def test_standard_model_to_V() -> None:
    """B0 -> K*0 nu nubar and its F_L with the form factors of arXiv:1503.05534."""
    ff, mass_B, mass_V = form_factor_set("BSZ2015", "Kst"), 5.27972, 0.89555

    def density(q2: Array) -> Array:
        form_factors = {name: ff.value(name, q2) for name in FF_V}
        currents = hadron_V(q2, mass_B, mass_V, **form_factors, m_b=4.18, m_s=0.0935)
        return 3.0 * fermion_pair(currents, 0.0, 0.0, SM_NEUTRINO)

    q2_max = (mass_B - mass_V) ** 2
    only_longitudinal = np.isin(np.arange(12), (1, 3))
    rate = Spectrum.from_density(density, 0.0, q2_max).rate()
    longitudinal = Spectrum.from_density(lambda q2: density(q2) * only_longitudinal, 0.0, q2_max).rate()
    assert rate / width_from_lifetime(1.517e-12) == pytest.approx(1.0191443242237565e-05, rel=2e-6)
    assert longitudinal / rate == pytest.approx(0.4877435537153966, rel=2e-6)


# dBR/dq2(B -> K nu nubar) of EOS 1.0.21, default parameters, model WET.
EOS = [
    (5.0, {"VL": 6.6}, 2.6987950797802436e-07),
    (12.0, {"VL": 6.6, "VR": -2.0}, 1.095748615475175e-07),
    (12.0, {"SL": 3.0, "SR": 1.0}, 2.669582743726476e-07),
    (20.0, {"TL": 2.0}, 5.851408236125914e-08),
    (20.0, {"VL": 6.0, "VR": 1.0, "SL": 2.0, "SR": -0.5, "TL": 1.5}, 1.7853428615380811e-07),
]


def eos_form_factor(q2: float, pole: float, *alpha: float) -> float:
    """BSZ form with the masses of the EOS default set."""
    t_plus, t_minus = (5.279 + 0.492) ** 2, (5.279 - 0.492) ** 2
    t_0 = t_plus * (1.0 - math.sqrt(1.0 - t_minus / t_plus))

    def z(t: float) -> float:
        a, b = math.sqrt(t_plus - t), math.sqrt(t_plus - t_0)
        return (a - b) / (a + b)

    return sum(a * (z(q2) - z(0.0)) ** k for k, a in enumerate(alpha)) / (1.0 - q2 / pole**2)


@pytest.mark.parametrize(("q2", "C", "value"), EOS)
def test_eos(q2: float, C: dict[str, float], value: float) -> None:
    plus = (0.32908992854636815, -0.8669465867427438, 0.006095669673341246)
    zero = (0.32908992854636815, 0.19511719957037596, -0.4461264576740431)
    tensor = (0.2993831492500477, -0.7735456824025474, 0.009554375102511888)
    unit = 4.0 * 1.1663787e-05 / math.sqrt(2.0) * 0.007518796992481203 / (2.0 * math.pi) * 0.04117549192573447
    hadron = hadron_P(
        np.array([q2]),
        5.27934,
        0.493677,
        f_plus=eos_form_factor(q2, 5.415, *plus),
        f_0=eos_form_factor(q2, 5.630, *zero),
        f_T=eos_form_factor(q2, 5.415, *tensor),
        m_b=4.0902723067759,  # only m_b - m_s enters
        m_s=0.0,
    )
    rate = sum(
        n * integrated(fermion_pair(hadron, 0.0, 0.0, couplings, identical))[0]
        for n, couplings, identical in neutrinos(C, unit)
    )
    assert rate * 1.641e-12 / 6.58211928e-25 == pytest.approx(value, rel=1e-5)


# --- Positivity, end points and refusals ----------------------------------------------------------


@pytest.mark.parametrize(
    ("m1", "m2", "identical"), [*((*pair, False) for pair in MASSES), (0.0, 0.0, True), (0.6, 0.6, True)]
)
def test_densities_are_real_and_not_negative(m1: float, m2: float, identical: bool) -> None:
    rng = np.random.default_rng(14)
    axis, phi = np.linspace(-1.0, 1.0, 25), np.linspace(-math.pi, math.pi, 37)
    for _ in range(3):
        couplings = FermionCouplings(**random_couplings(rng))
        G = fermion_pair(of_P(grid(m_P, m1, m2), random_form_factors(rng, FF_P)), m1, m2, couplings, identical)
        J = fermion_pair(of_V(grid(m_V, m1, m2), random_form_factors(rng, FF_V)), m1, m2, couplings, identical)
        assert (G.shape, J.shape) == ((20, 3), (20, 12))
        assert G.dtype == J.dtype == np.dtype(np.float64)
        assert (G @ [np.ones_like(axis), axis, axis**2] >= -1e-12 * np.abs(G).max()).all()
        for row in J:
            assert angular_density(row, *np.meshgrid(axis, axis, phi)).min() >= -1e-12 * np.abs(row).max()


def end_point_form_factors() -> dict[str, float]:
    """Form factors with the exact relations at zero recoil: A_12 to A_1 and T_23 to T_2 without A_2 and T_3."""
    q2 = (m_B - m_V) ** 2
    A_12 = (m_B + m_V) * (M2_V - q2) / (16.0 * m_B * m_V**2) * 0.5
    T_23 = M2_V * (m_B**2 + 3.0 * m_V**2 - q2) / (8.0 * m_B * m_V**2 * (m_B - m_V)) * 0.6
    return {"V": 1.2, "A_0": 1.3, "A_1": 0.5, "A_12": A_12, "T_1": 1.1, "T_2": 0.6, "T_23": T_23}


@pytest.mark.parametrize(("m1", "m2"), MASSES)
@pytest.mark.parametrize("names", [("hVV", "hVA", "hAV", "hAA"), ("hT", "hT5")])
def test_zero_recoil(names: tuple[str, ...], m1: float, m2: float) -> None:
    """All helicities of V are equal where it is at rest: F_L = 1/3 (arXiv:1312.1923)."""
    q2 = np.array([(m_B - m_V) ** 2 * (1.0 - 1e-9)])
    values = random_couplings(np.random.default_rng(15))
    couplings = FermionCouplings(**{name: values[name] for name in names})
    J = fermion_pair(of_V(q2, end_point_form_factors()), m1, m2, couplings)[0]
    F_L = (0.75 * J[1] - 0.25 * J[3]) / integrated(J)
    assert pytest.approx(1.0 / 3.0, abs=1e-4) == F_L


@pytest.mark.parametrize(("m1", "m2"), MASSES)
def test_ends_of_the_phase_space(m1: float, m2: float) -> None:
    rng = np.random.default_rng(16)
    couplings = FermionCouplings(**random_couplings(rng))
    f_P, f_V = random_form_factors(rng, FF_P), random_form_factors(rng, FF_V)
    for m_H in (m_P, m_V):
        lower, upper = (m1 + m2) ** 2, (m_B - m_H) ** 2
        near = (upper - lower) * np.array([1e-13, 1e-10, 1e-6])
        q2 = np.concatenate([lower + near, upper - near])
        if m_H == m_P:
            width = integrated(fermion_pair(of_P(q2, f_P), m1, m2, couplings))
            outside = fermion_pair(of_P(np.array([max(lower, 0.1) * 0.99, upper * 1.01]), f_P), m1, m2, couplings)
        else:
            width = integrated(fermion_pair(of_V(q2, f_V), m1, m2, couplings))
            outside = fermion_pair(of_V(np.array([max(lower, 0.1) * 0.99, upper * 1.01]), f_V), m1, m2, couplings)
        assert np.all(np.isfinite(width))
        assert np.all(width > 0.0)
        assert width[3] < width[4] < width[5]
        assert np.all(outside[1] == 0.0)
        if lower > 0.0:
            assert width[0] < width[1] < width[2]
            assert np.all(outside[0] == 0.0)


def test_spectrum_of_massive_pairs() -> None:
    """The table that events are made from accepts the coefficients, and its rate is that of the closed form."""
    m = 0.6
    f = {"V": 0.4, "A_0": 0.4, "A_1": 0.3, "A_12": 0.25, "T_1": 0.35, "T_2": 0.3, "T_23": 0.6}
    couplings = FermionCouplings(hAA=1e-8)

    def density(q2: Array) -> Array:
        return fermion_pair(of_V(q2, f), m, m, couplings)

    lower, upper = 4.0 * m**2, (m_B - m_V) ** 2
    spectrum = Spectrum.from_density(density, lower, upper)
    x, w = np.polynomial.legendre.leggauss(200)
    q2 = 0.5 * (lower + upper) + 0.5 * (upper - lower) * np.sin(0.5 * math.pi * x)
    b2, s = 1.0 - 4.0 * m**2 / q2, squares_V(q2, f)
    squared = 2.0 * q2 * ((s["Ta"] + s["Lg"]) * 2.0 * b2 / 3.0 + (1.0 - b2) * s["t"])
    jacobian = 0.25 * math.pi * (upper - lower) * np.cos(0.5 * math.pi * x)
    assert spectrum.rate() == pytest.approx(1e-16 * float(w @ (jacobian * flux(q2, m_V, m, m) * squared)), rel=1e-9)


def test_refusals() -> None:
    f_P, f_V = dict.fromkeys(FF_P, 0.3), dict.fromkeys(FF_V, 0.3)
    for q2 in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="must be positive"):
            of_P(q2, f_P)
        with pytest.raises(ValueError, match="must be positive"):
            of_V(q2, f_V)
    with pytest.raises(ValueError, match="m_b > m_s"):
        hadron_P(np.array([1.0]), m_B, m_P, **f_P, m_b=0.1, m_s=0.1)
    with pytest.raises(ValueError, match="m_b \\+ m_s > 0"):
        hadron_V(np.array([1.0]), m_B, m_V, **f_V, m_b=0.0, m_s=0.0)
    with pytest.raises(ValueError, match="identical particles have one mass"):
        fermion_pair(of_P(1.0, f_P), 0.1, 0.2, FermionCouplings(), identical=True)
    with pytest.raises(ValueError, match="m1 \\+ m2 >= 0"):
        fermion_pair(of_P(1.0, f_P), -0.1, 0.1, FermionCouplings())


def test_no_q2() -> None:
    assert fermion_pair(of_P(np.array([]), dict.fromkeys(FF_P, 0.3)), 0.0, 0.0, FermionCouplings()).shape == (0, 3)
    assert fermion_pair(of_V(np.array([]), dict.fromkeys(FF_V, 0.3)), 0.0, 0.0, FermionCouplings()).shape == (0, 12)
