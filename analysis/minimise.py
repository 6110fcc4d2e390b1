"""Minimisation of -2 ln L: projected BFGS on exact gradients, preconditioned and judged by the Gauss-Newton
Hessian.

A gradient costs ten times less than a Jacobian, and BFGS learns the curvature that Gauss-Newton leaves out,
so a warm fit needs two Jacobians and about fifteen gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .likelihood import Data, Evaluation, Likelihood, SignalModel
from .responses import Array

EDM_GOAL = 1e-9
"""A descent stops when BFGS expects -2 ln L to fall by less than this."""

EDM_CONVERGED = 1e-7
"""A minimum counts as converged below this estimated distance in -2 ln L."""

_MAX_STEPS = 200
_MAX_HALVINGS = 40
_MAX_RESTARTS = 3
_SUFFICIENT_DECREASE = 1e-4


@dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum of -2 ln L.

    parameters: (n_parameters,) pyhf's vector with the strength in its slot.  metric: (n_parameters,
    n_parameters) approximate inverse Hessian of -2 ln L, zero for parameters held fixed.  edm: estimated
    vertical distance to the minimum, g^T H^-1 g / 2 with the Gauss-Newton Hessian at the end point.
    evaluations: gradients used.
    """

    signal: SignalModel
    parameters: Array
    evaluation: Evaluation
    metric: Array
    edm: float
    evaluations: int

    @property
    def twice_nll(self) -> float:
        """-2 ln L at the minimum, pyhf's normalisation."""
        return self.evaluation.twice_nll

    @property
    def converged(self) -> bool:
        """Whether the end point is a minimum to the accuracy promised."""
        return self.edm < EDM_CONVERGED


@dataclass(frozen=True, eq=False)
class Descent:
    """End of one BFGS descent; fields as in `Minimum`."""

    parameters: Array
    evaluation: Evaluation
    metric: Array
    evaluations: int


def minimise(
    likelihood: Likelihood,
    signal: SignalModel,
    *,
    strength: float | None = None,
    held: Mapping[int, float] | None = None,
    start: Array | None = None,
    data: Data | None = None,
) -> Minimum:
    """Minimise -2 ln L over the nuisance parameters and the parameters of interest, except those that are held.

    strength: holds the first parameter of interest; held: values of parameters by index.  start: (n_parameters,)
    first point, the likelihood's own by default; its expected yields must be positive.
    data: the observed data by default.  Convergence is reported, not enforced: read `Minimum.converged`.
    Raises ValueError if -2 ln L is not finite at the start.
    """
    free = likelihood.free(signal)
    point = np.array(likelihood.first_point(signal) if start is None else start, dtype=np.float64)
    given = {} if strength is None else {likelihood.poi: strength}
    for index, value in {**given, **(held or {})}.items():
        free[index] = False
        point[index] = value
    metric = _preconditioner(likelihood, signal, point, free, data)
    evaluations = 0
    for _ in range(_MAX_RESTARTS):
        end = descend(likelihood, signal, point, metric, free, data)
        if not np.isfinite(end.evaluation.twice_nll):
            raise ValueError("the expected yields at the start of the minimisation are not all positive")
        point, evaluations = end.parameters, evaluations + end.evaluations
        metric = _preconditioner(likelihood, signal, point, free, data)
        edm = -0.5 * float(
            end.evaluation.gradient
            @ _direction(likelihood.bounds(signal), point, end.evaluation.gradient, metric, free)
        )
        if edm < EDM_CONVERGED:
            break
    return Minimum(signal, point, end.evaluation, end.metric, edm, evaluations)


def descend(
    likelihood: Likelihood,
    signal: SignalModel,
    start: Array,
    metric: Array,
    free: NDArray[np.bool_],
    data: Data | None,
) -> Descent:
    """One BFGS descent from `start` with the inverse Hessian `metric`, inside pyhf's parameter bounds.

    start, free: (n_parameters,); metric: (n_parameters, n_parameters).  Stops at the goal `EDM_GOAL` or when no further
    decrease is possible; infinite -2 ln L at the start is returned as it is.
    """
    point, metric, bounds = start, metric.copy(), likelihood.bounds(signal)
    current = likelihood.evaluate(point, signal, data)
    evaluations = 1
    for _ in range(_MAX_STEPS):
        if not np.isfinite(current.twice_nll):
            break
        direction = _direction(bounds, point, current.gradient, metric, free)
        if -0.5 * float(current.gradient @ direction) < EDM_GOAL:
            break
        trial = _line_search(likelihood, signal, point, current, direction, data)
        if trial is None:
            break
        moved, reached, used = trial
        evaluations += used
        change = np.where(free, reached.gradient - current.gradient, 0.0)
        _update(metric, moved - point, change)
        point, current = moved, reached
    return Descent(point, current, metric, evaluations)


