"""How the template of a model depends on the parameters that are fitted.

Every parameter of a model is one of three kinds, found by evaluating the model:

- the template is a polynomial of second order in it, as in a coefficient of an effective operator.  Without
  interference between the fitted ones it is a sum of squares (p_i + b_i)^2 and the fit is linear in these;
- the branching fraction is a power of it, as in the mixing angle of a mediator that may decay inside the detector.
  The fit uses that power, and computes the template again at every point;
- anything else, such as a mass: scanned, see `bkgen_analysis.model_fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from bkgen.card import Card
from bkgen.errors import BkgenError, InputError, Problem
from bkgen.inversion import parameter_of, unit_of
from bkgen.quantities import branching_fractions, total_name

from .card_signals import CardTemplates, Part
from .responses import N_BINS, Array
from .signals import Polynomial, Reevaluated, SignalModel

_DESIGN = np.array([0.5, 0.7, 1.0, 1.4, 1.9])
_RESIDUAL = 1e-6
"""Relative accuracy to which a template must follow a polynomial, that of the bin integrals with a margin."""

_EXPONENT_STEP = 1e-3
_SAME_EXPONENT = 2e-3


@dataclass(frozen=True)
class Parameter:
    """A parameter of the card's model: path ("Zp.g_X"), unit, value in the card (scale: where that is 0 or none)."""

    name: str
    unit: str
    value: float
    scale: float
    positive: bool


@dataclass(frozen=True, eq=False)
class Coordinate:
    """A fitted parameter p as a function of the u in which the fit is done, with dp/du (0 where it is infinite).

    start: u of the card.  mirror: a line about another solution at u, or nothing.
    """

    parameter: Parameter
    value_of: Callable[[float], float]
    slope_of: Callable[[float], float]
    start: float
    mirror: Callable[[float], str]


@dataclass(frozen=True, eq=False)
class Model:
    """A signal in its coordinates u, which starts at the card."""

    signal: SignalModel
    coordinates: tuple[Coordinate, ...]

    @property
    def start(self) -> Array:
        """(n_pois,) u of the card."""
        return np.array([coordinate.start for coordinate in self.coordinates])


def parameter(card: Card, name: str) -> Parameter:
    """A parameter that can be fitted.  Raises InputError, with the allowed ones, for any other."""
    field, given = parameter_of(card, name)
    if given is None and card.model.describe_name() == "wet" and name == "C_VL":
        given = float(card.physics_inputs.constants.C_SM_nu)
    value = 0.0 if given is None else given
    positive = any(getattr(bound, key, -1.0) >= 0.0 for bound in field.metadata for key in ("gt", "ge"))
    return Parameter(name, unit_of(field), value, abs(value) or _scale(card, name), positive)


def power(card: Card, wanted: Parameter) -> float | None:
    """Exponent of the branching fraction in a parameter, or None where it is no power of it."""
    if not wanted.value:
        return None
    central = _branching(card, wanted.name, wanted.value)
    near = _branching(card, wanted.name, wanted.value * (1.0 + _EXPONENT_STEP))
    fars = [(factor, _branching(card, wanted.name, wanted.value * factor)) for factor in (1.5, 0.7)]
    if not central or not near:
        return None
    exponent = math.log(near / central) / math.log1p(_EXPONENT_STEP)
    found = [math.log(far / central) / math.log(factor) for factor, far in fars if far]
    rounded = 0.5 * round(2.0 * exponent)
    same = all(abs(other - rounded) < _SAME_EXPONENT for other in found)
    return rounded if found and same and rounded and abs(exponent - rounded) < _SAME_EXPONENT else None


def is_quadratic(card: Card, wanted: Parameter, templates: CardTemplates) -> bool:
    """Whether the template is a polynomial of second order in one parameter."""
    return _samples(card, [wanted], templates) is not None


def polynomial(card: Card, wanted: Sequence[Parameter], templates: CardTemplates, fixed: Part) -> Model | None:
    """The signal of parameters in which the template is a polynomial of second order; None where it is not.

    fixed: what is added to the template, the SM or nothing.  Raises InputError if the data cannot tell the parameters
    apart.
    """
    samples = _samples(card, wanted, templates)
    if samples is None:
        return None
    points, powers, terms = samples
    size = np.abs(terms).max(axis=1)
    known = {tuple(map(int, power)): k for k, power in enumerate(powers)}
    for i, one in enumerate(wanted):
        if not any(size[k] for k, power in enumerate(powers) if power[i]):
            raise InputError(Problem((one.name,), "the signal does not depend on it, it cannot be fitted"))
    pairs = [power for power in known if sum(power) == 2 and 2 not in power]
    _refuse_degenerate(wanted, terms, known, pairs)
    if any(size[known[pair]] for pair in pairs):
        return _general(card, wanted, templates, fixed, points, powers[size > 0.0])
    return _squares(card, wanted, templates, fixed, points, terms, known)


