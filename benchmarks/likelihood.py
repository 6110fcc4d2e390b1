"""Limits, scans and fits of the published likelihood, beside pyhf on the same model in the same process."""

from __future__ import annotations

import time

import numpy as np
import pyhf
from bkgen_analysis import fit, limits, points, scan
from bkgen_analysis.likelihood import official
from bkgen_analysis.minimise import minimise
from bkgen_analysis.responses import Array

from bkgen.api import load_card

from . import pyhf_model
from .common import CARDS, Row, best_of

MASSES, GRID = 100, 40
LIMITS_SECONDS, SCAN_SECONDS, FIT_SECONDS, AGREEMENT = 90.0, 60.0, 0.05, 1e-3
STRENGTHS = (0.3, 0.6, 1.0, 1.5)
"""Tested strengths, in units of the observed limit."""


def measure(masses: int = MASSES, grid: int = GRID, templates: int = 5, minuit: bool = True) -> list[Row]:
    """Limits at many masses, a scan, a warm fit; then pyhf's fit and its CLs at 4 strengths of each template.

    Without templates pyhf is left out, without minuit its slow NumPy backend.
    """
    official()
    fit.references()
    template = _template(2.0)
    mine = best_of(lambda: _profile_fit(template), repeats=20)
    rows = [
        _limits(masses),
        _scan(grid),
        Row("warm profile fit", mine, "s", FIT_SECONDS, "limit", at_most=1.0),
    ]
    if templates == 0:
        return rows
    rows += [_peer("jax", "scipy", mine)] + ([_peer("numpy", "minuit", mine)] if minuit else [])
    return [*rows, _agreement(templates)]


def _template(mass: float) -> Array:
    return points.point(load_card(CARDS / "dark_higgs.yaml").with_model(m_H1=mass)).template


def _profile_fit(template: Array) -> float:
    """All nuisance parameters at the card's strength, from the fit of the SM."""
    asymptotics = limits.Asymptotics.of(template)
    return minimise(official(), asymptotics.signal, strength=1.0, start=asymptotics.null).twice_nll


def _limits(masses: int) -> Row:
    card = load_card(CARDS / "dark_higgs.yaml")
    start = time.perf_counter()
    for mass in np.linspace(0.3, 4.5, masses):
        limits.limit_card(card.with_model(m_H1=mass))
    seconds = (time.perf_counter() - start) * MASSES / masses
    return Row(f"observed and expected limits at {MASSES} masses", seconds, "s", LIMITS_SECONDS, "limit", at_most=1.0)


def _scan(grid: int) -> Row:
    axes = (scan.Axis("m_H1", np.linspace(1.0, 3.0, grid)), scan.Axis("BR", np.linspace(0.0, 2e-5, grid)))
    work = scan.Scan(load_card(CARDS / "dark_higgs.yaml"), axes, "nll")
    start = time.perf_counter()
    scan.run(work)
    seconds = (time.perf_counter() - start) * (GRID / grid) ** 2
    return Row(f"{GRID} x {GRID} scan of mass and BR", seconds, "s", SCAN_SECONDS, "limit", at_most=1.0)


def _peer(name: str, optimizer: str, mine: float) -> Row:
    """pyhf's fit of the same point at the same strength, after one that compiles."""
    with pyhf_model.backend(name, optimizer):
        model, data = pyhf_model.model(_template(2.0))
        if name == "jax":
            pyhf.infer.mle.fixed_poi_fit(0.9, data, model)
        start = time.perf_counter()
        pyhf.infer.mle.fixed_poi_fit(1.0, data, model)
        seconds = time.perf_counter() - start
    return Row("warm profile fit", mine, "s", seconds, f"pyhf, {name} and {optimizer}", at_most=1.0)


def _agreement(templates: int) -> Row:
    """Largest difference of observed and expected CLs to pyhf's."""
    worst, count = 0.0, 0
    with pyhf_model.backend("jax", "scipy"):
        for mass in np.linspace(1.0, 3.2, templates):
            asymptotics = limits.Asymptotics.of(_template(float(mass)))
            strengths = [share * asymptotics.observed_limit(0.9) for share in STRENGTHS]
            for strength, (observed, expected) in zip(
                strengths, pyhf_model.cls(_template(float(mass)), strengths), strict=True
            ):
                mine = asymptotics.cls(strength)
                difference = np.subtract([observed, *expected], [mine.observed, *mine.expected])
                worst, count = max(worst, float(np.abs(difference).max())), count + 1
    return Row(f"CLs of pyhf at {count} points, largest difference", worst, "", AGREEMENT, "limit", at_most=1.0)
