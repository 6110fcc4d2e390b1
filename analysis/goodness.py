"""Goodness of fit: -2 ln L of the best fit against that of the saturated model, asymptotically and by toys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from .likelihood import Data, Likelihood
from .minimise import Minimum, minimise
from .responses import N_BINS


@dataclass(frozen=True)
class GoodnessOfFit:
    """Comparison of a fit with the saturated model, in which every expected yield is the observed one.

    statistic: difference of -2 ln L.  degrees_of_freedom: bins minus parameters of interest, because every nuisance
    parameter has an auxiliary measurement of its own.  p_value: chi^2 probability of a larger statistic, which is
    approximate where few events are expected.
    """

    twice_nll_saturated: float
    statistic: float
    degrees_of_freedom: int
    p_value: float


def goodness(likelihood: Likelihood, best: Minimum, data: Data | None = None, scanned: int = 0) -> GoodnessOfFit:
    """The asymptotic goodness of a fit; `data` as in the fit, scanned: fitted parameters outside the signal."""
    saturated = likelihood.saturated(best.signal, data)
    statistic, freedom = best.twice_nll - saturated, N_BINS - len(best.signal.pois) - scanned
    return GoodnessOfFit(saturated, statistic, freedom, float(chi2.sf(statistic, freedom)))


def toy_statistics(likelihood: Likelihood, best: Minimum, n: int, seed: int = 1) -> list[float]:
    """Differences of -2 ln L to the saturated model in `n` toys drawn at the best fit and fitted again (30 ms each)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        toy = likelihood.toy(best.parameters, best.signal, rng)
        again = minimise(likelihood, best.signal, start=best.parameters, data=toy)
        found.append(again.twice_nll - likelihood.saturated(best.signal, toy))
    return found


def toy_p_value(
    likelihood: Likelihood, best: Minimum, data: Data | None = None, n: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """p-value of the goodness of fit by toys, and its binomial uncertainty."""
    observed = goodness(likelihood, best, data).statistic
    p = float(np.mean(np.array(toy_statistics(likelihood, best, n, seed)) >= observed))
    return p, float(np.sqrt(p * (1.0 - p) / n))