def powers_of(
    card: Card, wanted: Sequence[Parameter], exponents: Sequence[float], templates: CardTemplates, fixed: Part
) -> Model:
    """The signal of parameters in which the branching fraction is a power: u = (p / p of the card)^exponent."""
    central = templates.part(card)
    relative = np.divide(central[1], central[0], out=np.zeros_like(central[1]), where=central[0] > 0.0)

    def values_at(u: Array) -> dict[str, float]:
        return {
            one.name: one.value * float(x) ** (1.0 / exponent)
            for one, exponent, x in zip(wanted, exponents, u, strict=True)
        }

    def at(u: Array) -> Array:
        if np.any(u <= 0.0):
            return np.zeros(N_BINS) if np.all(u >= 0.0) else np.full(N_BINS, np.nan)
        try:
            return templates.central(card.with_model(values_at(u)))
        except (BkgenError, ValueError, ArithmeticError):
            return np.full(N_BINS, np.nan)

    names = tuple(one.name for one in wanted)
    signal = Reevaluated(names, at, np.full(len(names), 1e-4), fixed, relative, templates.pruned)
    return Model(signal, tuple(_power_coordinate(one, e) for one, e in zip(wanted, exponents, strict=True)))


def held(fixed: Part, part: Part, pruned: tuple[str, ...]) -> Polynomial:
    """A template of strength 1 with a strength to hold there, for fits of the nuisance parameters only."""
    return Polynomial.linear(("mu",), fixed, [part], pruned=pruned)


def _power_coordinate(one: Parameter, exponent: float) -> Coordinate:
    def value_of(u: float) -> float:
        if u <= 0.0:
            return 0.0 if exponent > 0.0 else math.inf
        return float(one.value * u ** (1.0 / exponent))

    return Coordinate(one, value_of, lambda u: value_of(u) / (exponent * u) if u > 0.0 else 0.0, 1.0, lambda u: "")


def _branching(card: Card, name: str, value: float) -> float | None:
    try:
        there = card.with_model({name: value})
        found = branching_fractions(there, there.physics_inputs)[total_name(there)]
    except (BkgenError, ValueError, ArithmeticError):
        return None
    return found if math.isfinite(found) and found > 0.0 else None


def _scale(card: Card, name: str) -> float:
    """Size of a parameter that the card leaves at 0: where its part of the rate is that of the others."""
    at_one, here = _branching(card, name, 1.0), _branching(card, name, 0.0)
    if not at_one:
        return 1.0
    return math.sqrt((here or at_one) / at_one)


def _design(n: int, count: int) -> Array:
    """(count, n) points around 1, the best conditioned ones for a polynomial of second order."""
    grid = np.array(list(product(_DESIGN, repeat=n)))
    powers = _powers(n)
    return np.asarray(grid[_enough(np.array([np.prod(q**powers, axis=1) for q in grid]), count)])


def _powers(n: int) -> NDArray[np.int64]:
    """(n_terms, n) powers of all monomials up to second order."""
    return np.array([p for p in np.ndindex(*(3,) * n) if sum(p) <= 2], dtype=np.int64)


def _samples(
    card: Card, wanted: Sequence[Parameter], templates: CardTemplates
) -> tuple[Array, NDArray[np.int64], Array] | None:
    """Points in units of the scales, powers of all monomials, and their coefficients (n_terms, n_bins)."""
    n = len(wanted)
    powers = _powers(n)
    points = _design(n, min(len(powers) + n + 1, 5**n))
    try:
        values = np.array([templates.central(_there(card, wanted, q)) for q in points])
    except (BkgenError, ValueError, ArithmeticError):
        return None
    basis = np.array([np.prod(q**powers, axis=1) for q in points])
    terms, *_ = np.linalg.lstsq(basis, values, rcond=None)
    largest = np.abs(values).max()
    if largest == 0.0 or np.abs(basis @ terms - values).max() > _RESIDUAL * largest:
        return None
    terms[np.abs(terms).max(axis=1) < 10.0 * _RESIDUAL * largest] = 0.0
    return points, powers, terms


def _there(card: Card, wanted: Sequence[Parameter], q: Array) -> Card:
    return card.with_model({one.name: one.scale * float(x) for one, x in zip(wanted, q, strict=True)})


def _refuse_degenerate(
    wanted: Sequence[Parameter],
    terms: Array,
    known: dict[tuple[int, ...], int],
    pairs: Sequence[tuple[int, ...]],
) -> None:
    """An error where the rate depends on a combination of two parameters only: every discriminant vanishes."""
    for pair in pairs:
        i, j = (k for k, power in enumerate(pair) if power)
        mixed = terms[known[pair]]
        first, second = (terms[known[tuple(2 * (k == index) for k in range(len(pair)))]] for index in (i, j))
        if np.any(mixed) and np.abs(mixed**2 - 4.0 * first * second).max() < 1e-4 * (mixed**2).max():
            names = f"{wanted[i].name}, {wanted[j].name}"
            raise InputError(Problem((names,), "the data depend on one combination of them only: fit one of them"))


