"""Posterior densities of one to three parameters, marginalised over the nuisance parameters.

The nuisance parameters are integrated out at every point phi of a grid in Laplace's approximation,

    p(phi | data) ~ prior(phi) L(phi, theta_hat) / sqrt(det H(phi)),

theta_hat maximises the likelihood at fixed phi and H is the Hessian of -ln L in the nuisance parameters there.  The
determinant is what a profile lacks.  The constraint terms of the likelihood are the priors of the nuisance parameters.
H is that of Gauss-Newton at every point, times a smooth ratio to the full Hessian, which is interpolated from a
coarser grid.  Priors of the parameters are flat within the given ranges.

Source of the approximation: Tierney and Kadane, J. Am. Stat. Assoc. 81 (1986) 82.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, RegularGridInterpolator

from bkgen.card import Card
from bkgen.errors import InputError, Problem, RunError
from bkgen.quantities import invisible_branching
from bkgen.results import Quantity

from .fit import references
from .likelihood import Likelihood, Signal, official
from .minimise import EDM_CONVERGED, descend
from .points import SOURCE, fit_card, poi_of, point
from .responses import Array
from .responses import official as official_response
from .templates import template

POINTS = {1: 100, 2: 40, 3: 20}
"""Points on each axis of the grid, by the number of parameters."""

MASSES = (0.68, 0.95)
"""Probability in the highest-density intervals."""

WET_RANGE = (0.0, 20.0)
"""Default prior range of the magnitude of a coefficient of `wet`, in EOS normalisation."""

STRENGTH_RANGE = (0.0, 20.0)
"""Default prior range of `mu` for `sm`."""

_COEFFICIENTS = ("C_VL", "C_VR", "C_SL", "C_SR", "C_TL")
_COARSE = {1: 20, 2: 8, 3: 6}
_HESSIANS = {1: 13, 2: 6, 3: 4}  # with the default number of points, fewer with fewer
_DEPTH = 12.0  # ln of the density below its maximum at which the grid ends
_MAX_ZOOMS = 6
_FINE = 4001  # points at which a marginal density is interpolated
_CUT = 0.05  # a prior counts as cutting a density that is larger than this share of its maximum at the edge
_MAX_RESTARTS = 3


@dataclass(frozen=True)
class Parameter:
    """A parameter of interest with its flat prior.

    name: `mu`, or a parameter of the card's model; lower, upper: range of the prior.
    """

    name: str
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class Marginal:
    """Marginal density of one parameter.

    values, density: (n,), integral 1 by trapezoids; mode, mean; intervals: for each of `MASSES` the ends of the
    highest-density region, (a, b), or (a, b, c, d, ...) if it has several pieces.
    """

    parameter: Parameter
    values: Array
    density: Array
    mode: float
    mean: float
    intervals: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Result of `posterior`.

    axes: values of each parameter on the final grid; log_density: (n_1, ..., n_k), ln p normalised on the grid,
    -inf at points that the likelihood excludes; log_profile: the same without the determinant, not normalised, 0 at
    its maximum; mode: maximum of the joint density, refined by parabolas; converged: share of the points whose
    conditional fit converged; fits: conditional fits that were made.
    """

    parameters: tuple[Parameter, ...]
    axes: tuple[Array, ...]
    log_density: Array
    log_profile: Array
    mode: tuple[float, ...]
    marginals: tuple[Marginal, ...]
    converged: float
    fits: int

    def marginal(self, name: str) -> Marginal:
        """The marginal of a parameter.  Raises KeyError for another name."""
        return {marginal.parameter.name: marginal for marginal in self.marginals}[name]

    def pair(self, first: int, second: int) -> Array:
        """(n_first, n_second) density of two parameters, the others integrated out."""
        return _integrated(np.exp(self.log_density), self.axes, {first, second})


Templates = Callable[[Sequence[float]], Signal]
"""The signal at a point of the parameters, to be taken at strength 1."""


def posterior(card: Card, parameters: Sequence[Parameter], points: int | None = None) -> Posterior:
    """Posterior of one to three parameters of a card; its other parameters keep their values.

    `mu` multiplies the prediction of the card (or mu_SM for `sm`), so it goes with any other parameter.
    points: per axis, `POINTS` by default.  Raises InputError for unknown parameters, ranges that the model does not
    allow, another channel than B+ -> K+, or a likelihood that vanishes everywhere in the prior.
    """
    if not 1 <= len(parameters) <= 3:
        raise InputError(Problem(("--poi",), "one to three parameters can be given", len(parameters)))
    if len({p.name for p in parameters}) < len(parameters):
        raise InputError(Problem(("--poi",), "a parameter is given twice"))
    return marginalise(signals(card, parameters), parameters, points)


