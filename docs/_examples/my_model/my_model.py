"""Light dark matter S that talks to b -> s and to muons."""

from math import pi
from typing import ClassVar, Literal

import numpy as np

from bkgen.boson_pair import ScalarCouplings, scalar_pair
from bkgen.channels import Channel
from bkgen.currents import hadron
from bkgen.dark_matter import AnnihilationChannel, DarkMatter, DecayMode, FreezeOut
from bkgen.formfactors import Inputs
from bkgen.models import PairModel, parameter
from bkgen.spectrum import Array


class MuonPortal(PairModel):
    """Two real scalars S from L = (1/2) C_sb (sbar b) S^2 + (1/2) C_mu (mubar mu) S^2 + h.c.

    B -> K S S is that of a real scalar in arXiv:2209.05223; S S -> mu+ mu- gives the relic density.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")
    mediator: ClassVar[str] = "S S"
    operators: ClassVar[tuple[str, ...]] = ("C_sb",)
    mass_key: ClassVar[str] = "m_S"

    name: Literal["muon_portal"]
    m_S: float = parameter("mass of S", unit="GeV", gt=0)
    C_sb: float = parameter("coupling to s and b", unit="GeV^-1", gt=0)
    C_mu: float = parameter("coupling to muons", unit="GeV^-1", ge=0, default=0.0)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        return self.m_S, self.m_S

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients of the differential width [GeV^-1] at q2 [GeV^2]."""
        return scalar_pair(hadron(q2, channel, inputs), self.m_S, ScalarCouplings(gS=self.C_sb), True)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """The pair; 51 is the PDG code of spin-0 dark matter."""
        return (DecayMode("S S", 1.0, invisible=True, topology="pair", pdg=(51, 51), masses=self.masses),)

    def sigma_mumu(self, s: Array, m_mu: float) -> Array:
        """Cross section of S S -> mu+ mu- [GeV^-2] at s [GeV^2]: C_mu^2 beta_mu^3/(8 pi beta_S)."""
        beta_mu, beta_S = (np.sqrt(np.maximum(1.0 - 4.0 * m**2 / s, 0.0)) for m in (m_mu, self.m_S))
        return self.C_mu**2 * beta_mu**3 / (8.0 * pi * beta_S)

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-out by S S -> mu+ mu-."""
        if self.C_mu == 0.0:
            return None
        m_mu = inputs.constants.m_mu
        to_muons = AnnihilationChannel("mu+ mu-", lambda s: self.sigma_mumu(s, m_mu), threshold_s=4.0 * m_mu**2)
        return FreezeOut("S", self.m_S, 1.0, self_conjugate=True, channels=(to_muons,))
