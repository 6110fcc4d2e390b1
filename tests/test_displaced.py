"""Long-lived X: flight distances, decay vertices and the probability to leave the detector unseen."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np
import pytest
from four_vectors import (
    ACCEPT,
    INPUTS,
    MILLION,
    Array,
    Columns,
    chi2_p,
    columns_of,
    dot,
    four,
    kolmogorov_p,
    momentum_columns,
    sample_of,
)
from numpy.testing import assert_allclose

import bkgen
from bkgen.channels import CHANNELS
from bkgen.detector_presets import Detector
from bkgen.generator import Beam, Sample
from bkgen.models.alp import ALP
from bkgen.quantities import mean_survival, unseen_probability
from bkgen.units import C

M_A = 2.0  # GeV
L_DET = 3.5  # m
BEAM = Beam()
VERTEX = [f"X_decay_{axis}" for axis in "xyzt"]
CHANNEL = CHANNELS["B+ -> K+"]


def alp_with_ctau(ctau: float, m_a: float = M_A) -> ALP:
    """An ALP that decays visibly only, with that proper decay length [m] (it grows like f_a^2)."""
    unit = ALP(name="alp", m_a=m_a, f_a=1e8).widths(INPUTS)
    return ALP(name="alp", m_a=m_a, f_a=1e8 * math.sqrt(ctau / unit.ctau))


def survival(production: Literal["sine_squared", "isotropic"], sqrt_s: float = BEAM.sqrt_s) -> float:
    """Quadrature of the fraction that flies beyond L_det, for c tau = 1 m."""
    q2 = np.array([M_A**2])
    return float(mean_survival(q2, CHANNEL, INPUTS, 1.0, L_DET, sqrt_s, BEAM.boost, production)[0])


@cache
def flights() -> tuple[Sample, Columns]:
    """A million ALPs of c tau = 1 m."""
    sample = sample_of(alp_with_ctau(1.0), events=MILLION)
    names = ["q2", "p_invisible", "accepted", "mode", *VERTEX, *momentum_columns("X")]
    return sample, columns_of(sample, names)


def distance(columns: Columns) -> Array:
    """Distance of the decay vertex from the production point [m]."""
    return np.asarray(1e-3 * np.sqrt(sum(columns[name] ** 2 for name in VERTEX[:3])))


def beta_gamma(columns: Columns) -> Array:
    """Momentum over mass of X."""
    X = four(columns, "X")
    return np.asarray(np.sqrt(dot(X[:, :3], X[:, :3]) / columns["q2"]))


def within(values: Array, expected: float, sigmas: float = 4.0) -> bool:
    """Whether the mean of the values agrees with the expectation, within its standard error."""
    error = float(np.std(values)) / math.sqrt(len(values))
    return abs(float(np.mean(values)) - expected) < sigmas * error


def test_reference_average() -> None:
    """5.565% of the ALPs of 2 GeV with c tau = 1 m fly beyond 3.5 m, for a B isotropic in the Y(4S) frame."""
    assert survival("isotropic", sqrt_s=10.5794) == pytest.approx(0.05565, rel=0.002)


def test_sampled_survival() -> None:
    """The sample, with the sin^2(theta) of B pairs, agrees with the quadrature for it: vertices and probabilities."""
    sample, columns = flights()
    assert sample.ctau == pytest.approx(1.0, rel=1e-12)
    expected = survival("sine_squared")
    assert within((distance(columns) > L_DET).astype(np.float64), expected)
    assert within(columns["p_invisible"], expected)


@pytest.mark.parametrize("ctau", [0.03, 1.0, 300.0])
def test_proper_times_are_exponential(ctau: float) -> None:
    """Time in the lab over gamma, and distance over beta gamma, are both the exponential proper time."""
    sample = sample_of(alp_with_ctau(ctau), events=MILLION)
    columns = columns_of(sample, ["q2", *VERTEX, *momentum_columns("X")])
    gamma = columns["X_E"] / np.sqrt(columns["q2"])
    from_time = columns["X_decay_t"] * 1e-9 * C / gamma
    from_distance = distance(columns) / beta_gamma(columns)
    assert_allclose(from_time, from_distance, rtol=1e-9)
    assert kolmogorov_p(from_distance, lambda x: -np.expm1(-x / ctau)) >= ACCEPT
    edges = -ctau * np.log1p(-np.linspace(0.0, 1.0, 101)[:-1])
    counts = np.histogram(from_distance, np.append(edges, np.inf))[0]
    assert chi2_p(counts, np.ones(100)) >= ACCEPT


def test_vertices_lie_on_the_flight_path() -> None:
    """Every vertex is at the velocity of X times its time."""
    _, columns = flights()
    velocity = four(columns, "X")[:, :3] / columns["X_E"][:, None]
    vertex = np.stack([columns[name] for name in VERTEX[:3]], axis=1)
    assert_allclose(vertex, velocity * (columns["X_decay_t"] * 1e-9 * C * 1e3)[:, None], rtol=1e-9, atol=1e-12)


def test_p_invisible_of_every_event() -> None:
    """exp(-L_det/(beta gamma c tau)) with the boost of the event's own X."""
    _, columns = flights()
    assert_allclose(columns["p_invisible"], np.exp(-L_DET / beta_gamma(columns)), rtol=1e-9)