def signals(card: Card, parameters: Sequence[Parameter]) -> Templates:
    """The template as a function of the parameters.

    For coefficients of `wet` it is a quadratic form, computed once.  Raises InputError as `posterior`.
    """
    poi = poi_of(card)
    names = [p.name for p in parameters]
    model_names = [name for name in names if name != "mu"]
    fixed = 1.0 if poi == "np" else 0.0
    point(card)  # refuses other channels
    if poi == "sm" and model_names:
        raise InputError(Problem((model_names[0],), "the model sm has no parameter but mu"))
    _check_ends(card, [p for p in parameters if p.name != "mu"])
    column_0 = 1.0 if poi == "wet" else 0.0

    def of_card(values: Sequence[float]) -> Array:
        there = card.with_model(dict(zip(model_names, values, strict=True))) if model_names else card
        return template(invisible_branching(there, official_response().edges), column_0)

    here: Callable[[Sequence[float]], Array]
    if poi == "sm":
        official_template = np.ones_like(official_response().expected)

        def here(values: Sequence[float]) -> Array:
            return official_template
    elif not model_names:
        constant = of_card(())

        def here(values: Sequence[float]) -> Array:
            return constant
    elif poi == "wet" and all(name in _COEFFICIENTS for name in model_names):
        here = quadratic_form(of_card, len(model_names))
    else:
        here = of_card

    def signal(values: Sequence[float]) -> Signal:
        strength = math.prod(v for name, v in zip(names, values, strict=True) if name == "mu")
        others = [v for name, v in zip(names, values, strict=True) if name != "mu"]
        return Signal(fixed, strength * here(others))

    return signal


def quadratic_form(function: Callable[[Sequence[float]], Array], n: int) -> Callable[[Sequence[float]], Array]:
    """A polynomial of second degree in n variables, values of any shape, from those at (n + 1)(n + 2)/2 points."""
    exponents = [powers for powers in product(range(3), repeat=n) if sum(powers) <= 2]
    nodes = np.array([[8.0 * power for power in powers] for powers in exponents])

    def monomials(x: Array) -> Array:
        return np.stack([np.prod((x / 8.0) ** np.array(powers), axis=-1) for powers in exponents], axis=-1)

    coefficients = np.linalg.solve(monomials(nodes), np.array([function(node.tolist()) for node in nodes]))
    return lambda values: np.asarray(monomials(np.asarray(values, dtype=np.float64)) @ coefficients)


def marginalise(of: Templates, parameters: Sequence[Parameter], points: int | None = None) -> Posterior:
    """The posterior of the parameters of a signal, on a grid that is fitted to where the density is.

    Raises InputError if the likelihood vanishes everywhere in the prior.
    """
    n = len(parameters)
    scan = _Scan(of)
    box = [(p.lower, p.upper) for p in parameters]
    for _ in range(_MAX_ZOOMS):
        axes = _grid(box, _COARSE[n])
        smaller = _around(scan.over(axes).log_density, axes)
        shrunk = min((b - a) / (d - c) for (a, b), (c, d) in zip(smaller, box, strict=True))
        box = smaller
        if shrunk > 0.5:
            break
    n_points = points or POINTS[n]
    axes = _grid(box, n_points)
    n_hessians = min(_HESSIANS[n], max(3, round(_HESSIANS[n] * n_points / POINTS[n])))
    found = scan.over(axes)
    log_density = found.log_density + scan.correction(_grid(box, n_hessians), axes)
    log_density -= np.max(log_density)
    log_density -= math.log(float(_integrated(np.exp(log_density), axes, set())))
    marginals = tuple(
        _marginal(p, axes[k], _integrated(np.exp(log_density), axes, {k})) for k, p in enumerate(parameters)
    )
    return Posterior(
        parameters=tuple(parameters),
        axes=axes,
        log_density=log_density,
        log_profile=found.log_profile - np.max(found.log_profile),
        mode=_mode(log_density, axes),
        marginals=marginals,
        converged=found.converged,
        fits=scan.fits,
    )


