"""Dark matter of the dark Higgs model: the annihilation and semi-annihilation channels that its couplings open.

The cross sections themselves are in `bkgen.annihilation`.  Dark particles and plasma have one temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import self_energies
from .annihilation import dark_higgs as amplitudes
from .annihilation.higgs_exchange import Higgses, SM_thresholds, SM_width, pair_to_pair, pair_to_SM
from .dark_matter import AnnihilationChannel, FreezeOut, SemiAnnihilation, Widths
from .kinematics import FloatArray
from .self_energies import Pair

CrossSection = Callable[[FloatArray], FloatArray]

_SINGLETS: dict[str, tuple[float, bool, Callable[[float, float], Pair], Callable[..., FloatArray]]] = {
    "S": (1.0, True, self_energies.SS, amplitudes.SS_to_H1H1),
    "chi": (2.0, False, self_energies.chichi, amplitudes.chichi_to_H1H1),
    "N": (2.0, True, self_energies.NN, amplitudes.chichi_to_H1H1),
}
"""Spin states of one particle, whether it is its own antiparticle, its pair, and its cross section to H1 H1."""


@dataclass(frozen=True)
class GaugeBoson:
    """The Z' of U(1)_Lmu-Ltau: its widths, gauge coupling g_X, and the vector coupling g_e of electrons."""

    widths: Widths
    g_X: float
    g_e: float

    @property
    def mass(self) -> float:
        """m_Zp [GeV]."""
        return self.widths.mass


@dataclass(frozen=True)
class DarkSector:
    """What dark matter annihilates into: H1 and H2, the widths of H1, v_Phi [GeV] if known, the Z' if there is one."""

    higgses: Higgses
    H1: Widths
    v_Phi: float | None = None
    Zp: GaugeBoson | None = None

    @property
    def resonances(self) -> tuple[tuple[float, float], ...]:
        """(mass, width) [GeV] of H1, H2 and Z'."""
        c = self.higgses.constants
        poles = (self.H1.mass, self.H1.total), (c.m_h, c.Gamma_h)
        return poles if self.Zp is None else (*poles, (self.Zp.mass, self.Zp.widths.total))

    def standard_model(self, pair: Pair) -> AnnihilationChannel:
        """A dark pair into everything that H1 and H2 in the s channel decay to."""
        c = self.higgses.constants
        kinks = tuple(m * m for m in SM_thresholds(c))
        return AnnihilationChannel(
            "SM", lambda s: pair_to_SM(s, pair, self.higgses, lambda m: SM_width(m, c)), kinks=kinks
        )

    def channel(self, m: float, first: Widths, second: Widths, sigma: CrossSection) -> AnnihilationChannel:
        """Two particles of mass ``m`` [GeV] into two bosons."""
        seen = 1.0 - 0.5 * (first.invisible_fraction + second.invisible_fraction)
        name = f"{first.name} {second.name}"
        return AnnihilationChannel(name, sigma, _opens(m, first.mass, second.mass), visible=seen)


def singlet(name: str, m: float, coupling: float, dark: DarkSector) -> FreezeOut:
    """S, chi or N, which couple to phi alone: Standard Model particles, H1 H1 and Z'Z'.

    coupling: mu_S [GeV], y_chi or y_N.
    """
    g, self_conjugate, pair_of, to_H1H1 = _SINGLETS[name]
    pair = pair_of(m, coupling)
    channels = [
        dark.standard_model(pair),
        dark.channel(m, dark.H1, dark.H1, lambda s: to_H1H1(s, m, coupling, dark.v_Phi, dark.higgses)),
    ]
    if dark.Zp is not None and dark.v_Phi is not None:
        Zp, final = dark.Zp.widths, self_energies.ZpZp(dark.Zp.mass, dark.v_Phi)
        channels.append(dark.channel(m, Zp, Zp, lambda s: pair_to_pair(s, pair, final, dark.higgses)))
    return FreezeOut(name, m, g, self_conjugate, tuple(channels), dark.resonances)


