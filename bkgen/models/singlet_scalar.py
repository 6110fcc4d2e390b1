"""The minimal scalar dark matter S that couples to the Higgs boson only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from .. import bs_to_invisible, dark_observables, direct_detection, widths
from ..annihilation.higgs_exchange import SM_thresholds, SM_width, singlet_to_SM
from ..boson_pair import ScalarCouplings, scalar_pair
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import AnnihilationChannel, DarkMatter, DecayMode, FreezeOut
from ..formfactors import Inputs
from ..loops import C_DM_over_C_nu
from ..observables import Observable
from ..results import Quantity
from ..spectrum import Array
from .base import PairModel, parameter

_S = 51  # PDG code of spin-0 dark matter


class SingletScalar(PairModel):
    """A real scalar S with L = -lambda_S v h S^2, made through a virtual Higgs boson in b -> s h*, h* -> S S.

    The loop coupling is L = kappa_sb h sbar P_R b + h.c.; the Higgs boson has the mass m_h of the inputs, its width is
    negligible so far below.  `propagator: contact` is 1/m_h^2 instead of 1/(m_h^2 - q2), as in the papers.
    Source: Bird et al., hep-ph/0401195 and hep-ph/0601090.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "S S"
    operators: ClassVar[tuple[str, ...]] = ("lambda_S",)
    mass_key: ClassVar[str] = "m_S"

    name: Literal["singlet_scalar"]
    m_S: float = parameter("mass of S", unit="GeV", ge=0)
    lambda_S: float = parameter("coupling in -lambda_S v h S^2", gt=0)
    kappa_sb: float | None = parameter("sb h coupling (default: top loop)", gt=0, default=None)
    propagator: Literal["full", "contact"] = parameter("of the Higgs boson", unit="", default="full")

    @property
    def tables(self) -> tuple[str, ...]:
        """Widths of a virtual Higgs boson, for the relic density."""
        return ("dark_higgs_widths",)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        return self.m_S, self.m_S

    def couplings(self, q2: Array, inputs: Inputs) -> ScalarCouplings:
        """gS = gP = kappa_sb lambda_S v/(m_h^2 - q2) [GeV^-1] at q2 (n,) [GeV^2]."""
        c = inputs.constants
        kappa = widths.kappa_sb(c) if self.kappa_sb is None else self.kappa_sb
        carried = np.zeros_like(q2) if self.propagator == "contact" else q2
        g = (kappa * self.lambda_S * c.v_EW / (c.m_h**2 - carried)).astype(np.complex128)
        return ScalarCouplings(gS=g, gP=g)

    def derived(self, inputs: Inputs) -> tuple[Quantity, ...]:
        """What the same coupling does to the Higgs boson, and the coefficient over that of the neutrinos."""
        c = inputs.constants
        width = widths.H1_to_SS(c.m_h, self.m_S, self.lambda_S * c.v_EW, cos_theta=1.0)
        source = self.describe_name()
        return (
            Quantity("Gamma(h -> S S)", width, "GeV", None, source),
            Quantity("BR(h -> S S)", width / (c.Gamma_h + width), "1", None, source),
            Quantity("C_DM/C_nu", C_DM_over_C_nu(self.lambda_S, c), "1", None, source),
        )

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """Invisible decays of Higgs boson and Bs, scattering off nucleons."""
        c = inputs.constants
        width = widths.H1_to_SS(c.m_h, self.m_S, self.lambda_S * c.v_EW, cos_theta=1.0)
        invisible = (width + c.BR_h_4nu * c.Gamma_h) / (width + c.Gamma_h)
        yield Observable("BR(h -> inv)", invisible, source="h -> S S and 4 nu")
        gP = complex(np.ravel(self.couplings(np.array([c.m_Bs**2]), inputs).gP)[0])
        yield from bs_to_invisible.observable(bs_to_invisible.to_scalars(self.m_S, gP, True, c), c)
        if self.m_S > 0.0:
            sigma = direct_detection.higgs_exchange_singlet(self.lambda_S, self.m_S, c)
            yield dark_observables.portal_scattering("S", self.m_S, sigma)

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3|12) [GeV^-1] at q2 (n,) [GeV^2] of the pair of identical scalars."""
        return scalar_pair(hadron(q2, channel, inputs), self.m_S, self.couplings(q2, inputs), identical=True)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible pair."""
        return (DecayMode(self.mediator, 1.0, True, "pair", (_S, _S), self.masses),)

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-out by S S -> h* -> Standard Model particles; none for a massless S."""
        if self.m_S == 0.0:
            return None
        c = inputs.constants
        to_SM = AnnihilationChannel(
            "SM",
            lambda s: singlet_to_SM(s, self.m_S, self.lambda_S, c, lambda m: SM_width(m, c), self.propagator),
            kinks=tuple(m * m for m in SM_thresholds(c)),
        )
        return FreezeOut("S", self.m_S, 1.0, True, (to_SM,), ((c.m_h, c.Gamma_h),))
