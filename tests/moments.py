"""Angular moments of generated four-momenta against phase space weighted with an explicit |M|^2.

The amplitudes are those of `explicit_amplitudes` and `explicit_bosons`: covariant matrix elements, and a coherent sum
over the polarisations of the K*, at four-momenta laid out here.  The square is integrated over q2 and angles with Gauss
and trapezoidal sums; angles are read off four-momenta on both sides, by code that bkgen does not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import explicit_amplitudes as explicit
import numpy as np
import pytest
from four_vectors import INPUTS, Array, azimuth, columns_of, cos_theta, cos_theta_K, momentum_columns, sample_of

from bkgen.channels import CHANNELS
from bkgen.models.base import Model

C = INPUTS.constants
SIGMAS = 4.0
RATE = 1e-6
EVENTS = 1_000_000
TO_K, TO_KST = "B+ -> K+", "B0 -> K*0"
Moment = Callable[[Array, Array, Array], Array]
Squared = Callable[[explicit.Decay, Mapping[str, float]], float]
"""Sum over spins of |M|^2 at one decay, from its form factors."""


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
    """A model, and the amplitude that it stands for: its square, masses, how often the pair occurs."""

    model: Model
    squared: Squared
    masses: tuple[float, float] = (0.0, 0.0)
    copies: float = 1.0
    identical: bool = False
    channels: tuple[str, ...] = (TO_K, TO_KST)
    events: int = EVENTS


def fermions(
    couplings: Mapping[str, complex],
    masses: tuple[float, float] = (0.0, 0.0),
    identical: bool = False,
    dropped: tuple[Mapping[str, complex], ...] = (),
) -> Squared:
    """|M|^2 of two fermions; interference of `couplings` with those in `dropped`, squared apart, is left out."""

    def squared(decay: explicit.Decay, form_factors: Mapping[str, float]) -> float:
        return sum(
            explicit.squared_amplitude(decay, *masses, form_factors, C.m_b, C.m_s, part, part if identical else None)
            for part in (couplings, *dropped)
            if part
        )

    return squared


def expected(point: Point, channel_name: str) -> tuple[float, dict[str, float]]:
    """Width [GeV] and mean of every moment, from the explicit amplitude."""
    channel = CHANNELS[channel_name]
    m_B, m_H, spin_1 = channel.m_B(C), channel.m_H(C), channel.spin == 1
    lower, upper = sum(point.masses) ** 2, (m_B - m_H) ** 2
    near_0 = lower > 0.0 and 0.0 in point.masses  # the pole at q2 = 0 is then close to the threshold
    t, w_t = np.polynomial.legendre.leggauss(16 if spin_1 and not near_0 else 24)
    t, w_t = 0.5 * math.pi * (t + 1.0), 0.5 * math.pi * w_t
    names = ("V", "A_0", "A_1", "A_2", "T_1", "T_2", "T_3") if spin_1 else ("f_plus", "f_0", "f_T")
    moments = TO_V if spin_1 else TO_P
    daughters = channel.daughter_masses(C)
    pair = (daughters[0], daughters[1]) if spin_1 else None
    total, sums = 0.0, dict.fromkeys(moments, 0.0)
    for t_i, w_i in zip(t, w_t, strict=True):
        q2 = lower + (upper - lower) * math.sin(0.5 * t_i) ** 2
        f = {name: float(INPUTS.form_factor(channel.transition).value(name, q2)) for name in names}
        root = math.sqrt(((m_B + m_H) ** 2 - q2) * ((m_B - m_H) ** 2 - q2))
        s = (q2 - sum(point.masses) ** 2) * (q2 - (point.masses[0] - point.masses[1]) ** 2)
        scale = w_i * 0.5 * (upper - lower) * math.sin(t_i) * 0.5 * root * math.sqrt(s) / q2
        scale *= point.copies * (0.5 if point.identical else 1.0) / (256.0 * math.pi**3 * m_B**3)
        if spin_1:
            m_K, m_pi = daughters
            four_k2 = (m_H**2 - (m_K + m_pi) ** 2) * (m_H**2 - (m_K - m_pi) ** 2) / m_H**2
            scale *= 3.0 / (4.0 * math.pi) / four_k2
        for angles, w_angles in explicit.all_angles(spin_1):
            decay = explicit.decay_at(m_B, m_H, point.masses, q2, angles, pair)
            weight = scale * w_angles * point.squared(decay, f)
            measured = [np.array(a) for a in explicit.angles(decay)]
            total += weight
            for name, moment in moments.items():
                sums[name] += weight * float(moment(*measured))
    return total, {name: value / total for name, value in sums.items()}


@cache
def generated(point: Point, channel_name: str) -> tuple[float, dict[str, tuple[float, float]]]:
    """Width [GeV], and mean and standard error of every moment, from four-momenta of generated events."""
    channel = CHANNELS[channel_name]
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


def worst_pull(point: Point, channel: str, means: Mapping[str, float]) -> float:
    """Largest deviation of a generated moment in standard errors."""
    return max(abs(found - means[m]) / error for m, (found, error) in generated(point, channel)[1].items())


def agree(point: Point, channel: str) -> None:
    """Rate and moments of generated events are those of the amplitude."""
    width, means = expected(point, channel)
    assert generated(point, channel)[0] == pytest.approx(width, rel=RATE, abs=0.0)
    assert worst_pull(point, channel, means) < SIGMAS
