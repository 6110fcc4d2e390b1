"""B -> K(*) Z': closed widths, covariant amplitudes with polarisation sums, limits, the continuum of a decaying Z'."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

import explicit_amplitudes as explicit
import numpy as np
import pytest
from scipy.integrate import quad

from bkgen import widths
from bkgen.card import card_from_dict
from bkgen.channels import CHANNELS, Channel, channel
from bkgen.constants import Constants
from bkgen.currents import hadron
from bkgen.errors import InputError
from bkgen.formfactors import Inputs
from bkgen.generator import Beam, Job, Sample
from bkgen.hadron_currents import hadron_P, hadron_V
from bkgen.kinematics import kallen_sqrt, two_body_momentum
from bkgen.models.light_z_prime import LightZPrime
from bkgen.pair import FermionCouplings, fermion_pair
from bkgen.spectrum import Spectrum, integrated

Dimension = Literal[4, 5, 6]
DIMENSIONS: tuple[Dimension, ...] = (4, 5, 6)
every_dimension = pytest.mark.parametrize("d", DIMENSIONS)
every_channel = pytest.mark.parametrize("decay", CHANNELS.values(), ids=CHANNELS.keys())

INPUTS = Inputs.default()
C = INPUTS.constants
B_PLUS, B_ZERO, TO_KST = channel("B+ -> K+"), channel("B0 -> K0"), channel("B0 -> K*0")
g_V, g_A = 3e-8 - 1e-8j, -2e-8 + 4e-8j
m_K, m_pi = 0.494, 0.14
FF_V = ("V", "A_0", "A_1", "A_12", "T_1", "T_2", "T_23")


def z_prime(d: Dimension = 4, **changes: Any) -> LightZPrime:
    """A Z' of 2 GeV with complex couplings, both on; Lambda = 50 GeV where there is one."""
    values: dict[str, Any] = {"m_Zp": 2.0, "d": d, "g_V": (g_V.real, g_V.imag), "g_A": (g_A.real, g_A.imag)}
    scale = {} if d == 4 else {"Lambda": 50.0}
    return LightZPrime(**{"name": "light_z_prime", **values, **scale, **changes})


def rate(model: LightZPrime, decay: Channel, inputs: Inputs = INPUTS) -> float:
    return model.spectrum(decay, inputs).rate()


