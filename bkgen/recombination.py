"""Energy that annihilating dark matter injects when the cosmic microwave background is released.

The background bounds p_ann = f_eff <sigma v>/m, where f_eff is the part of the energy that heats and ionises the gas.
Dark matter is cold then: only what remains for v -> 0 counts.  Source: arXiv:1506.03811, arXiv:1807.06209.
"""

from __future__ import annotations

import numpy as np

from .annihilation.two_to_two import s_of_velocity, sigma_v
from .dark_matter import AnnihilationChannel, FreezeOut, SemiAnnihilation
from .units import GEV_M2_TO_CM3_PER_S

F_EFF = 0.4
"""Efficiency of visible final states, a typical value; it lies between 0.15 (muons, heavy) and 0.6 (electrons)."""

_COLD = 1e-4  # relative velocity: p waves are below 1e-8 of an s wave


def sigma_v_at_rest(channel: AnnihilationChannel, mass: float) -> float:
    """sigma v [GeV^-2] of one channel for two particles of that mass [GeV] nearly at rest; 0 where it is closed."""
    s = s_of_velocity(np.array([_COLD]), mass)
    return float(sigma_v(channel.sigma(s), s, mass)[0])


def visible_sigma_v(candidate: FreezeOut | SemiAnnihilation) -> float:
    """<sigma v> [cm^3/s] at rest, each channel weighted with its visible part of the energy.

    As for a particle that is its own antiparticle: of others only one half counts, because a particle finds its
    antiparticle half of the time; for X X -> Xbar + visible likewise.
    """
    total = sum(channel.visible * sigma_v_at_rest(channel, candidate.mass) for channel in candidate.channels)
    if isinstance(candidate, SemiAnnihilation):
        total += sum(c.visible * sigma_v_at_rest(c, candidate.mass) for c in candidate.semi_channels)
    halved = isinstance(candidate, SemiAnnihilation) or not candidate.self_conjugate
    return (0.5 if halved else 1.0) * total * GEV_M2_TO_CM3_PER_S


def annihilation_parameter(candidate: FreezeOut | SemiAnnihilation, f_eff: float = F_EFF) -> float:
    """p_ann = f_eff <sigma v>/m [cm^3 s^-1 GeV^-1] if the candidate is all of the dark matter."""
    return f_eff * visible_sigma_v(candidate) / candidate.mass
