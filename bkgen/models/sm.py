"""The Standard Model: B -> K(*) nu nubar."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from ..channels import CHANNELS, Channel
from ..currents import neutrino_pairs
from ..dark_matter import DecayMode
from ..errors import Problem
from ..formfactors import Inputs
from ..kinematics import long_distance_q2_max
from ..spectrum import Array, Spectrum, isotropic, longitudinal
from ..units import width_from_lifetime
from .base import Model, parameter

_NEUTRINOS = {"e": 12, "mu": 14, "tau": 16}


class StandardModel(Model):
    """B -> K(*) nu nubar in the Standard Model, short distance (Z penguin and box) or tau long distance.

    The two parts do not interfere at the accuracy of either and are separate components; Belle II counts the second
    one as background.  In B+ -> K*+ the long-distance part is known as a rate only.
    Source: short distance arXiv:2207.13371 eq. (4) and arXiv:1409.4557, long distance arXiv:0908.1174 eq. (5) and
    arXiv:2207.13371 eq. (7).
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "nu nubar"

    name: Literal["sm"]
    component: Literal["short_distance", "long_distance"] = parameter(
        "short-distance amplitude, or B+ -> tau nu with tau -> K nu", default="short_distance"
    )

    @property
    def contains_sm(self) -> bool:
        """Searches count the long-distance part as background, the short-distance part is measured beside it."""
        return self.component == "short_distance"

    @property
    def uses_form_factors(self) -> bool:
        """The long-distance part needs decay constants only."""
        return self.component == "short_distance"

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """The tau long-distance part exists for the B+ only."""
        yield from super().check(channel, inputs)
        if self.component == "long_distance" and channel.B_pdg != 521:
            yield Problem(("component",), "the tau long-distance part exists for the B+ only", self.component)

    def events_refused(self, channel: Channel) -> str | None:
        """The shape of B+ -> K*+ nu nubar through a tau depends on the K* polarisation, which is not modelled."""
        if self.component == "long_distance" and channel.spin == 1:
            return "the tau long-distance part of B+ -> K*+ is known as a rate only"
        return None

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Spectrum in q2 with the angles of neutrino and K*."""
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
        return neutrino_modes()


def neutrino_modes() -> tuple[DecayMode, ...]:
    """Pairs of three massless flavours in equal parts."""
    return tuple(
        DecayMode(f"nu_{flavour} nu_{flavour}~", 1.0 / 3.0, True, "pair", (code, -code), (0.0, 0.0))
        for flavour, code in _NEUTRINOS.items()
    )


def short_distance_density(q2: Array, channel: Channel, inputs: Inputs) -> Array:
    """(n, 3) or (n, 12) angular coefficients [GeV^-1] of the short-distance width, summed over three flavours.

    For K: G_F^2 alpha^2 |VtbVts|^2 X_t^2/(256 pi^5 s2w^2 m_B^3) kallen^(3/2) f_plus^2 times (3/4) sin^2 theta.
    Source: arXiv:2402.05901 eq. (3.10), arXiv:2207.13371 eq. (4).
    """
    return neutrino_pairs(q2, channel, inputs, inputs.constants.C_SM_nu)


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


def long_distance_width_Kst(channel: Channel, inputs: Inputs) -> float:
    """Width [GeV] of B+ -> tau+ nu_tau, tau+ -> K*+ nubar_tau: Gamma(B -> tau nu) BR(tau -> K* nu).

    G_F^2 |Vub|^2 f_B^2 m_B m_tau^2 (1 - m_tau^2/m_B^2)^2/(8 pi) times
    G_F^2 |Vus|^2 f_K*^2 m_tau^3 (1 - r)^2 (1 + 2 r)/(16 pi Gamma_tau), r = m_K*^2/m_tau^2.  Source: arXiv:0908.1174.
    """
    c = inputs.constants
    m_B, m_tau = channel.m_B(c), c.m_tau
    r, x = (channel.m_H(c) / m_tau) ** 2, (m_tau / m_B) ** 2
    to_tau = (c.G_F * c.Vub * c.f_B * m_tau * (1.0 - x)) ** 2 * m_B / (8.0 * math.pi)
    to_Kst = (c.G_F * c.Vus * c.f_Kst * (1.0 - r)) ** 2 * m_tau**3 * (1.0 + 2.0 * r) / (16.0 * math.pi)
    return to_tau * to_Kst / width_from_lifetime(c.tau_tau)


def _long_distance(channel: Channel, inputs: Inputs) -> Spectrum:
    """(2/Q)(1 - q2/Q) below Q = (m_B^2-m_tau^2)(m_tau^2-m_K^2)/m_tau^2; the neutrino angle follows from q2.

    For the K*+ only the rate of this spectrum is meaningful.
    """
    c = inputs.constants
    Q = long_distance_q2_max(channel.m_B(c), channel.m_H(c), c.m_tau)
    if channel.spin == 1:
        width = long_distance_width_Kst(channel, inputs)
        return Spectrum.from_density(lambda q2: longitudinal(width * (2.0 / Q) * (1.0 - q2 / Q)), 0.0, Q)
    width = long_distance_width(channel, inputs)
    return Spectrum.from_density(lambda q2: isotropic(width * (2.0 / Q) * (1.0 - q2 / Q)), 0.0, Q)
