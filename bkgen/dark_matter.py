"""What a model says about the decay of its invisible system: modes, partial widths, lifetime."""

from __future__ import annotations

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
