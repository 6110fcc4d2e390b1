"""A massless dark photon with a dipole coupling to b -> s, in B -> K(*) Q Qbar and B -> K* gamma_D."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from .. import widths
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import DecayMode
from ..dark_qed import (
    Order,
    beta_times_sommerfeld,
    pair_helicities,
    relative_velocity_as_printed,
    sommerfeld_factor,
    velocity,
)
from ..errors import Problem
from ..formfactors import Inputs
from ..hadron_currents import HadronP, HadronV
from ..pair import FermionCouplings, fermion_pair
from ..spectrum import Array, Line, Spectrum, transverse
from ..units import width_from_lifetime
from .base import Model, parameter

_Q, _GAMMA_D = 52, 55  # PDG codes of spin-1/2 dark matter and of a spin-1 mediator
_SMALLEST_MASS = 1e-4  # GeV, the table of a spectrum resolves 1/q2 down to q2 of this order squared
_OFF_THRESHOLD = 1.0 + 1e-12  # |F_2| and the Sommerfeld factor grow like 1/beta


class MasslessDarkPhoton(Model):
    """Massless dark photon gamma_D with a dipole coupling (1/2 Lambda) sbar sigma_{mu nu} b F_D^{mu nu} + h.c.

    B -> K Q Qbar through a virtual gamma_D, with N_Q dark fermions of charge e_D; B -> V gamma_D and B -> V Q Qbar for
    V = K* and phi, as B -> K gamma_D is forbidden by angular momentum.  Nothing of it is seen by a detector.
    Source: arXiv:2402.05901, with the corrections listed in the documentation (errata); form factors T_1 and f_T.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator_pdg: ClassVar[int] = _GAMMA_D

    name: Literal["massless_dark_photon"]
    Lambda: float = parameter("scale of the dipole operator", unit="GeV", gt=0)
    alpha_D: float = parameter("dark fine-structure constant", gt=0)
    m_Q: float = parameter("mass of the dark fermions", unit="GeV", ge=0, default=0.0)
    N_Q: int = parameter("number of dark fermions", ge=1, default=1)
    sommerfeld: bool | Literal["paper"] = parameter(
        "Sommerfeld-Fermi factor of the pair; paper: with the relative velocity as printed", unit="", default=True
    )
    magnetic: bool | Literal["full"] = parameter(
        "magnetic form factor of the pair: to first order with sommerfeld, full without", unit="", default=True
    )
    paper_normalisation: bool = parameter("B -> V gamma_D with 1/(32 pi), 4 times too small, as printed", default=False)

    @property
    def magnetic_order(self) -> Order:
        """Powers of F_2 in the rate; |F_2|^2 ~ 1/beta^2 is part of the Sommerfeld factor already."""
        if self.magnetic is False:
            return "tree"
        return "full" if self.sommerfeld is False else "linear"

    def _pair_is_open(self, channel: Channel, inputs: Inputs) -> bool:
        """Whether Q Qbar is in the rate; for a massless Q in B -> V it is not separate from gamma_D."""
        closed = 2.0 * self.m_Q >= channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        return not closed and (channel.spin == 0 or self.m_Q > 0.0)

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Thresholds, and combinations of corrections that have no meaning."""
        yield from super().check(channel, inputs)
        limit = 0.5 * (channel.m_B(inputs.constants) - channel.m_H(inputs.constants))
        if channel.spin == 0 and self.m_Q >= limit:
            yield Problem(("m_Q",), f"must be below (m_B - m_K)/2 = {limit:.5f} GeV in {channel.name}", self.m_Q)
        if channel.spin == 1 and 0.0 < self.m_Q < _SMALLEST_MASS:
            yield Problem(("m_Q",), f"must be 0 or at least {_SMALLEST_MASS:g} GeV in {channel.name}", self.m_Q)
        if self.magnetic == "full" and self.sommerfeld is not False:
            yield Problem(
                ("magnetic",),
                "|F_2|^2 times the Sommerfeld factor diverges at threshold: use magnetic: true (first order), "
                "or sommerfeld: false",
                self.magnetic,
            )
        if self.magnetic_order == "linear" and self.m_Q > 0.0 and self.alpha_D >= math.pi:
            yield Problem(
                ("alpha_D",),
                "must be below pi with sommerfeld and magnetic: beyond, the rate at threshold, 1 - alpha_D/pi "
                "to first order in F_2, is negative",
                self.alpha_D,
            )

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """What is left out of the rate, and where a correction is used beyond its range."""
        if channel.spin == 1 and self.m_Q == 0.0:
            yield f"m_Q = 0: Q Qbar is collinear with gamma_D, {channel.name} Q Qbar is not a separate rate"
        elif not self._pair_is_open(channel, inputs):
            yield f"Q Qbar is closed in {channel.name}: gamma_D only"
        elif self.magnetic_order == "linear" and self.m_Q > 0.0:
            end = channel.q2_max(inputs.constants)
            if pair_helicities(end, self.m_Q, self.alpha_D, "linear")[1] == 0.0:
                yield (
                    f"magnetic: the share of equal helicities, of order m_Q^2/q2, is negative to first order "
                    f"at large q2 for m_Q = {self.m_Q} GeV and is set to 0, at equal rate"
                )
        if self.paper_normalisation and channel.spin == 1:
            yield "paper_normalisation: B -> V gamma_D is 4 times too small for the Lagrangian of the model"

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Q Qbar in q2 with all angles; for V also a line at q2 = 0."""
        lines = [Line(0.0, transverse(self._on_shell_width(channel, inputs)))] if channel.spin == 1 else []
        if not self._pair_is_open(channel, inputs):
            return Spectrum(lines)
        lower, upper = 4.0 * self.m_Q**2, channel.q2_max(inputs.constants)
        # Photon exchange and the factors of the pair vary with log(q2): nodes in every decade above threshold.
        decades = range(1, math.ceil(math.log10(upper / lower))) if lower > 0.0 else ()
        pairs = Spectrum.from_density(
            lambda q2: self.pair_density(q2, channel, inputs), lower, upper, [lower * 10.0**k for k in decades]
        )
        return Spectrum(lines, pairs.continuum)

    def _on_shell_width(self, channel: Channel, inputs: Inputs) -> float:
        c = inputs.constants
        T_1 = float(inputs.form_factor(channel.transition).value("T_1", 0.0))
        return widths.B_to_V_gamma_D(channel.m_B(c), channel.m_H(c), self.Lambda, T_1, self.paper_normalisation)

    def pair_density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """(n, 3) or (n, 12) angular coefficients [GeV^-1] of B -> hadron Q Qbar at q2 (n,), all flavours.

        beta Omega (|G_M|^2 W_opposite + (4 m_Q^2/q2) |G_E|^2 W_equal), with W the width for massless pairs of opposite
        and of equal helicities made by the current <sbar sigma^{mu nu} b> q_nu e_D/(Lambda q2).  At tree level, for a
        kaon: alpha_D sqrt(kallen) beta kallen (1 - beta^2/3) f_T^2/(32 pi^2 m_B^3 Lambda^2 (m_B + m_K)^2).
        Source: arXiv:2402.05901 eqs. (3.6), (3.13) and (3.16).
        """
        q2 = np.maximum(q2, 4.0 * self.m_Q**2 * _OFF_THRESHOLD)
        amplitudes = _dipole_current(hadron(q2, channel, inputs), self.Lambda)
        opposite = fermion_pair(amplitudes, 0.0, 0.0, FermionCouplings(hVV=1.0))
        equal = fermion_pair(amplitudes, 0.0, 0.0, FermionCouplings(hT=1.0))
        w_opposite, w_equal = pair_helicities(q2, self.m_Q, self.alpha_D, self.magnetic_order)
        scale = self.N_Q * 4.0 * math.pi * self.alpha_D * self._phase_space(q2)
        return np.asarray((scale * w_opposite)[:, None] * opposite + (scale * w_equal)[:, None] * equal)

    def _phase_space(self, q2: Array) -> Array:
        """beta times the Sommerfeld factor."""
        if self.sommerfeld == "paper":
            beta_12 = relative_velocity_as_printed(q2, self.m_Q)
            return velocity(q2, self.m_Q) * sommerfeld_factor(beta_12, self.alpha_D)
        if self.sommerfeld:
            return beta_times_sommerfeld(q2, self.m_Q, self.alpha_D)
        return velocity(q2, self.m_Q)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Q Qbar as a pair in the continuum; gamma_D itself on the line at q2 = 0."""
        masses = (self.m_Q, self.m_Q)
        return (
            DecayMode("Q Qbar", lambda q2: np.where(q2 > 0.0, 1.0, 0.0), True, "pair", (_Q, -_Q), masses),
            DecayMode("gamma_D", lambda q2: np.where(q2 > 0.0, 0.0, 1.0), True, "none"),
        )

    def further_rates(self, channel: Channel, inputs: Inputs) -> dict[str, float]:
        """Branching fractions of Q Qbar and of gamma_D."""
        spectrum = self.spectrum(channel, inputs)
        total = width_from_lifetime(channel.tau_B(inputs.constants))
        rates = {f"BR({channel.name} gamma_D)": line.rate() / total for line in spectrum.lines}
        if spectrum.continuum is not None:
            rates[f"BR({channel.name} Q Qbar)"] = spectrum.continuum.rate / total
        return rates


def _dipole_current(amplitudes: HadronP | HadronV, Lambda: float) -> HadronP | HadronV:
    """Amplitudes of the current <sbar sigma^{mu nu} b> q_nu/(Lambda q2) between B and hadron, dimensionless over e_D.

    In the frame of the pair q = (sqrt(q2), 0, 0, 0): its spatial part is <sbar sigma^{k0} b>/(Lambda sqrt(q2)), and it
    is conserved, without a time component.  The tensor amplitudes are set to half of the vector ones: a massless pair
    has opposite helicities from hVV = 1 and equal ones, in place of m_Q, from hT = 1, with the same strength.
    """
    nothing = np.zeros_like(amplitudes.q2)
    propagator = 1.0 / (Lambda * np.sqrt(amplitudes.q2))
    if isinstance(amplitudes, HadronP):
        H_0 = amplitudes.H_T * propagator
        return amplitudes._replace(H_0=H_0, H_t=nothing, H_S=nothing, H_T=0.5 * H_0)
    H_perp = amplitudes.T_perp * propagator
    return HadronV(
        q2=amplitudes.q2,
        flux=amplitudes.flux,
        H_perp=H_perp,
        H_par=nothing,
        H_0=nothing,
        H_t=nothing,
        H_P=nothing,
        T_perp=0.5 * H_perp,
        T5_par=nothing,
        T5_0=nothing,
    )
