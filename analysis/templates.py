"""Templates: the signal of a model as multiples of the official SM signal, one number per bin of the
likelihood.

Spectrum, fit and export all go through `template`, so they cannot disagree.  Method: arXiv:2402.08417, with
the published response of arXiv:2507.12393.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .responses import Array, Response, official


def template(branching: ArrayLike, column_0: float = 0.0, response: Response | None = None) -> Array:
    """Signal yield of a model relative to the official SM template, per bin of the likelihood.

    r_x = [column_0 n(x, 0) + sum_{j >= 1} n(x, j) BR_j / BR_null_j] / sum_{j >= 0} n(x, j), and 0 in bins
    without signal.

    branching: (100,) exact integral of the model's branching fraction over each bin of true q2
    (`Response.edges`), times the mean invisible probability in that bin.  The part of a spectrum beyond the
    last edge has no published efficiency and does not count. column_0: weight of the events without a
    generated q2: 0 for new physics that adds to the SM, 1 for a total amplitude that replaces it. response:
    the published one by default.

    Returns (n_bins,), dimensionless.  Raises ValueError if `branching` has the wrong shape or is not finite.
    """
    response = official() if response is None else response
    values = np.asarray(branching, dtype=np.float64)
    if values.shape != response.null.shape:
        raise ValueError(f"branching has shape {values.shape}, expected {response.null.shape}: one per bin of true q2")
    if not np.all(np.isfinite(values)):
        raise ValueError("branching has entries that are not finite")
    relative = response.per_branching @ values
    if column_0:
        relative = relative + column_0 * _column_0(response)
    return np.asarray(relative, dtype=np.float64)


def null_template(column_0: float = 0.0, response: Response | None = None) -> Array:
    """Template (n_bins,) of the null model itself: 1 in bins with signal, up to the events of column 0."""
    response = official() if response is None else response
    return template(response.null, column_0, response)


def _column_0(response: Response) -> Array:
    """Share of each bin's signal that has no generated q2."""
    events = response.density[:, 0]
    return np.divide(events, response.expected, out=np.zeros_like(events), where=response.expected > 0.0)
