"""Coverage of the 68% interval of the fitted strength: the share of toys whose interval holds the true value."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from bkgen_analysis.fit import fit_signal, references, signal_references
from bkgen_analysis.likelihood import STANDARD_MODEL, official

from .common import Row

TOYS = 500
LEVEL = 2.0 * NormalDist().cdf(1.0) - 1.0


def measure(toys: int = TOYS, seed: int = 1) -> list[Row]:
    """One row: toys at the best fit of mu_SM; at most three binomial standard deviations from 68.3%."""
    likelihood, rng = official(), np.random.default_rng(seed)
    truth = fit_signal(STANDARD_MODEL, references(), poi="sm")
    covered = 0
    for _ in range(toys):
        data = likelihood.toy(truth.parameters, STANDARD_MODEL, rng)
        low, high = fit_signal(STANDARD_MODEL, signal_references(STANDARD_MODEL, data), poi="sm", data=data).interval_68
        covered += low <= truth.mu <= high
    spread = 3.0 * math.sqrt(LEVEL * (1.0 - LEVEL) / toys) / LEVEL
    what = f"coverage of the 68% interval in {toys} toys"
    return [Row(what, covered / toys, "1", LEVEL, "expected", at_most=1.0 + spread, at_least=1.0 - spread)]
