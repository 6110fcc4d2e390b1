"""Kinematics: precision at threshold, q2_rec and Lorentz boosts."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkgen import kinematics
from bkgen.constants import Constants

masses = st.floats(1e-6, 10.0)
release = st.floats(-12.0, 1.0).map(lambda power: 10.0**power)
components = st.floats(-10.0, 10.0)
momenta = st.tuples(components, components, components).map(np.array)
directions = momenta.filter(lambda p: np.linalg.norm(p) > 1e-3).map(lambda p: p / np.linalg.norm(p))
velocities = st.tuples(directions, st.floats(0.0, 0.999)).map(lambda pair: pair[0] * pair[1])


def exact_momentum(M: float, m1: float, m2: float) -> float:
    with localcontext() as context:
        context.prec = 60
        M_, m1_, m2_ = Decimal(M), Decimal(m1), Decimal(m2)
        product = (M_ - m1_ - m2_) * (M_ + m1_ + m2_) * (M_ - m1_ + m2_) * (M_ + m1_ - m2_)
        return float(product.sqrt() / (2 * M_))


def on_shell(m: float, p: np.ndarray) -> np.ndarray:
    return np.append(p, math.sqrt(m * m + float(p @ p)))


@given(masses, masses, release)
def test_momentum_is_exact_at_threshold(m1: float, m2: float, extra: float) -> None:
    M = (m1 + m2) * (1.0 + extra)
    if Decimal(M) >= Decimal(m1) + Decimal(m2):
        assert kinematics.two_body_momentum(M, m1, m2) == pytest.approx(exact_momentum(M, m1, m2), rel=2e-15)


@given(masses, masses, release)
def test_momentum_is_symmetric(m1: float, m2: float, extra: float) -> None:
    M = (m1 + m2) * (1.0 + extra) + 1e-12
    forward, backward = kinematics.two_body_momentum(M, m1, m2), kinematics.two_body_momentum(M, m2, m1)
    assert forward == pytest.approx(backward, rel=1e-15)


def test_momentum_at_and_below_threshold() -> None:
    assert kinematics.two_body_momentum(2.0, 1.0, 1.0) == 0.0
    for M, m1, m2 in ((2.0, 1.0, 1.0 + 1e-15), (1.0, -0.1, 0.1), (1.0, math.nan, 0.1), (math.inf, 1.0, 1.0)):
        with pytest.raises(ValueError, match="need finite M"):
            kinematics.two_body_momentum(M, m1, m2)
    with pytest.raises(ValueError, match="must be positive"):
        kinematics.two_body_momentum(0.0, 0.0, 0.0)
    assert kinematics.kallen_sqrt(1.0, 1.0, 1.0, allow_closed=True) == 0.0
    assert kinematics.kallen_sqrt(np.array([1.0, 3.0]), 0.5, 1.0, allow_closed=True)[0] == 0.0
    with pytest.raises(ValueError, match="need finite M"):
        kinematics.kallen_sqrt(1.0, -1.0, 1.0, allow_closed=True)
    with pytest.raises(ValueError, match="need finite M"):
        kinematics.two_body_momentum(5.0, 0.5, np.array([1.0, 4.6]))


def test_arrays_and_scalars_agree() -> None:
    m = np.array([0.0, 1.0, 4.5])
    result = kinematics.two_body_momentum(5.0, 0.5, m)
    assert result == pytest.approx([kinematics.two_body_momentum(5.0, 0.5, float(x)) for x in m], rel=1e-15)
    assert isinstance(kinematics.two_body_momentum(5.0, 0.5, 1.0), float)


@given(masses, masses, masses)
def test_kallen(a: float, b: float, c: float) -> None:
    expanded = a * a + b * b + c * c - 2.0 * (a * b + b * c + c * a)
    assert kinematics.kallen(a, b, c) == pytest.approx(expanded, abs=1e-13 * (a + b + c) ** 2)
    if math.sqrt(a) > 1.001 * (math.sqrt(b) + math.sqrt(c)):
        root = kinematics.kallen_sqrt(math.sqrt(a), math.sqrt(b), math.sqrt(c))
        assert root**2 == pytest.approx(kinematics.kallen(a, b, c), rel=1e-9)


def test_q2_rec_window_is_the_range_of_q2_rec() -> None:
    sqrt_s, m_B, m_H, q2 = 10.579, 5.27934, 0.493677, 5.0
    p_B = kinematics.p_B_upsilon4S(sqrt_s, m_B)
    k = kinematics.two_body_momentum(m_B, m_H, math.sqrt(q2))
    cosine = np.linspace(-1.0, 1.0, 5)
    sine = np.sqrt(1.0 - cosine**2)
    E = np.full_like(cosine, kinematics.hadron_energy(m_B, m_H, q2))
    kaon = np.stack([k * sine, np.zeros_like(k * sine), k * cosine, E], axis=-1)
    boosted = kinematics.boost(kaon, np.array([0.0, 0.0, p_B / (0.5 * sqrt_s)]))
    shift = kinematics.q2_rec(sqrt_s, m_H, boosted[:, 3]) - q2
    centre, half_width = kinematics.q2_rec_window(sqrt_s, m_B, m_H, q2)
    assert shift == pytest.approx(centre - half_width * cosine, abs=1e-12)


@pytest.mark.parametrize(("q2", "half_width"), [(0.0, 1.72), (5.0, 1.40), (10.0, 1.08), (20.0, 0.39)])
def test_half_width_of_q2_rec(q2: float, half_width: float) -> None:
    result = kinematics.q2_rec_window(10.579, 5.27934, 0.493677, np.array([q2]))[1]
    assert result == pytest.approx([half_width], abs=0.005)


def test_q2_rec_window_outside_the_decay() -> None:
    for q2 in (-0.1, 23.0):
        with pytest.raises(ValueError, match=r"q2|decay"):
            kinematics.q2_rec_window(10.579, 5.27934, 0.493677, q2)
    with pytest.raises(ValueError, match="no decay"):
        kinematics.p_B_upsilon4S(10.5, 5.27934)


@given(masses, momenta, velocities)
def test_boosts_keep_the_mass_shell(m: float, p: np.ndarray, beta: np.ndarray) -> None:
    result = kinematics.boost(on_shell(m, p), beta)
    assert result[3] ** 2 - result[:3] @ result[:3] == pytest.approx(m * m, abs=1e-12 * result[3] ** 2)


@given(masses, momenta, velocities)
def test_boosts_have_an_inverse(m: float, p: np.ndarray, beta: np.ndarray) -> None:
    p4 = on_shell(m, p)
    there = kinematics.boost(p4, beta)
    assert kinematics.boost(there, -beta) == pytest.approx(p4, abs=1e-11 * there[3])


@given(masses, velocities)
def test_a_particle_at_rest_takes_the_velocity_of_the_boost(m: float, beta: np.ndarray) -> None:
    moving = kinematics.boost(np.array([0.0, 0.0, 0.0, m]), beta)
    assert kinematics.velocity(moving) == pytest.approx(beta, abs=1e-14)
    gamma = 1.0 / math.sqrt(1.0 - float(beta @ beta))
    assert moving[3] == pytest.approx(gamma * m, rel=1e-10)


def test_boosts_broadcast() -> None:
    p4 = np.array([0.1, 0.2, 0.3, 2.0])
    betas = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.5], [0.0, 1e-9, 0.0]])
    many = kinematics.boost(p4, betas)
    assert many.shape == (3, 4)
    assert many[0] == pytest.approx(p4, rel=0)
    assert many[1] == pytest.approx(kinematics.boost(p4, betas[1]), rel=1e-15)
    assert kinematics.boost(np.stack([p4, p4]), betas[1]) == pytest.approx(np.stack([many[1]] * 2), rel=1e-15)


@pytest.mark.parametrize("beta", [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [math.nan, 0.0, 0.0]])
def test_boosts_need_a_velocity_below_one(beta: list[float]) -> None:
    with pytest.raises(ValueError, match="below 1"):
        kinematics.boost(np.array([0.0, 0.0, 0.0, 1.0]), np.array(beta))


def test_mean_survival_of_a_displaced_alp() -> None:
    # Reference: 0.05564958457585515, deterministic quadrature of arXiv:2502.04900 eq. (11), B isotropic.
    c = Constants.named()
    sqrt_s, m_a, L, ctau, boost_lab = 10.5794, 2.0, 3.5, 1.0, 0.284
    x, w = np.polynomial.legendre.leggauss(24)
    cos_B, cos_a, azimuth = np.meshgrid(x, x, math.pi * x, indexing="ij")
    weight = np.einsum("i,j,k->ijk", w, w, w) / 8.0

    def direction(cosine: np.ndarray, phi: np.ndarray) -> np.ndarray:
        sine = np.sqrt(1.0 - cosine**2)
        return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=-1)

    k = kinematics.two_body_momentum(c.m_Bp, c.m_Kp, m_a)
    energy = np.full((*cos_a.shape, 1), math.hypot(k, m_a))
    alp = np.concatenate([k * direction(cos_a, azimuth), energy], axis=-1)
    beta_B = kinematics.p_B_upsilon4S(sqrt_s, c.m_Bp) / (0.5 * sqrt_s)
    in_Y4S = kinematics.boost(alp, beta_B * direction(cos_B, np.zeros_like(cos_B)))
    in_lab = kinematics.boost(in_Y4S, np.array([0.0, 0.0, boost_lab / math.hypot(1.0, boost_lab)]))
    beta_gamma = np.sqrt(in_lab[..., 3] ** 2 - m_a**2) / m_a
    mean = np.sum(weight * kinematics.survival_probability(L, beta_gamma, ctau))
    assert mean == pytest.approx(0.05564958457585515, rel=1e-4)
