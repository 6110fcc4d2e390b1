"""Dark-matter fermions chi in B -> K(*) chi chibar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from .. import bs_to_invisible
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import DecayMode
from ..formfactors import Inputs
from ..observables import Observable
from ..pair import FermionCouplings, fermion_pair
from ..spectrum import Array
from .base import Complex, PairModel, as_complex, parameter

_CHI = 52  # PDG code of spin-1/2 dark matter
_PLAIN = ("gV", "gA", "gS", "gP", "gT", "gT5")
_QUARK_GAMMA5 = ("hAV", "hAA", "hPS", "hPP")


class FermionDarkMatter(PairModel):
    """A pair of dark-matter fermions chi from contact operators, Dirac or Majorana; all operators interfere.

    L = (sbar gamma_mu b) chibar gamma^mu (gV + gA gamma5) chi + (sbar b) chibar (gS + i gP gamma5) chi
    + (sbar sigma_{mu nu} b) chibar sigma^{mu nu} (gT + gT5 gamma5) chi
    + (sbar gamma_mu gamma5 b) chibar gamma^mu (hAV + hAA gamma5) chi + (sbar gamma5 b) chibar (hPS + i hPP gamma5) chi
    + h.c.  A Majorana pair has this L without a factor 1/2, and twice the Dirac width; V, T and T5 vanish for it.
    gS and gP act in B -> K only, hPS and hPP in B -> K* only.
    Source: helicity amplitudes arXiv:1506.03970, operators arXiv:2209.05223.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "chi chibar"
    operators: ClassVar[tuple[str, ...]] = (*_PLAIN, *_QUARK_GAMMA5)
    mass_key: ClassVar[str] = "m_chi"

    name: Literal["fermion_dm"]
    m_chi: float = parameter("mass of chi", unit="GeV", ge=0)
    majorana: bool = parameter("chi is its own antiparticle", default=False)
    gV: Complex = parameter("vector", unit="GeV^-2", default=0.0)
    gA: Complex = parameter("axial", unit="GeV^-2", default=0.0)
    gS: Complex = parameter("scalar", unit="GeV^-2", default=0.0)
    gP: Complex = parameter("pseudoscalar", unit="GeV^-2", default=0.0)
    gT: Complex = parameter("tensor", unit="GeV^-2", default=0.0)
    gT5: Complex = parameter("tensor with gamma5", unit="GeV^-2", default=0.0)
    hAV: Complex = parameter("vector, axial quark current", unit="GeV^-2", default=0.0)
    hAA: Complex = parameter("axial, axial quark current", unit="GeV^-2", default=0.0)
    hPS: Complex = parameter("scalar, pseudoscalar quark current", unit="GeV^-2", default=0.0)
    hPP: Complex = parameter("pseudoscalar, pseudoscalar quark current", unit="GeV^-2", default=0.0)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        return self.m_chi, self.m_chi

    @property
    def couplings(self) -> FermionCouplings:
        """All operators in one Lagrangian."""
        values = {name: as_complex(getattr(self, name)) for name in self.operators}
        plain = FermionCouplings.without_quark_gamma5(**{name: values[name] for name in _PLAIN})
        return plain + FermionCouplings(**{name: values[name] for name in _QUARK_GAMMA5})

    @property
    def vanishing(self) -> frozenset[str]:
        """V, T and T5 of a Majorana chi."""
        return frozenset({"gV", "gT", "gT5", "hAV"}) if self.majorana else frozenset()

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """Bs -> chi chibar."""
        c = inputs.constants
        hPS, hPP, hAA = (as_complex(value) for value in (self.hPS, self.hPP, self.hAA))
        width = bs_to_invisible.to_fermions(self.m_chi, hPS, hPP, hAA, self.majorana, c)
        return bs_to_invisible.observable(width, c)

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3|12) [GeV^-1] at q2 (n,) [GeV^2]; d1 is chi."""
        return fermion_pair(hadron(q2, channel, inputs), *self.masses, self.couplings, self.majorana)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible pair."""
        codes = (_CHI, _CHI if self.majorana else -_CHI)
        return (DecayMode(self.mediator, 1.0, True, "pair", codes, self.masses),)
