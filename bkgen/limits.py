"""Experimental limits as data: numbers and curves from ``data/limits``, and where they apply.

Curves are interpolated, linearly in the mass and in the logarithms of lifetime and limit, and never extrapolated:
outside of their range, and in their gaps, there is no limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from .constants import data_path, read_toml
from .kinematics import FloatArray
from .observables import Observable

Status = Literal["verified", "verified2", "unverified"]
"""verified: read in the source or its data; verified2: read in an independent secondary source; unverified: neither."""

Range = tuple[float, float]

_PS = 1e-12  # s


@dataclass(frozen=True, eq=False)
class Curve:
    """A limit as a function of mass, and of the lifetime where it has several rows.

    lifetimes (n,) [s], rising, the last one infinite for a stable particle, or one NaN where the limit does not depend
    on it; masses, values: for each lifetime (m,) [GeV] and the limit; gaps: open ranges of mass [GeV] without a limit.
    """

    lifetimes: FloatArray
    masses: tuple[FloatArray, ...]
    values: tuple[FloatArray, ...]
    gaps: tuple[Range, ...] = ()

    def at(self, mass: float, lifetime: float) -> float | None:
        """The limit at a mass [GeV] and lifetime [s], None where there is none.

        Between the longest finite lifetime and a stable particle it is the weaker one of the two.
        """
        if any(low < mass < high for low, high in self.gaps):
            return None
        if math.isnan(self.lifetimes[0]):
            return self._row(0, mass)
        above = int(np.searchsorted(self.lifetimes, lifetime))
        if above == len(self.lifetimes):
            return None
        upper = self._row(above, mass)
        if self.lifetimes[above] == lifetime:
            return upper
        lower = self._row(above - 1, mass) if above > 0 else None
        if lower is None or upper is None:
            return None
        if math.isinf(self.lifetimes[above]):
            return max(lower, upper)
        t = np.log(self.lifetimes[above - 1 : above + 1])
        return float(np.exp(np.interp(math.log(lifetime), t, np.log([lower, upper]))))

    def stable(self, mass: float) -> float | None:
        """The limit on a particle of this mass [GeV] that never decays, None where there is none."""
        return self.at(mass, math.inf)

    def _row(self, k: int, mass: float) -> float | None:
        masses = self.masses[k]
        if not masses[0] <= mass <= masses[-1]:
            return None
        return float(np.exp(np.interp(mass, masses, np.log(self.values[k]))))


@dataclass(frozen=True, eq=False)
class Limit:
    """One published limit.

    id, name; observable: `Observable.key` of what it bounds; bound: from above or below; value: the number, or None for
    a curve.  cl: confidence level, None if it is not known.  mass [GeV], lifetime [s]: where it applies.
    escapes: it is for a new particle that leaves the detector; sm_shape: the search assumed the q2 spectrum of the SM.
    superseded_by: id of a limit from the same data, if any.
    """

    id: str
    name: str
    observable: str
    bound: Literal["upper", "lower"]
    reference: str
    status: Status
    value: float | None = None
    curve: Curve | None = None
    cl: float | None = None
    mass: Range | None = None
    lifetime: Range | None = None
    escapes: bool = False
    sm_shape: bool = False
    superseded_by: str = ""
    note: str = ""

    @property
    def decides(self) -> bool:
        """Whether a prediction beyond it is excluded; if not it is an indication."""
        return self.status != "unverified" and not self.superseded_by

    def at(self, observable: Observable) -> float | None:
        """The limit on that observable, None where it does not apply.

        For a search for particles that escape, a mixture of invisible and visible decays is bounded by
        BR [f/limit(stable) + (1 - f)/limit(lifetime)] < 1, f = `Observable.invisible`; visible decays count where the
        limit depends on the lifetime.
        """
        if not (_inside(observable.mass, self.mass) and _inside(observable.lifetime, self.lifetime)):
            return None
        visible, stable = None, self.value
        if self.curve is not None:
            if observable.mass is None:
                return None
            visible = self.curve.at(observable.mass, observable.lifetime or 0.0)
            stable = self.curve.stable(observable.mass) if self.escapes else visible
            if math.isnan(self.curve.lifetimes[0]):
                visible = None
        if not self.escapes:
            return stable
        f = observable.invisible
        inverse = (f / stable if stable else 0.0) + ((1.0 - f) / visible if visible else 0.0)
        return 1.0 / inverse if inverse > 0.0 else None


@cache
def all_limits() -> tuple[Limit, ...]:
    """Every shipped limit, in the order of the data file."""
    return tuple(map(_limit, read_toml(data_path("limits", "limits.toml"))["limit"]))


def _limit(row: dict[str, Any]) -> Limit:
    row = dict(row)
    if "measured" in row:
        row["value"] = row.pop("measured") + float(ndtri(row["cl"])) * row.pop("error")
    gaps = tuple((float(low), float(high)) for low, high in row.pop("gaps", ()))
    for name in ("mass", "lifetime"):
        if name in row:
            row[name] = (float(row[name][0]), float(row[name][1]))
    if "curve" in row:
        row["curve"] = _read_curve(row["curve"], gaps)
    return Limit(**row)


def _read_curve(name: str, gaps: tuple[Range, ...]) -> Curve:
    """A table of mass [GeV] and limit, or of mass, lifetime [ps] and limit."""
    table = np.loadtxt(data_path("limits", name), delimiter=",", comments="#", ndmin=2, dtype=np.float64)
    lifetimes = np.array([math.nan]) if table.shape[1] == 2 else np.unique(table[:, 1])
    rows = [table if table.shape[1] == 2 else table[table[:, 1] == tau] for tau in lifetimes]
    rows = [row[np.argsort(row[:, 0])] for row in rows]
    return Curve(lifetimes * _PS, tuple(row[:, 0] for row in rows), tuple(row[:, -1] for row in rows), gaps)


def _inside(value: float | None, allowed: Range | None) -> bool:
    if allowed is None:
        return True
    return value is not None and allowed[0] <= value <= allowed[1]
