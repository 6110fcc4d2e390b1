"""Profile-likelihood intervals of any parameter: where the profile of -2 ln L has risen by 1 or 3.84."""

from __future__ import annotations

import math

import numpy as np

from bkgen.errors import RunError

from .likelihood import Data, Likelihood
from .minimise import Minimum, descend, pressed, reduced
from .responses import Array

RISE_68 = 1.0
"""Rise of -2 ln L at the ends of the 68% interval of one parameter."""

RISE_95 = 3.841458820694124
"""Rise of -2 ln L at the ends of the 95% interval of one parameter: the 95% point of chi^2 with 1 degree of freedom."""

_MAX_STEPS = 60
_TOLERANCE = 1e-5
_NARROW = 1e-9


def interval(
    likelihood: Likelihood, best: Minimum, index: int, rise: float = RISE_68, data: Data | None = None
) -> tuple[float, float]:
    """Values of the parameter `index` below and above the minimum at which the profile has risen by `rise`.

    An end at which -2 ln L has not risen that much is the bound of the parameter.  Raises RunError if an end cannot be
    found.
    """
    low = crossing(likelihood, best, index, -1.0, best.twice_nll + rise, data)
    return low, crossing(likelihood, best, index, +1.0, best.twice_nll + rise, data)


def crossing(
    likelihood: Likelihood, best: Minimum, index: int, direction: float, level: float, data: Data | None = None
) -> float:
    """Value of one parameter on one side of `best` at which the profile of -2 ln L is `level`.

    Newton's method on z = sqrt(rise), which is linear for a parabola; the slope of the profile is the partial
    derivative in the parameter.  Steps that leave the bracket are replaced by bisection or doubling.  Where the profile
    jumps over the level, the end is at the jump.  Raises RunError if it does not converge.
    """
    column, target = best.metric[:, index], level - best.twice_nll
    here = float(best.parameters[index])
    lower, upper = likelihood.bounds(best.signal)
    bound = float(upper[index] if direction > 0.0 else lower[index])
    if here == bound or target <= 0.0:
        return here
    metric = best.metric - np.outer(column, column) / column[index]
    free = likelihood.free(best.signal)
    fixed = pressed((lower, upper), best.parameters, best.evaluation.gradient, free)
    fixed[index] = False
    column = reduced(best.metric, fixed)[:, index]
    tangent = column / column[index]
    free[index] = False
    point, inside, outside = best.parameters, here, direction * math.inf
    value = _inside(here + direction * math.sqrt(2.0 * target * column[index]), bound, direction)
    for _ in range(_MAX_STEPS):
        start = np.clip(point + tangent * (value - point[index]), lower, upper)
        profile = descend(likelihood, best.signal, start, metric, free, data)
        rise = profile.evaluation.twice_nll - best.twice_nll
        if abs(rise - target) < _TOLERANCE * max(1.0, target) or (value == bound and rise < target):
            return value
        proposal = math.nan
        if math.isfinite(rise):
            point, metric = profile.parameters, profile.metric
            proposal = _newton(value, rise, float(profile.evaluation.gradient[index]), target)
        inside, outside = (value, outside) if rise < target else (inside, value)
        if abs(outside - inside) <= _NARROW * abs(inside - here):
            return value
        following = proposal if _between(proposal, inside, outside) else _fallback(inside, outside, value, here)
        value = _inside(following, bound, direction)
    side = "above" if direction > 0.0 else "below"
    raise RunError(f"no end of the interval of {_name(likelihood, best, index)} found {side} {here:.6g}")


def covariance(likelihood: Likelihood, best: Minimum, data: Data | None = None) -> Array:
    """(n_parameters, n_parameters) inverse of the Hessian of -ln L at the minimum (0.3 s).

    Parameters at a bound, and those that the signal prunes, are taken as known.  Raises RunError if the Hessian is not
    positive definite.
    """
    hessian = likelihood.hessian(best.parameters, best.signal, data)
    lower, upper = likelihood.bounds(best.signal)
    inside = (lower < best.parameters) & (best.parameters < upper) & likelihood.free(best.signal)
    block = np.ix_(inside, inside)
    found = np.zeros_like(hessian)
    scale = np.sqrt(np.abs(np.diag(hessian)[inside]))
    try:
        scaled = hessian[block] / np.outer(scale, scale)
        np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError as error:
        raise RunError("the Hessian of -2 ln L is not positive definite at the minimum") from error
    found[block] = 2.0 * np.linalg.inv(scaled) / np.outer(scale, scale)
    return found


def _name(likelihood: Likelihood, best: Minimum, index: int) -> str:
    where = np.flatnonzero(likelihood.slots(best.signal) == index)
    return best.signal.pois[where[0]] if where.size and where[0] < len(best.signal.pois) else f"parameter {index}"


def _inside(value: float, bound: float, direction: float) -> float:
    """The value, or the bound of that side if it is beyond."""
    return min(value, bound) if direction > 0.0 else max(value, bound)


def _newton(value: float, rise: float, slope: float, target: float) -> float:
    """Next value from sqrt(rise) = sqrt(target) and the slope of the rise; nan where there is no slope to follow."""
    root = math.sqrt(max(rise, 0.0))
    return value + 2.0 * root * (math.sqrt(target) - root) / slope if slope and root else math.nan


def _between(value: float, inside: float, outside: float) -> bool:
    return min(inside, outside) < value < max(inside, outside)


def _fallback(inside: float, outside: float, value: float, here: float) -> float:
    """Bisection, or twice the distance from the minimum while no point outside the interval is known."""
    return 0.5 * (inside + outside) if math.isfinite(outside) else 2.0 * value - here
