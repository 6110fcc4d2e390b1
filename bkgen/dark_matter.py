"""What a model says about its dark sector: decays of the invisible system, and processes in the early universe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .kinematics import FloatArray
from .units import ctau_from_width

Topology = Literal["none", "pair", "cascade", "pole"]
"""none: X is not decayed; pair: X -> d1 d2; cascade: d1 -> d11 d12 and d2 -> d21 d22;
pole: X -> d1 d2 with (p_hadron + p_d2)^2 = M^2 fixed (tau long distance)."""

Polar = tuple[float, float, float]
"""(h0, h1, h2) of the density h0 + h1 c + h2 c^2, c the cosine of the first daughter of a second step
to the flight direction of its parent, in the parent's rest frame."""

FLAT: Polar = (0.5, 0.0, 0.0)

Fraction = float | Callable[[FloatArray], FloatArray]
"""A branching fraction, or one that depends on q2 (n,) [GeV^2]."""

_PARTICLES = {"none": 0, "pair": 2, "pole": 2, "cascade": 6}


@dataclass(frozen=True)
class DecayMode:
    """One decay of the invisible system X.

    Parameters
    ----------
    name: e.g. "nu_mu nu_mu~"; branching_fraction: of X, the modes of a model sum to 1 at every q2.  A function of q2
    (n,) [GeV^2] if it depends on the mass of X, as off shell; it is 0 below the threshold of the mode.  A mode whose
    function is 0 in the whole spectrum is left out.
    invisible: nothing of it is seen by a detector, wherever X decays.
    topology: see `Topology`.
    pdg, masses [GeV]: of (d1, d2) for pair and pole, (d1, d2, d11, d12, d21, d22) for a cascade.
    polar: densities of the polar angles of d11 and d21 (cascade only).
    pole_mass: M [GeV] (pole only).
    """

    name: str
    branching_fraction: Fraction
    invisible: bool
    topology: Topology
    pdg: tuple[int, ...] = ()
    masses: tuple[float, ...] = ()
    polar: tuple[Polar, Polar] = (FLAT, FLAT)
    pole_mass: float = 0.0

    def __post_init__(self) -> None:
        expected = _PARTICLES[self.topology]
        if len(self.pdg) != expected or len(self.masses) != expected:
            raise ValueError(f"mode {self.name}: topology {self.topology} has {expected} particles")
        if not callable(self.branching_fraction) and not 0.0 <= self.branching_fraction <= 1.0 + 1e-12:
            raise ValueError(f"mode {self.name}: branching fraction {self.branching_fraction} outside [0, 1]")

    @property
    def threshold(self) -> float:
        """Smallest mass of X that allows this mode [GeV]."""
        return sum(self.masses[:2])

    def fraction(self, q2: FloatArray) -> FloatArray:
        """Branching fraction (n,) at q2 (n,) [GeV^2]."""
        if callable(self.branching_fraction):
            return np.asarray(self.branching_fraction(q2), dtype=np.float64)
        return np.full(len(q2), self.branching_fraction)


@dataclass(frozen=True)
class Widths:
    """Partial widths of one mediator.

    name: as in the names of quantities ("H1"); pdg: its PDG code, 0 if it has none; mass [GeV];
    partial: {"X Xbar": Gamma [GeV], ...} with every open channel; invisible: names of those that no detector sees.
    """

    name: str
    pdg: int
    mass: float
    partial: Mapping[str, float]
    invisible: frozenset[str]

    @property
    def total(self) -> float:
        """Total width [GeV]."""
        return sum(self.partial.values())

    @property
    def ctau(self) -> float:
        """Proper decay length [m]; infinite for a stable mediator."""
        return ctau_from_width(self.total) if self.total > 0.0 else float("inf")

    @property
    def invisible_fraction(self) -> float:
        """Branching fraction to invisible final states; 1 for a stable mediator."""
        if self.total == 0.0:
            return 1.0
        return sum(width for name, width in self.partial.items() if name in self.invisible) / self.total


def invisible_fraction(modes: Sequence[DecayMode], q2: FloatArray) -> FloatArray:
    """Branching fraction (n,) of all modes that no detector sees, at q2 (n,) [GeV^2]."""
    return np.minimum(sum((mode.fraction(q2) for mode in modes if mode.invisible), start=np.zeros(len(q2))), 1.0)


# --- Dark matter in the early universe ------------------------------------------------------------


