"""Freeze-out of dark matter of a Z3 symmetry: X Xbar -> visible and X X -> Xbar + visible.

With Y = n/s of X, equal to that of Xbar, x = m/T, and F = 1 + (1/3) dln g_s/dln T,

    dY/dln x = -(F s/H) [<sigma v>_a (Y^2 - Y_eq^2) + (1/2) <sigma v>_s (Y^2 - Y Y_eq)].

Each semi-annihilation removes one of two X and adds an Xbar, so that the sum of both falls by one; hence the half and
its sign, which is printed as + in some talks.  Source: arXiv:2401.10112, with that sign; F. D'Eramo, J. Thaler,
arXiv:1003.5912.
"""

from __future__ import annotations

import numpy as np

from ..dark_matter import SemiAnnihilation
from ..kinematics import FloatArray
from .freeze_out import Relic, averaged, tabulated, thermal_relic
from .thermodynamics import Universe


def semi_annihilation(candidate: SemiAnnihilation, universe: Universe) -> Relic:
    """Relic density of X and Xbar together.  Raises ValueError as `freeze_out.freeze_out`."""
    pair = averaged(candidate.channels, candidate.mass, candidate.resonances) if candidate.channels else np.zeros_like
    semi = (
        averaged(candidate.semi_channels, candidate.mass, candidate.resonances)
        if candidate.semi_channels
        else np.zeros_like
    )

    def total(x: FloatArray) -> FloatArray:
        return np.asarray(pair(x) + 0.5 * semi(x))

    return thermal_relic(
        candidate.mass,
        candidate.g,
        False,
        universe,
        tabulated(pair) if candidate.channels else None,
        tabulated(semi) if candidate.semi_channels else None,
        total,
    )