def log_marginal_likelihood(signal: Signal) -> float:
    """ln of the likelihood at a fixed signal (strength 1), integrated over the nuisance parameters.

    Laplace's approximation with the full Hessian (0.4 s), in the normalisation of pyhf.  Raises RunError if the
    Hessian is not positive definite at the minimum.
    """
    at = _Scan(lambda _: signal).at((), None)
    if at is None:
        return -math.inf
    dimensions = int(np.count_nonzero(at.inside))
    return 0.5 * (dimensions * math.log(2.0 * math.pi) - at.twice_nll - _full_log_det(at, _held(signal)))


def highest_density(values: Array, density: Array, mass: float) -> tuple[float, ...]:
    """Ends (a, b) or (a, b, c, d, ...) of the smallest region that holds the share `mass` of a density.

    values, density: (n,), joined by monotone cubics.
    """
    x, y = _smooth(values, density)
    weights = np.append(0.5 * np.diff(x), 0.0) + np.append(0.0, 0.5 * np.diff(x))
    order = np.argsort(-y, kind="stable")
    held = np.cumsum((y * weights)[order])
    level = y[order[min(int(np.searchsorted(held, mass * held[-1])), held.size - 1)]]
    inside = np.concatenate([[False], y >= level, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return tuple(float(x[edge if k % 2 == 0 else edge - 1]) for k, edge in enumerate(edges))


def parameter(card: Card, text: str) -> Parameter:
    """A parameter as typed: NAME, or NAME=LOWER:UPPER for the range of its flat prior.

    Without a range: 0 to 20 for coefficients of `wet` and for `mu` of `sm`; 0 to six standard deviations above the
    fit for `mu` of other models.  Raises InputError for a range that is not one, or that is missing.
    """
    name, equals, interval = (part.strip() for part in text.partition("="))
    if equals:
        lower, colon, upper = interval.partition(":")
        try:
            ends = (float(lower), float(upper))
        except ValueError:
            ends = (math.nan, math.nan)
        if not colon or not -math.inf < ends[0] < ends[1] < math.inf:
            raise InputError(Problem(("--poi",), "must be NAME or NAME=LOWER:UPPER, e.g. C_VL=0:20", text))
        return Parameter(name, *ends)
    poi = poi_of(card)
    if name == "mu" and poi == "sm":
        return Parameter(name, *STRENGTH_RANGE)
    if name == "mu":
        best, _ = fit_card(card)
        return Parameter(name, 0.0, max(best.mu, 0.0) + 6.0 * (best.interval_68[1] - best.mu))
    if poi == "wet" and name in _COEFFICIENTS:
        return Parameter(name, *WET_RANGE)
    raise InputError(Problem(("--poi",), f"needs the range of its flat prior: {name}=LOWER:UPPER", text))


def quantities(result: Posterior) -> list[Quantity]:
    """Of each parameter: mode of the joint density; mode, mean, 68% and 95% regions of the marginal; prior range."""
    source = f"{SOURCE}; flat prior, Laplace-marginalised"
    rows: list[Quantity] = []
    for mode, m in zip(result.mode, result.marginals, strict=True):
        name = m.parameter.name
        rows += [
            Quantity(f"mode({name})", mode, "1", None, source),
            Quantity(f"marginal_mode({name})", m.mode, "1", None, source),
            Quantity(f"mean({name})", m.mean, "1", None, source),
            *(
                Quantity(f"interval_{round(100 * q)}({name})", i, "1", None, source)
                for q, i in zip(MASSES, m.intervals, strict=True)
            ),
            Quantity(f"prior({name})", (m.parameter.lower, m.parameter.upper), "1", None, "flat"),
        ]
    return [*rows, Quantity("converged", result.converged == 1.0, "1", None, f"{result.fits} conditional fits")]


def warnings(result: Posterior) -> list[str]:
    """What a reader of the posterior must know; 0 is the natural end of a strength or magnitude."""
    found = []
    if result.converged < 1.0:
        found.append(f"{1.0 - result.converged:.1%} of the conditional fits did not converge")
    for m in result.marginals:
        cut = [
            side
            for side, end, edge in (("lower", 0, m.parameter.lower), ("upper", -1, m.parameter.upper))
            if edge and m.values[end] == edge and m.density[end] > _CUT * np.max(m.density)
        ]
        found += [
            f"the prior of {m.parameter.name} cuts the density at its {side} end: results depend on it" for side in cut
        ]
    return found


@dataclass(frozen=True, eq=False)
class _Conditional:
    """Best nuisance parameters at fixed parameters of interest.

    parameters: (n_parameters,); metric: inverse Gauss-Newton Hessian of -2 ln L, zero where held; log_det: ln det of
    the Gauss-Newton Hessian of -ln L in the parameters `inside` their bounds.
    """

    parameters: Array
    metric: Array
    inside: NDArray[np.bool_]
    twice_nll: float
    log_det: float
    converged: bool


@dataclass(frozen=True, eq=False)
class _Found:
    """Values on a grid, not normalised: ln of the density with the Gauss-Newton determinant, and without it."""

    log_density: Array
    log_profile: Array
    converged: float


class _Scan:
    """Conditional fits over grids, each started at the result of its neighbour."""

    def __init__(self, of: Templates) -> None:
        self._of = of
        self._likelihood = official()
        self._free = np.arange(self._likelihood.start.size) != self._likelihood.poi
        self.fits = 0

    def over(self, axes: Sequence[Array]) -> _Found:
        """All points of a grid."""
        shape = tuple(axis.size for axis in axes)
        log_density, log_profile = np.full(shape, -np.inf), np.full(shape, -np.inf)
        converged = 0
        reached = 0
        last: _Conditional | None = None
        for index in _winding(shape):
            last = self.at([float(axis[i]) for axis, i in zip(axes, index, strict=True)], last)
            if last is None:
                continue
            reached += 1
            converged += last.converged
            log_profile[index] = -0.5 * last.twice_nll
            log_density[index] = -0.5 * (last.twice_nll + last.log_det)
        if not reached:
            raise InputError("the likelihood vanishes everywhere in the prior: no expected yields are positive")
        return _Found(log_density, log_profile, converged / reached)

    def at(self, values: Sequence[float], near: _Conditional | None) -> _Conditional | None:
        """One conditional fit; None where no expected yields are positive."""
        signal = _held(self._of(values))
        self.fits += 1
        if near is not None:
            found = self._fit(signal, near.parameters, near.metric)
            if found is not None:
                return found
        start = references().background.parameters.copy()
        start[self._likelihood.poi] = 1.0
        if not np.isfinite(self._likelihood.evaluate(start, signal).twice_nll):
            return None
        return self._fit(signal, start, self._curvature(start, signal)[0])

    def correction(self, coarse: Sequence[Array], axes: Sequence[Array]) -> Array:
        """ln of the ratio of the Laplace factors with the full and the Gauss-Newton Hessian, on the grid `axes`.

        Computed on the grid `coarse` and interpolated linearly; mean of the rest where the density vanishes.
        """
        shape = tuple(axis.size for axis in coarse)
        ratio = np.full(shape, np.nan)
        last: _Conditional | None = None
        for index in _winding(shape):
            values = [float(axis[i]) for axis, i in zip(coarse, index, strict=True)]
            last = self.at(values, last)
            if last is not None:
                ratio[index] = 0.5 * (last.log_det - _full_log_det(last, _held(self._of(values))))
        known = np.isfinite(ratio)
        ratio[~known] = np.mean(ratio[known]) if known.any() else 0.0
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return np.asarray(RegularGridInterpolator(tuple(coarse), ratio)(grid))

    def _fit(self, signal: Signal, start: Array, metric: Array) -> _Conditional | None:
        likelihood = self._likelihood
        for _ in range(_MAX_RESTARTS):
            end = descend(likelihood, signal, start, metric, self._free, None)
            if not np.isfinite(end.evaluation.twice_nll):
                return None
            start = end.parameters
            metric, inside, log_det = self._curvature(start, signal)
            gradient = np.where(inside, end.evaluation.gradient, 0.0)
            edm = 0.5 * float(gradient @ metric @ gradient)
            if edm < EDM_CONVERGED:
                break
        return _Conditional(start, metric, inside, end.evaluation.twice_nll, log_det, edm < EDM_CONVERGED)

    def _curvature(self, parameters: Array, signal: Signal) -> tuple[Array, NDArray[np.bool_], float]:
        """Inverse Gauss-Newton Hessian of -2 ln L, the parameters that are inside their bounds, and ln det."""
        likelihood = self._likelihood
        hessian = likelihood.gauss_newton(parameters, signal)
        inside = _inside(likelihood, parameters)
        metric = np.zeros_like(hessian)
        block = np.ix_(self._free, self._free)
        metric[block] = np.linalg.inv(hessian[block])
        return metric, inside, float(np.linalg.slogdet(0.5 * hessian[np.ix_(inside, inside)])[1])


def _held(signal: Signal) -> Signal:
    """The same yields at strength 1, with a template that is not zero: a strength without effect has no curvature."""
    return signal if np.any(signal.template) else Signal(signal.fixed - 1.0, np.ones_like(signal.template))


def _inside(likelihood: Likelihood, parameters: Array) -> NDArray[np.bool_]:
    """Nuisance parameters that are not at a bound."""
    inside = (likelihood.lower < parameters) & (parameters < likelihood.upper)
    inside[likelihood.poi] = False
    return inside


def _full_log_det(at: _Conditional, signal: Signal) -> float:
    """ln det of the full Hessian of -ln L in the nuisance parameters inside their bounds."""
    hessian = 0.5 * official().hessian(at.parameters, signal)[np.ix_(at.inside, at.inside)]
    try:
        return 2.0 * float(np.sum(np.log(np.diag(np.linalg.cholesky(hessian)))))
    except np.linalg.LinAlgError as error:
        raise RunError("the Hessian of -ln L in the nuisance parameters is not positive definite") from error


def _check_ends(card: Card, parameters: Sequence[Parameter]) -> None:
    """The model accepts both ends of all ranges."""
    for p in parameters:
        for value in (p.lower, p.upper):
            card.with_model({p.name: value})


def _grid(box: Sequence[tuple[float, float]], n: int) -> tuple[Array, ...]:
    return tuple(np.linspace(lower, upper, n) for lower, upper in box)


def _around(log_density: Array, axes: Sequence[Array]) -> list[tuple[float, float]]:
    """The smallest box with one cell of margin around what is not negligible."""
    important = np.argwhere(log_density > np.max(log_density) - _DEPTH)
    box = []
    for axis, first, last in zip(axes, important.min(axis=0), important.max(axis=0), strict=True):
        box.append((float(axis[max(first - 1, 0)]), float(axis[min(last + 1, axis.size - 1)])))
    return box


def _winding(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Indices of a grid in an order in which neighbours follow each other."""
    if len(shape) == 1:
        yield from ((i,) for i in range(shape[0]))
        return
    for i in range(shape[0]):
        rows = list(_winding(shape[1:]))
        yield from ((i, *rest) for rest in (rows if i % 2 == 0 else reversed(rows)))


def _integrated(density: Array, axes: Sequence[Array], kept: set[int]) -> Array:
    """Trapezoid integral over all axes but the kept ones."""
    for k in reversed(range(len(axes))):
        if k not in kept:
            density = np.asarray(np.trapezoid(density, axes[k], axis=k))
    return density


def _smooth(values: Array, density: Array) -> tuple[Array, Array]:
    x = np.linspace(values[0], values[-1], _FINE)
    return x, np.asarray(PchipInterpolator(values, density)(x))


def _marginal(p: Parameter, values: Array, density: Array) -> Marginal:
    x, y = _smooth(values, density)
    mean = float(np.trapezoid(x * y, x) / np.trapezoid(y, x))
    (mode,) = _mode(np.log(np.maximum(density, 1e-300)), (values,))
    return Marginal(p, values, density, mode, mean, tuple(highest_density(values, density, q) for q in MASSES))


def _mode(log_density: Array, axes: Sequence[Array]) -> tuple[float, ...]:
    """Maximum on the grid, moved by one Newton step of finite differences along the axes on which it is interior."""
    best = np.array(np.unravel_index(int(np.argmax(log_density)), log_density.shape))
    mode = [float(axis[i]) for axis, i in zip(axes, best, strict=True)]
    unit = np.eye(len(axes), dtype=np.int64)
    interior = [k for k, axis in enumerate(axes) if 0 < best[k] < axis.size - 1]

    def value(shift: NDArray[np.int64]) -> float:
        return float(log_density[tuple(best + shift)])

    gradient = np.array([0.5 * (value(unit[k]) - value(-unit[k])) for k in interior])
    curvature = np.array(
        [
            [
                value(unit[a]) + value(-unit[a]) - 2.0 * value(0 * unit[a])
                if a == b
                else 0.25
                * (
                    value(unit[a] + unit[b])
                    + value(-unit[a] - unit[b])
                    - value(unit[a] - unit[b])
                    - value(unit[b] - unit[a])
                )
                for b in interior
            ]
            for a in interior
        ]
    )
    if not interior or not (np.all(np.isfinite(curvature)) and np.all(np.linalg.eigvalsh(curvature) < 0.0)):
        return tuple(mode)
    step = np.clip(-np.linalg.solve(curvature, gradient), -1.0, 1.0)
    for k, move in zip(interior, step, strict=True):
        mode[k] += float(move) * float(axes[k][1] - axes[k][0])
    return tuple(mode)
