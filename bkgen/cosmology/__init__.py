"""Relic density of dark matter: freeze-out, semi-annihilation and freeze-in.

    dof                degrees of freedom g_rho, g_s
    thermodynamics     expansion, entropy, equilibrium
    averages           <sigma v> and reaction densities from sigma(s)
    boltzmann          compiled integrators
    freeze_out, semi_annihilation, freeze_in     the relic density of what a model returns

`relic_density` takes any of them; `channel_shares` says which channels annihilate dark matter.
"""

from __future__ import annotations

import numpy as np

from ..dark_matter import DarkMatter, FreezeOut, SemiAnnihilation
from . import freeze_in, freeze_out, semi_annihilation
from .dof import DegreesOfFreedom
from .freeze_in import FrozenIn
from .freeze_out import Relic
from .thermodynamics import Universe

__all__ = ["DegreesOfFreedom", "FrozenIn", "Relic", "Universe", "channel_shares", "relic_density"]


def relic_density(candidate: DarkMatter, universe: Universe) -> Relic | FrozenIn:
    """Relic density by the way in which the candidate is produced.

    Raises ValueError for cross sections that are negative or not finite, and for resonances that are too narrow.
    """
    if isinstance(candidate, FreezeOut):
        return freeze_out.freeze_out(candidate, universe)
    if isinstance(candidate, SemiAnnihilation):
        return semi_annihilation.semi_annihilation(candidate, universe)
    return freeze_in.freeze_in(candidate, universe)


def channel_shares(candidate: FreezeOut | SemiAnnihilation, x: float) -> dict[str, float]:
    """Part of each channel in <sigma v> + (1/2) <sigma v>_semi at x = m/T, by name; they sum to 1.

    Raises ValueError as `relic_density`.
    """
    weighted = [(channel, 1.0) for channel in candidate.channels]
    if isinstance(candidate, SemiAnnihilation):
        weighted += [(channel, 0.5) for channel in candidate.semi_channels]
    at = np.array([x])
    parts = {
        channel.name: weight * float(freeze_out.averaged((channel,), candidate.mass, candidate.resonances)(at)[0])
        for channel, weight in weighted
    }
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()}
