"""A light vector Z' in B -> K(*) Z'."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import DecayMode, Widths
from ..errors import Problem
from ..formfactors import Inputs
from ..hadron_currents import HadronP, HadronV
from ..pair_angles import ComplexArray
from ..spectrum import Spectrum, isotropic, longitudinal
from .base import Complex, Model, as_complex, parameter

_ZP = 55  # PDG code of a spin-1 mediator


class LightZPrime(Model):
    """Light vector Z', stable or invisible, emitted from one operator sbar b Z' of dimension d = 4, 5 or 6.

    d = 4: Z'_mu sbar gamma^mu (g_L P_L + g_R P_R) b; d = 5: Z'_{mu nu} sbar sigma^{mu nu} (g_L P_R + g_R P_L) b/Lambda;
    d = 6: d^nu Z'_{mu nu} sbar gamma^mu (g_L P_L + g_R P_R) b/Lambda^2, where Z'_{mu nu} = d_mu Z'_nu - d_nu Z'_mu.
    g_V = g_R + g_L drives B -> K Z'; g_V and g_A = g_R - g_L drive B -> K* Z', where they do not interfere in the rate.
    Source: arXiv:2311.14629 eq. (2).
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "Zp"

    name: Literal["light_z_prime"]
    m_Zp: float = parameter("mass of the Z'", unit="GeV", gt=0)
    d: Literal[4, 5, 6] = parameter("dimension of the operator", unit="", default=4)
    g_V: Complex = parameter("vector coupling g_R + g_L", default=0.0)
    g_A: Complex = parameter("axial coupling g_R - g_L", default=0.0)
    Lambda: float | None = parameter("scale of the operator, required with d = 5, 6", unit="GeV", gt=0, default=None)

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Scale, threshold, and a rate that does not vanish."""
        yield from super().check(channel, inputs)
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        if self.d == 4 and self.Lambda is not None:
            yield Problem(("Lambda",), "belongs to d = 5 and 6 only", self.Lambda)
        if self.d != 4 and self.Lambda is None:
            yield Problem(("Lambda",), f"required with d = {self.d}")
        elif self.m_Zp >= limit:
            yield Problem(("m_Zp",), f"must be below m_B - m_hadron = {limit:.5f} GeV in {channel.name}", self.m_Zp)
        elif not (as_complex(self.g_V) or as_complex(self.g_A)):
            yield Problem((), "at least one coupling is required: g_V, g_A")
        elif channel.spin == 0 and not as_complex(self.g_V):
            yield Problem(("g_V",), f"g_A alone gives no rate in {channel.name}, where only g_V contributes")
        elif not 0.0 < self._rate(channel, inputs) < math.inf:
            yield Problem((), f"these couplings give no finite rate in {channel.name}")

    def _rate(self, channel: Channel, inputs: Inputs) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return sum(self._line_widths(channel, inputs))

    def _line_widths(self, channel: Channel, inputs: Inputs) -> tuple[float, float]:
        return self.partial_widths(hadron(np.array([self.m_Zp**2]), channel, inputs))

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """A scale at which the operator is no expansion."""
        m_B = channel.m_B(inputs.constants)
        if self.Lambda is not None and self.Lambda <= m_B:
            yield f"Lambda = {self.Lambda} GeV is not above m_B: the operator is used outside its range"

    def amplitudes(self, currents: HadronP | HadronV) -> tuple[ComplexArray, ...]:
        """Amplitudes (n,) [GeV] in the rest frame of the Z': (0,) of B -> K, (0, parallel, perpendicular) of B -> K*.

        K* and Z' have the same helicity: 0, or +-1 with parallel +- perpendicular (of a Bbar, see `bkgen.pair_angles`).
        The vector and axial currents have g_V/2 and g_A/2.  d = 5: sigma^{mu nu} Z'_{mu nu} = 2 m sigma^{0k} eps*_k for
        a Z' at rest, up to a phase; d = 6: d^nu Z'_{mu nu} = m^2 Z'_mu on shell.
        Source: arXiv:2311.14629; arXiv:2502.04900 eqs. (43)-(45).
        """
        m_over_Lambda = self.m_Zp / (self.Lambda or 1.0)
        scale = {4: 1.0, 5: 2.0 * m_over_Lambda, 6: m_over_Lambda * m_over_Lambda}[self.d]
        vector, axial = 0.5 * scale * as_complex(self.g_V), 0.5 * scale * as_complex(self.g_A)
        if isinstance(currents, HadronP):
            return (vector * (currents.H_T if self.d == 5 else currents.H_0),)
        if self.d == 5:
            return axial * currents.T5_0, axial * currents.T5_par, vector * currents.T_perp
        return axial * currents.H_0, axial * currents.H_par, vector * currents.H_perp

    def partial_widths(self, currents: HadronP | HadronV) -> tuple[float, float]:
        """(longitudinal, transverse) widths [GeV], by the helicity of hadron and Z', from the currents at q2 = m_Zp^2.

        |p| |M|^2/(8 pi m_B^2), with both transverse helicities: (|a - b|^2 + |a + b|^2) = 2 |a|^2 + 2 |b|^2.
        """
        phase_space = 16.0 * math.pi**2 * currents.flux  # sqrt(kallen)/(16 pi m_B^3)
        zero, *transverse = (float(phase_space[0] * np.abs(a[0]) ** 2) for a in self.amplitudes(currents))
        return zero, 2.0 * sum(transverse)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A narrow line at m_Zp, flat in theta and phi; with sin^2 and cos^2 of theta_K for the helicities of a K*."""
        zero, transverse = self._line_widths(channel, inputs)
        if channel.spin == 0:
            return Spectrum.from_line(self.m_Zp, isotropic(zero))
        J = longitudinal(zero)
        J[0] = (2.0 / 3.0) * transverse
        return Spectrum.from_line(self.m_Zp, J)

    def widths(self, inputs: Inputs) -> Widths:
        """A Z' without decays: its mass and PDG code."""
        return Widths(self.mediator, _ZP, self.m_Zp, {}, frozenset())

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """The undecayed Z'."""
        return (DecayMode("stable", 1.0, True, "none"),)
