"""Fits of the published likelihood: best strength, profile-likelihood interval, significances, post-fit
yields.

Parameter of interest (`poi`):

- ``sm``: mu_SM, the official template unchanged (mu_NP = 0);
- ``np``: mu_NP with mu_SM = 1 fixed; mu_NP = 1 is the prediction behind the template;
- ``wet``: the strength of a total amplitude that replaces the SM (mu_SM = 0; build the template with column_0
  = 1).

The strength may be negative, as in the published fit: then the data lie below what is held fixed, and the
interval is the plain likelihood interval.  Only strengths >= 0 are branching fractions.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bkgen.errors import InputError, RunError

from .likelihood import BACKGROUND, STANDARD_MODEL, Data, Likelihood, Signal, official
from .minimise import Minimum, descend, minimise
from .responses import Array

Poi: TypeAlias = Literal["sm", "np", "wet"]

_MAX_CROSSING_STEPS = 40
_CROSSING_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class References:
    """Fits that do not depend on the model: no signal at all, and the SM with mu_SM = 1."""

    background: Minimum
    standard_model: Minimum


@dataclass(frozen=True, eq=False)
class FitResult:
    """Result of one fit.

    mu: best strength.  interval_68: strengths at which the profile of -2 ln L has risen by 1.  z_background,
    z_sm: root of the difference of -2 ln L to the reference fits, negative where the reference describes the
    data better (possible only where it is not a special case of the fit).  converged, edm: worst of the fit
    and its references. data: the fitted data, None for the observed ones.
    """

    poi: Poi
    mu: float
    interval_68: tuple[float, float]
    twice_nll: float
    twice_nll_background: float
    twice_nll_sm: float
    z_background: float
    z_sm: float
    converged: bool
    edm: float
    minimum: Minimum
    data: Data | None

    @property
    def parameters(self) -> Array:
        """(n_parameters,) best-fit values in pyhf's order, the strength in its slot."""
        return self.minimum.parameters

    @property
    def background(self) -> Array:
        """(n_bins,) post-fit background in events."""
        return self.minimum.evaluation.background

    @property
    def standard_model(self) -> Array:
        """(n_bins,) post-fit SM signal in events: the fitted one for ``sm``, the fixed one otherwise."""
        strength = self.mu if self.poi == "sm" else self.minimum.signal.fixed
        return strength * self.minimum.evaluation.unit_signal

    @property
    def new_physics(self) -> Array:
        """(n_bins,) post-fit signal of the template in events, zero for ``sm``."""
        strength = 0.0 if self.poi == "sm" else self.mu
        return strength * self.minimum.signal.template * self.minimum.evaluation.unit_signal


@dataclass(frozen=True, eq=False)
class PostFit:
    """Post-fit yields in events (n_bins,) and their covariances (n_bins, n_bins).

    For bins summed with a projection P (`responses.q2_rec_projection`) use P @ yields and P @ covariance @
    P.T. parameter_covariance: (n_parameters, n_parameters), inverse of the Hessian of -ln L at the minimum.
    """

    background: Array
    background_covariance: Array
    total: Array
    total_covariance: Array
    parameter_covariance: Array


def fit(template: Array | None = None, *, poi: Poi = "np", data: Data | None = None) -> FitResult:
    """Fit one model point to the published likelihood.

    template: (n_bins,) from `templates.template`; None for ``sm``, required otherwise.  data: observed by
    default.

    Raises ValueError for a template that does not go with `poi` or has the wrong shape, InputError if the
    template vanishes in every bin with signal, RunError if an end of the interval cannot be found.
    """
    likelihood = official()
    known = references(data)
    signal = _signal(poi, template, known.standard_model.evaluation.unit_signal)
    start = known.standard_model if poi != "wet" else known.background
    best = minimise(likelihood, signal, start=_started(likelihood, start, poi), data=data)
    background, standard_model = known.background, known.standard_model
    return FitResult(
        poi=poi,
        mu=float(best.parameters[likelihood.poi]),
        interval_68=(_crossing(likelihood, best, -1.0, data), _crossing(likelihood, best, +1.0, data)),
        twice_nll=best.twice_nll,
        twice_nll_background=background.twice_nll,
        twice_nll_sm=standard_model.twice_nll,
        z_background=_signed_root(background.twice_nll - best.twice_nll),
        z_sm=_signed_root(standard_model.twice_nll - best.twice_nll),
        converged=best.converged and background.converged and standard_model.converged,
        edm=max(best.edm, background.edm, standard_model.edm),
        minimum=best,
        data=data,
    )


def references(data: Data | None = None) -> References:
    """The reference fits; those to the observed data are done once per process."""
    return _official_references() if data is None else _references(data)


