"""The look-elsewhere effect of a scan over one parameter: global significance of its largest excess.

Method: E. Gross and O. Vitells, arXiv:1005.1891, for a strength >= 0.  With q0 as a function of the parameter,

    p_global = P(q0 > c at one point) + <N(c0)> exp(-(c - c0)/2),

where c is the largest q0 found and <N(c0)> the mean number of up-crossings of a low level c0 in data without signal,
counted in toys on the points of the scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.results import Quantity

from .fit import Poi
from .likelihood import Signal
from .limits import Asymptotics
from .points import SOURCE, poi_of, point
from .responses import Array
from .scan import ScanResult
from .toy_limits import Ensemble
from .toys import fluctuations

LEVEL = 0.5
"""c0, low enough for many up-crossings."""


@dataclass(frozen=True)
class GlobalResult:
    """Significance of the largest excess of a scan.

    z_local: at its point; z_global: anywhere in the scan; trials: p_global/p_local; crossings: mean number of
    up-crossings of `LEVEL` in toys, with its error; toys: their number.
    """

    z_local: float
    z_global: float
    trials: float
    crossings: float
    crossings_error: float
    toys: int

    def quantities(self) -> list[Quantity]:
        """The result as named quantities, without z_local, which the scan itself gives."""
        rows = [("z_global", self.z_global, None), ("trials", self.trials, None)]
        named = [Quantity(name, value, "1", error, SOURCE) for name, value, error in rows]
        return [*named, Quantity("up_crossings", self.crossings, "1", self.crossings_error, SOURCE)]


def global_significance(
    card: Card, result: ScanResult, toys: int, seed: int, advance: Callable[[int], None] | None = None
) -> GlobalResult:
    """Global significance of a scan of `fit` over one axis, with so many toys without signal.

    advance: called after each point with 1.  Raises InputError for another kind of scan, or toys out of range.
    """
    if result.what != "fit" or len(result.axes) != 1:
        raise InputError(Problem(("--global",), "needs a scan of fit over one axis", result.what))
    if "z" not in result.arrays:
        raise InputError(Problem(("--global",), "no point of the scan could be fitted"))
    (name, values), z = *result.axes.items(), result.arrays["z"]
    good = np.isfinite(z)
    order = np.argsort(values[good], kind="stable")
    height = max(0.0, float(np.max(z[good])))
    q0 = _toys(card, name, values[good][order], toys, seed, advance)
    counts = up_crossings(q0)
    error = float(np.std(counts, ddof=1)) / math.sqrt(toys) if toys > 1 else float(np.mean(counts))
    z_global, trials = combine(height, float(np.mean(counts)))
    return GlobalResult(height, z_global, trials, float(np.mean(counts)), error, toys)


def combine(z_local: float, crossings: float) -> tuple[float, float]:
    """Global significance and number of trials from the local significance and the mean number of up-crossings."""
    local = float(ndtr(-z_local))
    everywhere = min(1.0, local + crossings * math.exp(-0.5 * max(0.0, z_local**2 - LEVEL)))
    return float(-ndtri(everywhere)) if everywhere < 1.0 else 0.0, everywhere / local


def up_crossings(q0: Array) -> Array:
    """(n_toys,) times that q0 (n_points, n_toys) rises through `LEVEL` from one point to the next."""
    above = q0 > LEVEL
    crossed = [~before & after for before, after in pairwise(above)]
    return np.asarray(np.sum(crossed, axis=0), dtype=np.float64) if crossed else np.zeros(q0.shape[1])


def _toys(card: Card, name: str, values: Array, toys: int, seed: int, advance: Callable[[int], None] | None) -> Array:
    """(n_points, n_toys) q0 of the same toys without signal at every point of the axis."""
    found: dict[bytes, Array] = {}
    rows = []
    for value in values:
        at = card.with_model({name: float(value)})
        poi: Poi = poi_of(at)
        asymptotics = Asymptotics.of(None if poi == "sm" else point(at).template, poi)
        # narrow lines in the same bin of q2 have the same shape
        shape = asymptotics.signal.template / np.max(np.abs(asymptotics.signal.template))
        key = np.round(shape, 9).tobytes()
        if key not in found:
            unit = Signal(asymptotics.signal.fixed, shape)
            random = fluctuations(asymptotics.likelihood, toys, seed)
            found[key] = Ensemble(asymptotics.likelihood, unit, asymptotics.null, random).q0()
        rows.append(found[key])
        if advance is not None:
            advance(1)
    return np.asarray(rows)
