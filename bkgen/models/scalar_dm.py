"""Dark-matter scalars phi in B -> K(*) phi phi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from .. import bs_to_invisible
from ..annihilation.scalar_dm import phiphi_to_sb
from ..boson_pair import VANISH_FOR_REAL, ScalarCouplings, scalar_pair
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import AnnihilationChannel, DarkMatter, DecayMode, FreezeOut
from ..formfactors import Inputs
from ..observables import Observable
from ..spectrum import Array
from .base import Complex, PairModel, as_complex, parameter

_PHI = 51  # PDG code of spin-0 dark matter


class ScalarDarkMatter(PairModel):
    """A pair of dark-matter scalars phi from contact operators, complex or real; all operators interfere.

    L = sbar (gS + gP gamma5) b phi* phi + sbar gamma_mu (gV + gA gamma5) b phi* i<->d^mu phi + h.c.; for a real phi
    L = (1/2) sbar (gS + gP gamma5) b phi^2 + h.c., which gives half of the complex width.  gS acts in B -> K only, gP
    in B -> K* only, gA in B -> K* only.
    Source: arXiv:2309.12741, arXiv:2209.05223.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "phi phi"
    operators: ClassVar[tuple[str, ...]] = ("gS", "gP", "gV", "gA")
    mass_key: ClassVar[str] = "m_phi"

    name: Literal["scalar_dm"]
    m_phi: float = parameter("mass of phi", unit="GeV", ge=0)
    real: bool = parameter("phi is its own antiparticle", default=False)
    gS: Complex = parameter("scalar", unit="GeV^-1", default=0.0)
    gP: Complex = parameter("scalar, pseudoscalar quark current", unit="GeV^-1", default=0.0)
    gV: Complex = parameter("vector (complex phi)", unit="GeV^-2", default=0.0)
    gA: Complex = parameter("vector, axial quark current (complex phi)", unit="GeV^-2", default=0.0)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        return self.m_phi, self.m_phi

    @property
    def couplings(self) -> ScalarCouplings:
        """All operators in one Lagrangian."""
        return ScalarCouplings(*(as_complex(getattr(self, name)) for name in self.operators))

    @property
    def vanishing(self) -> frozenset[str]:
        """Operators that a real phi does not have."""
        return VANISH_FOR_REAL[ScalarCouplings] if self.real else frozenset()

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """Bs -> phi phi*."""
        c = inputs.constants
        return bs_to_invisible.observable(bs_to_invisible.to_scalars(self.m_phi, as_complex(self.gP), self.real, c), c)

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3|12) [GeV^-1] at q2 (n,) [GeV^2]; d1 is the particle, d2 the antiparticle."""
        return scalar_pair(hadron(q2, channel, inputs), self.m_phi, self.couplings, self.real)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible pair."""
        codes = (_PHI, _PHI if self.real else -_PHI)
        return (DecayMode(self.mediator, 1.0, True, "pair", codes, self.masses),)

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-out by phi phibar -> s bbar, b sbar through the same operators; none for a massless phi.

        Quarks are free and phi is lighter than them, so that it annihilates in the tail of its momenta.
        """
        if self.m_phi == 0.0:
            return None
        c = inputs.constants
        couplings = {name: as_complex(getattr(self, name)) for name in self.operators}
        to_sb = AnnihilationChannel(
            "s b",
            lambda s: phiphi_to_sb(s, self.m_phi, c.m_b, c.m_s, **couplings, real=self.real),
            (c.m_b + c.m_s) ** 2,
        )
        return FreezeOut("phi", self.m_phi, 1.0, self.real, (to_sb,))
