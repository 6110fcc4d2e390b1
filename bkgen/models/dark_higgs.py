"""A dark Higgs mixed with the Higgs boson, with scalar dark matter and an L_mu - L_tau gauge boson."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import ClassVar, Literal

from .. import widths
from ..channels import Channel
from ..dark_matter import DecayMode, Polar, Widths
from ..errors import Problem
from ..formfactors import Inputs
from ..loops import kinetic_mixing
from ..spectrum import Spectrum, isotropic
from .base import Block, Model, parameter

NARROW_BELOW = 1e-3
"""Width [GeV] up to which H1 is a line in q2."""

_H1, _X, _ZP = 54, 51, 55  # PDG codes: spin-0 mediator, spin-0 dark matter, spin-1 mediator
_SINE_SQUARED: Polar = (0.75, 0.0, -0.75)
_COSINE_SQUARED: Polar = (0.0, 0.0, 1.5)


def _one_plus_c_squared(sign: float) -> Polar:
    """(3/8)(1 + sign c)^2."""
    return (0.375, 0.75 * sign, 0.375)


class ScalarDM(Block):
    """Complex scalar dark matter X."""

    m_X: float = parameter("mass", unit="GeV", gt=0)
    lambda_PhiX: float = parameter("coupling in -lambda |X|^2 |Phi|^2", gt=0)
    Q_X: float = parameter("U(1) charge", default=1.0)


class Zprime(Block):
    """Gauge boson of U(1)_Lmu-Ltau."""

    m_Zp: float = parameter("mass", unit="GeV", gt=0)
    g_X: float = parameter("gauge coupling", gt=0)
    Q_Phi: float = parameter("U(1) charge of the dark Higgs field")


class DarkHiggs(Model):
    """Dark Higgs H1, mixed with the Higgs boson by sin(theta), produced on shell in B -> K H1.

    H1 decays to scalar dark matter X Xbar, to Z'Z' -> 4 nu (longitudinal and transverse), and through the mixing to
    Standard Model particles.  v_Phi = m_Zp/(g_X |Q_Phi|).
    Source: arXiv:2401.10112; Standard Model widths arXiv:1809.01876 and arXiv:1904.10447.
    """

    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+", "B0 -> K0")
    mediator: ClassVar[str] = "H1"

    name: Literal["dark_higgs"]
    m_H1: float = parameter("dark Higgs mass", unit="GeV", gt=0)
    sin_theta: float = parameter("H1-h mixing", gt=0, lt=1)
    kappa_sb: float | None = parameter("sb h coupling (default: top loop)", gt=0, default=None)
    X: ScalarDM | None = parameter("scalar dark matter", unit="", default=None)
    Zp: Zprime | None = parameter("U(1)_Lmu-Ltau gauge boson", unit="", default=None)
    v_Phi: float | None = parameter("vev of Phi, required with X and without Zp", unit="GeV", gt=0, default=None)
    width: Literal["narrow"] | None = parameter("narrow: a line in q2 (default, below 1 MeV)", unit="", default=None)

    @property
    def cos_theta(self) -> float:
        """Cosine of the mixing angle."""
        return math.sqrt(1.0 - self.sin_theta**2)

    @property
    def vev(self) -> float:
        """v_Phi [GeV], from the Z' block if there is one."""
        if self.Zp is not None:
            return widths.v_Phi(self.Zp.m_Zp, self.Zp.g_X, self.Zp.Q_Phi)
        if self.v_Phi is None:
            raise ValueError("v_Phi needs the Zp block or a value")
        return self.v_Phi

    def kappa(self, inputs: Inputs) -> float:
        """sb h coupling: the value of the card, or the top loop."""
        return widths.kappa_sb(inputs.constants) if self.kappa_sb is None else self.kappa_sb

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Thresholds, alternatives and the range of the narrow line."""
        yield from super().check(channel, inputs)
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        if self.m_H1 >= limit:
            yield Problem(("m_H1",), f"must be below m_B - m_K = {limit:.5f} GeV in {channel.name}", self.m_H1)
        try:
            widths.dark_higgs_visible_width(self.m_H1)
        except ValueError as error:
            yield Problem(("m_H1",), str(error), self.m_H1)
            return
        problems = list(self._check_blocks())
        yield from problems
        if not problems and self.width is None:
            total = self.widths(inputs).total
            if total >= NARROW_BELOW:
                yield Problem(
                    ("width",),
                    f"Gamma(H1) = {total:.3g} GeV is not below 1 MeV, so H1 is no line in q2: lower the couplings, "
                    "or set `width: narrow` to use a line all the same",
                )

    def _check_blocks(self) -> Iterator[Problem]:
        if self.X is None and self.Zp is None:
            yield Problem((), "at least one dark block is required: X {m_X, lambda_PhiX, Q_X} or Zp {m_Zp, g_X, Q_Phi}")
        if self.Zp is not None and self.v_Phi is not None:
            yield Problem(("v_Phi",), "is m_Zp/(g_X |Q_Phi|) when Zp is given: remove one of the two", self.v_Phi)
        if self.Zp is not None and self.Zp.Q_Phi == 0.0:
            yield Problem(("Zp", "Q_Phi"), "must not be zero", 0.0)
        if self.X is not None and self.Zp is None and self.v_Phi is None:
            yield Problem(("v_Phi",), "required with X and without Zp")

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """A line for a broad H1; dark channels that are closed."""
        total = self.widths(inputs).total
        if total >= NARROW_BELOW:
            yield f"Gamma(H1) = {total:.3g} GeV: a narrow line is used outside its range (below 1 MeV)"
        if self.X is not None and self.m_H1 <= 2.0 * self.X.m_X:
            yield f"H1 -> X Xbar is closed: m_H1 = {self.m_H1} GeV is not above 2 m_X"
        if self.Zp is not None and self.m_H1 <= 2.0 * self.Zp.m_Zp:
            yield f"H1 -> Z'Z' is closed: m_H1 = {self.m_H1} GeV is not above 2 m_Zp"

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A narrow line at m_H1; B -> K H1 is isotropic."""
        c = inputs.constants
        f_0 = inputs.form_factor(channel.transition).f_0(self.m_H1**2)
        width = widths.B_to_K_H1(
            channel.m_B(c), channel.m_H(c), self.m_H1, self.kappa(inputs), self.sin_theta, f_0, c.m_b, c.m_s
        )
        return Spectrum.from_line(self.m_H1, isotropic(width))

    def widths(self, inputs: Inputs) -> Widths:
        """Partial widths of H1 [GeV]; Standard Model channels are one entry."""
        partial = {"SM": self.sin_theta**2 * widths.dark_higgs_visible_width(self.m_H1)}
        if self.X is not None:
            X = self.X
            partial["X Xbar"] = widths.H1_to_XX(self.m_H1, X.m_X, X.lambda_PhiX, self.vev, self.cos_theta)
        if self.Zp is not None:
            pair = widths.H1_to_ZpZp(self.m_H1, self.Zp.m_Zp, self.vev, self.cos_theta)
            unseen = self._Zp_invisible_fraction(inputs) ** 2
            partial["Zp Zp -> invisible"] = pair * unseen
            partial["Zp Zp -> visible"] = pair * (1.0 - unseen)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths(self.mediator, _H1, self.m_H1, open_channels, frozenset({"X Xbar", "Zp Zp -> invisible"}))

    def Zp_widths(self, inputs: Inputs) -> Widths:
        """Partial widths of the Z' [GeV]; electrons through the loop-induced kinetic mixing."""
        if self.Zp is None:
            raise ValueError("the model has no Zp block")
        c, Zp = inputs.constants, self.Zp
        neutrino = widths.Zp_to_nunu(Zp.m_Zp, Zp.g_X)
        electric = math.sqrt(4.0 * math.pi * c.alpha_0) * kinetic_mixing(Zp.m_Zp**2, Zp.g_X, c)
        partial = {
            "nu_mu nu_mu~": neutrino,
            "nu_tau nu_tau~": neutrino,
            "e+ e-": widths.Zp_to_ll(Zp.m_Zp, c.m_e, electric),
            "mu+ mu-": widths.Zp_to_ll(Zp.m_Zp, c.m_mu, Zp.g_X),
            "tau+ tau-": widths.Zp_to_ll(Zp.m_Zp, c.m_tau, Zp.g_X),
        }
        if self.X is not None:
            partial["X Xbar"] = widths.Zp_to_XX(Zp.m_Zp, self.X.m_X, Zp.g_X, self.X.Q_X)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths("Zp", _ZP, Zp.m_Zp, open_channels, frozenset({"nu_mu nu_mu~", "nu_tau nu_tau~", "X Xbar"}))

    def _Zp_invisible_fraction(self, inputs: Inputs) -> float:
        return self.Zp_widths(inputs).invisible_fraction

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """X Xbar; Z'Z' with both Z' invisible, by helicity and final states; the visible rest without daughters."""
        w = self.widths(inputs)
        modes = []
        if self.X is not None and "X Xbar" in w.partial:
            fraction = w.partial["X Xbar"] / w.total
            modes.append(DecayMode("X Xbar", fraction, True, "pair", (_X, -_X), (self.X.m_X, self.X.m_X)))
        if "Zp Zp -> invisible" in w.partial:
            modes += self._ZpZp_modes(inputs, w.partial["Zp Zp -> invisible"] / w.total)
        seen = max(1.0 - w.invisible_fraction, 0.0)  # rounding may leave -1e-16
        modes.append(DecayMode("visible", seen, False, "none"))
        return tuple(modes)

    def _ZpZp_modes(self, inputs: Inputs, fraction: float) -> list[DecayMode]:
        """H1 -> Z'Z' -> invisible: helicities LL, T++, T-- times the final state of each Z'.

        Z'_L -> nu nubar: (3/4) sin^2; Z'_T of helicity +-1: (3/8)(1 -+ c)^2 for the neutrino (V-A); a scalar pair has
        cos^2 and sin^2 instead.  The azimuth between the two decay planes of a transverse pair is left flat.
        """
        if self.Zp is None:
            return []
        transverse = float(widths.ZpZp_transverse_fraction(self.m_H1, self.Zp.m_Zp))
        helicities = (("LL", 0, 1.0 - transverse), ("T++", 1, 0.5 * transverse), ("T--", -1, 0.5 * transverse))
        final = self._Zp_invisible_states(inputs)
        modes = []
        for (label, helicity, share), first, second in product(helicities, final, final):
            (name_1, code_1, m_1, br_1), (name_2, code_2, m_2, br_2) = first, second
            modes.append(
                DecayMode(
                    name=f"Zp Zp ({label}) -> {name_1} {name_2}",
                    branching_fraction=fraction * share * br_1 * br_2,
                    invisible=True,
                    topology="cascade",
                    pdg=(_ZP, _ZP, code_1, -code_1, code_2, -code_2),
                    masses=(self.Zp.m_Zp, self.Zp.m_Zp, m_1, m_1, m_2, m_2),
                    polar=(_polar(code_1, helicity), _polar(code_2, helicity)),
                )
            )
        return modes

    def _Zp_invisible_states(self, inputs: Inputs) -> list[tuple[str, int, float, float]]:
        """(name, PDG code of the first daughter, mass [GeV], share) of the invisible decays of one Z'."""
        w = self.Zp_widths(inputs)
        unseen = w.total * w.invisible_fraction
        m_X = self.X.m_X if self.X is not None else 0.0
        codes = {"nu_mu nu_mu~": (14, 0.0), "nu_tau nu_tau~": (16, 0.0), "X Xbar": (_X, m_X)}
        return [(n, *codes[n], width / unseen) for n, width in w.partial.items() if n in w.invisible]


def _polar(code: int, helicity: int) -> Polar:
    """Polar density of the first daughter of a Z' of that helicity."""
    if code == _X:
        return _COSINE_SQUARED if helicity == 0 else _SINE_SQUARED
    return _SINE_SQUARED if helicity == 0 else _one_plus_c_squared(-helicity)
