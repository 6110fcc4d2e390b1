"""Points of two-body models per second: `rates` at one point after another, without form-factor uncertainties."""

from __future__ import annotations

import time

import numpy as np

from bkgen.api import load_card, rates

from .common import CARDS, REPEATS, Row

MASSES = {"alp": "m_a", "dark_higgs": "m_H1", "light_z_prime": "m_Zp"}
"""Parameter that is scanned, by model with a narrow mediator."""

LIMIT = 10.0
"""Time [s] for `POINTS` points on one core."""

POINTS = 10_000


def measure(points: int = POINTS, repeats: int = 1) -> list[Row]:
    """One row for each model, and one with the uncertainties, which has no limit."""
    rows = [_scan(name, points, False, repeats) for name in MASSES]
    return [*rows, _scan("alp", max(points // 10, 1), True, min(REPEATS, repeats))]


def _scan(name: str, points: int, uncertainties: bool, repeats: int) -> Row:
    card = load_card(CARDS / f"{name}.yaml")
    masses = np.linspace(0.5, 4.0, points)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for mass in masses:
            rates(card.with_model({MASSES[name]: mass}), uncertainties)
        times.append(time.perf_counter() - start)
    seconds = min(times) * POINTS / points
    what = f"10^4 points of {name}{' with uncertainties' if uncertainties else ''} ({POINTS / seconds:.0f} per second)"
    return Row(what, seconds, "s", LIMIT, "limit", at_most=None if uncertainties else 1.0)
