"""A prediction of a model that experiments or cosmology bound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Observable:
    """One number that limits are compared with.

    name: as shown, "BR(K+ -> pi+ H1)"; value in unit.  known_as: the name under which the data of limits know it,
    "BR(K+ -> pi+ X)", if it is another one.
    mass [GeV], lifetime [s] (infinite for a stable particle): of the new particle, where limits depend on them.
    invisible: probability that the new particle decays invisibly, where limits are for one that escapes.
    accuracy: of the formula, absolute; within it a limit neither allows nor excludes.
    density_power: power of the share of the dark matter in which what is measured falls, if the candidate is not all of
    it: 1 for scattering, 2 for annihilation and self-interaction; 0 where it does not matter.
    informative: shown also where no limit applies.
    caveat: what a reader must know; source: of the formula.
    """

    name: str
    value: float
    unit: str = "1"
    known_as: str = ""
    mass: float | None = None
    lifetime: float | None = None
    invisible: float = 1.0
    accuracy: float = 0.0
    density_power: int = 0
    informative: bool = False
    caveat: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """The name in the data of limits."""
        return self.known_as or self.name
