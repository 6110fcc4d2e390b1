"""The profile of -2 ln L along the strength: conditional minima, each started from a neighbouring one.

A step to another strength costs three to six gradients: the start follows the tangent of the valley, and what BFGS
has learned about the curvature is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bkgen.errors import RunError

from .likelihood import Data, Likelihood, Signal
from .minimise import descend, minimise
from .responses import Array

_MAX_ROOT_STEPS = 60
_LEFT = 1e-8  # accepted expected fall of -2 ln L at the end of a step


@dataclass(frozen=True, eq=False)
class ProfilePoint:
    """-2 ln L, minimised over the nuisance parameters at one strength, and the parameters (n_parameters,) there."""

    strength: float
    twice_nll: float
    parameters: Array


class Profile:
    """-2 ln L as a function of the strength of one signal in one data set, with all else profiled.

    start: (n_parameters,) a minimum of -2 ln L, free or at its own strength; metric: (n_parameters, n_parameters)
    inverse Hessian of -2 ln L there with the strength free, by default that of Gauss and Newton.
    """

    def __init__(
        self, likelihood: Likelihood, signal: Signal, data: Data | None, start: Array, metric: Array | None = None
    ) -> None:
        """Remember the start; nothing is minimised yet."""
        inverse = np.asarray(np.linalg.inv(likelihood.gauss_newton(start, signal, data)) if metric is None else metric)
        column = inverse[:, likelihood.poi]
        self.sigma = math.sqrt(2.0 * float(column[likelihood.poi]))
        self._likelihood, self._signal, self._data = likelihood, signal, data
        self._tangent: Array = column / column[likelihood.poi]
        self._metric: Array = inverse - np.outer(column, column) / column[likelihood.poi]
        self._free = np.arange(column.size) != likelihood.poi
        self._starts: list[Array] = [start]
        self._known: dict[float, ProfilePoint] = {}

    def at(self, strength: float) -> ProfilePoint:
        """The conditional minimum at a strength.  Raises RunError if there is none."""
        if strength not in self._known:
            self._known[strength] = self._minimum(strength)
        return self._known[strength]

    def __call__(self, strength: float) -> float:
        """-2 ln L at a strength, as `at`."""
        return self.at(strength).twice_nll

    def _minimum(self, strength: float) -> ProfilePoint:
        likelihood = self._likelihood
        start = self._predicted(strength)
        end = descend(likelihood, self._signal, start, self._metric, self._free, self._data)
        if math.isfinite(end.evaluation.twice_nll) and self._left(end.parameters, end.evaluation.gradient) < _LEFT:
            self._metric = end.metric
            self._starts.append(end.parameters)
            return ProfilePoint(strength, end.evaluation.twice_nll, end.parameters)
        try:
            best = minimise(likelihood, self._signal, strength=strength, start=self._starts[0], data=self._data)
        except ValueError:
            raise RunError(f"the expected yields are not all positive at mu = {strength:.6g}") from None
        if not best.converged:
            raise RunError(f"the profile at mu = {strength:.6g} did not converge: edm = {best.edm:.3g}")
        self._starts.append(best.parameters)
        return ProfilePoint(strength, best.twice_nll, best.parameters)

    def _predicted(self, strength: float) -> Array:
        """Start for a strength: along the line through the two nearest known minima, or along the first tangent."""
        likelihood, poi = self._likelihood, self._likelihood.poi
        first, *others = sorted(self._starts, key=lambda point: abs(point[poi] - strength))[:2]
        tangent, step = self._tangent, strength - first[poi]
        gap = 0.0 if not others else others[0][poi] - first[poi]
        if abs(gap) > 1e-3 * self.sigma and abs(step) < 2.0 * abs(gap):
            tangent = (others[0] - first) / gap
        point = np.clip(first + tangent * step, likelihood.lower, likelihood.upper)
        point[poi] = strength
        return np.asarray(point)

    def _left(self, point: Array, gradient: Array) -> float:
        """Expected fall of -2 ln L that is left, with the metric of the walk."""
        lower, upper = self._likelihood.lower, self._likelihood.upper
        pressed = ((point <= lower) & (gradient > 0.0)) | ((point >= upper) & (gradient < 0.0))
        gradient = np.where(self._free & ~pressed, gradient, 0.0)
        return 0.5 * float(gradient @ self._metric @ gradient)


def rising_root(
    function: Callable[[float], float], below: float, guess: float, slope: float, tolerance: float
) -> float:
    """Where a rising function that is negative at `below` vanishes: secants inside a bracket.

    slope: first estimate of the derivative; tolerance: accepted distance of the function from 0.
    Raises RunError if there is no such point.
    """
    low, high, x = below, math.inf, guess
    known: tuple[float, float] | None = None
    for _ in range(_MAX_ROOT_STEPS):
        y = function(x)
        if abs(y) < tolerance or high - low < 1e-13 * abs(high):
            return x
        low, high = (x, high) if y < 0.0 else (low, x)
        if known is not None and known[0] != x:
            slope = (y - known[1]) / (x - known[0])
        known = (x, y)
        proposal = x - y / slope if slope > 0.0 else math.nan
        if low < proposal < high and proposal - below < 10.0 * (x - below):
            x = proposal
        else:
            x = 0.5 * (low + high) if math.isfinite(high) else below + 2.0 * (x - below)
    raise RunError(f"no solution above mu = {below:.6g}: the last strength tried is {x:.6g}")