def test_visible_decays_are_accepted_beyond_the_detector_only() -> None:
    """With a perfect detector an event is accepted if and only if X decays beyond L_det."""
    _, columns = flights()
    assert np.array_equal(columns["accepted"], distance(columns) > L_DET)


PARTLY_DARK = ALP(name="alp", m_a=M_A, f_a=1e7, C_chi=50.0, m_chi=0.01)


@pytest.mark.parametrize("frame", ["lab", "Y4S", "B"])
def test_mixed_modes(frame: str) -> None:
    """Dark and visible decays: p_invisible, the accepted events and their modes agree with each other."""
    sample = sample_of(PARTLY_DARK, events=200_000, frame=frame)
    columns = columns_of(sample)
    invisible = np.array([mode.invisible for mode in sample.modes])[columns["mode"]]
    assert 0.2 < sample.br_invisible < 0.8
    assert within(invisible.astype(np.float64), sample.br_invisible)
    assert within(columns["accepted"] - columns["p_invisible"], 0.0)
    assert np.all(columns["accepted"][invisible])
    assert np.all(columns["p_invisible"] >= sample.br_invisible)
    if frame == "lab":
        flown = np.exp(-L_DET / (beta_gamma(columns) * sample.ctau))
        expected = sample.br_invisible + (1.0 - sample.br_invisible) * flown
        assert_allclose(columns["p_invisible"], expected, rtol=1e-9)
        assert np.array_equal(columns["accepted"], invisible | (distance(columns) > L_DET))


def test_mean_p_invisible_is_that_of_the_rates() -> None:
    """The probability by which `rates` multiplies the branching fraction is the mean of the column."""
    card = bkgen.load_card(
        {
            "schema": 1,
            "model": {"name": "alp", "m_a": M_A, "f_a": 1.0e7, "C_chi": 50.0, "m_chi": 0.01},
            "channel": "B+ -> K+",
            "detector": {"name": "ideal", "L_det": 2.0},
            "generate": {"events": 100_000},
            "output": {"format": "null"},
        }
    )
    unseen = unseen_probability(card, INPUTS)
    assert unseen is not None
    columns = bkgen.generate(card).numpy()
    assert within(columns["p_invisible"], float(unseen(np.array([M_A**2]))[0]))
    values = {quantity.name: quantity.value for quantity in bkgen.rates(card) if isinstance(quantity.value, float)}
    assert within(columns["p_invisible"], values["BR(B+ -> K+ inv)"] / values["BR(B+ -> K+ a)"])


def test_lifetime_limits() -> None:
    """A prompt X is never missed, a very long-lived one always; a stable one has no vertex."""
    prompt = columns_of(sample_of(alp_with_ctau(1e-6)))
    assert not np.any(prompt["accepted"])
    assert np.all(prompt["p_invisible"] < 1e-300)
    long_lived = columns_of(sample_of(alp_with_ctau(1e9)))
    assert np.all(long_lived["accepted"])
    assert_allclose(long_lived["p_invisible"], 1.0, rtol=1e-6)
    stable = columns_of(sample_of(ALP(name="alp", m_a=M_A, f_a=1e8, C_q=0.0, C_V_sb=1.0)))
    assert not any(name.startswith("X_decay") for name in stable)
    assert np.all(stable["accepted"])
    assert np.all(stable["p_invisible"] == 1.0)


def test_B_at_rest_and_crossing_angle() -> None:
    """One boost for all at rest; a crossing angle turns the boost and changes the average a little."""
    rest = columns_of(sample_of(alp_with_ctau(1.0), beam=Beam(at_rest=True), luminosity=None))
    at_rest = mean_survival(np.array([M_A**2]), CHANNEL, INPUTS, 1.0, L_DET, None, (0.0, 0.0, 0.0))[0]
    assert_allclose(rest["p_invisible"], at_rest, rtol=1e-9)
    crossing = (0.0432, 0.0, 0.2840)
    sample = sample_of(alp_with_ctau(1.0), events=400_000, beam=Beam(10.579, crossing))
    mean = float(mean_survival(np.array([M_A**2]), CHANNEL, INPUTS, 1.0, L_DET, 10.579, crossing)[0])
    assert within(columns_of(sample, ["p_invisible"])["p_invisible"], mean)


def test_detector_radius() -> None:
    """L_det of the detector is the radius beyond which a decay is not seen."""
    for L in (0.5, 10.0):
        sample = sample_of(alp_with_ctau(1.0), events=50_000, detector=Detector.preset("ideal", L_det=L))
        columns = columns_of(sample)
        assert np.array_equal(columns["accepted"], distance(columns) > L)
        assert_allclose(columns["p_invisible"], np.exp(-L / beta_gamma(columns)), rtol=1e-9)
