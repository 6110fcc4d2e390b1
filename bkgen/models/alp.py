"""An axion-like particle in B -> K a."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from .. import widths
from ..annihilation.alp import b_to_s_a, bb_to_ag, bb_to_agamma, bg_to_ba, bgamma_to_ba
from ..channels import CHANNELS, Channel
from ..dark_matter import DarkMatter, DecayMode, FreezeIn, ProductionDecay, ProductionScattering, Widths
from ..errors import InputError, Problem
from ..formfactors import Inputs
from ..loops import C_G_eff, C_gamma_eff
from ..spectrum import Spectrum, isotropic, longitudinal
from .base import Model, parameter

_PERTURBATIVE_FROM = 1.5  # GeV, below it the quark and gluon widths are not meaningful (arXiv:2502.04900)
_NARROW_BELOW = 1e-3  # GeV, above it a line in q2 is not a good approximation
_MEDIATOR, _CHI, _PHOTON = 54, 52, 22  # PDG codes of a spin-0 mediator, of spin-1/2 dark matter, of the photon
_LEPTONS = {"e": 11, "mu": 13, "tau": 15}
_QUARKS = ("u", "d", "s", "c", "b")
_INVISIBLE = "chi chibar"
_HADRONS = "hadrons"


class ALP(Model):
    """Axion-like particle a with couplings d_mu a/(2 f_a) fbar gamma^mu (C^V + C^A gamma5) f, and dark matter chi.

    C^V_sb drives B -> K a, C^A_sb drives B -> K* a and Bs -> phi a with a longitudinal K* or phi.  a decays to
    chi chibar (invisible) and to gluons, quarks, leptons and photons (seen, unless a leaves the detector).
    Source: arXiv:2502.04900 eqs. (3)-(19), with form factors at q2 = m_a^2 and the mass of the K* in eq. (9).
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
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

    @property
    def sb_axial(self) -> float:
        """C^A_sb, which drives B -> K* a and Bs -> phi a."""
        return self.C_q if self.C_A_sb is None else self.C_A_sb

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Thresholds, couplings that must come together, and widths that are numbers."""
        yield from super().check(channel, inputs)
        hadron = {"K": "K", "Kst": "K*", "phi": "phi"}[channel.prefix]
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        kind, key, coupling = ("vector", "C_V_sb", self.sb_vector)
        if channel.spin == 1:
            kind, key, coupling = ("axial", "C_A_sb", self.sb_axial)
        if self.m_a >= limit:
            yield Problem(("m_a",), f"must be below m_B - m_{hadron} = {limit:.5f} GeV in {channel.name}", self.m_a)
        elif coupling == 0.0:
            message = f"B -> {hadron} a vanishes for a zero {kind} coupling; give {key} or C_q"
            yield Problem((key,), message, coupling)
        elif not (0.0 < self._width(channel, inputs) < math.inf and math.isfinite(self.widths(inputs).total)):
            yield Problem(("f_a",), f"these couplings give no finite rate in {channel.name}", self.f_a)
        if self.C_chi != 0.0 and self.m_chi is None:
            yield Problem(("m_chi",), "required with C_chi")

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """Perturbative hadronic widths below 1.5 GeV; a dark-matter channel that is closed; a line that is broad."""
        if self.m_a < _PERTURBATIVE_FROM and (self.C_q != 0.0 or self.C_G_UV != 0.0):
            yield f"m_a = {self.m_a} GeV: perturbative quark and gluon widths are not reliable below 1.5 GeV"
        if self.C_chi != 0.0 and self.m_chi is not None and self.m_a <= 2.0 * self.m_chi:
            yield f"a -> chi chibar is closed: m_a = {self.m_a} GeV is not above 2 m_chi"
        total = self.widths(inputs).total
        if total >= _NARROW_BELOW:
            yield f"Gamma(a) = {total:.3g} GeV: a narrow line is used outside its range (below 1 MeV)"

    def _width(self, channel: Channel, inputs: Inputs) -> float:
        """Width of B -> hadron a [GeV]."""
        m_B, m_H = channel.m_B(inputs.constants), channel.m_H(inputs.constants)
        form_factors, q2 = inputs.form_factor(channel.transition), self.m_a**2
        if channel.spin == 0:
            return widths.B_to_K_alp(m_B, m_H, self.m_a, self.sb_vector, self.f_a, form_factors.f_0(q2))
        return widths.B_to_V_alp(m_B, m_H, self.m_a, self.sb_axial, self.f_a, form_factors.A_0(q2))

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A narrow line at m_a; its decay is isotropic, and a K* or phi is longitudinal."""
        width = self._width(channel, inputs)
        return Spectrum.from_line(self.m_a, isotropic(width) if channel.spin == 0 else longitudinal(width))

    def widths(self, inputs: Inputs) -> Widths:
        """Partial widths of the ALP [GeV], arXiv:2502.04900 eqs. (12)-(16)."""
        c, m_a, f_a = inputs.constants, self.m_a, self.f_a
        C_G = C_G_eff(m_a, self.C_q, c, self.C_G_UV)
        C_gamma = C_gamma_eff(m_a, self.C_q, self.C_l, c, self.C_gamma_UV)
        partial = {
            "g g": widths.a_to_gg(m_a, C_G, f_a, self.alpha_s),
            "gamma gamma": widths.a_to_gammagamma(m_a, C_gamma, f_a, c.alpha_0),
        }
        for name in _QUARKS:
            partial[f"{name} {name}bar"] = widths.a_to_ff(m_a, getattr(c, f"m_{name}"), self.C_q, f_a, N_c=3)
        for name in _LEPTONS:
            partial[f"{name}+ {name}-"] = widths.a_to_ff(m_a, getattr(c, f"m_{name}"), self.C_l, f_a)
        if self.m_chi is not None:
            partial[_INVISIBLE] = widths.a_to_chichi(m_a, self.m_chi, self.C_chi, f_a, self.majorana)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths(self.mediator, _MEDIATOR, m_a, open_channels, frozenset({_INVISIBLE}))

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """chi chibar, photons and leptons as pairs; gluons and quarks as one visible mode without daughters."""
        w, c = self.widths(inputs), inputs.constants
        if w.total == 0.0:
            return (DecayMode("stable", 1.0, True, "none"),)
        pairs: dict[str, tuple[tuple[int, int], float]] = {"gamma gamma": ((_PHOTON, _PHOTON), 0.0)}
        pairs |= {f"{name}+ {name}-": ((code, -code), getattr(c, f"m_{name}")) for name, code in _LEPTONS.items()}
        if self.m_chi is not None:
            pairs = {_INVISIBLE: ((_CHI, _CHI if self.majorana else -_CHI), self.m_chi), **pairs}
        modes = [
            DecayMode(name, w.partial[name] / w.total, name == _INVISIBLE, "pair", codes, (mass, mass))
            for name, (codes, mass) in pairs.items()
            if name in w.partial
        ]
        hadrons = sum(width for name, width in w.partial.items() if name not in pairs)
        if hadrons > 0.0:
            modes.append(DecayMode(_HADRONS, hadrons / w.total, False, "none"))
        return tuple(modes)

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-in: b quarks and inverse decays make a, which decays to chi chibar.

        Source: arXiv:2502.04900 eqs. (21)-(28).  None without chi.  Raises InputError for a closed a -> chi chibar.
        """
        if self.m_chi is None or self.C_chi == 0.0:
            return None
        w = self.widths(inputs)
        if _INVISIBLE not in w.partial:
            message = f"no relic prediction: a -> chi chibar is closed, m_a = {self.m_a} GeV is not above 2 m_chi"
            raise InputError(Problem(("model", "m_chi"), message, self.m_chi))
        dark = w.partial[_INVISIBLE]
        return FreezeIn(
            "chi",
            self.m_chi,
            2.0,
            self.majorana,
            self.m_a,
            w.total - dark,
            dark,
            *self._production(inputs),
        )

    def _production(self, inputs: Inputs) -> tuple[tuple[ProductionDecay, ...], tuple[ProductionScattering, ...]]:
        """b -> s a, and b quarks with b quarks, gluons and photons, with the strong coupling of the plasma."""
        c, m_a, f_a, C = inputs.constants, self.m_a, self.f_a, self.C_q
        m_b, quark, alpha, alpha_s = c.m_b, 6.0, c.alpha_0, c.alpha_s_thermal
        decays = []
        if m_a < m_b:
            decays.append(
                ProductionDecay("b -> s a", m_b, quark, b_to_s_a(m_b, m_a, self.sb_vector, self.sb_axial, f_a))
            )
        bb, opens = ((m_b, m_b), (quark, quark)), (m_a + m_b) ** 2
        return tuple(decays), (
            ProductionScattering("b bbar -> a g", *bb, lambda s: bb_to_ag(s, m_a, m_b, C, f_a, alpha_s)),
            ProductionScattering("b bbar -> a gamma", *bb, lambda s: bb_to_agamma(s, m_a, m_b, C, f_a, alpha)),
            ProductionScattering(
                "b g -> b a", (m_b, 0.0), (quark, 16.0), lambda s: bg_to_ba(s, m_a, m_b, C, f_a, alpha_s), opens, 2
            ),
            ProductionScattering(
                "b gamma -> b a", (m_b, 0.0), (quark, 2.0), lambda s: bgamma_to_ba(s, m_a, m_b, C, f_a, alpha), opens, 2
            ),
        )
