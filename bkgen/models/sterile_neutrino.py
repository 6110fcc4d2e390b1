"""A sterile neutrino N in B -> K(*) N N and B -> K(*) N nubar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import DecayMode
from ..errors import Problem
from ..formfactors import Inputs
from ..pair import FermionCouplings, fermion_pair
from ..spectrum import Array
from .base import Complex, PairModel, as_complex, parameter

_N, _NU = 52, 12  # PDG codes: spin-1/2 dark matter, neutrino
_PLAIN = ("gV", "gA", "gS", "gP", "gT", "gT5")
_CHIRAL = ("VLL", "VLR", "VRL", "VRR", "SLL", "SLR", "SRL", "SRR", "TLL", "TRR")


class SterileNeutrino(PairModel):
    """B -> K(*) with a pair of sterile neutrinos, or one and a massless neutrino; stable on the scale of the detector.

    Contact operators in GeV^-2: (sbar gamma b) Nbar gamma (gV + gA gamma5) chi + (sbar b) Nbar (gS + i gP gamma5) chi
    + (sbar sigma b) Nbar sigma (gT + gT5 gamma5) chi, and chiral ones, VXY (sbar gamma P_X b)(Nbar gamma P_Y chi),
    SXY (sbar P_X b)(Nbar P_Y chi), TXX (sbar sigma P_X b)(Nbar sigma P_X chi); chi is N, a second N2, or nu.
    Everything interferes as it stands in the Lagrangian.  A Majorana pair N N has twice the Dirac width for S, P, A.
    Source: helicity amplitudes arXiv:1506.03970.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    operators: ClassVar[tuple[str, ...]] = (*_PLAIN, *_CHIRAL)
    mass_key: ClassVar[str] = "m_N"

    name: Literal["sterile_neutrino"]
    m_N: float = parameter("mass of N", unit="GeV", ge=0)
    final: Literal["N N", "N nu", "N N2"] = parameter("the pair", unit="", default="N N")
    m_N2: float | None = parameter("mass of a second N, required with final: N N2", unit="GeV", ge=0, default=None)
    majorana: bool = parameter("N is its own antiparticle (final: N N)", default=False)
    gV: Complex = parameter("vector, no quark gamma5", unit="GeV^-2", default=0.0)
    gA: Complex = parameter("axial, no quark gamma5", unit="GeV^-2", default=0.0)
    gS: Complex = parameter("scalar, no quark gamma5", unit="GeV^-2", default=0.0)
    gP: Complex = parameter("pseudoscalar, no quark gamma5", unit="GeV^-2", default=0.0)
    gT: Complex = parameter("tensor", unit="GeV^-2", default=0.0)
    gT5: Complex = parameter("tensor with gamma5", unit="GeV^-2", default=0.0)
    VLL: Complex = parameter("vector, quark P_L, pair P_L", unit="GeV^-2", default=0.0)
    VLR: Complex = parameter("vector, quark P_L, pair P_R", unit="GeV^-2", default=0.0)
    VRL: Complex = parameter("vector, quark P_R, pair P_L", unit="GeV^-2", default=0.0)
    VRR: Complex = parameter("vector, quark P_R, pair P_R", unit="GeV^-2", default=0.0)
    SLL: Complex = parameter("scalar, quark P_L, pair P_L", unit="GeV^-2", default=0.0)
    SLR: Complex = parameter("scalar, quark P_L, pair P_R", unit="GeV^-2", default=0.0)
    SRL: Complex = parameter("scalar, quark P_R, pair P_L", unit="GeV^-2", default=0.0)
    SRR: Complex = parameter("scalar, quark P_R, pair P_R", unit="GeV^-2", default=0.0)
    TLL: Complex = parameter("tensor, P_L", unit="GeV^-2", default=0.0)
    TRR: Complex = parameter("tensor, P_R", unit="GeV^-2", default=0.0)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        second = {"N N": self.m_N, "N nu": 0.0, "N N2": self.m_N2 or 0.0}[self.final]
        return self.m_N, second

    @property
    def couplings(self) -> FermionCouplings:
        """All operators in one Lagrangian."""
        plain = {name: as_complex(getattr(self, name)) for name in _PLAIN}
        chiral = {name: as_complex(getattr(self, name)) for name in _CHIRAL}
        return FermionCouplings.without_quark_gamma5(**plain) + FermionCouplings.chiral(**chiral)

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Alternatives, besides thresholds and the rate."""
        yield from super().check(channel, inputs)
        if self.final == "N N2" and self.m_N2 is None:
            yield Problem(("m_N2",), "required with final: N N2")
        if self.final != "N N2" and self.m_N2 is not None:
            yield Problem(("m_N2",), "belongs to final: N N2 only", self.m_N2)
        if self.majorana and self.final != "N N":
            yield Problem(("majorana",), "makes a difference for final: N N only", self.majorana)

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3|12) [GeV^-1] at q2 (n,) [GeV^2]; chi1 is N."""
        identical = self.majorana and self.final == "N N"
        return fermion_pair(hadron(q2, channel, inputs), *self.masses, self.couplings, identical)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible pair."""
        second = {"N N": _N if self.majorana else -_N, "N nu": -_NU, "N N2": -_N}[self.final]
        return (DecayMode(self.final, 1.0, True, "pair", (_N, second), self.masses),)
