"""Pair of real scalars from a contact operator."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import ClassVar, Literal

import numpy as np

from bkgen.channels import Channel
from bkgen.dark_matter import DecayMode
from bkgen.errors import Problem
from bkgen.formfactors import Inputs
from bkgen.kinematics import kallen_sqrt
from bkgen.models import Model, parameter
from bkgen.spectrum import Array, Spectrum, isotropic


class ScalarPair(Model):
    """Two real scalars S from L = (C_S/2) (s b) S^2.  Source: arXiv:2309.12741."""

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")
    mediator: ClassVar[str] = "S S"

    name: Literal["scalar_pair"]
    m_S: float = parameter("mass of S", unit="GeV", gt=0.0)
    C_S: float = parameter("coefficient of the operator", unit="GeV^-1", gt=0.0)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Rate, q2 shape and angular coefficients."""
        c = inputs.constants
        m_B, m_K = channel.m_B(c), channel.m_H(c)
        ff = inputs.form_factor(channel.transition)
        factor = self.C_S**2 / (512.0 * pi**3 * m_B**3) * ((m_B**2 - m_K**2) / (c.m_b - c.m_s)) ** 2

        def density(q2: Array) -> Array:
            beta = np.sqrt(1.0 - 4.0 * self.m_S**2 / q2)
            return isotropic(factor * ff.f_0(q2) ** 2 * kallen_sqrt(m_B, m_K, np.sqrt(q2)) * beta)

        return Spectrum.from_density(density, 4.0 * self.m_S**2, channel.q2_max(c))

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """The pair itself; S has no PDG code, so a code of the range for private use stands for it."""
        pdg, masses = (9900051, 9900051), (self.m_S, self.m_S)
        return (DecayMode("S S", 1.0, invisible=True, topology="pair", pdg=pdg, masses=masses),)

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """The pair must be lighter than the energy release."""
        yield from super().check(channel, inputs)
        limit = 0.5 * (channel.m_B(inputs.constants) - channel.m_H(inputs.constants))
        if self.m_S >= limit:
            yield Problem(("m_S",), f"must be below (m_B - m_H)/2 = {limit:.4f} GeV", self.m_S)
