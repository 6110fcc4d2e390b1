"""The Standard Model: B -> K nu nubar."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from ..channels import Channel
from ..dark_matter import DecayMode
from ..errors import Problem
from ..formfactors import Inputs
from ..kinematics import kallen_sqrt, long_distance_q2_max
from ..spectrum import Array, Spectrum, isotropic
from ..units import width_from_lifetime
from .base import Model, parameter

_NEUTRINOS = {"e": 12, "mu": 14, "tau": 16}


class StandardModel(Model):
    """B -> K nu nubar in the Standard Model, short distance (Z penguin and box) or tau long distance.

    Source: short distance arXiv:2207.13371 eq. (4), equal to arXiv:2402.05901 eq. (3.10);
    long distance B+ -> tau+ nu, tau+ -> K+ nubar with the tau on shell, arXiv:2207.13371 eq. (7).
    The two parts do not interfere at the accuracy of either and are separate components; Belle II counts the second
    one as background.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")
    mediator: ClassVar[str] = "nu nubar"

    name: Literal["sm"]
    component: Literal["short_distance", "long_distance"] = parameter(
        "short-distance amplitude, or B+ -> tau nu with tau -> K nu", default="short_distance"
    )

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """The tau long-distance part exists for the B+ only."""
        yield from super().check(channel, inputs)
        if self.component == "long_distance" and channel.name != "B+ -> K+":
            yield Problem(("component",), "the tau long-distance part exists in B+ -> K+ only", self.component)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Spectrum in q2 with the angle of the neutrino."""
        if self.component == "long_distance":
            return _long_distance(channel, inputs)
        return Spectrum.from_density(
            lambda q2: short_distance_density(q2, channel, inputs), 0.0, channel.q2_max(inputs.constants)
        )

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Three neutrino flavours; the tau neutrino and the pole at m_tau for the long-distance part."""
        if self.component == "long_distance":
            pole = inputs.constants.m_tau
            return (DecayMode("nu_tau nu_tau~", 1.0, True, "pole", (16, -16), (0.0, 0.0), pole_mass=pole),)
        return tuple(
            DecayMode(f"nu_{flavour} nu_{flavour}~", 1.0 / 3.0, True, "pair", (code, -code), (0.0, 0.0))
            for flavour, code in _NEUTRINOS.items()
        )


def short_distance_density(q2: Array, channel: Channel, inputs: Inputs) -> Array:
    """(n, 3) angular coefficients [GeV^-1] of the short-distance width, summed over three flavours.

    dGamma/dq2 = G_F^2 alpha^2 |VtbVts|^2 X_t^2/(256 pi^5 s2w^2 m_B^3) kallen^(3/2) f_plus^2; angle (3/4) sin^2.
    Source: arXiv:2402.05901 eq. (3.10), arXiv:2207.13371 eq. (4).
    """
    c = inputs.constants
    m_B, m_K = channel.m_B(c), channel.m_H(c)
    f_plus = inputs.form_factor(channel.transition).f_plus(q2)
    lambda_sqrt = kallen_sqrt(m_B, m_K, np.sqrt(q2))
    coupling = (c.G_F * c.alpha_MZ * c.VtbVts * c.C_SM_nu) ** 2
    width = coupling / (256.0 * math.pi**5 * m_B**3) * lambda_sqrt**3 * f_plus**2
    return 0.75 * np.stack([width, np.zeros_like(width), -width], axis=-1)


def long_distance_width(channel: Channel, inputs: Inputs) -> float:
    """Width [GeV] of B+ -> tau+ nu_tau, tau+ -> K+ nubar_tau with the tau on shell.

    (G_F^2 |Vub| |Vus| f_K f_B)^2 m_tau (m_B^2-m_tau^2)^2 (m_tau^2-m_K^2)^2/(128 pi^2 m_B^3 Gamma_tau).
    Source: arXiv:0908.1174 eq. (5), arXiv:2207.13371 eq. (7).
    """
    c = inputs.constants
    m_B, m_K, m_tau = channel.m_B(c), channel.m_H(c), c.m_tau
    Gamma_tau = width_from_lifetime(c.tau_tau)
    coupling = (c.G_F**2 * c.Vub * c.Vus_f_K * c.f_B) ** 2
    phase_space = m_tau * (m_B**2 - m_tau**2) ** 2 * (m_tau**2 - m_K**2) ** 2
    return coupling * phase_space / (128.0 * math.pi**2 * m_B**3 * Gamma_tau)


def _long_distance(channel: Channel, inputs: Inputs) -> Spectrum:
    """(2/Q)(1 - q2/Q) below Q = (m_B^2-m_tau^2)(m_tau^2-m_K^2)/m_tau^2; the neutrino angle follows from q2."""
    c = inputs.constants
    Q = long_distance_q2_max(channel.m_B(c), channel.m_H(c), c.m_tau)
    width = long_distance_width(channel, inputs)
    return Spectrum.from_density(lambda q2: isotropic(width * (2.0 / Q) * (1.0 - q2 / Q)), 0.0, Q)
