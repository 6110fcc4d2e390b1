"""A toy with constant angular coefficients for validation: all 12 angles of a spin-1 hadron, with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from ..channels import Channel
from ..dark_matter import DecayMode
from ..errors import Problem
from ..formfactors import Inputs
from ..spectrum import Array, Spectrum, angular_functions, integrated
from ..units import width_from_lifetime
from .base import Model, parameter
from .continuum import beta_density, massless_cascade, toy_mode

_NAMES = ("J1s", "J1c", "J2s", "J2c", "J3", "J4", "J5", "J6s", "J6c", "J7", "J8", "J9")


class KstToy(Model):
    """Validation model: B -> K* or phi with the 12 given angular coefficients, (q2_max - q2)^(1/2) in q2.

    The coefficients are those of d4Gamma/dq2 dc dc_K dphi in the basis of arXiv:0811.1214, up to normalisation.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K*+", "B0 -> K*0", "Bs -> phi")

    name: Literal["kst_toy"]
    branching_fraction: float = parameter("of the whole decay", gt=0, le=1, default=1e-5)
    J1s: float = parameter("angular coefficient", default=0.9)
    J1c: float = parameter("angular coefficient", default=1.0)
    J2s: float = parameter("angular coefficient", default=0.3)
    J2c: float = parameter("angular coefficient", default=-0.6)
    J3: float = parameter("angular coefficient", default=-0.25)
    J4: float = parameter("angular coefficient", default=0.2)
    J5: float = parameter("angular coefficient", default=-0.3)
    J6s: float = parameter("angular coefficient", default=0.4)
    J6c: float = parameter("angular coefficient", default=0.1)
    J7: float = parameter("angular coefficient", default=0.15)
    J8: float = parameter("angular coefficient", default=-0.2)
    J9: float = parameter("angular coefficient", default=0.18)
    m_d: float = parameter("mass of both daughters of X", unit="GeV", ge=0, lt=2, default=0.0)
    topology: Literal["none", "pair", "cascade"] = parameter("decay of X", unit="", default="pair")

    @property
    def J(self) -> Array:
        """The coefficients (12,)."""
        return np.array([getattr(self, name) for name in _NAMES])

    @property
    def uses_form_factors(self) -> bool:
        """No: the shape is given."""
        return False

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """The angular density must not be negative anywhere."""
        yield from super().check(channel, inputs)
        yield from massless_cascade(self.topology, self.m_d)
        grid = np.linspace(-1.0, 1.0, 41)
        phi = np.linspace(-np.pi, np.pi, 81)
        if angular_density(self.J, *np.meshgrid(grid, grid, phi)).min() < 0.0:
            yield Problem((), "the angular density of these 12 coefficients is negative somewhere")

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Phase-space-like q2 shape times the constant angular coefficients."""
        q2_min, q2_max = (2.0 * self.m_d) ** 2, channel.q2_max(inputs.constants)
        total = self.branching_fraction * width_from_lifetime(channel.tau_B(inputs.constants))
        normalised = self.J / float(integrated(self.J))

        def density(q2: Array) -> Array:
            shape = beta_density((q2 - q2_min) / (q2_max - q2_min), 0.0, 0.5) / (q2_max - q2_min)
            return np.asarray(total * shape[:, None] * normalised)

        return Spectrum.from_density(density, q2_min, q2_max)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible mode of the chosen topology."""
        return (toy_mode(self.topology, self.m_d),)


def angular_density(J: Array, c: Array, c_K: Array, phi: Array) -> Array:
    """sum_i J_i f_i(c, c_K, phi) of arXiv:0811.1214 eq. (3.10), without the factor 9/(32 pi)."""
    return np.asarray(angular_functions(c, c_K, phi) @ J)