@dataclass(frozen=True)
class ChargedScalar:
    """X with L = -lambda_PhiX |X|^2 |Phi|^2, charge Q_X [of a Phi of positive charge], and lambda_3 X^3 Phi^dagger."""

    m_X: float
    lambda_PhiX: float
    Q_X: float
    lambda_3: float
    v_Phi: float
    dark: DarkSector

    def candidate(self) -> FreezeOut | SemiAnnihilation:
        """Freeze-out by annihilation, and by semi-annihilation with lambda_3."""
        pair = self_energies.XX(self.m_X, self.lambda_PhiX, self.v_Phi)
        channels = (self.dark.standard_model(pair), *self._channels())
        if self.lambda_3 == 0.0:
            return FreezeOut("X", self.m_X, 1.0, False, channels, self.dark.resonances)
        return SemiAnnihilation("X", self.m_X, 1.0, channels, tuple(self._semi_channels()), self.dark.resonances)

    def _channels(self) -> Iterator[AnnihilationChannel]:
        """X Xbar into H1 H1, Z'Z', Z' H1 and, through Z', leptons."""
        m_X, lam, v_Phi, dark, Zp = self.m_X, self.lambda_PhiX, self.v_Phi, self.dark, self.dark.Zp
        higgses, H1 = dark.higgses, dark.H1
        yield dark.channel(m_X, H1, H1, lambda s: amplitudes.XX_to_H1H1(s, m_X, lam, v_Phi, higgses))
        if Zp is None:
            return
        m, Gamma, gauge = Zp.mass, Zp.widths.total, (Zp.g_X, self.Q_X)
        yield dark.channel(m_X, Zp.widths, Zp.widths, lambda s: amplitudes.XX_to_ZpZp(s, m_X, m, *gauge, lam, higgses))
        yield dark.channel(
            m_X, Zp.widths, H1, lambda s: amplitudes.XX_to_ZpH1(s, m_X, m, *gauge, lam, v_Phi, higgses, Gamma)
        )
        yield AnnihilationChannel("nu nu~", lambda s: amplitudes.XX_to_nunu(s, m_X, m, Gamma, *gauge), visible=0.0)
        c = higgses.constants
        for name, m_l, g_l in (
            ("e+ e-", c.m_e, Zp.g_e),
            ("mu+ mu-", c.m_mu, Zp.g_X),
            ("tau+ tau-", c.m_tau, Zp.g_X),
        ):

            def sigma(s: FloatArray, m_l: float = m_l, g_l: float = g_l) -> FloatArray:
                return amplitudes.XX_to_ll(s, m_X, m_l, m, Gamma, *gauge, g_l)

            yield AnnihilationChannel(name, sigma, _opens(m_X, m_l, m_l))

    def _semi_channels(self) -> Iterator[AnnihilationChannel]:
        """X X -> Xbar H1 and Xbar Z'."""
        m_X, dark = self.m_X, self.dark

        def channel(boson: Widths, sigma: CrossSection) -> AnnihilationChannel:
            energy = (3.0 * m_X**2 + boson.mass**2) / (8.0 * m_X**2)  # of the boson, over 2 m_X, at rest
            seen = (1.0 - boson.invisible_fraction) * min(energy, 1.0)
            return AnnihilationChannel(f"Xbar {boson.name}", sigma, _opens(m_X, m_X, boson.mass), visible=seen)

        yield channel(
            dark.H1,
            lambda s: amplitudes.XX_to_XbarH1(s, m_X, self.lambda_3, self.lambda_PhiX, self.v_Phi, dark.higgses),
        )
        if dark.Zp is not None:
            m_Zp = dark.Zp.mass
            yield channel(dark.Zp.widths, lambda s: amplitudes.XX_to_XbarZp(s, m_X, self.lambda_3, m_Zp))


def _opens(m: float, m_1: float, m_2: float) -> float:
    """Smallest s [GeV^2] of two particles of mass ``m`` [GeV] that make two of masses m_1 and m_2 [GeV]."""
    return max(2.0 * m, m_1 + m_2) ** 2
