"""An analytic spectrum for validation: every topology and angle of a spin-0 hadron, with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from ..channels import Channel
from ..dark_matter import DecayMode, Topology
from ..errors import Problem
from ..formfactors import Inputs
from ..spectrum import Array, Line, Spectrum
from ..units import width_from_lifetime
from .base import Model, parameter


class Continuum(Model):
    """Validation model: (1/Gamma) dGamma/dq2 ~ (q2 - q2_min)^a (q2_max - q2)^b times h0 + h1 c + h2 c^2, and a line.

    Its moments are known in closed form, so generator and analysis can be tested without physics input.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")

    name: Literal["continuum"]
    branching_fraction: float = parameter("of the whole decay", gt=0, le=1, default=1e-5)
    a: float = parameter("power at the lower end", ge=0, le=8, default=0.5)
    b: float = parameter("power at the upper end", ge=0, le=8, default=1.5)
    h1: float = parameter("odd angular coefficient (h0 = 1)", default=0.0)
    h2: float = parameter("even angular coefficient (h0 = 1)", default=0.0)
    m_d: float = parameter("mass of both daughters of X", unit="GeV", ge=0, lt=2, default=0.0)
    topology: Literal["none", "pair", "cascade"] = parameter("decay of X", unit="", default="pair")
    m_line: float | None = parameter("mass of an additional narrow line", unit="GeV", gt=0, default=None)
    line_fraction: float = parameter("share of the line in the rate", ge=0, le=1, default=0.0)

    @property
    def uses_form_factors(self) -> bool:
        """No: the shape is given."""
        return False

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Angles must not become negative; the line needs a mass inside the range."""
        yield from super().check(channel, inputs)
        q2_min, q2_max = self._range(channel, inputs)
        if np.polynomial.polynomial.polyval(np.linspace(-1.0, 1.0, 2001), (1.0, self.h1, self.h2)).min() < 0.0:
            yield Problem(("h1",), "1 + h1 c + h2 c^2 must not be negative for c in [-1, 1]", self.h1)
        yield from massless_cascade(self.topology, self.m_d)
        if self.line_fraction > 0.0 and self.m_line is None:
            yield Problem(("m_line",), "required with line_fraction")
        if self.m_line is not None and not q2_min <= self.m_line**2 < q2_max:
            yield Problem(("m_line",), f"must be between {q2_min**0.5:.5f} and {q2_max**0.5:.5f} GeV", self.m_line)

    def _range(self, channel: Channel, inputs: Inputs) -> tuple[float, float]:
        return (2.0 * self.m_d) ** 2, channel.q2_max(inputs.constants)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Beta distribution in q2, normalised to the branching fraction."""
        q2_min, q2_max = self._range(channel, inputs)
        total = self.branching_fraction * width_from_lifetime(channel.tau_B(inputs.constants))
        angle = np.array([1.0, self.h1, self.h2]) / (2.0 + (2.0 / 3.0) * self.h2)

        def density(q2: Array) -> Array:
            shape = beta_density((q2 - q2_min) / (q2_max - q2_min), self.a, self.b) / (q2_max - q2_min)
            return np.asarray((1.0 - self.line_fraction) * total * shape[:, None] * angle)

        lines = []
        if self.m_line is not None and self.line_fraction > 0.0:
            lines.append(Line(self.m_line, self.line_fraction * total * angle))
        if self.line_fraction == 1.0:
            return Spectrum(lines)
        return (
            Spectrum.from_density(density, q2_min, q2_max) + Spectrum(lines)
            if lines
            else Spectrum.from_density(density, q2_min, q2_max)
        )

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible mode of the chosen topology; a cascade ends in massless particles with sin^2 polar angles."""
        return (toy_mode(self.topology, self.m_d),)


def toy_mode(topology: Topology, m_d: float) -> DecayMode:
    """An invisible decay to unspecified particles of mass m_d [GeV]."""
    if topology == "none":
        return DecayMode("stable", 1.0, True, "none")
    if topology == "pair":
        return DecayMode("d1 d2", 1.0, True, "pair", (52, -52), (m_d, m_d))
    sine_squared = (0.75, 0.0, -0.75)
    codes, masses = (55, 55, 14, -14, 16, -16), (m_d, m_d, 0.0, 0.0, 0.0, 0.0)
    return DecayMode("d1 d2 -> 4 nu", 1.0, True, "cascade", codes, masses, (sine_squared, sine_squared))


def massless_cascade(topology: Topology, m_d: float) -> Iterator[Problem]:
    """A second step needs massive parents, m_d [GeV] above 0."""
    if topology == "cascade" and m_d == 0.0:
        yield Problem(("m_d",), "must be positive with topology: cascade, massless particles do not decay", m_d)


def beta_density(x: Array, a: float, b: float) -> Array:
    """Normalised x^a (1 - x)^b at x (n,) on [0, 1]."""
    from scipy.special import beta

    return np.asarray(np.clip(x, 0.0, 1.0) ** a * np.clip(1.0 - x, 0.0, 1.0) ** b / beta(a + 1.0, b + 1.0))
