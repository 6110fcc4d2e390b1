"""Dark-matter vectors X in B -> K(*) X X."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar, Literal

from ..boson_pair import VANISH_FOR_REAL, VectorCouplings, vector_pair
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import DecayMode
from ..formfactors import Inputs
from ..spectrum import Array
from .base import Complex, PairModel, as_complex, parameter

_X = 53  # PDG code of spin-1 dark matter


class VectorDarkMatter(PairModel):
    """A pair of massive dark-matter vectors X from contact operators, complex or real; all operators interfere.

    L = sbar (C_S + C_P gamma5) b X*.X + sbar gamma_mu (C_Vi + C_Ai gamma5) b J_i^mu + h.c., with the currents J_2 ...
    J_6 of the table, and sbar sigma_{mu nu} (i C_T1 + C_T2 gamma5) b (X*^mu X^nu - X*^nu X^mu)/2.  A real X has S, P,
    V2, A2, V3 and A3 only, with L times 1/2, and half of the complex width.
    Rates grow like (q2/m_X^2)^2 for small m_X, because nothing here makes X a gauge boson.
    Source: arXiv:2209.05223.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "X X"
    operators: ClassVar[tuple[str, ...]] = tuple(f"C_{field.name}" for field in fields(VectorCouplings))
    mass_key: ClassVar[str] = "m_X"

    name: Literal["vector_dm"]
    m_X: float = parameter("mass of X", unit="GeV", gt=0)
    real: bool = parameter("X is its own antiparticle", default=False)
    C_S: Complex = parameter("sbar b X*.X", unit="GeV^-1", default=0.0)
    C_P: Complex = parameter("sbar gamma5 b X*.X", unit="GeV^-1", default=0.0)
    C_V2: Complex = parameter("d_nu (X*^mu X^nu + X*^nu X^mu)", unit="GeV^-2", default=0.0)
    C_A2: Complex = parameter("as C_V2, axial quark current", unit="GeV^-2", default=0.0)
    C_V3: Complex = parameter("epsilon^{mu nu rho sigma} X*_rho <->d_nu X_sigma", unit="GeV^-2", default=0.0)
    C_A3: Complex = parameter("as C_V3, axial quark current", unit="GeV^-2", default=0.0)
    C_V4: Complex = parameter("X*_nu i<->d^mu X^nu", unit="GeV^-2", default=0.0)
    C_A4: Complex = parameter("as C_V4, axial quark current", unit="GeV^-2", default=0.0)
    C_V5: Complex = parameter("i d_nu (X*^mu X^nu - X*^nu X^mu)", unit="GeV^-2", default=0.0)
    C_A5: Complex = parameter("as C_V5, axial quark current", unit="GeV^-2", default=0.0)
    C_V6: Complex = parameter("epsilon^{mu nu rho sigma} i d_nu (X*_rho X_sigma)", unit="GeV^-2", default=0.0)
    C_A6: Complex = parameter("as C_V6, axial quark current", unit="GeV^-2", default=0.0)
    C_T1: Complex = parameter("(i/2) sbar sigma b (X* X - X X*)", unit="GeV^-1", default=0.0)
    C_T2: Complex = parameter("(1/2) sbar sigma gamma5 b (X* X - X X*)", unit="GeV^-1", default=0.0)

    @property
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""
        return self.m_X, self.m_X

    @property
    def couplings(self) -> VectorCouplings:
        """All operators in one Lagrangian."""
        return VectorCouplings(*(as_complex(getattr(self, name)) for name in self.operators))

    @property
    def vanishing(self) -> frozenset[str]:
        """Operators that a real X does not have."""
        return frozenset(f"C_{name}" for name in VANISH_FOR_REAL[VectorCouplings]) if self.real else frozenset()

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3|12) [GeV^-1] at q2 (n,) [GeV^2]; d1 is the particle, d2 the antiparticle."""
        return vector_pair(hadron(q2, channel, inputs), self.m_X, self.couplings, self.real)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """One invisible pair."""
        codes = (_X, _X if self.real else -_X)
        return (DecayMode(self.mediator, 1.0, True, "pair", codes, self.masses),)