@dataclass(frozen=True)
class AnnihilationChannel:
    """One final state of two dark-matter particles.

    name: e.g. "Zp Zp"; sigma: cross section (n,) [GeV^-2] at s (n,) [GeV^2], averaged over the initial spins and summed
    over the final ones, with 1/2 for two identical final particles, 0 where the channel is closed.  In the
    centre-of-mass frame sigma = (1/(2 s beta)) int sum |M|^2 dPhi_2, so that sigma v with v = 2 beta is (1/s) of it.
    threshold_s: smallest s [GeV^2] of the final state, 0 or any number below that of the initial state if it is open.
    kinks: further s [GeV^2] at which sigma has a step or a kink, for the integral.
    visible: part of the energy 2 m of the pair that goes to final states other than neutrinos and dark particles.
    """

    name: str
    sigma: Callable[[FloatArray], FloatArray]
    threshold_s: float = 0.0
    kinks: tuple[float, ...] = ()
    visible: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.visible <= 1.0:
            raise ValueError(f"{self.name}: visible must be a fraction, got {self.visible}")


@dataclass(frozen=True)
class FreezeOut:
    """Dark matter that was in equilibrium and freezes out by annihilation.

    mass [GeV]; g: degrees of freedom of the particle alone, 2 spin + 1, so odd for bosons; self_conjugate: it is its
    own antiparticle, otherwise both are equally abundant and only the pair annihilates.
    channels: all of them, at least one; resonances: (mass, width) [GeV] of each mediator in the s channel.
    """

    name: str
    mass: float
    g: float
    self_conjugate: bool
    channels: tuple[AnnihilationChannel, ...]
    resonances: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        _check_candidate(self.name, self.mass, self.g)
        if not self.channels:
            raise ValueError(f"{self.name}: at least one annihilation channel is needed")


@dataclass(frozen=True)
class SemiAnnihilation:
    """Dark matter X of a Z3 symmetry, which freezes out by X Xbar -> visible and X X -> Xbar visible.

    mass [GeV]; g: degrees of freedom of X alone.  channels: of X Xbar, may be none; semi_channels: of X X, without a
    factor for the identical X; resonances: (mass, width) [GeV] in the s channel of X Xbar or X X.
    """

    name: str
    mass: float
    g: float
    channels: tuple[AnnihilationChannel, ...]
    semi_channels: tuple[AnnihilationChannel, ...]
    resonances: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        _check_candidate(self.name, self.mass, self.g)
        if not (self.channels or self.semi_channels):
            raise ValueError(f"{self.name}: at least one channel is needed")


@dataclass(frozen=True)
class ProductionDecay:
    """Decay of a particle of the plasma into one mediator, e.g. b -> s a.

    mass [GeV] and g: of the decaying particle; width [GeV]; multiplicity: 2 if its antiparticle decays as well.
    """

    name: str
    mass: float
    g: float
    width: float
    multiplicity: int = 2


@dataclass(frozen=True)
class ProductionScattering:
    """Scattering of two particles of the plasma into one mediator and another particle, e.g. b bbar -> a g.

    masses [GeV], 0 for photons and gluons, and g of both particles.
    sigma: as in `AnnihilationChannel`, averaged over the states of both; threshold_s: smallest s [GeV^2] of the final
    state; multiplicity: 2 if the conjugate process is another one, as for b g -> b a.
    """

    name: str
    masses: tuple[float, float]
    g: tuple[float, float]
    sigma: Callable[[FloatArray], FloatArray]
    threshold_s: float = 0.0
    multiplicity: int = 1


@dataclass(frozen=True)
class FreezeIn:
    """Dark matter chi that never was abundant, from decays of a mediator: plasma -> a, a -> chi chi.

    mass [GeV] and g: of chi alone; self_conjugate: chi is its own antiparticle.  mediator_mass [GeV], mediator_g.
    Gamma_visible, Gamma_dark: widths [GeV] of the mediator to the plasma and to two particles of dark matter.
    decays, scatterings: further sources of the mediator, besides inverse decays.
    """

    name: str
    mass: float
    g: float
    self_conjugate: bool
    mediator_mass: float
    Gamma_visible: float
    Gamma_dark: float
    decays: tuple[ProductionDecay, ...] = ()
    scatterings: tuple[ProductionScattering, ...] = ()
    mediator_g: float = 1.0

    def __post_init__(self) -> None:
        _check_candidate(self.name, self.mass, self.g)
        if not self.mediator_mass > 2.0 * self.mass:
            raise ValueError(f"{self.name}: the mediator must be heavier than two particles of dark matter")
        if not (self.Gamma_visible >= 0.0 and self.Gamma_dark > 0.0):
            raise ValueError(f"{self.name}: widths must not be negative, and the dark one not 0")
        if not self.Gamma_visible + self.Gamma_dark < self.mediator_mass:
            raise ValueError(f"{self.name}: the mediator is wider than its mass")


OMEGA_H2 = "Omega h2"
"""Name of the relic density among quantities."""

DarkMatter = FreezeOut | SemiAnnihilation | FreezeIn
"""What `Model.dark_matter` returns, besides None."""


def _check_candidate(name: str, mass: float, g: float) -> None:
    if not (0.0 < mass < math.inf and 0.0 < g < math.inf):
        raise ValueError(f"{name}: mass and degrees of freedom must be positive and finite, got {mass} and {g}")
