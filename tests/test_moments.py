"""Angular moments of generated four-momenta against phase space weighted with an explicit |M|^2.

The amplitude is that of `explicit_amplitudes`: Dirac spinors, covariant matrix elements and a coherent sum over the
polarisations of the K*, at four-momenta laid out here.  Its square is integrated over q2 and angles with Gauss and
trapezoidal sums; angles are read off four-momenta on both sides, by code that bkgen does not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import explicit_amplitudes as explicit
import numpy as np
import pytest
from four_vectors import (
    INPUTS,
    MILLION,
    Array,
    azimuth,
    columns_of,
    cos_theta,
    cos_theta_K,
    momentum_columns,
    sample_of,
)

from bkgen.channels import CHANNELS, Channel
from bkgen.currents import weak_coupling
from bkgen.models.base import Model
from bkgen.models.sm import StandardModel
from bkgen.models.sterile_neutrino import SterileNeutrino

C = INPUTS.constants
SIGMAS = 4.0
RATE = 1e-6
EVENTS = 1_000_000
TO_K, TO_KST = "B+ -> K+", "B0 -> K*0"
Moment = Callable[[Array, Array, Array], Array]


def _sin2(x: Array) -> Array:
    """sin of twice the angle whose cosine is x."""
    return np.asarray(2.0 * x * np.sqrt(1.0 - x**2))


TO_P: dict[str, Moment] = {"c": lambda c, cK, phi: c, "c^2": lambda c, cK, phi: c**2}
TO_V: dict[str, Moment] = TO_P | {
    "c_K^2": lambda c, cK, phi: cK**2,
    "c c_K^2": lambda c, cK, phi: c * cK**2,
    "c^2 c_K^2": lambda c, cK, phi: c**2 * cK**2,
    "cos 2phi": lambda c, cK, phi: np.cos(2.0 * phi),
    "sin 2phi": lambda c, cK, phi: np.sin(2.0 * phi),
    "cos phi sin 2theta sin 2theta_K": lambda c, cK, phi: np.cos(phi) * _sin2(c) * _sin2(cK),
    "sin phi sin 2theta sin 2theta_K": lambda c, cK, phi: np.sin(phi) * _sin2(c) * _sin2(cK),
    "cos phi sin theta sin 2theta_K": lambda c, cK, phi: np.cos(phi) * np.sqrt(1.0 - c**2) * _sin2(cK),
    "sin phi sin theta sin 2theta_K": lambda c, cK, phi: np.sin(phi) * np.sqrt(1.0 - c**2) * _sin2(cK),
}


@dataclass(frozen=True)
class Point:
    """A model, and the amplitude that it stands for: masses, couplings, how often the pair occurs."""

    model: Model
    couplings: dict[str, complex]
    masses: tuple[float, float] = (0.0, 0.0)
    copies: float = 1.0
    identical: bool = False
    channels: tuple[str, ...] = (TO_K, TO_KST)
    events: int = EVENTS
    dropped: tuple[dict[str, complex], ...] = field(default=())
    """Couplings whose amplitudes are squared apart from the rest: their interference is left out."""


# Operators of the card written with the bilinears of the explicit amplitude; P is i gamma5 there.
OPERATORS: dict[str, dict[str, complex]] = {
    "gV": {"hVV": 1.0},
    "gA": {"hVA": 1.0},
    "gS": {"hSS": 1.0},
    "gP": {"hSP": 1.0},
    "gT": {"hT": 1.0},
    "gT5": {"hT5": 1.0},
    "VLL": {"hVV": 0.25, "hVA": -0.25, "hAV": -0.25, "hAA": 0.25},
    "VLR": {"hVV": 0.25, "hVA": 0.25, "hAV": -0.25, "hAA": -0.25},
    "VRL": {"hVV": 0.25, "hVA": -0.25, "hAV": 0.25, "hAA": -0.25},
    "SLL": {"hSS": 0.25, "hSP": 0.25j, "hPS": -0.25, "hPP": -0.25j},
    "SRR": {"hSS": 0.25, "hSP": -0.25j, "hPS": 0.25, "hPP": -0.25j},
    "TLL": {"hT": 0.5, "hT5": -0.5},
    "TRR": {"hT": 0.5, "hT5": 0.5},
}


def written_out(values: Mapping[str, complex]) -> dict[str, complex]:
    """Couplings of the card in the bilinears of the explicit amplitude."""
    total: dict[str, complex] = {}
    for operator, value in values.items():
        for name, factor in OPERATORS[operator].items():
            total[name] = total.get(name, 0.0) + factor * value
    return total


def sterile(final: str, couplings: Mapping[str, complex], m_N2: float | None = None, majorana: bool = False) -> Point:
    """N of mass 0.6 with couplings in units of 1e-8 GeV^-2."""
    values = {name: 1e-8 * complex(value) for name, value in couplings.items()}
    card: dict[str, Any] = {name: (value.real, value.imag) for name, value in values.items()}
    model = SterileNeutrino(
        **{"name": "sterile_neutrino", "m_N": 0.6, "final": final, "m_N2": m_N2, "majorana": majorana, **card}
    )
    scalar_only = set(couplings) <= {"gS", "gP"}
    return Point(
        model,
        written_out(values),
        masses=(0.6, {"N N": 0.6, "N nu": 0.0, "N N2": m_N2 or 0.0}[final]),
        identical=majorana,
        channels=(TO_K,) if scalar_only else (TO_K, TO_KST),
    )


MIXED: dict[str, complex] = {"gV": 1.0, "gT": 0.6 - 0.3j, "VRL": 0.8j, "SLL": 0.5, "TRR": -0.4j, "gA": -0.7}
POINTS: dict[str, Point] = {
    "SM": Point(
        StandardModel(name="sm"),
        written_out({"VLL": weak_coupling(C) * C.C_SM_nu}),
        copies=3.0,
        events=MILLION,
    ),
    **{f"N N, {name}": sterile("N N", {name: 1.0}) for name in ("gV", "gA", "gS", "gP", "gT", "gT5", "VLL", "SLL")},
    "N N, TLL": sterile("N N", {"TLL": 1.0}),
    "N N, gV and gT": sterile("N N", {"gV": 1.0, "gT": 0.8}),
    "N N, mixed": sterile("N N", MIXED),
    "N N, Majorana": sterile("N N", {"VLR": 1.0, "gP": 0.5 + 0.4j, "SRR": 0.7j}, majorana=True),
    **{f"N nu, {name}": sterile("N nu", {name: 1.0}) for name in ("VLL", "SLL", "TLL")},
    "N nu, VLL and TLL": sterile("N nu", {"VLL": 1.0, "TLL": 0.5j, "SLL": 0.3}),
    "N N2, mixed": sterile("N N2", MIXED, m_N2=1.0),
}
CASES = [pytest.param(name, channel, id=f"{name}, {channel}") for name, p in POINTS.items() for channel in p.channels]


def decay_at(channel: Channel, masses: tuple[float, float], q2: float, angles: tuple[float, ...]) -> explicit.Decay:
    """A decay of a B at rest, the hadron along +z; K and pair tilted by these angles, in some convention."""
    m_B, m_H = channel.m_B(C), channel.m_H(C)

    def momenta(M: float, m1: float, m2: float, cosine: float, phi: float) -> tuple[Array, Array]:
        k = math.sqrt((M**2 - (m1 + m2) ** 2) * (M**2 - (m1 - m2) ** 2)) / (2.0 * M)
        sine = math.sqrt(1.0 - cosine**2)
        p = k * np.array([sine * math.cos(phi), sine * math.sin(phi), cosine])
        return np.array([math.hypot(k, m1), *p]), np.array([math.hypot(k, m2), *(-p)])

    B = np.array([m_B, 0.0, 0.0, 0.0])
    H, q = momenta(m_B, m_H, math.sqrt(q2), 1.0, 0.0)
    c, c_K, phi = angles
    p1, p2 = (explicit.boosted(p, q) for p in momenta(math.sqrt(q2), *masses, c, phi))
    if channel.spin == 0:
        return explicit.Decay(B, H, p1, p2)
    m_K, m_pi = channel.daughter_masses(C)
    K, pi = (explicit.boosted(p, H) for p in momenta(m_H, m_K, m_pi, c_K, 0.0))
    return explicit.Decay(B, H, p1, p2, K, pi)


def squared(point: Point, decay: explicit.Decay, form_factors: Mapping[str, float]) -> float:
    parts = ({k: v for k, v in point.couplings.items() if not any(k in d for d in point.dropped)}, *point.dropped)
    return sum(
        explicit.squared_amplitude(
            decay, *point.masses, form_factors, C.m_b, C.m_s, part, part if point.identical else None
        )
        for part in parts
        if part
    )


def expected(point: Point, channel_name: str) -> tuple[float, dict[str, float]]:
    """Width [GeV] and mean of every moment, from the explicit amplitude.

    |M|^2 and moments are polynomials of degree 4 in the cosines and of order 4 in the azimuth (terms odd in a sine of
    an angle vanish with the azimuth): three Gauss points and five azimuths are exact.
    """
    channel = CHANNELS[channel_name]
    m_B, m_H, spin_1 = channel.m_B(C), channel.m_H(C), channel.spin == 1
    lower, upper = sum(point.masses) ** 2, (m_B - m_H) ** 2
    near_0 = lower > 0.0 and 0.0 in point.masses  # the pole at q2 = 0 is then close to the threshold
    t, w_t = np.polynomial.legendre.leggauss(12 if spin_1 and not near_0 else 24)
    t, w_t = 0.5 * math.pi * (t + 1.0), 0.5 * math.pi * w_t
    x, w = np.polynomial.legendre.leggauss(3)
    names = ("V", "A_0", "A_1", "A_2", "T_1", "T_2", "T_3") if spin_1 else ("f_plus", "f_0", "f_T")
    moments = TO_V if spin_1 else TO_P
    inner = [
        (y, 2.0 * math.pi * i / 5 + 0.1, wy * 2.0 * math.pi / 5) for y, wy in zip(x, w, strict=True) for i in range(5)
    ]
    total, sums = 0.0, dict.fromkeys(moments, 0.0)
    for t_i, w_i in zip(t, w_t, strict=True):
        q2 = lower + (upper - lower) * math.sin(0.5 * t_i) ** 2
        f = {name: float(INPUTS.form_factor(channel.transition).value(name, q2)) for name in names}
        root = math.sqrt(((m_B + m_H) ** 2 - q2) * ((m_B - m_H) ** 2 - q2))
        s = (q2 - sum(point.masses) ** 2) * (q2 - (point.masses[0] - point.masses[1]) ** 2)
        scale = w_i * 0.5 * (upper - lower) * math.sin(t_i) * 0.5 * root * math.sqrt(s) / q2
        scale *= point.copies * (0.5 if point.identical else 1.0) / (256.0 * math.pi**3 * m_B**3)
        if spin_1:
            m_K, m_pi = channel.daughter_masses(C)
            four_k2 = (m_H**2 - (m_K + m_pi) ** 2) * (m_H**2 - (m_K - m_pi) ** 2) / m_H**2
            scale *= 3.0 / (4.0 * math.pi) / four_k2
        for c, w_c in zip(x, w, strict=True):
            for c_K, phi, w_K in inner if spin_1 else [(0.0, 0.0, 1.0)]:
                decay = decay_at(channel, point.masses, q2, (c, c_K, phi))
                weight = scale * w_c * w_K * squared(point, decay, f)
                measured = [np.array(a) for a in explicit.angles(decay)]
                total += weight
                for name, moment in moments.items():
                    sums[name] += weight * float(moment(*measured))
    return total, {name: value / total for name, value in sums.items()}


@cache
def of_amplitude(name: str, channel: str) -> tuple[float, dict[str, float]]:
    return expected(POINTS[name], channel)


@cache
def generated(name: str, channel_name: str) -> tuple[float, dict[str, tuple[float, float]]]:
    """Width [GeV], and mean and standard error of every moment, from four-momenta of generated events."""
    point, channel = POINTS[name], CHANNELS[channel_name]
    sample = sample_of(point.model, channel_name, events=point.events)
    daughters = tuple(d.prefix for d in channel.daughters)
    columns = columns_of(sample, ["q2", *momentum_columns("B", channel.prefix, "X", "d1", "d2", *daughters)])
    c = cos_theta(columns, channel.prefix)
    if channel.spin == 0:
        values = {name: moment(c, c, c) for name, moment in TO_P.items()}
    else:
        c_K = cos_theta_K(columns, channel.prefix, daughters[0], channel.m_H(C))
        phi = azimuth(columns, channel.prefix, (daughters[0], daughters[1]), channel.m_B(C))
        c, c_K = np.clip(c, -1.0, 1.0), np.clip(c_K, -1.0, 1.0)
        values = {name: moment(c, c_K, phi) for name, moment in TO_V.items()}
    return sample.spectrum.rate(), {
        name: (float(v.mean()), float(v.std() / math.sqrt(point.events))) for name, v in values.items()
    }


def worst_pull(name: str, channel: str, means: Mapping[str, float]) -> float:
    """Largest deviation of a generated moment in standard errors."""
    return max(abs(found - means[m]) / error for m, (found, error) in generated(name, channel)[1].items())


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_rate_and_moments(name: str, channel: str) -> None:
    width, means = of_amplitude(name, channel)
    assert generated(name, channel)[0] == pytest.approx(width, rel=RATE, abs=0.0)
    assert worst_pull(name, channel, means) < SIGMAS


@pytest.mark.parametrize("channel", [TO_K, TO_KST])
def test_a_missing_interference_is_noticed(channel: str) -> None:
    """V and T of massive fermions squared apart: another rate and other angles."""
    name = "N N, gV and gT"
    point = POINTS[name]
    apart = Point(point.model, point.couplings, point.masses, dropped=({"hT": point.couplings["hT"]},))
    width, means = expected(apart, channel)
    assert abs(width / generated(name, channel)[0] - 1.0) > 0.01
    assert worst_pull(name, channel, means) > 2.0 * SIGMAS


def test_a_wrong_chirality_is_noticed() -> None:
    """A right-handed quark current turns the sign of the asymmetries of a K*, and nothing else."""
    point = POINTS["SM"]
    turned = {k: -v if k in ("hAV", "hAA") else v for k, v in point.couplings.items()}
    width, means = expected(Point(point.model, turned, copies=point.copies), TO_KST)
    assert generated("SM", TO_KST)[0] == pytest.approx(width, rel=RATE, abs=0.0)
    assert worst_pull("SM", TO_KST, means) > 10.0 * SIGMAS


@pytest.mark.parametrize("name", ["gS", "gP"])
def test_a_scalar_quark_current_makes_no_kstar(name: str) -> None:
    """Parity: <K*|sbar b|B> = 0."""
    (problem,) = sterile("N N", {name: 1.0}).model.check(CHANNELS[TO_KST], INPUTS)
    assert "these couplings give no rate in B0 -> K*0" in problem.message
