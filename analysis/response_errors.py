"""Statistical uncertainty of a template from the simulated events behind the published response.

The published number densities come from events of nearly equal weight: their small entries are near whole multiples of
the smallest one, which is taken as the weight w_x of an event in that bin.  An entry n(x, j) then has the variance
w_x n(x, j), and a template that weights true bin j with rho_j has

    sigma_r^2 = w_x sum_j n(x, j) rho_j^2 / (sum_j n(x, j) rho_j)^2 >= sigma_0^2 = w_x / sum_j n(x, j)

relative to itself.  The covariance with the SM is exactly sigma_0^2, which the likelihood's own parameter for the
simulated signal in that bin covers for both; what is left, sigma_r^2 - sigma_0^2, belongs to the template alone.  It is
largest for narrow lines.  Source of the densities: arXiv:2507.12393, HEPData doi:10.17182/hepdata.166082.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .responses import N_BINS, Array, official
from .templates import template


def event_weights() -> Array:
    """(n_bins,) weight of a simulated signal event in events of 362 fb^-1; 0 in bins without signal."""
    entries = official().density
    smallest = np.where(entries > 0.0, entries, np.inf).min(axis=1)
    return np.where(np.isfinite(smallest), smallest, 0.0)


def template_shifts(branching: ArrayLike, column_0: float = 0.0) -> Array:
    """(n bins with signal, n_bins) shifts of a template per unit of one nuisance parameter for each bin.

    branching, column_0: as in `templates.template`, of which the shifts are the absolute uncertainties that the
    likelihood does not contain.
    """
    response = official()
    relative = np.concatenate(([column_0], np.asarray(branching, dtype=np.float64) / response.null))
    events, squared = response.density @ relative, response.density @ relative**2
    weights = event_weights()
    own = np.divide(weights * squared, events**2, out=np.zeros(N_BINS), where=events > 0.0)
    shared = np.divide(weights, response.expected, out=np.zeros(N_BINS), where=response.expected > 0.0)
    left = np.sqrt(np.maximum(own - shared, 0.0)) * template(branching, column_0)
    return np.asarray(np.diag(left)[response.expected > 0.0])