def _squares(
    card: Card,
    wanted: Sequence[Parameter],
    templates: CardTemplates,
    fixed: Part,
    points: Array,
    terms: Array,
    known: dict[tuple[int, ...], int],
) -> Model:
    """Sum of squares (q + b)^2, or linear terms q, each with u >= 0."""
    n = len(wanted)
    coordinates, lower, columns = [], [], []
    for i, one in enumerate(wanted):
        square, line = (terms[known[tuple(order * (k == i) for k in range(n))]] for order in (2, 1))
        if np.any(square):
            b = float(line @ square) / (2.0 * float(square @ square))
            columns.append((points[:, i] + b) ** 2)
            coordinates.append(_square_coordinate(one, b))
            lower.append(0.0)
        else:
            columns.append(points[:, i])
            coordinates.append(_linear_coordinate(one))
            lower.append(0.0 if one.positive else -np.inf)
    basis = np.column_stack([np.ones(len(points)), *columns])
    responses, shifts = _solved(card, wanted, templates, points, basis)
    powers = np.vstack([np.zeros((1, n), dtype=np.int64), np.eye(n, dtype=np.int64)])
    signal = _polynomial(wanted, powers, responses, shifts, fixed, np.array(lower), templates)
    return Model(signal, tuple(coordinates))


def _general(
    card: Card,
    wanted: Sequence[Parameter],
    templates: CardTemplates,
    fixed: Part,
    points: Array,
    powers: NDArray[np.int64],
) -> Model:
    """All monomials that occur, in the parameters themselves."""
    if not np.any(powers.sum(axis=1) == 0):
        powers = np.vstack([np.zeros((1, len(wanted)), dtype=np.int64), powers])
    basis = np.array([np.prod(q**powers, axis=1) for q in points])
    responses, shifts = _solved(card, wanted, templates, points, basis)
    lower = np.array([0.0 if one.positive else -np.inf for one in wanted])
    signal = _polynomial(wanted, powers, responses, shifts, fixed, lower, templates)
    return Model(signal, tuple(_linear_coordinate(one) for one in wanted))


def _solved(
    card: Card, wanted: Sequence[Parameter], templates: CardTemplates, points: Array, basis: Array
) -> tuple[Array, Array]:
    """Coefficients R and D of the basis functions: as many evaluations as there are functions, and one."""
    enough = _enough(basis, basis.shape[1] + 1)
    cards = [_there(card, wanted, points[k]) for k in enough]
    central = np.array([templates.central(there) for there in cards])
    shifted = np.array([templates.shifted(there) for there in cards])
    inverse = np.linalg.pinv(basis[enough])
    responses = inverse @ central
    shifts = np.einsum("mp,pkx->mkx", inverse, shifted)
    small = np.abs(responses).max(axis=1) < _RESIDUAL * np.abs(responses).max()
    responses[small], shifts[small] = 0.0, 0.0
    return responses, shifts


def _enough(basis: Array, count: int) -> NDArray[np.int64]:
    """`count` rows of a basis, as independent as possible."""
    *_, order = qr(basis.T, pivoting=True, mode="economic")
    return np.asarray(order[:count], dtype=np.int64)


def _polynomial(
    wanted: Sequence[Parameter],
    powers: NDArray[np.int64],
    responses: Array,
    shifts: Array,
    fixed: Part,
    lower: Array,
    templates: CardTemplates,
) -> Polynomial:
    constant = int(np.flatnonzero(powers.sum(axis=1) == 0)[0])
    responses[constant] += fixed[0]
    shifts[constant] += fixed[1]
    return Polynomial(tuple(one.name for one in wanted), powers, responses, shifts, lower, templates.pruned)


def _square_coordinate(one: Parameter, b: float) -> Coordinate:
    """u = (p/scale + b)^2, on the side of the card's value."""
    b = 0.0 if abs(b) < 1e-5 else b
    here = one.value / one.scale + b
    sign = -1.0 if here < 0.0 else 1.0

    def value_of(u: float) -> float:
        return one.scale * (sign * math.sqrt(max(u, 0.0)) - b)

    def mirror(u: float) -> str:
        if one.positive or u <= 0.0:
            return ""
        if not b:
            return f"the sign of {one.name} is not determined"
        other = one.scale * (-sign * math.sqrt(u) - b)
        return f"{one.name} = {other:.6g} describes the data as well; the solution on the side of the card is given"

    return Coordinate(
        one, value_of, lambda u: 0.5 * sign * one.scale / math.sqrt(u) if u > 0.0 else 0.0, here**2, mirror
    )


def _linear_coordinate(one: Parameter) -> Coordinate:
    return Coordinate(
        one, lambda u: one.scale * u, lambda u: one.scale, (one.value or one.scale) / one.scale, lambda u: ""
    )
