"""Relic densities per second on one core: the cards with freeze-out, semi-annihilation and freeze-in."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import bkgen
from bkgen.relic_density import relic

from .common import Row

POINTS = 100
CARDS = {"dark_photon": "alpha_X", "dark_higgs_z3": "lambda_3", "alp_freeze_in": "C_chi"}
"""Cards for freeze-out, semi-annihilation with annihilation, and freeze-in, and the coupling that is varied."""

LIMITS = {"dark_photon": 20e-3, "dark_higgs_z3": 20e-3, "alp_freeze_in": 0.1}
"""Time [s] of one point."""


def measure(points: int = POINTS) -> list[Row]:
    """One row for each card, after one point that loads the compiled code."""
    rows = []
    for name, coupling in CARDS.items():
        card = bkgen.load_card(Path(__file__).parent.parent / "cards" / f"{name}.yaml")
        value = getattr(card.model, coupling)
        relic(card)
        start = time.perf_counter()
        for scale in np.geomspace(0.5, 2.0, points):
            relic(card.with_model({coupling: value * float(scale)}), shares=False)
        seconds = (time.perf_counter() - start) / points
        rows.append(Row(f"one point of {name}", seconds, "s", LIMITS[name], "limit", at_most=1.0))
    return rows
