"""Fisher scoring as an optimizer of pyhf: `pyhf.set_backend("jax", FisherScoring())`.

Works for every pyhf model, wherever `pyhf.infer` minimises -2 ln L.  The Hessian without the second derivatives of the
yields (Gauss-Newton: the Fisher information, with observed counts) needs one Jacobian of the expected data, and Newton
steps with it converge in a few iterations.  Derivatives need the backend `jax`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import OptimizeResult

from bkgen.errors import InputError, MissingExtra

from .responses import Array

try:
    import jax
    import pyhf
    from pyhf.optimize.mixins import OptimizerMixin
except ImportError as error:
    raise MissingExtra("analysis", "pyhf and jax") from error

TOLERANCE = 1e-7
"""Estimated distance of -2 ln L to its minimum at which a fit has converged."""

_MAX_ITERATIONS = 200
_MAX_HALVINGS = 30
_SUFFICIENT_DECREASE = 1e-4
_FLAT = 1e-12  # directions with less than this share of the largest scaled curvature are left alone

Objective = Callable[[Array], tuple[Any, Any]]


@dataclass(frozen=True, eq=False)
class _Problem:
    """The model being fitted, and its data (n_main + n_auxiliary,)."""

    model: Any
    data: Array


class FisherScoring(OptimizerMixin):
    """Newton's method with the Fisher information, inside the parameter bounds, with a line search.

    The result object of pyhf (`return_result_obj=True`) has success, edm, nit, nfev, njev, and hess_inv, the inverse
    (n_parameters, n_parameters) of the Gauss-Newton Hessian of -2 ln L, zero for fixed parameters and those at a bound.
    Uncertainties and correlations follow from it.  A fit that does not converge raises pyhf's FailedMinimization.
    """

    def __init__(self, tolerance: float = TOLERANCE, maxiter: int = _MAX_ITERATIONS, verbose: int = 0) -> None:
        """tolerance: on the edm, in units of -2 ln L; maxiter: largest number of Newton steps."""
        self.name = "fisher_scoring"
        self.tolerance = tolerance
        self._problem: _Problem | None = None
        super().__init__(maxiter=maxiter, verbose=verbose)

    def minimize(
        self,
        objective: Callable[..., Any],
        data: Sequence[float],
        pdf: Any,
        init_pars: Sequence[float],
        par_bounds: Sequence[tuple[float, float]],
        fixed_vals: Sequence[tuple[int, float]] | None = None,
        **options: Any,
    ) -> Any:
        """Minimise -2 ln L of a model; arguments and results as in pyhf's OptimizerMixin.minimize.

        Fixed parameters are held here, so `do_stitch` changes nothing.  Raises InputError for a backend other than jax.
        """
        if pyhf.tensorlib.name != "jax":
            raise InputError(f"FisherScoring needs pyhf.set_backend('jax', ...), the backend is {pyhf.tensorlib.name}")
        fit = copy.copy(self)  # one object may serve several threads
        fit._problem = _Problem(pdf, np.asarray(data, dtype=np.float64))
        options |= {"do_grad": True, "do_stitch": False}
        return super(FisherScoring, fit).minimize(
            objective, data, pdf, init_pars, par_bounds, fixed_vals=fixed_vals, **options
        )

    def _get_minimizer(
        self,
        objective_and_grad: Objective,
        init_pars: Sequence[float],
        init_bounds: Sequence[tuple[float, float]],
        fixed_vals: Sequence[tuple[int, float]] | None = None,
        do_grad: bool = False,
        par_names: Sequence[str] | None = None,
    ) -> Callable[[Array], Array]:
        """The Gauss-Newton Hessian of -2 ln L (n_parameters, n_parameters) as a function of the parameters."""
        if self._problem is None:
            raise RuntimeError("use FisherScoring.minimize")
        return _hessian_of(self._problem)

    def _minimize(
        self,
        minimizer: Callable[[Array], Array],
        func: Objective,
        x0: Sequence[float],
        do_grad: bool = False,
        bounds: Sequence[tuple[float, float]] | None = None,
        fixed_vals: Sequence[tuple[int, float]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> OptimizeResult:
        """Newton steps until the edm is below the tolerance.  Options: maxiter, tolerance."""
        wanted = {"maxiter": self.maxiter, "tolerance": self.tolerance, **(options or {})}
        unknown = sorted(wanted.keys() - {"maxiter", "tolerance"})
        if unknown:
            raise pyhf.exceptions.Unsupported(f"FisherScoring has no options {', '.join(unknown)}")
        point = np.array(x0, dtype=np.float64)
        box = np.array(bounds, dtype=np.float64) if bounds is not None else np.tile([-np.inf, np.inf], (point.size, 1))
        free = np.ones(point.size, dtype=np.bool_)
        for index, value in fixed_vals or ():
            free[index], point[index], box[index] = False, value, value
        return _newton(func, minimizer, point, box, free, wanted["maxiter"], wanted["tolerance"])

    def _internal_postprocess(
        self, fitresult: OptimizeResult, stitch_pars: Callable[..., Any], return_uncertainties: bool = False
    ) -> OptimizeResult:
        """Add unc and corr, and pair the parameters with their uncertainties if asked to."""
        result = super()._internal_postprocess(fitresult, stitch_pars)
        tensorlib, _ = pyhf.get_backend()
        sigma = np.sqrt(2.0 * np.diag(result.hess_inv))
        known = np.where(sigma > 0.0, sigma, 1.0)
        result.unc = tensorlib.astensor(sigma)
        result.corr = tensorlib.astensor(2.0 * result.hess_inv / np.outer(known, known))
        if return_uncertainties:
            result.x = tensorlib.stack([result.x, result.unc], axis=1)
        return result


def _newton(
    objective: Objective,
    hessian_at: Callable[[Array], Array],
    point: Array,
    box: Array,
    free: NDArray[np.bool_],
    maxiter: int,
    tolerance: float,
) -> OptimizeResult:
    """Projected Newton steps; where one fails, a step along the gradient scaled by the diagonal of the Hessian."""
    lower, upper = box.T
    point = np.clip(point, lower, upper)
    value, gradient = _evaluated(objective, point)
    evaluations, iterations, edm = 1, 0, np.inf
    message = "-2 ln L is not finite at the start"
    while np.isfinite(value):
        hessian = hessian_at(point)
        movable = free & ~((point <= lower) & (gradient > 0.0)) & ~((point >= upper) & (gradient < 0.0))
        step, inverse = _newton_step(hessian, gradient, movable)
        edm = -0.5 * float(gradient @ step)
        message = "converged" if edm < tolerance else "the largest number of iterations is reached"
        if edm < tolerance or iterations >= maxiter:
            break
        scaled = np.where(movable, -gradient / np.maximum(np.diag(hessian), np.finfo(float).tiny), 0.0)
        moved = False
        for direction in (step, scaled):
            for halvings in range(_MAX_HALVINGS):
                trial = np.clip(point + 0.5**halvings * direction, lower, upper)
                new_value, new_gradient = _evaluated(objective, trial)
                evaluations += 1
                # false for a value that is not a number
                moved = new_value <= value + _SUFFICIENT_DECREASE * min(float(gradient @ (trial - point)), 0.0)
                if moved and np.all(np.isfinite(new_gradient)):
                    break
                moved = False
            if moved:
                break
        if not moved:
            message = "no step lowers -2 ln L"
            break
        point, value, gradient = trial, new_value, new_gradient
        iterations += 1
    return OptimizeResult(
        x=point,
        fun=value,
        jac=gradient,
        success=bool(edm < tolerance),
        message=message,
        edm=edm,
        nit=iterations,
        nfev=evaluations,
        njev=iterations + 1,
        hess_inv=inverse if np.isfinite(edm) else np.zeros((point.size, point.size)),
    )


def _evaluated(objective: Objective, point: Array) -> tuple[float, Array]:
    value, gradient = objective(point)
    return float(value), np.asarray(gradient, dtype=np.float64)


def _newton_step(hessian: Array, gradient: Array, movable: NDArray[np.bool_]) -> tuple[Array, Array]:
    """-H^-1 g and H^-1 in the movable parameters, zero elsewhere; flat directions are left alone."""
    step, inverse = np.zeros_like(gradient), np.zeros_like(hessian)
    if not movable.any():
        return step, inverse
    block = np.ix_(movable, movable)
    scale = np.sqrt(np.diag(hessian)[movable])
    scale[scale == 0.0] = 1.0
    scaled = hessian[block] / np.outer(scale, scale)
    try:
        found = cho_solve(cho_factor(scaled), np.eye(scale.size))
        if float(np.max(np.diag(found))) > 1.0 / _FLAT:
            raise np.linalg.LinAlgError
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(scaled, rcond=_FLAT, hermitian=True)
    inverse[block] = found / np.outer(scale, scale)
    step[movable] = -inverse[block] @ gradient[movable]
    return step, inverse


def _hessian_of(problem: _Problem) -> Callable[[Array], Array]:
    """The Gauss-Newton Hessian of -2 ln L: J^T (2 n/lambda^2) J of the Poisson terms, plus the constraint terms."""
    model, n_main = problem.model, problem.model.config.nmaindata
    main, auxiliary = problem.data[:n_main], problem.data[n_main:]

    def hessian(parameters: Array) -> Array:
        expected, jacobian = (np.asarray(a, dtype=np.float64) for a in _yields(model, parameters))
        expected = np.maximum(expected, np.finfo(float).tiny)
        # The floor keeps bins in which nothing was observed from dropping out.
        weights = 2.0 * np.maximum(main, np.minimum(expected, 0.5)) / expected**2
        curvature = _constraint_curvature(model.config, parameters, auxiliary)
        return np.asarray(jacobian.T @ (weights[:, np.newaxis] * jacobian) + np.diag(curvature))

    return hessian


@functools.partial(jax.jit, static_argnums=0)
def _yields(model: Any, parameters: Any) -> tuple[Any, Any]:
    """Expected events (n_main,) and their derivatives (n_main, n_parameters), by the cheaper of the two modes."""
    n_main, n_parameters = model.config.nmaindata, model.config.npars
    derivative = jax.jacrev if n_main <= n_parameters else jax.jacfwd
    return model.expected_actualdata(parameters), derivative(model.expected_actualdata)(parameters)


def _constraint_curvature(config: Any, parameters: Array, auxiliary: Array) -> Array:
    """(n_parameters,) second derivatives of the constraint terms of -2 ln L; they are diagonal in pyhf.

    Raises InputError for a constraint that is neither Gaussian nor Poisson.
    """
    curvature = np.zeros(config.npars)
    first = 0
    for name in config.auxdata_order:
        constraint, where = config.param_set(name), config.par_slice(name)
        observed = auxiliary[first : first + where.stop - where.start]
        first += observed.size
        if constraint.pdf_type == "normal":
            curvature[where] += 2.0 / np.square(np.asarray(constraint.width(), dtype=np.float64))
        elif constraint.pdf_type == "poisson":
            gamma = np.maximum(parameters[where], 1e-3)
            rate = np.asarray(constraint.factors, dtype=np.float64) * gamma
            curvature[where] += 2.0 * np.maximum(observed, np.minimum(rate, 0.5)) / gamma**2
        else:
            raise InputError(f"the parameter {name} has an unknown constraint, {constraint.pdf_type}")
    return curvature
