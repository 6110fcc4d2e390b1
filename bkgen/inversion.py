"""The value of a model parameter at which a quantity of `rates` or `relic` has a given value, e.g. the f_a of a BR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from scipy.optimize import brentq

from .card import Card
from .dark_matter import OMEGA_H2
from .errors import BkgenError, InputError, Problem, suggestion
from .quantities import rates, total_name
from .results import Quantity, number

_STEP = 0.25  # of log(parameter), close to the value of the card
_GROWTH = 1.25  # of the steps
_RANGE = 90.0  # of log(parameter) to either side, 39 decades
_EDGE_STEPS = 45  # halvings that locate the end of the allowed range
_JUMP = 1e-6  # relative distance from the wanted value that tells a jump from a solution
_NEAR, _FLAT = 1e-3, 1e-10  # a quantity that changes less over that distance has reached its limit

Point = tuple[float, float]
"""log(parameter/start), and the value of the quantity there."""


@dataclass(frozen=True)
class Solution:
    """A solved parameter with its unit, the card at that point, and one line for each thing to know about it."""

    parameter: Quantity
    card: Card
    notes: tuple[str, ...] = ()


def solve(card: Card, parameter: str, value: float, quantity: str = "BR") -> Solution:
    """The value of a model parameter for which a quantity has a value: `solve(card, "f_a", 7e-6)`.

    parameter: a number of the card's model, with a dot inside a block ("Zp.g_X").  It keeps the sign it has in the card
    and is searched on a logarithmic scale from there, or from 1 where the card has none or 0, in both directions until
    the model refuses it.
    quantity: "BR", the branching fraction of the card's channel, any name that `rates` gives, or "Omega h2", the relic
    density.
    Of several solutions the one nearest to the card's value is taken, and a note lists all.  It is exact to 1e-10.
    Raises InputError if there is none.
    """
    search = _Search(card, parameter, value, total_name(card) if quantity == "BR" else quantity)
    return search.solution()


class _Search:
    """Values of one quantity as a function of one parameter."""

    def __init__(self, card: Card, parameter: str, target: float, quantity: str) -> None:
        if not math.isfinite(target):
            raise InputError(Problem((quantity,), "must be a finite number", target))
        self._card, self._parameter, self._target, self._quantity = card, parameter, target, quantity
        self._field, given = parameter_of(card, parameter)
        self._start = given or 1.0
        self._known: dict[float, float | None] = {}
        self._refuse_unusable_start()

    def solution(self) -> Solution:
        """The nearest solution."""
        points = self._points()
        values = [value for _, value in points]
        if max(values) - min(values) <= 1e-13 * max(abs(max(values)), abs(min(values))):
            raise self._problem(f"{self._quantity} does not depend on it, it is {number(values[0])} everywhere")
        roots = sorted(self._roots(points), key=abs)
        if not roots:
            low, high = sorted(self._at(u) for u in (points[0][0], points[-1][0]))
            raise self._problem(
                f"no solution for {self._quantity} = {number(self._target)}: it takes values from "
                f"{number(min(values))} to {number(max(values))} for {self._parameter} "
                f"between {number(low)} and {number(high)}"
            )
        x = self._at(roots[0])
        solved = self._card.with_model({self._parameter: x})
        source = f"solved for {self._quantity} = {number(self._target)}"
        return Solution(
            Quantity(self._parameter, x, unit_of(self._field), None, source), solved, tuple(self._notes(roots))
        )

    def _notes(self, roots: list[float]) -> Iterator[str]:
        if len(roots) > 1:
            values = ", ".join(number(self._at(u)) for u in sorted(roots))
            yield (
                f"{self._parameter}: {len(roots)} solutions for {self._quantity} = {number(self._target)}: {values}; "
                f"the one nearest to the card is taken"
            )

    def _problem(self, message: str) -> InputError:
        return InputError(Problem((self._parameter,), message))

    def _at(self, u: float) -> float:
        return self._start * math.exp(u)

    def _refuse_unusable_start(self) -> None:
        """An error that says why, if the search cannot begin."""
        card = self._card.with_model({self._parameter: self._start})
        named = self._named(card)
        found = named.get(self._quantity)
        if self._quantity not in named:
            raise InputError(
                Problem(
                    (self._quantity,),
                    f"is not a quantity of this card{suggestion(self._quantity, named)}; see bkgen rates",
                )
            )
        if isinstance(found, bool | tuple):
            raise InputError(Problem((self._quantity,), "is not a single number", found))

    def _named(self, card: Card) -> dict[str, float | bool | tuple[float, ...]]:
        """The results of a card among which the quantity is sought."""
        if self._quantity == OMEGA_H2:
            from .relic_density import relic  # only here, since it is slow to import

            return {q.name: q.value for q in relic(card, shares=False).quantities}
        return {q.name: q.value for q in rates(card, uncertainties=False)}

    def _value(self, u: float) -> float | None:
        """The quantity, or None where the model refuses the point or does not have the quantity."""
        if u not in self._known:
            self._known[u] = self._evaluate(self._at(u))
        return self._known[u]

    def _evaluate(self, x: float) -> float | None:
        try:
            with np.errstate(all="ignore"):
                card = self._card.with_model({self._parameter: x})
                named = self._named(card)
        except (BkgenError, ValueError, ArithmeticError):
            return None
        value = named.get(self._quantity)
        return float(value) if isinstance(value, float) and math.isfinite(value) else None

    def _points(self) -> list[Point]:
        """Points in rising order, around the start, up to where the model refuses them or the range ends."""
        start = self._value(0.0)
        if start is None:
            raise self._problem(f"{self._quantity} is not known at {number(self._start)}, where the search starts")
        return [*reversed(list(self._side(-1.0))), (0.0, start), *self._side(1.0)]

    def _side(self, direction: float) -> Iterator[Point]:
        inside, step = 0.0, _STEP
        while abs(inside) < _RANGE:
            u = inside + direction * step
            value = self._value(u)
            if value is None:
                yield from self._edge(inside, u)
                return
            yield u, value
            inside, step = u, step * _GROWTH

    def _edge(self, inside: float, outside: float) -> Iterator[Point]:
        """Points towards the end of the allowed range, which lies between the two."""
        for _ in range(_EDGE_STEPS):
            middle = 0.5 * (inside + outside)
            value = self._value(middle)
            if value is None:
                outside = middle
            else:
                yield middle, value
                inside = middle

    def _roots(self, points: list[Point]) -> Iterator[float]:
        for (a, f_a), (b, f_b) in pairwise(points):
            g_a, g_b = self._distance(f_a), self._distance(f_b)
            if g_a == 0.0 and not self._flat(a):
                yield a
            elif g_a * g_b < 0.0:
                root = float(brentq(self._distance_at, a, b, xtol=1e-13, rtol=1e-13, maxiter=200))
                if abs(self._distance_at(root)) < _JUMP and not self._flat(root):
                    yield root

    def _flat(self, u: float) -> bool:
        """Whether the quantity approaches the value without crossing it, as a branching fraction approaches 1."""
        before, after = self._value(u - _NEAR), self._value(u + _NEAR)
        return before is not None and after is not None and abs(self._distance(before) - self._distance(after)) < _FLAT

    def _distance(self, value: float) -> float:
        """From the wanted value: on a logarithmic scale where both are positive, so that power laws are straight."""
        if self._target > 0.0:
            return math.log(value / self._target) if value / self._target > 1e-300 else -math.inf
        return (value - self._target) / (abs(self._target) or 1.0)

    def _distance_at(self, u: float) -> float:
        value = self._value(u)
        if value is None:
            raise self._problem(f"{self._quantity} is not known at {number(self._at(u))}")
        return max(self._distance(value), -700.0)


def parameter_unit(card: Card, parameter: str) -> str:
    """Unit of a parameter that can be varied, a real number of the card's model, with a dot inside a block.

    Raises InputError for anything else, with a suggestion.
    """
    return unit_of(parameter_of(card, parameter)[0])


def parameter_of(card: Card, path: str) -> tuple[FieldInfo, float | None]:
    """The field of a parameter and its value in the card, None where it has none.

    Raises InputError for an unknown parameter, and for one that is not a real number.
    """
    owner: BaseModel = card.model
    *blocks, key = path.split(".")
    for i, name in enumerate(blocks):
        inner = getattr(owner, name, None) if name in type(owner).model_fields else None
        if not isinstance(inner, BaseModel):
            raise _unknown(card, path, f"the card has no block {'.'.join(blocks[: i + 1])}")
        owner = inner
    fields = type(owner).model_fields
    if key not in fields:
        raise _unknown(card, path, "unknown parameter")
    value = getattr(owner, key)
    if float not in _alternatives(fields[key].annotation) or isinstance(value, bool | str | tuple | BaseModel):
        shown = None if isinstance(value, BaseModel) else value
        raise InputError(Problem((path,), "is not a real number that can be solved for", shown))
    return fields[key], None if value is None else float(value)


def _unknown(card: Card, path: str, message: str) -> InputError:
    names = list(_names(card.model))
    close = suggestion(path, names) or f", one of: {', '.join(names)}"
    return InputError(Problem((path,), f"{message}{close}"))


def _names(owner: BaseModel, prefix: str = "") -> Iterator[str]:
    """Names of the parameters that are real numbers, those of blocks with a dot."""
    for name, field in type(owner).model_fields.items():
        value = getattr(owner, name)
        if isinstance(value, BaseModel):
            yield from _names(value, f"{prefix}{name}.")
        elif float in _alternatives(field.annotation):
            yield f"{prefix}{name}"


def _alternatives(annotation: Any) -> Iterable[Any]:
    """The types that an annotation allows."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def unit_of(field: FieldInfo) -> str:
    """Unit of a parameter, "1" for a pure number."""
    extra = field.json_schema_extra
    return str(extra.get("unit") or "1") if isinstance(extra, Mapping) else "1"
