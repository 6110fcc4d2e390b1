"""Relic densities per second on one core: freeze-out, semi-annihilation and freeze-in, from cross sections sigma(s)."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bkgen.constants import Constants
from bkgen.cosmology import Universe, relic_density
from bkgen.dark_matter import (
    AnnihilationChannel,
    DarkMatter,
    FreezeIn,
    FreezeOut,
    ProductionDecay,
    ProductionScattering,
    SemiAnnihilation,
)

from .common import Row

Array = NDArray[np.float64]

POINTS = 100
MASS = 1.0  # GeV
RESONANCE = (2.3, 1e-4)  # mass, width [GeV]

LIMITS = {"freeze-out": 20e-3, "semi-annihilation": 20e-3, "freeze-in": 0.1}
"""Time [s] of one point."""


def measure(points: int = POINTS) -> list[Row]:
    """One row for each way of production, after one point that loads the compiled code."""
    universe = Universe(Constants.named())
    makers: dict[str, Callable[[float], DarkMatter]] = {
        "freeze-out": _freeze_out,
        "semi-annihilation": _semi_annihilation,
        "freeze-in": _freeze_in,
    }
    rows = []
    for name, make in makers.items():
        relic_density(make(1.0), universe)
        start = time.perf_counter()
        for scale in np.geomspace(0.5, 2.0, points):
            relic_density(make(float(scale)), universe)
        seconds = (time.perf_counter() - start) / points
        rows.append(Row(f"one point of {name}", seconds, "s", LIMITS[name], "limit", at_most=1.0))
    return rows


def _s_wave(scale: float) -> AnnihilationChannel:
    return AnnihilationChannel("s wave", lambda s: 1e-9 * scale / (2.0 * np.sqrt(1.0 - 4.0 * MASS**2 / s)))


def _resonant(scale: float) -> AnnihilationChannel:
    mass, width = RESONANCE

    def sigma(s: Array) -> Array:
        return np.asarray(1e-12 * scale / ((s - mass**2) ** 2 + (mass * width) ** 2))

    return AnnihilationChannel("resonance", sigma)


def _freeze_out(scale: float) -> DarkMatter:
    return FreezeOut("chi", MASS, 2.0, True, (_s_wave(scale), _resonant(scale)), (RESONANCE,))


def _semi_annihilation(scale: float) -> DarkMatter:
    return SemiAnnihilation("X", MASS, 1.0, (_resonant(scale),), (_s_wave(scale),), (RESONANCE,))


def _freeze_in(scale: float) -> DarkMatter:
    def sigma(s: Array) -> Array:
        return np.where(s > 36.0, 1e-18 * scale / s, 0.0)

    decays = (ProductionDecay("b -> s a", 4.0, 6.0, 1e-17 * scale),)
    scatterings = (
        ProductionScattering("b bbar -> a g", (4.0, 4.0), (6.0, 6.0), sigma),
        ProductionScattering("b g -> b a", (4.0, 0.0), (6.0, 16.0), sigma, 36.0, 2),
        ProductionScattering("b gamma -> b a", (4.0, 0.0), (6.0, 2.0), sigma, 36.0, 2),
    )
    return FreezeIn("chi", 3e-3, 2.0, False, 2.0, 7e-16 * scale, 3e-20, decays, scatterings)
