"""A dark Higgs mixed with the Higgs boson, on and off its mass shell, and the dark particles it decays to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from .. import dark_observables, direct_detection, higgs_sector, self_energies, widths
from ..annihilation.higgs_exchange import Higgses
from ..candidates import ChargedScalar, DarkSector, GaugeBoson, singlet
from ..channels import CHANNELS, Channel, channel
from ..dark_matter import DarkMatter, DecayMode, Fraction, Polar, Widths
from ..errors import InputError, Problem
from ..formfactors import Inputs
from ..loops import delta_a_mu, kinetic_mixing
from ..observables import Observable
from ..results import Quantity
from ..self_energies import Pair, inverse_propagator, pole_below_threshold, tachyon
from ..spectrum import Array, Line, Spectrum, isotropic, longitudinal
from ..units import width_from_lifetime
from .base import Block, Model, parameter

NARROW_BELOW = 1e-3
"""Width [GeV] up to which an H1 on its mass shell is a line in q2."""

_H1, _ZP, _SCALAR, _FERMION = 54, 55, 51, 52  # PDG codes: mediators of spin 0 and 1, dark matter of spin 0 and 1/2
_NEAR_THRESHOLD = 0.03  # relative distance below 2 m_Zp in which the third subtraction of Z'Z' blows up
_LEPTONS = {"e+ e-": (-11, "m_e"), "mu+ mu-": (-13, "m_mu"), "tau+ tau-": (-15, "m_tau")}
Share = Callable[[Array], Array]
Named = tuple[str, float, str]  # name, value, unit

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


class RealScalar(Block):
    """Real scalar S with L = -mu_S phi S^2."""

    m_S: float = parameter("mass", unit="GeV", gt=0)
    mu_S: float = parameter("coupling", unit="GeV", gt=0)


class DiracFermion(Block):
    """Dirac fermion chi with L = -y_chi phi chibar chi."""

    m_chi: float = parameter("mass", unit="GeV", gt=0)
    y_chi: float = parameter("Yukawa coupling", gt=0)


class MajoranaFermion(Block):
    """Majorana fermion N with L = -(y_N/2) phi Nbar^c N."""

    m_N: float = parameter("mass", unit="GeV", gt=0)
    y_N: float = parameter("Yukawa coupling", gt=0)


class Zprime(Block):
    """Gauge boson of U(1)_Lmu-Ltau."""

    m_Zp: float = parameter("mass", unit="GeV", gt=0)
    g_X: float = parameter("gauge coupling", gt=0)
    Q_Phi: float = parameter("U(1) charge of the dark Higgs field")


class DarkHiggs(Model):
    """Dark Higgs H1, mixed with the Higgs boson H2 by sin(theta), in B -> K(*) H1 on and off its mass shell.

    H1 = phi cos - h sin and H2 = phi sin + h cos; the dark particles couple to phi: scalars X and S, fermions chi and
    N, and the gauge boson Z' of U(1)_Lmu-Ltau, Z'Z' -> 4 nu.  v_Phi = m_Zp/(g_X |Q_Phi|).  On its mass shell H1 also
    decays to Standard Model particles; off shell only dark pairs are made, through H1 and H2.  X^3 Phi^dagger of the
    Z3 model, lambda_3, does not act in B decays.
    Source: arXiv:2401.10112, with the width of H1 that its three-body rate lacks (see the documentation, errata);
    Standard Model widths arXiv:1809.01876 and arXiv:1904.10447.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "H1"

    name: Literal["dark_higgs"]
    m_H1: float = parameter("dark Higgs mass", unit="GeV", gt=0)
    sin_theta: float = parameter("H1-h mixing", gt=0, lt=1)
    kappa_sb: float | None = parameter("sb h coupling (default: top loop)", gt=0, default=None)
    X: ScalarDM | None = parameter("complex scalar dark matter", unit="", default=None)
    S: RealScalar | None = parameter("real scalar", unit="", default=None)
    chi: DiracFermion | None = parameter("Dirac fermion", unit="", default=None)
    N: MajoranaFermion | None = parameter("Majorana fermion", unit="", default=None)
    Zp: Zprime | None = parameter("U(1)_Lmu-Ltau gauge boson", unit="", default=None)
    v_Phi: float | None = parameter("vev of Phi, required with X and without Zp", unit="GeV", gt=0, default=None)
    lambda_3: float | None = parameter("coupling in lambda_3 X^3 Phi^dagger + h.c. (Z3: Q_Phi = 3 Q_X)", default=None)
    width: Literal["narrow", "fixed", "running", "dispersive"] | None = parameter(
        "narrow: a line in q2 (default on shell, below 1 MeV), or no width off shell; fixed: m_H1 Gamma; running: "
        "absorptive part at q2; dispersive: the whole self-energy (default otherwise)",
        unit="",
        default=None,
    )
    sm_widths: str = parameter(
        "Standard Model widths: Gtot or Gtot_F of the shipped table, or a CSV file with its columns",
        unit="",
        default="Gtot",
    )

    # --- parameters that follow

    @property
    def cos_theta(self) -> float:
        """Cosine of the mixing angle."""
        return math.sqrt((1.0 - self.sin_theta) * (1.0 + self.sin_theta))

    @property
    def vev(self) -> float | None:
        """v_Phi [GeV], from the Z' block if there is one; None where it is not needed."""
        return self.v_Phi if self.Zp is None else widths.v_Phi(self.Zp.m_Zp, self.Zp.g_X, self.Zp.Q_Phi)

    def kappa(self, inputs: Inputs) -> float:
        """sb h coupling: the value of the card, or the top loop."""
        return widths.kappa_sb(inputs.constants) if self.kappa_sb is None else self.kappa_sb

    def pairs(self, inputs: Inputs) -> tuple[Pair, ...]:
        """The dark pairs of the card with their couplings to phi."""
        found = []
        if self.X is not None and self.vev is not None:
            found.append(self_energies.XX(self.X.m_X, self.X.lambda_PhiX, self.vev))
        if self.S is not None:
            found.append(self_energies.SS(self.S.m_S, self.S.mu_S))
        if self.chi is not None:
            found.append(self_energies.chichi(self.chi.m_chi, self.chi.y_chi))
        if self.N is not None:
            found.append(self_energies.NN(self.N.m_N, self.N.y_N))
        if self.Zp is not None and self.vev is not None:
            unseen = self.Zp_widths(inputs).invisible_fraction ** 2
            found.append(self_energies.ZpZp(self.Zp.m_Zp, self.vev, unseen))
        return tuple(found)

    # --- H1 on its mass shell, or not

    def is_line(self, inputs: Inputs) -> bool:
        """Whether H1 is a line where it can be on its mass shell: narrow, or without an open dark channel."""
        if self.width is not None:
            return self.width == "narrow" or not self._open_pairs(inputs)
        return self.widths(inputs).total < NARROW_BELOW

    def _open_pairs(self, inputs: Inputs) -> tuple[Pair, ...]:
        """Dark pairs that H1 on its mass shell decays to."""
        return tuple(pair for pair in self.pairs(inputs) if pair.threshold < self.m_H1**2)

    def virtual_pairs(self, channel: Channel, inputs: Inputs) -> tuple[Pair, ...]:
        """Dark pairs of the continuum in that channel: all, or beside a line those that are closed for it."""
        q2_max = channel.q2_max(inputs.constants)
        on_line = self._open_pairs(inputs) if self.m_H1**2 < q2_max and self.is_line(inputs) else ()
        return tuple(p for p in self.pairs(inputs) if p.threshold < q2_max and p not in on_line)

    # --- checks

    @property
    def tables(self) -> tuple[str, ...]:
        """Widths of H1 to Standard Model particles."""
        return ("dark_higgs_widths",)

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Blocks, thresholds, and points at which the model has no prediction."""
        yield from super().check(channel, inputs)
        problems = list(self._check_blocks())
        yield from problems
        try:
            self._visible_widths(inputs)
        except (OSError, ValueError) as error:
            key = "m_H1" if str(error).startswith("m_H1") else "sm_widths"
            yield Problem((key,), str(error), getattr(self, key))
            return
        if not problems:
            yield from self._check_rate(channel, inputs)
            yield from self._check_vacuum(inputs)

    def _check_blocks(self) -> Iterator[Problem]:
        blocks = {"X": self.X, "S": self.S, "chi": self.chi, "N": self.N, "Zp": self.Zp}
        if not any(blocks.values()):
            yield Problem(
                (),
                "at least one dark block is required: X {m_X, lambda_PhiX, Q_X}, S {m_S, mu_S}, chi {m_chi, y_chi}, "
                "N {m_N, y_N} or Zp {m_Zp, g_X, Q_Phi}",
            )
        if self.Zp is not None and self.v_Phi is not None:
            yield Problem(("v_Phi",), "is m_Zp/(g_X |Q_Phi|) when Zp is given: remove one of the two", self.v_Phi)
        if self.Zp is not None and self.Zp.Q_Phi == 0.0:
            yield Problem(("Zp", "Q_Phi"), "must not be zero", 0.0)
        if self.X is not None and self.Zp is None and self.v_Phi is None:
            yield Problem(("v_Phi",), "required with X and without Zp")
        if self.lambda_3 is not None and self.X is None:
            yield Problem(("lambda_3",), "is a coupling of X: give the block X too", self.lambda_3)
        elif self.lambda_3 is not None and self.X is not None and self.Zp is not None and not self._is_Z3():
            message = f"X^3 Phi^dagger needs Q_Phi = 3 Q_X, here {self.Zp.Q_Phi:g} and {self.X.Q_X:g}"
            yield Problem(("lambda_3",), message, self.lambda_3)

    def _is_Z3(self) -> bool:
        """Whether the charges leave a Z3 unbroken under which X is charged."""
        return self.Zp is not None and self.X is not None and math.isclose(self.Zp.Q_Phi, 3.0 * self.X.Q_X)

    def _check_rate(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        if self.m_H1 >= limit and not self.virtual_pairs(channel, inputs):
            message = f"is not below m_B - m_hadron = {limit:.5f} GeV, and no dark pair is lighter than that"
            yield Problem(("m_H1",), message, self.m_H1)

    def _check_vacuum(self, inputs: Inputs) -> Iterator[Problem]:
        """Widths beyond 1, tachyons, potentials without a minimum."""
        relative = self.widths(inputs).total / self.m_H1
        if relative > 1.0:
            yield Problem(
                (), f"Gamma(H1)/m_H1 = {relative:.3g} is above 1: H1 is no particle, lower the dark couplings"
            )
        elif self._dispersive() and self.Zp is not None and self.m_H1 == 2.0 * self.Zp.m_Zp:
            message = "is exactly 2 m_Zp, where the self-energy of Z'Z' cannot be renormalised on shell"
            yield Problem(("m_H1",), message, self.m_H1)
        elif self._dispersive() and tachyon(self.m_H1, self.cos_theta, self.pairs(inputs)):
            yield Problem(
                (),
                f"H1 becomes a tachyon, Gamma(H1)/m_H1 = {relative:.3g}: its self-energy exceeds m_H1^2 at q2 = 0; "
                "lower the dark couplings, or set `width: running` to leave out the real part",
            )

        smallest = self._lambda_X_min(inputs)
        if smallest is not None and smallest > 4.0 * math.pi:
            yield Problem(
                ("X", "lambda_PhiX"),
                f"the vacuum is unstable unless lambda_X > {smallest:.3g}, above 4 pi: lower lambda_PhiX or v_Phi",
                self.X.lambda_PhiX if self.X is not None else None,
            )

    def _dispersive(self) -> bool:
        """Whether the real part of the self-energy is used, if H1 is virtual."""
        return self.width is None or self.width == "dispersive"

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """Lines and widths outside their range, dark channels that are closed on shell."""
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        total, on_shell = self.widths(inputs).total, self.m_H1 < limit
        if on_shell and self.width == "narrow" and total >= NARROW_BELOW:
            yield f"Gamma(H1) = {total:.3g} GeV: a narrow line is used outside its range (below 1 MeV)"
        if not on_shell and self.width in ("narrow", "fixed"):
            yield f"width: {self.width}: H1 is off shell, where only running and dispersive have a meaning"
        if self._dispersive() and pole_below_threshold(self.m_H1, self.cos_theta, self.pairs(inputs)):
            yield (
                "the dark couplings bind a pair below its threshold: this second pole of the H1 propagator is not "
                "in the spectrum"
            )
        if self._dispersive() and self.Zp is not None and 0.0 < 2.0 * self.Zp.m_Zp / self.m_H1 - 1.0 < _NEAR_THRESHOLD:
            yield f"m_H1 = {self.m_H1} GeV is just below 2 m_Zp, where the self-energy of Z'Z' is not reliable"
        if total > 0.1 * self.m_H1:
            yield f"Gamma(H1)/m_H1 = {total / self.m_H1:.3g} is above 0.1: the dark couplings are hardly perturbative"
        if on_shell and not self._open_pairs(inputs):
            closed = ", ".join(pair.name for pair in self.pairs(inputs))
            yield f"H1 -> {closed} is closed, so H1 decays to Standard Model particles alone"

    # --- rates

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A line at m_H1, a continuum of dark pairs through virtual H1 and H2, or both; flat in theta.

        Continuum: dGamma/dq2 = Gamma(B -> K H1; m_H1^2 = q2) c^2 |1/D_2 - 1/D_1|^2 W(q2)/pi, with D_i the inverse
        propagators and W = sqrt(q2) Gamma(phi* -> pairs).  Source: arXiv:2401.10112.
        """
        q2_max = channel.q2_max(inputs.constants)
        coefficients = isotropic if channel.spin == 0 else longitudinal
        lines = []
        if self.m_H1**2 < q2_max and self.is_line(inputs):
            on_shell = self.production(np.array([self.m_H1**2]), channel, inputs)
            lines.append(Line(self.m_H1, coefficients(on_shell)[0]))
        pairs = self.virtual_pairs(channel, inputs)
        if not pairs:
            return Spectrum(lines)

        def density(q2: Array) -> Array:
            exchange = self.exchange(q2, inputs)
            return coefficients(self.production(q2, channel, inputs) * exchange * self_energies.W(q2, pairs) / math.pi)

        thresholds = sorted(pair.threshold for pair in pairs)
        inside = not lines and thresholds[0] < self.m_H1**2 < q2_max
        peaks = [(self.m_H1, self.widths(inputs).total)] if inside else []
        continuum = Spectrum.from_density(density, thresholds[0], q2_max, thresholds[1:], peaks)
        return Spectrum(lines, continuum.continuum)

    def production(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Width (n,) [GeV] of B -> hadron H1 for an H1 of mass squared q2 (n,) [GeV^2]; a K* or phi is longitudinal."""
        c, form_factors = inputs.constants, inputs.form_factor(channel.transition)
        m_B, m_H, m, kappa, s = channel.m_B(c), channel.m_H(c), np.sqrt(q2), self.kappa(inputs), self.sin_theta
        if channel.spin == 0:
            return widths.B_to_K_H1(m_B, m_H, m, kappa, s, np.asarray(form_factors.value("f_0", q2)), c.m_b, c.m_s)
        return widths.B_to_V_H1(m_B, m_H, m, kappa, s, np.asarray(form_factors.value("A_0", q2)), c.m_b, c.m_s)

    def exchange(self, q2: Array, inputs: Inputs) -> Array:
        """cos^2(theta) |1/D_2 - 1/D_1|^2 (n,) [GeV^-4] at q2 (n,) [GeV^2], with the width of the card in D_1."""
        c = inputs.constants
        D_2 = q2 - c.m_h**2 + 1j * c.m_h * c.Gamma_h
        if self.width == "narrow":
            D_1 = q2 - self.m_H1**2 + 0.0j
        elif self.width == "fixed":
            D_1 = q2 - self.m_H1**2 + 1j * self.m_H1 * self.widths(inputs).total
        else:
            kind: Literal["running", "dispersive"] = "running" if self.width == "running" else "dispersive"
            D_1 = inverse_propagator(q2, self.m_H1, self.cos_theta, self.pairs(inputs), kind)
        return np.asarray(self.cos_theta**2 * np.abs(1.0 / D_2 - 1.0 / D_1) ** 2)

    # --- decays

    def _visible_widths(self, inputs: Inputs) -> dict[str, float]:
        """Widths of H1 into Standard Model particles [GeV]."""
        per_sine_squared = widths.dark_higgs_visible_widths(self.m_H1, inputs.constants, self.sm_widths)
        return {name: self.sin_theta**2 * width for name, width in per_sine_squared.items()}

    def widths(self, inputs: Inputs) -> Widths:
        """Partial widths of H1 on its mass shell [GeV]."""
        partial, invisible = {}, set()
        for pair in self.pairs(inputs):
            width = pair.width(self.m_H1, self.cos_theta)
            if pair.name == "Zp Zp":
                partial["Zp Zp -> invisible"] = width * pair.invisible
                partial["Zp Zp -> visible"] = width * (1.0 - pair.invisible)
                invisible.add("Zp Zp -> invisible")
            else:
                partial[pair.name] = width
                invisible.add(pair.name)
        partial |= self._visible_widths(inputs)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths(self.mediator, _H1, self.m_H1, open_channels, frozenset(invisible))

    def Zp_widths(self, inputs: Inputs) -> Widths:
        """Partial widths of the Z' [GeV]; electrons through the loop-induced kinetic mixing.

        Raises ValueError without a Zp block.
        """
        if self.Zp is None:
            raise ValueError("the model has no Zp block")
        c, Zp = inputs.constants, self.Zp
        neutrino = widths.Zp_to_nunu(Zp.m_Zp, Zp.g_X)
        partial = {
            "nu_mu nu_mu~": neutrino,
            "nu_tau nu_tau~": neutrino,
            "e+ e-": widths.Zp_to_ll(Zp.m_Zp, c.m_e, _electron_coupling(Zp.m_Zp**2, Zp, inputs)),
            "mu+ mu-": widths.Zp_to_ll(Zp.m_Zp, c.m_mu, Zp.g_X),
            "tau+ tau-": widths.Zp_to_ll(Zp.m_Zp, c.m_tau, Zp.g_X),
        }
        if self.X is not None:
            partial["X Xbar"] = widths.Zp_to_XX(Zp.m_Zp, self.X.m_X, Zp.g_X, self.X.Q_X)
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths("Zp", _ZP, Zp.m_Zp, open_channels, frozenset({"nu_mu nu_mu~", "nu_tau nu_tau~", "X Xbar"}))

    # --- dark matter

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-out of the one dark particle of the card; of X with lambda_3 by semi-annihilation too.

        Raises InputError with several of them.  None without any.
        """
        blocks = {"X": self.X, "S": self.S, "chi": self.chi, "N": self.N}
        given = [name for name, block in blocks.items() if block is not None]
        if len(given) > 1:
            raise InputError(
                Problem(("model",), f"no relic prediction for several dark particles ({', '.join(given)}): leave one")
            )
        dark = self._dark_sector(inputs)
        if self.X is not None and self.vev is not None:
            positive = self.Zp is None or self.Zp.Q_Phi > 0.0
            Q_X = self.X.Q_X if positive else -self.X.Q_X
            return ChargedScalar(self.X.m_X, self.X.lambda_PhiX, Q_X, self.lambda_3 or 0.0, self.vev, dark).candidate()
        if self.S is not None:
            return singlet("S", self.S.m_S, self.S.mu_S, dark)
        if self.chi is not None:
            return singlet("chi", self.chi.m_chi, self.chi.y_chi, dark)
        return None if self.N is None else singlet("N", self.N.m_N, self.N.y_N, dark)

    def _dark_sector(self, inputs: Inputs) -> DarkSector:
        """H1 and H2 with the width of the card, and the Z'."""
        w = self.widths(inputs)
        higgses = Higgses(self.m_H1, inputs.constants, w.total, self.sin_theta)
        if self.width in ("running", "dispersive") or (self.width is None and not self.is_line(inputs)):
            kind: Literal["running", "dispersive"] = "running" if self.width == "running" else "dispersive"
            seen = sum(self._visible_widths(inputs).values())
            higgses = Higgses(self.m_H1, inputs.constants, seen, self.sin_theta, self.pairs(inputs), kind)
        Zp = None
        if self.Zp is not None:
            threshold = 4.0 * self.X.m_X**2 if self.X is not None else self.Zp.m_Zp**2
            Zp = GaugeBoson(self.Zp_widths(inputs), self.Zp.g_X, _electron_coupling(threshold, self.Zp, inputs))
        return DarkSector(higgses, w, self.vev, Zp)

    # --- what follows from the same parameters

    def further_rates(self, channel: Channel, inputs: Inputs) -> dict[str, float]:
        """Branching fraction of each dark pair through virtual H1."""
        pairs = self.virtual_pairs(channel, inputs)
        continuum = self.spectrum(channel, inputs).continuum if pairs else None
        if continuum is None:
            return {}
        total, edges = width_from_lifetime(channel.tau_B(inputs.constants)), continuum.nodes[[0, -1]]
        fractions, rates = self._fractions(inputs), {}
        for pair in pairs:
            share = fractions.of(0.0, pair)
            width = float(continuum.bin_integrals(edges, share if callable(share) else None)[0])
            rates[f"BR({channel.name} {pair.name})"] = width / total
        return rates

    def derived(self, inputs: Inputs) -> tuple[Quantity, ...]:
        """Kaon decays, the Z', the scalar potential and invisible decays of the Higgs boson."""
        values = (*self._kaon_decays(inputs), *self._Zp_numbers(inputs), *self._higgs_numbers(inputs))
        return tuple(Quantity(name, value, unit, None, self.describe_name()) for name, value, unit in values)

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """Tridents and N_eff of the Z', scattering of the dark particles off nucleons."""
        if self.Zp is not None:
            yield from dark_observables.muon_tau_boson(self.Zp_widths(inputs), self.Zp.g_X, inputs.constants)
        portal = (self.m_H1, self.sin_theta, inputs.constants)
        scatter = dark_observables.portal_scattering
        if self.X is not None and self.vev is not None:
            a = self.X.lambda_PhiX * self.vev
            yield scatter("X", self.X.m_X, direct_detection.higgs_exchange_scalar(a, self.X.m_X, *portal))
        if self.S is not None:
            a = 2.0 * self.S.mu_S
            yield scatter("S", self.S.m_S, direct_detection.higgs_exchange_scalar(a, self.S.m_S, *portal))
        fermion = direct_detection.higgs_exchange_fermion
        if self.chi is not None:
            yield scatter("chi", self.chi.m_chi, fermion(self.chi.y_chi, self.chi.m_chi, *portal))
        if self.N is not None:
            yield scatter("N", self.N.m_N, fermion(self.N.y_N, self.N.m_N, *portal))

    def _kaon_decays(self, inputs: Inputs) -> Iterator[Named]:
        """K -> pi H1 with a form factor of 1, where it is open."""
        c = inputs.constants
        for name, m_K, m_pi, ckm, tau in (
            ("BR(K+ -> pi+ H1)", c.m_Kp, c.m_pip, c.VtsVtd, c.tau_Kp),
            ("BR(K_L -> pi0 H1)", c.m_K0, c.m_pi0, c.Re_VtsVtd, c.tau_KL),
        ):
            if self.m_H1 < m_K - m_pi:
                kappa = self.kappa(inputs) * widths.kappa_sd(ckm, c) / widths.kappa_sb(c)
                width = widths.K_to_pi_H1(m_K, m_pi, self.m_H1, kappa, self.sin_theta, 1.0, c.m_s, c.m_d)
                yield name, widths.branching_fraction(width, tau), "1"

    def _Zp_numbers(self, inputs: Inputs) -> Iterator[Named]:
        """Decays of the Z', kinetic mixing, muon g-2."""
        if self.Zp is None:
            return
        w, g_X = self.Zp_widths(inputs), self.Zp.g_X
        yield from ((f"Gamma(Zp -> {name})", width, "GeV") for name, width in w.partial.items())
        yield "BR(Zp -> inv)", w.invisible_fraction, "1"
        yield "ctau(Zp)", w.ctau, "m"
        yield "eps(0)", kinetic_mixing(0.0, g_X, inputs.constants), "1"
        yield "Delta a_mu", delta_a_mu(self.Zp.m_Zp, g_X, inputs.constants), "1"

    def _higgs_numbers(self, inputs: Inputs) -> Iterator[Named]:
        """The potential, and what the mixing does to the Higgs boson; without v_Phi only the decays to dark pairs."""
        c, pairs, s, v_Phi = inputs.constants, self.pairs(inputs), self.sin_theta, self.vev
        if v_Phi is not None:
            couplings = higgs_sector.quartics(self.m_H1, c.m_h, s, v_Phi, c.v_EW)
            yield "v_Phi", v_Phi, "GeV"
            yield "sin_theta/v_Phi", s / v_Phi, "GeV^-1"
            yield from ((name, value, "1") for name, value in couplings._asdict().items())
            if (smallest := self._lambda_X_min(inputs)) is not None:
                yield "lambda_X min", smallest, "1"
            yield "Gamma(h -> H1 H1)", higgs_sector.H2_to_H1H1(self.m_H1, s, v_Phi, c), "GeV"
        yield from ((f"Gamma(h -> {pair.name})", higgs_sector.H2_to_pair(pair, s, c), "GeV") for pair in pairs)
        if v_Phi is not None:
            unseen = self.widths(inputs).invisible_fraction
            yield "BR(h -> inv)", higgs_sector.BR_H2_invisible(s, self.m_H1, v_Phi, pairs, c, unseen), "1"

    def _lambda_X_min(self, inputs: Inputs) -> float | None:
        """Smallest |X|^4 coupling for which X does not condense; None without X or v_Phi."""
        if self.X is None or self.vev is None:
            return None
        couplings = higgs_sector.quartics(
            self.m_H1, inputs.constants.m_h, self.sin_theta, self.vev, inputs.constants.v_EW
        )
        return higgs_sector.lambda_X_min(couplings, self.X.lambda_PhiX, self.X.m_X, self.vev)

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Dark pairs; Z'Z' with both Z' invisible, by helicity and final states; lepton pairs; the rest undecayed."""
        w, c, fractions = self.widths(inputs), inputs.constants, self._fractions(inputs)
        modes = []
        for pair in fractions.pairs:
            if pair.name == "Zp Zp":
                modes += self._ZpZp_modes(pair, inputs, w, fractions)
                continue
            code = _FERMION if pair.name in ("chi chibar", "N N") else _SCALAR
            codes = (code, code if pair.name in ("S S", "N N") else -code)
            fraction = fractions.of(w.partial.get(pair.name, 0.0) / w.total, pair)
            modes.append(DecayMode(pair.name, fraction, True, "pair", codes, (pair.m, pair.m)))
        for name, (code, mass) in _LEPTONS.items():
            if name in w.partial:
                masses = (getattr(c, mass), getattr(c, mass))
                fraction = fractions.of(w.partial[name] / w.total)
                modes.append(DecayMode(name, fraction, False, "pair", (code, -code), masses))
        leptons = math.fsum(w.partial.get(name, 0.0) for name in _LEPTONS)
        rest = max(1.0 - w.invisible_fraction - leptons / w.total, 0.0)  # rounding may leave -1e-16
        seen = next((pair for pair in fractions.pairs if pair.invisible < 1.0), None)  # Z'Z' with a visible Z'
        share = None if seen is None else (lambda q2: np.full(len(q2), 1.0 - seen.invisible))
        modes.append(DecayMode("visible", fractions.of(rest, seen, share), False, "none"))
        return tuple(modes)

    def _fractions(self, inputs: Inputs) -> _Fractions:
        pairs, open_pairs, is_line = self.pairs(inputs), self._open_pairs(inputs), self.is_line(inputs)
        limit = min(channel(name).q2_max(inputs.constants) for name in self.channels)
        only_line = self.m_H1**2 < limit and is_line and len(open_pairs) == len(pairs)
        return _Fractions(self.m_H1**2, pairs, open_pairs, is_line, only_line)

    def _ZpZp_modes(self, pair: Pair, inputs: Inputs, w: Widths, fractions: _Fractions) -> list[DecayMode]:
        """H1 -> Z'Z' -> invisible: helicities LL, T++, T-- times the final state of each Z'.

        Z'_L -> nu nubar: (3/4) sin^2; Z'_T of helicity +-1: (3/8)(1 -+ c)^2 for the neutrino (V-A); a scalar pair has
        cos^2 and sin^2 instead.  The azimuth between the two decay planes of a transverse pair is left flat.
        """
        on_line = w.partial.get("Zp Zp -> invisible", 0.0) / w.total
        final = self._Zp_invisible_states(inputs)
        modes = []
        for (label, helicity), first, second in product((("LL", 0), ("T++", 1), ("T--", -1)), final, final):
            (name_1, code_1, m_1, br_1), (name_2, code_2, m_2, br_2) = first, second
            states = br_1 * br_2

            def share(q2: Array, helicity: int = helicity, states: float = states) -> Array:
                return pair.invisible * states * _helicity_share(np.sqrt(q2), pair.m, helicity)

            at_mass = on_line * states * float(_helicity_share(np.array([self.m_H1]), pair.m, helicity)[0])
            modes.append(
                DecayMode(
                    name=f"Zp Zp ({label}) -> {name_1} {name_2}",
                    branching_fraction=fractions.of(at_mass, pair, share),
                    invisible=True,
                    topology="cascade",
                    pdg=(_ZP, _ZP, code_1, -code_1, code_2, -code_2),
                    masses=(pair.m, pair.m, m_1, m_1, m_2, m_2),
                    polar=(_polar(code_1, helicity), _polar(code_2, helicity)),
                )
            )
        return modes

    def _Zp_invisible_states(self, inputs: Inputs) -> list[tuple[str, int, float, float]]:
        """(name, PDG code of the first daughter, mass [GeV], share) of the invisible decays of one Z'."""
        w = self.Zp_widths(inputs)
        unseen = w.total * w.invisible_fraction
        m_X = self.X.m_X if self.X is not None else 0.0
        codes = {"nu_mu nu_mu~": (14, 0.0), "nu_tau nu_tau~": (16, 0.0), "X Xbar": (_SCALAR, m_X)}
        return [(n, *codes[n], width / unseen) for n, width in w.partial.items() if n in w.invisible]


class _Fractions(NamedTuple):
    """How H1 of mass squared q2 decays: on its line, or as virtual H1 that makes dark pairs.

    line: m_H1^2 [GeV^2]; pairs: all dark pairs, open_pairs: those open at m_H1; is_line: whether H1 on its mass shell
    is a line; only_line: whether that is all of its spectrum, in every channel.
    """

    line: float
    pairs: tuple[Pair, ...]
    open_pairs: tuple[Pair, ...]
    is_line: bool
    only_line: bool

    def of(self, on_line: float, pair: Pair | None = None, share: Share | None = None) -> Fraction:
        """Fraction of a final state: a number on the line, or a function where virtual H1 contribute as well.

        pair: the one it belongs to in the continuum, none for Standard Model states; share: its part of that at q2.
        """
        if self.only_line:
            return on_line

        def fraction(q2: Array) -> Array:
            if pair is None:
                virtual = np.zeros_like(q2)
            else:
                own, total = self._virtual_W(q2, (pair,)), self._virtual_W(q2, self.pairs)
                virtual = np.divide(own, total, out=np.zeros_like(q2), where=total > 0.0)
                virtual = virtual if share is None else virtual * share(q2)
            return np.where((q2 == self.line) & self.is_line, on_line, virtual)

        return fraction

    def _virtual_W(self, q2: Array, pairs: tuple[Pair, ...]) -> Array:
        """W of the pairs that a virtual H1 makes at q2: above a line only those that are closed for it."""
        closed = tuple(pair for pair in pairs if pair not in self.open_pairs)
        beyond = (q2 > self.line) & self.is_line
        return np.where(beyond, self_energies.W(q2, closed), self_energies.W(q2, pairs))


def _helicity_share(m: Array, m_Zp: float, helicity: int) -> Array:
    """Share of LL (helicity 0), or of each transverse configuration (+-1), in Z'Z' from a scalar of mass m (n,)."""
    transverse = widths.ZpZp_transverse_fraction(m, m_Zp)
    return 1.0 - transverse if helicity == 0 else 0.5 * transverse


def _polar(code: int, helicity: int) -> Polar:
    """Polar density of the first daughter of a Z' of that helicity."""
    if code == _SCALAR:
        return _COSINE_SQUARED if helicity == 0 else _SINE_SQUARED
    return _SINE_SQUARED if helicity == 0 else _one_plus_c_squared(-helicity)


def _electron_coupling(q2: float, Zp: Zprime, inputs: Inputs) -> float:
    """Vector coupling of the electron to a Z' of mass squared q2 [GeV^2], e times the kinetic mixing."""
    return math.sqrt(4.0 * math.pi * inputs.constants.alpha_0) * kinetic_mixing(q2, Zp.g_X, inputs.constants)