def longitudinal_fraction(J: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """F_L of coefficients that are flat in theta and phi."""
    return float(J[1] / (2.0 * J[0] + J[1]))


def messages(model: LightZPrime, decay: Channel = B_PLUS) -> dict[str, str]:
    return {".".join(problem.path): problem.message for problem in model.check(decay, INPUTS)}


# --- closed formulas


def width_to_K(d: Dimension, m_B: float, m_P: float, m: float, coupling: complex, f: Mapping[str, float]) -> float:
    """arXiv:2311.14629, widths Gamma^(4), Gamma^(5), Gamma^(6) with the form factors squared; Lambda = 50."""
    lam = (kallen_sqrt(m_B, m_P, m) / m_B**2) ** 2
    if d == 5:
        phase_space = m_B * m**2 / (16.0 * math.pi * 50.0**2 * (1.0 + m_P / m_B) ** 2)
        return abs(coupling) ** 2 * phase_space * lam**1.5 * f["f_T"] ** 2
    scale = 1.0 if d == 4 else m**4 / 50.0**4
    return abs(coupling) ** 2 * m_B**3 / (64.0 * math.pi * m**2) * scale * lam**1.5 * f["f_plus"] ** 2


def width_to_V(d: Dimension, m_B: float, m_V: float, m: float, f: Mapping[str, float]) -> tuple[float, float]:
    """(longitudinal, transverse): k/(32 pi m_B^2) of |H_0|^2 and 2 |H_V|^2 + 2 |H_A|^2; Lambda = 50.

    arXiv:2502.04900 eqs. (43)-(45).
    """
    k = two_body_momentum(m_B, m_V, m)
    if d == 5:
        H_V = 2.0 / 50.0 * g_V * 2.0 * m_B * k * f["T_1"]
        H_A = 2.0 / 50.0 * g_A * (m_B**2 - m_V**2) * f["T_2"]
        H_0 = 2.0 / 50.0 * 4.0 * g_A * m * m_B * m_V * f["T_23"] / (m_B + m_V)
    else:
        scale = 1.0 if d == 4 else m**2 / 50.0**2
        H_V = scale * 2.0 * g_V * m_B * k * f["V"] / (m_B + m_V)
        H_A = scale * g_A * (m_B + m_V) * f["A_1"]
        H_0 = scale * 8.0 * g_A * m_B * m_V * f["A_12"] / m
    factor = k / (32.0 * math.pi * m_B**2)
    return factor * abs(H_0) ** 2, 2.0 * factor * (abs(H_V) ** 2 + abs(H_A) ** 2)


@every_channel
@every_dimension
@pytest.mark.parametrize("m", [0.01, 2.0, 4.0])
def test_width_is_that_of_the_papers(d: Dimension, m: float, decay: Channel) -> None:
    form_factors, masses = INPUTS.form_factor(decay.transition), (decay.m_B(C), decay.m_H(C))
    (line,) = z_prime(d, m_Zp=m).spectrum(decay, INPUTS).lines
    assert line.mass == m
    if decay.spin == 0:
        f = {name: float(form_factors.value(name, m**2)) for name in ("f_plus", "f_T")}
        half = 0.5 * width_to_K(d, *masses, m, g_V, f)
        assert line.coefficients == pytest.approx([half, 0.0, 0.0], rel=1e-12, abs=0.0)
        return
    f = {name: float(form_factors.value(name, m**2)) for name in FF_V}
    zero, transverse = width_to_V(d, *masses, m, f)
    assert line.coefficients[:2] == pytest.approx([2.0 / 3.0 * transverse, 4.0 / 3.0 * zero], rel=1e-12, abs=0.0)
    assert not line.coefficients[2:].any()
    assert line.rate() == pytest.approx(zero + transverse, rel=1e-12, abs=0.0)


def test_published_point_of_the_kstar() -> None:
    """G_B0KstZp_d4 and FL_B0KstZp_d4: g_V = -g_A = 1e-8 at 2 GeV, with the form factors of that number."""
    f = {"V": 0.4747, "A_0": 0.47, "A_1": 0.3254, "A_12": 0.2841, "T_1": 0.4, "T_2": 0.34, "T_23": 0.72}
    currents = hadron_V(np.array([4.0]), 5.27972, 0.89555, **f, m_b=4.18, m_s=0.0935)
    zero, transverse = z_prime(g_V=1e-8, g_A=-1e-8).partial_widths(currents)
    assert zero + transverse == pytest.approx(3.318929529502198e-18, rel=1e-4, abs=0.0)
    assert zero / (zero + transverse) == pytest.approx(0.6700659098813418, rel=1e-4)


# --- covariant amplitudes, with sums over polarisations


def z_prime_amplitude(d: Dimension, currents: Mapping[str, Any], q: Any, e: Any, m: float) -> complex:
    """<Z'(e) K|L|B> from the Lagrangian of arXiv:2311.14629 eq. (2), Lambda = 50; e is the polarisation vector.

    Emission of a Z': Z'_mu -> e*_mu and d_mu -> i q_mu.
    """
    g_R, g_L = 0.5 * (g_V + g_A), 0.5 * (g_V - g_A)
    e_low, q_low = explicit.lower(e.conj()), explicit.lower(q)
    field_strength = 1j * (np.outer(q_low, e_low) - np.outer(e_low, q_low))
    left, right = 0.5 * (currents["V"] - currents["A"]), 0.5 * (currents["V"] + currents["A"])
    if d == 4:
        return complex((g_L * left + g_R * right) @ e_low)
    if d == 5:
        T, T5 = currents["T"], explicit.dual(currents["T"])
        sigma = g_L * 0.5 * (T + T5) + g_R * 0.5 * (T - T5)  # g_L with P_R
        return complex(np.sum(sigma * field_strength)) / 50.0
    source = 1j * np.einsum("n,mn->m", q, field_strength)  # d^nu Z'_{mu nu}
    return complex((g_L * left + g_R * right) @ source) / 50.0**2


def standard(f: Mapping[str, float], m_B: float, m_V: float, q2: float) -> dict[str, float]:
    """Form factors with A_2 and T_3, from A_12 and T_23."""
    lam = ((m_B + m_V) ** 2 - q2) * ((m_B - m_V) ** 2 - q2)
    M2 = m_B**2 - m_V**2
    A_2 = (m_B + m_V) ** 2 * (M2 - q2) * f["A_1"] - 16.0 * m_B * m_V**2 * (m_B + m_V) * f["A_12"]
    T_3 = M2 * (m_B**2 + 3.0 * m_V**2 - q2) * f["T_2"] - 8.0 * m_B * m_V**2 * (m_B - m_V) * f["T_23"]
    return {**f, "A_2": A_2 / lam, "T_3": T_3 / lam}


def two_body_decay(rng: np.random.Generator, m_B: float, m_H: float, m: float) -> explicit.Decay:
    """B -> H Z' of a moving B; a K* decays to K pi."""
    momentum = rng.normal(size=3)
    B = np.array([math.sqrt(m_B**2 + momentum @ momentum), *momentum])
    H, q = explicit.two_body(rng, B, m_H, m)
    daughters = explicit.two_body(rng, H, m_K, m_pi) if m_H > m_K + m_pi else ()
    return explicit.Decay(B, H, 0.5 * q, 0.5 * q, *daughters)


@every_dimension
@pytest.mark.parametrize("m", [0.3, 2.0, 4.2])
def test_explicit_amplitude_to_K(d: Dimension, m: float) -> None:
    rng = np.random.default_rng(11)
    m_B, m_P = 5.28, 0.494
    f = {name: float(rng.uniform(0.3, 1.0)) for name in ("f_plus", "f_0", "f_T")}
    decay = two_body_decay(rng, m_B, m_P, m)
    currents = explicit.hadronic_P(decay, f, 4.18, 0.09)
    amplitudes = [z_prime_amplitude(d, currents, decay.q, e, m) for e in explicit.polarisations(decay.q)]
    expected = two_body_momentum(m_B, m_P, m) / (8.0 * math.pi * m_B**2) * np.sum(np.abs(amplitudes) ** 2)
    zero, transverse = z_prime(d, m_Zp=m).partial_widths(hadron_P(np.array([m**2]), m_B, m_P, **f, m_b=4.18, m_s=0.09))
    assert zero == pytest.approx(expected, rel=1e-10, abs=0.0)
    assert transverse == 0.0


@every_dimension
@pytest.mark.parametrize("m", [0.3, 2.0, 4.2])
def test_explicit_amplitude_to_kstar(d: Dimension, m: float) -> None:
    """The rate, and the distribution of the K from the K*, with the coherent sum over the polarisations of the K*."""
    rng = np.random.default_rng(12)
    m_B, m_V = 5.28, 0.892
    f = {name: float(rng.uniform(0.3, 1.0)) for name in FF_V}
    all_f = standard(f, m_B, m_V, m**2)
    J = np.zeros(12)
    zero, transverse = z_prime(d, m_Zp=m).partial_widths(hadron_V(np.array([m**2]), m_B, m_V, **f, m_b=4.18, m_s=0.09))
    J[:2] = 2.0 / 3.0 * transverse, 4.0 / 3.0 * zero
    for _ in range(5):
        decay = two_body_decay(rng, m_B, m_V, m)
        assert decay.K is not None
        assert decay.pi is not None
        of_V, of_Zp = explicit.polarisations(decay.H), explicit.polarisations(decay.q)
        currents = [explicit.hadronic_V(decay, eps, all_f, 4.18, 0.09) for eps in of_V]
        M = np.array([[z_prime_amplitude(d, c, decay.q, e, m) for e in of_Zp] for c in currents])
        factor = two_body_momentum(m_B, m_V, m) / (8.0 * math.pi * m_B**2)
        assert integrated(J) == pytest.approx(factor * np.sum(np.abs(M) ** 2), rel=1e-10, abs=0.0)
        # eps.(p_K - p_pi) = -2 eps.k, and (3/(4 pi)) sum_lambda integrates to the undecayed K*; 2 pi of the azimuth
        k = two_body_momentum(m_V, m_K, m_pi)
        to_K_pi = np.array([explicit.dot(eps, decay.K - decay.pi) for eps in of_V]) @ M
        expected = 2.0 * math.pi * 3.0 / (4.0 * math.pi) * factor * np.sum(np.abs(to_K_pi) ** 2) / (4.0 * k**2)
        K, B = explicit.at_rest(decay.K, decay.H)[1:], explicit.at_rest(decay.B, decay.H)[1:]
        c_K = -float(K @ B) / (np.linalg.norm(K) * np.linalg.norm(B))
        assert 9.0 / 8.0 * (J[0] * (1.0 - c_K**2) + J[1] * c_K**2) == pytest.approx(expected, rel=1e-9, abs=0.0)


@every_dimension
def test_helicities_of_the_kstar(d: Dimension) -> None:
    """Helicities 0 and +-1, which K* and Z' have in common: zero and parallel +- perpendicular, for a Bbar."""
    rng = np.random.default_rng(13)
    m_B, m_V, m = 5.28, 0.892, 2.0
    f = {name: float(rng.uniform(0.3, 1.0)) for name in FF_V}
    k = two_body_momentum(m_B, m_V, m)
    H, q = np.array([math.hypot(m_V, k), 0.0, 0.0, k]), np.array([math.hypot(m, k), 0.0, 0.0, -k])
    decay = explicit.Decay(H + q, H, 0.5 * q, 0.5 * q)
    all_f = standard(f, m_B, m_V, m**2)
    zero, par, perp = (
        complex(a[0]) for a in z_prime(d).amplitudes(hadron_V(np.array([m**2]), m_B, m_V, **f, m_b=4.18, m_s=0.09))
    )
    # The rest-frame vectors of both are (x + i y, x - i y, z): spin along +z, opposite to the momentum of the Z'.
    currents = [explicit.hadronic_V(decay, eps, all_f, 4.18, 0.09) for eps in explicit.polarisations(H)]
    M = np.array([[z_prime_amplitude(d, c, q, e, m) for e in explicit.polarisations(q)] for c in currents])
    assert np.abs(M[0, 1]) == pytest.approx(abs(par + perp), rel=1e-10, abs=0.0)
    assert np.abs(M[1, 0]) == pytest.approx(abs(par - perp), rel=1e-10, abs=0.0)
    assert np.abs(M[2, 2]) == pytest.approx(abs(zero), rel=1e-10, abs=0.0)
    others = M.copy()
    others[[0, 1, 2], [1, 0, 2]] = 0.0
    assert np.abs(others).max() < 1e-12 * np.abs(M).max()


@every_dimension
def test_left_handed_coupling(d: Dimension) -> None:
    """g_L alone makes a left-handed s quark for each d: mostly a K* of negative helicity."""
    currents = hadron(np.array([4.0]), TO_KST, INPUTS)
    _, par, perp = (complex(a[0]) for a in z_prime(d, g_V=1e-8, g_A=-1e-8).amplitudes(currents))
    assert abs(par - perp) > 2.0 * abs(par + perp)


# --- limits


@every_channel
def test_dimension_six_is_dimension_four(decay: Channel) -> None:
    """d^nu Z'_{mu nu} = m^2 Z'_mu on shell."""
    six, four = (z_prime(d).spectrum(decay, INPUTS).lines[0].coefficients for d in (6, 4))
    assert six == pytest.approx((2.0 / 50.0) ** 4 * four, rel=1e-13, abs=0.0)


def test_light_longitudinal_Zp_is_an_ALP() -> None:
    """m -> 0 with f_a = m/g fixed: Z'_mu -> d_mu a/m, so that g_V/2 Z'_mu is (d_mu a/2 f_a), and g_A the same."""
    m, f_a = 1e-4, 1e8
    model = z_prime(m_Zp=m, g_V=m / f_a, g_A=m / f_a)
    # 8 m_B m_V A_12(0) = (m_B^2 - m_V^2) A_0(0) holds for the masses of the fit
    fit = INPUTS.form_factor("Kst").constants
    inputs = Inputs(Constants.named(m_B0=fit["m_B"], m_Kst0=fit["m_M"]), INPUTS.form_factors)
    f_0 = float(INPUTS.form_factor("K").f_0(m**2))
    A_0 = float(INPUTS.form_factor("Kst").A_0(m**2))
    to_K = widths.B_to_K_alp(C.m_Bp, C.m_Kp, m, 1.0, f_a, f_0)
    to_V = widths.B_to_V_alp(fit["m_B"], fit["m_M"], m, 1.0, f_a, A_0)
    assert rate(model, B_PLUS) == pytest.approx(to_K, rel=1e-7, abs=0.0)
    assert rate(model, TO_KST, inputs) == pytest.approx(to_V, rel=1e-7, abs=0.0)
    assert longitudinal_fraction(model.spectrum(TO_KST, inputs).lines[0].coefficients) == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize(("axial", "factor"), [(0.0, 1.0), (1.0, 2.0), (-1.0, 2.0)])
def test_light_dipole_is_a_massless_dark_photon(axial: float, factor: float) -> None:
    """d = 5, m -> 0: B -> V gamma_D, m_B^3 T_1(0)^2 (1 - m_V^2/m_B^2)^3/(8 pi Lambda_D^2), all of it transverse.

    L = sbar sigma F_D b/(2 Lambda_D) is d = 5 with g_V/2 for g_L = g_R, so Lambda_D = Lambda/g_V.  A chiral coupling
    has the term with gamma5 as well, which gives the same rate because T_1(0) = T_2(0).
    """
    Lambda_D = 1e8
    model = z_prime(5, m_Zp=1e-5, g_V=50.0 / Lambda_D, g_A=axial * 50.0 / Lambda_D)
    m_B, m_V = TO_KST.m_B(C), TO_KST.m_H(C)
    T_1 = float(INPUTS.form_factor("Kst").T_1(0.0))
    expected = factor * m_B**3 * T_1**2 * (1.0 - m_V**2 / m_B**2) ** 3 / (8.0 * math.pi * Lambda_D**2)
    assert rate(model, TO_KST) == pytest.approx(expected, rel=1e-9, abs=0.0)
    assert longitudinal_fraction(model.spectrum(TO_KST, INPUTS).lines[0].coefficients) < 1e-9
    assert rate(model, B_PLUS) < 1e-9 * expected  # no massless vector with a spinless hadron


@every_dimension
def test_no_polarisation_at_zero_recoil(d: Dimension) -> None:
    """F_L = 1/3 with the relations that A_12 and T_23 must have at the end point for A_2 and T_3 to be finite."""
    m_B, m_V, A_1, T_2 = 5.28, 0.892, 0.6, 0.7
    m = (m_B - m_V) * (1.0 - 1e-12)
    A_12 = (m_B**2 - m_V**2) * A_1 / (8.0 * m_B * m_V)
    T_23 = (m_B + m_V) ** 2 * T_2 / (4.0 * m_B * m_V)
    f = {"V": 1.0, "A_0": 1.0, "A_1": A_1, "A_12": A_12, "T_1": 1.0, "T_2": T_2, "T_23": T_23}
    currents = hadron_V(np.array([m**2]), m_B, m_V, **f, m_b=4.18, m_s=0.09)
    zero, transverse = z_prime(d, m_Zp=m).partial_widths(currents)
    assert zero / (zero + transverse) == pytest.approx(1.0 / 3.0, rel=1e-9)


# --- a Z' that decays


def resonant_pair(q2: Any, model: LightZPrime, Gamma: float, g_chi: float, decay: Channel) -> Any:
    """B -> hadron chi chibar through a Z' with g_chi Z'_mu chibar gamma^mu chi, massless, of fixed width Gamma."""
    propagator = g_chi / (q2 - model.m_Zp**2 + 1j * model.m_Zp * Gamma)
    scale = 0.5 * propagator * (1.0 if model.d == 4 else q2 / 50.0**2)
    couplings = FermionCouplings(hVV=scale * g_V, hAV=scale * g_A)
    return fermion_pair(hadron(q2, decay, INPUTS), 0.0, 0.0, couplings)


@pytest.mark.parametrize("d", [4, 6])
@pytest.mark.parametrize("decay", [B_PLUS, TO_KST], ids=["K", "Kst"])
def test_pair_continuum_factorises(d: Dimension, decay: Channel) -> None:
    """dGamma/dq2 = Gamma(B -> H Z'(q2)) q Gamma(q2)/(pi |q2 - m^2 + i m Gamma|^2), Gamma(q2) = g_chi^2 q/(12 pi)."""
    g_chi, Gamma = 0.3, 0.07
    q2 = np.linspace(0.5, 0.98 * decay.q2_max(C), 15)
    J = resonant_pair(q2, z_prime(d), Gamma, g_chi, decay)
    lines = [z_prime(d, m_Zp=math.sqrt(s)).spectrum(decay, INPUTS).lines[0].coefficients for s in q2]
    shape = g_chi**2 * q2 / (12.0 * math.pi**2) / ((q2 - 4.0) ** 2 + 4.0 * Gamma**2)
    assert integrated(J) == pytest.approx(integrated(np.array(lines)) * shape, rel=1e-12, abs=0.0)
    if decay.spin == 1:
        of_lines = [longitudinal_fraction(line) for line in lines]
        assert (3.0 * J[:, 1] - J[:, 3]) / (4.0 * integrated(J)) == pytest.approx(of_lines, rel=1e-12)


@pytest.mark.parametrize("d", [4, 6])
@pytest.mark.parametrize("decay", [B_PLUS, TO_KST], ids=["K", "Kst"])
def test_narrow_pair_continuum_is_the_line(d: Dimension, decay: Channel) -> None:
    """The integral over the resonance is the width of the line, up to terms of order Gamma/m."""
    expected = rate(z_prime(d), decay)
    for g_chi in (0.02, 0.1):
        Gamma = g_chi**2 * 2.0 / (12.0 * math.pi)
        spectrum = Spectrum.from_density(
            lambda q2, Gamma=Gamma, g_chi=g_chi: resonant_pair(q2, z_prime(d), Gamma, g_chi, decay),
            0.0,
            decay.q2_max(C),
            peaks=[(2.0, Gamma)],
        )
        assert spectrum.rate() == pytest.approx(expected, rel=4.0 * Gamma / 2.0, abs=0.0)


# --- refusals, decay modes, events


@pytest.mark.parametrize(
    ("changes", "decay", "expected"),
    [
        ({"Lambda": 1e3}, B_PLUS, {"Lambda": "belongs to d = 5 and 6 only"}),
        ({"d": 5, "Lambda": None}, B_PLUS, {"Lambda": "required with d = 5"}),
        ({"d": 6, "Lambda": None}, B_PLUS, {"Lambda": "required with d = 6"}),
        ({"m_Zp": 4.8}, B_PLUS, {"m_Zp": "must be below m_B - m_hadron = 4.78573 GeV in B+ -> K+"}),
        ({"m_Zp": 4.5}, TO_KST, {"m_Zp": "must be below m_B - m_hadron = 4.38417 GeV in B0 -> K*0"}),
        ({"g_V": 0.0, "g_A": 0.0}, B_PLUS, {"": "at least one coupling is required: g_V, g_A"}),
        ({"g_V": (0.0, 0.0)}, B_ZERO, {"g_V": "g_A alone gives no rate in B0 -> K0, where only g_V contributes"}),
        ({"g_V": 0.0}, TO_KST, {}),
        ({"g_A": 0.0}, TO_KST, {}),
        ({"g_V": 1e-170}, B_PLUS, {"": "these couplings give no finite rate in B+ -> K+"}),
        ({"g_V": 1e170}, B_PLUS, {"": "these couplings give no finite rate in B+ -> K+"}),
        ({"d": 6, "Lambda": 1e-200}, TO_KST, {"": "these couplings give no finite rate in B0 -> K*0"}),
    ],
)
def test_refusals(changes: dict[str, Any], decay: Channel, expected: dict[str, str]) -> None:
    assert messages(z_prime(**changes), decay) == expected


@pytest.mark.parametrize("d", [3, 7, 4.5, "4"])
def test_dimension_is_four_five_or_six(d: Any) -> None:
    card = {"schema": 1, "model": {"name": "light_z_prime", "m_Zp": 2.0, "d": d, "g_V": 1e-8}, "channel": "B+ -> K+"}
    with pytest.raises(InputError, match=re.escape("4 | 5 | 6")):
        card_from_dict(card)


def test_warning_of_a_low_scale() -> None:
    assert not list(z_prime(5).warnings(B_PLUS, INPUTS))
    (warning,) = z_prime(5, Lambda=5.0).warnings(B_PLUS, INPUTS)
    assert warning == "Lambda = 5.0 GeV is not above m_B: the operator is used outside its range"


def test_Zp_is_stable_and_invisible() -> None:
    total, (mode,) = z_prime().widths(INPUTS), z_prime().modes(INPUTS)
    assert (total.name, total.pdg, total.mass, total.ctau, total.invisible_fraction) == ("Zp", 55, 2.0, math.inf, 1.0)
    assert (mode.topology, mode.invisible, mode.branching_fraction, mode.pdg) == ("none", True, 1.0, ())


@every_channel
@every_dimension
def test_events(d: Dimension, decay: Channel) -> None:
    """X has the mass of the Z', and the K of a K* the mean <c_K^2> = 1/5 + 2 F_L/5 within five standard errors."""
    sample = Sample(Job(z_prime(d), decay, INPUTS, 40_000, beam=Beam(at_rest=decay.production is None)))
    events = sample.chunk(0).columns
    p2 = sum(events[f"X_{i}"] ** 2 for i in ("px", "py", "pz"))
    np.testing.assert_allclose(events["X_E"] ** 2 - p2, 4.0, rtol=1e-9)
    assert set(events["p_invisible"]) == {1.0}
    if decay.spin == 0:
        return
    F_L = longitudinal_fraction(sample.spectrum.lines[0].coefficients)
    moment = quad(lambda c: c**2 * (0.75 * (1.0 - F_L) * (1.0 - c**2) + 1.5 * F_L * c**2), -1.0, 1.0)[0]
    assert moment == pytest.approx(0.2 + 0.4 * F_L, rel=1e-12)
    observed = events["cos_theta_K"] ** 2
    assert abs(observed.mean() - moment) < 5.0 * observed.std() / math.sqrt(len(observed))
