"""An axion-like particle in B -> K a."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from .. import widths
from ..channels import Channel
from ..dark_matter import DecayMode, Widths
from ..errors import Problem
from ..formfactors import Inputs
from ..loops import C_G_eff, C_gamma_eff
from ..spectrum import Spectrum, isotropic
from .base import Model, parameter

_PERTURBATIVE_FROM = 1.5  # GeV, below it the quark and gluon widths are not meaningful (arXiv:2502.04900)
_MEDIATOR, _CHI = 54, 52  # PDG codes of a spin-0 mediator and of spin-1/2 dark matter
_INVISIBLE = "chi chibar"


class ALP(Model):
    """Axion-like particle a with couplings d_mu a/(2 f_a) fbar gamma^mu (C^V + C^A gamma5) f, and dark matter chi.

    a decays to chi chibar (invisible) and to gluons, quarks, leptons and photons (seen, unless a leaves the detector).
    Source: arXiv:2502.04900 eqs. (3)-(19), with the corrected two-body rate at q2 = m_a^2.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")
    mediator: ClassVar[str] = "a"

    name: Literal["alp"]
    m_a: float = parameter("ALP mass", unit="GeV", gt=0)
    f_a: float = parameter("decay constant", unit="GeV", gt=0)
    C_q: float = parameter("axial coupling of all quarks", default=1.0)
    C_l: float = parameter("axial coupling of all charged leptons", default=0.0)
    C_chi: float = parameter("coupling of dark matter", default=0.0)
    m_chi: float | None = parameter("dark-matter mass, required with C_chi", unit="GeV", gt=0, default=None)
    C_V_sb: float | None = parameter("vector sb coupling (default C_q)", default=None)
    C_A_sb: float | None = parameter("axial sb coupling (default C_q)", default=None)
    C_G_UV: float = parameter("gluon coupling at high scale", default=0.0)
    C_gamma_UV: float = parameter("photon coupling at high scale", default=0.0)
    alpha_s: float = parameter("strong coupling at m_a", gt=0, lt=1, default=0.3)
    majorana: bool = parameter("chi is Majorana with the same Lagrangian prefactor (width x 2)", default=False)

    @property
    def sb_vector(self) -> float:
        """C^V_sb, which drives B -> K a."""
        return self.C_q if self.C_V_sb is None else self.C_V_sb

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Thresholds and couplings that must come together."""
        yield from super().check(channel, inputs)
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        if self.m_a >= limit:
            yield Problem(("m_a",), f"must be below m_B - m_K = {limit:.5f} GeV in {channel.name}", self.m_a)
        if self.C_chi != 0.0 and self.m_chi is None:
            yield Problem(("m_chi",), "required with C_chi")
        if self.sb_vector == 0.0:
            yield Problem(
                ("C_V_sb",), "B -> K a vanishes for a zero vector coupling; give C_V_sb or C_q", self.sb_vector
            )

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """Perturbative hadronic widths below 1.5 GeV; a dark-matter channel that is closed."""
        if self.m_a < _PERTURBATIVE_FROM and (self.C_q != 0.0 or self.C_G_UV != 0.0):
            yield f"m_a = {self.m_a} GeV: perturbative quark and gluon widths are not reliable below 1.5 GeV"
        if self.C_chi != 0.0 and self.m_chi is not None and self.m_a <= 2.0 * self.m_chi:
            yield f"a -> chi chibar is closed: m_a = {self.m_a} GeV is not above 2 m_chi"

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A narrow line at m_a; B -> K a is isotropic."""
        c = inputs.constants
        f_0 = inputs.form_factor(channel.transition).f_0(self.m_a**2)
        width = widths.B_to_K_alp(channel.m_B(c), channel.m_H(c), self.m_a, self.sb_vector, self.f_a, f_0)
        return Spectrum.from_line(self.m_a, isotropic(width))

    def widths(self, inputs: Inputs) -> Widths:
        """Partial widths of the ALP [GeV], arXiv:2502.04900 eqs. (12)-(16)."""
        c, m_a, f_a = inputs.constants, self.m_a, self.f_a
        C_G = C_G_eff(m_a, self.C_q, c, self.C_G_UV)
        C_gamma = C_gamma_eff(m_a, self.C_q, self.C_l, c, self.C_gamma_UV)
        partial = {
            "g g": widths.a_to_gg(m_a, C_G, f_a, self.alpha_s),
            "gamma gamma": widths.a_to_gammagamma(m_a, C_gamma, f_a, c.alpha_0),
        }
        for name in ("u", "d", "s", "c", "b"):
            partial[f"{name} {name}bar"] = widths.a_to_ff(m_a, getattr(c, f"m_{name}"), self.C_q, f_a, N_c=3)
        for name in ("e", "mu", "tau"):
            partial[f"{name}+ {name}-"] = widths.a_to_ff(m_a, getattr(c, f"m_{name}"), self.C_l, f_a)
        if self.m_chi is not None:
            partial[_INVISIBLE] = widths.a_to_chichi(m_a, self.m_chi, self.C_chi, f_a, self.majorana)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths(self.mediator, _MEDIATOR, m_a, open_channels, frozenset({_INVISIBLE}))

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """chi chibar as a pair; everything else as one visible mode without daughters."""
        w = self.widths(inputs)
        if w.total == 0.0:
            return (DecayMode("stable", 1.0, True, "none"),)
        invisible = w.invisible_fraction
        modes = []
        if invisible > 0.0 and self.m_chi is not None:
            codes = (_CHI, _CHI if self.majorana else -_CHI)
            modes.append(DecayMode(_INVISIBLE, invisible, True, "pair", codes, (self.m_chi, self.m_chi)))
        if invisible < 1.0:
            modes.append(DecayMode("visible", 1.0 - invisible, False, "none"))
        return tuple(modes)