def _preconditioner(
    likelihood: Likelihood, signal: SignalModel, point: Array, free: NDArray[np.bool_], data: Data | None
) -> Array:
    """Inverse Gauss-Newton Hessian of the free parameters, zero elsewhere."""
    hessian = likelihood.gauss_newton(point, signal, data)
    metric = np.zeros_like(hessian)
    block = np.ix_(free, free)
    # Parameters have very different units: the inverse is taken with a diagonal of ones.
    scale = 1.0 / np.sqrt(np.diag(hessian)[free])
    metric[block] = np.linalg.inv(hessian[block] * np.outer(scale, scale)) * np.outer(scale, scale)
    return metric


def pressed(bounds: tuple[Array, Array], point: Array, gradient: Array, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Free parameters that the gradient presses against a bound, all arrays (n_parameters,)."""
    lower, upper = bounds
    return free & (((point <= lower) & (gradient > 0.0)) | ((point >= upper) & (gradient < 0.0)))


def reduced(metric: Array, fixed: NDArray[np.bool_]) -> Array:
    """Inverse of the Hessian without the parameters `fixed` (n,), from the inverse `metric` (n, n) of the whole one."""
    if not fixed.any():
        return metric
    k = np.flatnonzero(fixed)
    without = metric - metric[:, k] @ np.linalg.solve(metric[np.ix_(k, k)], metric[k, :])
    without[k, :], without[:, k] = 0.0, 0.0
    return np.asarray(without)


def _direction(
    bounds: tuple[Array, Array], point: Array, gradient: Array, metric: Array, free: NDArray[np.bool_]
) -> Array:
    """Quasi-Newton step of the free parameters; those at a bound stay there unless both gradient and step lead away."""
    lower, upper = bounds
    fixed = pressed(bounds, point, gradient, free)
    while True:
        direction = -(reduced(metric, fixed) @ np.where(free & ~fixed, gradient, 0.0))
        outwards = ((point <= lower) & (direction < 0.0)) | ((point >= upper) & (direction > 0.0))
        if not np.any(outwards & free & ~fixed):
            return np.where(free & ~fixed, direction, 0.0)
        fixed = fixed | (outwards & free)


def _line_search(
    likelihood: Likelihood,
    signal: SignalModel,
    point: Array,
    current: Evaluation,
    direction: Array,
    data: Data | None,
) -> tuple[Array, Evaluation, int] | None:
    """First of the steps 1, 1/2, 1/4 ... that lowers -2 ln L enough: point, evaluation, evaluations used.

    The first step is shorter if a parameter would leave its bounds: it ends there.
    """
    lower, upper = likelihood.bounds(signal)
    room = np.where(direction > 0.0, upper - point, point - lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        longest = np.where(direction != 0.0, room / np.abs(direction), np.inf)
    first = min(1.0, float(np.min(longest)))
    blocked = (longest <= first) & (first < 1.0)
    for halvings in range(_MAX_HALVINGS):
        moved = np.clip(point + first * 0.5**halvings * direction, lower, upper)
        if not halvings:
            moved = np.where(blocked, np.where(direction > 0.0, upper, lower), moved)
        reached = likelihood.evaluate(moved, signal, data)
        allowed = current.twice_nll + _SUFFICIENT_DECREASE * float(current.gradient @ (moved - point))
        if reached.twice_nll <= allowed:
            return moved, reached, halvings + 1
    return None


def _update(metric: Array, step: Array, change: Array) -> None:
    """BFGS update of the inverse Hessian in place; steps of negative curvature are skipped."""
    curvature = float(step @ change)
    if curvature <= 0.0:
        return
    image = metric @ change
    factor = (1.0 + float(change @ image) / curvature) / curvature
    metric += factor * np.outer(step, step) - (np.outer(image, step) + np.outer(step, image)) / curvature
