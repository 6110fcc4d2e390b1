"""Minimisation of -2 ln L: projected BFGS on exact gradients, preconditioned and judged by the Gauss-Newton
Hessian.

A gradient costs ten times less than a Jacobian, and BFGS learns the curvature that Gauss-Newton leaves out,
so a warm fit needs two Jacobians and about fifteen gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .likelihood import Data, Evaluation, Likelihood, Signal
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

    signal: Signal
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
    signal: Signal,
    *,
    strength: float | None = None,
    start: Array | None = None,
    data: Data | None = None,
) -> Minimum:
    """Minimise -2 ln L over the nuisance parameters, and over the strength unless it is given.

    start: (n_parameters,) first point, the likelihood's own by default; its expected yields must be positive.
    data: the observed data by default.  Convergence is reported, not enforced: read `Minimum.converged`.
    Raises ValueError if -2 ln L is not finite at the start.
    """
    free = np.ones(likelihood.start.size, dtype=np.bool_)
    point = np.array(likelihood.start if start is None else start, dtype=np.float64)
    if strength is not None:
        free[likelihood.poi] = False
        point[likelihood.poi] = strength
    metric = _preconditioner(likelihood, signal, point, free, data)
    evaluations = 0
    for _ in range(_MAX_RESTARTS):
        end = descend(likelihood, signal, point, metric, free, data)
        if not np.isfinite(end.evaluation.twice_nll):
            raise ValueError("the expected yields at the start of the minimisation are not all positive")
        point, evaluations = end.parameters, evaluations + end.evaluations
        metric = _preconditioner(likelihood, signal, point, free, data)
        gradient = np.where(_movable(likelihood, point, end.evaluation.gradient, free), end.evaluation.gradient, 0.0)
        edm = 0.5 * float(gradient @ metric @ gradient)
        if edm < EDM_CONVERGED:
            break
    return Minimum(signal, point, end.evaluation, end.metric, edm, evaluations)


def descend(
    likelihood: Likelihood,
    signal: Signal,
    start: Array,
    metric: Array,
    free: NDArray[np.bool_],
    data: Data | None,
) -> Descent:
    """One BFGS descent from `start` with the inverse Hessian `metric`, inside pyhf's parameter bounds.

    Stops at the goal `EDM_GOAL` or when no further decrease is possible; infinite -2 ln L at the start is
    returned as it is.
    """
    point, metric = start, metric.copy()
    current = likelihood.evaluate(point, signal, data)
    evaluations = 1
    for _ in range(_MAX_STEPS):
        if not np.isfinite(current.twice_nll):
            break
        movable = _movable(likelihood, point, current.gradient, free)
        gradient = np.where(movable, current.gradient, 0.0)
        direction = np.where(movable, -(metric @ gradient), 0.0)
        if -0.5 * float(gradient @ direction) < EDM_GOAL:
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
    likelihood: Likelihood, signal: Signal, point: Array, free: NDArray[np.bool_], data: Data | None
) -> Array:
    """Inverse Gauss-Newton Hessian of the free parameters, zero elsewhere."""
    hessian = likelihood.gauss_newton(point, signal, data)
    metric = np.zeros_like(hessian)
    block = np.ix_(free, free)
    metric[block] = np.linalg.inv(hessian[block])
    return metric


def _movable(likelihood: Likelihood, point: Array, gradient: Array, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Free parameters that are not pressed against a bound."""
    at_lower = (point <= likelihood.lower) & (gradient > 0.0)
    at_upper = (point >= likelihood.upper) & (gradient < 0.0)
    return free & ~at_lower & ~at_upper


def _line_search(
    likelihood: Likelihood,
    signal: Signal,
    point: Array,
    current: Evaluation,
    direction: Array,
    data: Data | None,
) -> tuple[Array, Evaluation, int] | None:
    """First of the steps 1, 1/2, 1/4 ... that lowers -2 ln L enough: point, evaluation, evaluations used."""
    for halvings in range(_MAX_HALVINGS):
        moved = np.clip(point + 0.5**halvings * direction, likelihood.lower, likelihood.upper)
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