def postfit(result: FitResult) -> PostFit:
    """Post-fit yields with uncertainties: full Hessian, propagated with the Jacobian of the yields (0.4 s).

    Raises RunError if the Hessian is not positive definite at the minimum.
    """
    likelihood, signal = official(), result.minimum.signal
    covariance = _covariance(likelihood, result)
    background, background_slopes = likelihood.jacobian(result.parameters, BACKGROUND)
    total, total_slopes = likelihood.jacobian(result.parameters, signal)
    return PostFit(
        background=background,
        background_covariance=background_slopes @ covariance @ background_slopes.T,
        total=total,
        total_covariance=total_slopes @ covariance @ total_slopes.T,
        parameter_covariance=covariance,
    )


@functools.cache
def _official_references() -> References:
    return _references(None)


def _references(data: Data | None) -> References:
    likelihood = official()
    standard_model = minimise(likelihood, STANDARD_MODEL, strength=1.0, data=data)
    background = minimise(likelihood, STANDARD_MODEL, strength=0.0, start=standard_model.parameters, data=data)
    return References(background, standard_model)


def _signal(poi: Poi, template: Array | None, unit_signal: Array) -> Signal:
    if poi == "sm":
        if template is not None:
            raise ValueError("poi 'sm' fits the official template: no template can be given")
        return STANDARD_MODEL
    if template is None:
        raise ValueError(f"poi {poi!r} needs a template")
    signal = Signal(1.0 if poi == "np" else 0.0, np.asarray(template, dtype=np.float64))
    if not np.any(signal.template * unit_signal):
        raise InputError("the model predicts no events in any bin of the likelihood: there is nothing to fit")
    return signal


def _started(likelihood: Likelihood, reference: Minimum, poi: Poi) -> Array:
    """The reference point as a point of the new fit: new physics starts at strength 0, mu_SM at 1."""
    start = reference.parameters.copy()
    start[likelihood.poi] = 1.0 if poi == "sm" else 0.0
    return start


def _signed_root(difference: float) -> float:
    return math.copysign(math.sqrt(abs(difference)), difference)


def _crossing(likelihood: Likelihood, best: Minimum, direction: float, data: Data | None) -> float:
    """Strength on one side of the minimum at which the profile of -2 ln L has risen by 1.

    Newton's method on z = sqrt(rise), which is linear for a parabola; the slope of the profile is the partial
    derivative in the strength.  Steps that leave the bracket are replaced by bisection or doubling.
    """
    poi, column = likelihood.poi, best.metric[:, likelihood.poi]
    tangent = column / column[poi]
    metric = best.metric - np.outer(column, column) / column[poi]
    free = np.arange(column.size) != poi
    point, inside, outside = best.parameters, float(best.parameters[poi]), direction * math.inf
    mu = inside + direction * math.sqrt(2.0 * column[poi])
    for _ in range(_MAX_CROSSING_STEPS):
        start = np.clip(point + tangent * (mu - point[poi]), likelihood.lower, likelihood.upper)
        profile = descend(likelihood, best.signal, start, metric, free, data)
        rise = profile.evaluation.twice_nll - best.twice_nll
        if abs(rise - 1.0) < _CROSSING_TOLERANCE:
            return mu
        proposal = math.nan
        if math.isfinite(rise):
            point, metric = profile.parameters, profile.metric
            proposal = _newton(mu, rise, float(profile.evaluation.gradient[poi]))
        inside, outside = (mu, outside) if rise < 1.0 else (inside, mu)
        mu = proposal if _between(proposal, inside, outside) else _fallback(inside, outside, mu, best, poi)
    side = "above" if direction > 0.0 else "below"
    raise RunError(f"no end of the 68% interval found {side} mu = {best.parameters[poi]:.6g}")


def _newton(mu: float, rise: float, slope: float) -> float:
    """Next strength from sqrt(rise) = 1 and the slope of the rise; nan where there is no slope to follow."""
    root = math.sqrt(max(rise, 0.0))
    return mu + 2.0 * root * (1.0 - root) / slope if slope and root else math.nan


def _between(mu: float, inside: float, outside: float) -> bool:
    return min(inside, outside) < mu < max(inside, outside)


def _fallback(inside: float, outside: float, mu: float, best: Minimum, poi: int) -> float:
    """Bisection, or twice the distance from the minimum while no point outside the interval is known."""
    return 0.5 * (inside + outside) if math.isfinite(outside) else 2.0 * mu - float(best.parameters[poi])


def _covariance(likelihood: Likelihood, result: FitResult) -> Array:
    """Covariance of the parameters; those at a bound are taken as known."""
    hessian = likelihood.hessian(result.parameters, result.minimum.signal, result.data)
    inside = (likelihood.lower < result.parameters) & (result.parameters < likelihood.upper)
    block = np.ix_(inside, inside)
    covariance = np.zeros_like(hessian)
    try:
        np.linalg.cholesky(hessian[block])
    except np.linalg.LinAlgError as error:
        raise RunError("the Hessian of -2 ln L is not positive definite at the minimum") from error
    covariance[block] = 2.0 * np.linalg.inv(hessian[block])
    return covariance
