"""The explicit amplitudes of pairs of scalars and massive vectors against closed forms of rates and angles."""

from __future__ import annotations

from collections.abc import Mapping

import explicit_amplitudes as explicit
import explicit_bosons as bosons
import numpy as np
import pytest
from boson_rates import FORMS_P, FORMS_V, rate_to_P, rate_to_V, squared_to_P, squared_to_V
from transitions import FF_P, FF_V, grid, kallen, m_B, m_b, m_K, m_P, m_pi, m_s, m_V, random_form_factors, standard

MASSES = [0.3, 0.9, 1.9]
SYMMETRIC = ("gS", "gP", "S", "P", "V2", "A2", "V3", "A3")
"""Operators of a real field."""


def kind_of(name: str) -> str:
    return "scalar" if name in bosons.SCALAR_NAMES else "vector"


def averaged(m_H: float, q2: float, m: float, f: Mapping[str, float], couplings: Mapping[str, complex]) -> float:
    """Sum over spins of |M|^2, also of an undecayed V, averaged over all angles."""
    kind, to_V = kind_of(next(iter(couplings))), m_H == m_V
    # 3 cos^2 of the angle between polarisation and the K averages to 1; eps.(p_K - p_pi) = -2 eps.k.
    scale = 3.0 * m_V**2 / float(kallen(m_K, m_pi, m_V**2)) if to_V else 1.0
    nodes = explicit.all_angles(to_V)
    total = 0.0
    for angles, weight in nodes:
        decay = explicit.decay_at(m_B, m_H, (m, m), q2, angles, (m_K, m_pi) if to_V else None)
        total += weight * bosons.squared_amplitude(decay, m, f, m_b, m_s, couplings, kind)
    return scale * total / sum(weight for _, weight in nodes)


def mixture(seed: int) -> dict[str, complex]:
    rng = np.random.default_rng(seed)
    return {name: complex(*rng.normal(size=2)) for name in bosons.VECTOR_NAMES}


@pytest.mark.parametrize("m", MASSES)
def test_polarisations(m: float) -> None:
    """Transverse to their momenta, and complete."""
    decay = explicit.random_decay(np.random.default_rng(1), m_B, m_P, m, m)
    states = bosons.vector_states(decay, m)
    sums = np.einsum("amn,ars->mrns", states, states.conj())
    first, second = (np.outer(p, p) / m**2 - explicit.METRIC for p in (decay.p1, decay.p2))
    np.testing.assert_allclose(sums, np.einsum("mr,ns->mrns", first, second), atol=1e-12 * np.abs(sums).max())
    np.testing.assert_allclose(states @ explicit.lower(decay.p2), 0.0, atol=1e-13 * np.abs(states).max())


def test_derivatives_of_the_bilinears() -> None:
    """V4, V5 and V6 are conserved, and q_mu of V2 is 2 i (e1.q)(e2.q)."""
    m = 0.6
    decay = explicit.random_decay(np.random.default_rng(2), m_B, m_P, m, m)
    states, q = bosons.vector_states(decay, m), explicit.lower(decay.q)
    scale = np.abs(states).max() * decay.q[0] ** 2
    for name in ("V4", "V5", "V6"):
        divergence = bosons.vector_bilinear(name, decay.p1, decay.p2, states) @ q
        np.testing.assert_allclose(divergence, 0.0, atol=1e-13 * scale)
    divergence = bosons.vector_bilinear("V2", decay.p1, decay.p2, states) @ q
    np.testing.assert_allclose(divergence, 2j * np.einsum("amn,m,n->a", states, q, q), atol=1e-13 * scale)


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("name", FORMS_P)
def test_closed_forms_to_P_hold_at_any_angle(name: str, m: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        decay = explicit.random_decay(rng, m_B, m_P, m, m)
        f, c = random_form_factors(rng, FF_P), explicit.angles(decay)[0]
        q2 = np.array([explicit.dot(decay.q, decay.q).real])
        found = bosons.squared_amplitude(decay, m, f, m_b, m_s, {name: 1.0}, kind_of(name))
        expected = float(squared_to_P(name, q2, m, f, c)[0])
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14 * float(squared_to_P(name, q2, m, f, 0.5)[0]))


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("name", FORMS_V)
def test_closed_forms_to_V_hold_in_the_average(name: str, m: float) -> None:
    f = random_form_factors(np.random.default_rng(4), FF_V)
    for q2 in grid(m_V, m, m, n=3):
        found = averaged(m_V, q2, m, standard(f, q2), {name: 1.0})
        assert found == pytest.approx(float(squared_to_V(name, np.array([q2]), m, f)[0]), rel=1e-12)


@pytest.mark.parametrize("m", MASSES)
def test_rates_of_mixtures(m: float) -> None:
    """All operators at once, with complex couplings."""
    for seed in range(3):
        rng, g = np.random.default_rng(seed), mixture(10 + seed)
        f_P, f_V = random_form_factors(rng, FF_P), random_form_factors(rng, FF_V)
        for q2 in grid(m_P, m, m, n=3):
            expected = float(rate_to_P(g, np.array([q2]), m, f_P)[0])
            assert averaged(m_P, q2, m, f_P, g) == pytest.approx(expected, rel=1e-11)
        for q2 in grid(m_V, m, m, n=2):
            expected = float(rate_to_V(g, np.array([q2]), m, f_V)[0])
            assert averaged(m_V, q2, m, standard(f_V, q2), g) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("name", [*bosons.SCALAR_NAMES, *bosons.VECTOR_NAMES])
def test_operators_without_a_rate(name: str) -> None:
    """Parity: B -> P has no axial current and no sbar gamma5 b, B -> V no sbar b."""
    rng = np.random.default_rng(5)
    for m_H, names, forms in ((m_P, FF_P, FORMS_P), (m_V, FF_V, FORMS_V)):
        decay = explicit.random_decay(rng, m_B, m_H, 0.6, 0.6, (m_K, m_pi) if m_H == m_V else None)
        f = random_form_factors(rng, names)
        f = standard(f, explicit.dot(decay.q, decay.q).real) if m_H == m_V else f
        found = bosons.squared_amplitude(decay, 0.6, f, m_b, m_s, {name: 1.0}, kind_of(name))
        assert (found > 0.0) == (name in forms)


@pytest.mark.parametrize("name", [*bosons.SCALAR_NAMES, *bosons.VECTOR_NAMES])
def test_real_fields(name: str) -> None:
    """With 1/2 in the Lagrangian the amplitude is that of a complex field if the operator is symmetric, else zero."""
    rng = np.random.default_rng(6)
    for _ in range(2):
        decay = explicit.random_decay(rng, m_B, m_V, 0.6, 0.6, (m_K, m_pi))
        f = standard(random_form_factors(rng, FF_V), explicit.dot(decay.q, decay.q).real)
        complex_field, real_field = (
            bosons.squared_amplitude(decay, 0.6, f, m_b, m_s, {name: 1.0}, kind_of(name), real)
            for real in (False, True)
        )
        factor = 1.0 if name in SYMMETRIC else 0.0
        assert real_field == pytest.approx(factor * complex_field, rel=1e-12, abs=1e-24 * complex_field)
