"""Fits of the parameters of a model to the published likelihood: best values, profile intervals, covariance.

Coefficients and couplings are fitted together with the nuisance parameters (`bkgen_analysis.couplings` says in which
coordinates).  One parameter at most may be of another kind, such as a mass: it is scanned, all else is fitted at
every step, and the best step is refined.  The scan of a mass has a step in each bin of true q2 of the published
response, because the template of a narrow line jumps at the edges of these bins.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize_scalar

from bkgen.card import Card
from bkgen.errors import BkgenError, InputError, Problem, RunError
from bkgen.quantities import branching_fractions
from bkgen.results import Quantity

from . import couplings
from .card_signals import CardTemplates, Part, form_factor_choice
from .couplings import Coordinate, Model, Parameter
from .fit import References, references, signed_root
from .goodness import GoodnessOfFit, goodness
from .intervals import RISE_68, RISE_95, covariance, crossing
from .likelihood import Data, Likelihood, official
from .minimise import Minimum, minimise
from .points import CHANNEL, check_channel, column_0_of, poi_of, refit_references, source
from .responses import Array
from .responses import official as response
from .signals import Reevaluated

MAX_PARAMETERS = 6

_STARTS = np.geomspace(1e-4, 1e4, 17)
_FACTORS = np.geomspace(1e-3, 1e3, 61)
_LIGHT = (0.02, 0.1, 0.3, 0.5)
"""Light masses of a scan in units of the upper edge of the first bin of true q2."""

_HALVINGS = 12
_KEPT = RISE_95 + 1.0
"""Rise of -2 ln L up to which the steps of a scan count for the intervals of the other parameters."""


@dataclass(frozen=True)
class FittedParameter:
    """A parameter at the minimum, with the ends of its profile-likelihood intervals, None where there is no end.

    uncertainty: half the width of the 68% interval, None without an end.
    """

    name: str
    unit: str
    value: float
    interval_68: tuple[float | None, float | None]
    interval_95: tuple[float | None, float | None]

    @property
    def uncertainty(self) -> float | None:
        """Half the width of the 68% interval."""
        low, high = self.interval_68
        return None if low is None or high is None else 0.5 * (high - low)


@dataclass(frozen=True, eq=False)
class ModelFit:
    """Fit of the parameters of a model.

    branching: BR of the channel with X unseen at the best values.  minimum: in the coordinates of the fit.
    covariance: (n, n) of the parameters in their units, inverse Hessian, zero for parameters at a bound; None where a
    parameter was scanned.  form_factors: `official` or `refit`.  notes: what a reader must know.
    """

    branching: float
    parameters: tuple[FittedParameter, ...]
    covariance: Array | None
    minimum: Minimum
    references: References
    form_factors: str
    notes: tuple[str, ...]
    data: Data | None

    @property
    def twice_nll(self) -> float:
        """-2 ln L at the minimum."""
        return self.minimum.twice_nll

    @property
    def edm(self) -> float:
        """Worst estimated distance to the minimum, of the fit and of its references."""
        return max(self.minimum.edm, self.references.background.edm, self.references.standard_model.edm)

    @property
    def converged(self) -> bool:
        """Whether the fit and its references converged."""
        found = (self.minimum, self.references.background, self.references.standard_model)
        return all(minimum.converged for minimum in found)

    @functools.cached_property
    def goodness(self) -> GoodnessOfFit:
        """Comparison with the saturated model, with as many degrees of freedom fewer as there are parameters."""
        freedom = len(self.parameters) - len(self.minimum.signal.pois)
        return goodness(official(), self.minimum, self.data, freedom)

    def __getitem__(self, name: str) -> FittedParameter:
        """A parameter by name."""
        return next(one for one in self.parameters if one.name == name)


def fit_parameters(
    card: Card, names: Sequence[str], form_factors: str | None = None, data: Data | None = None
) -> ModelFit:
    """Fit parameters of a card's model, for example `fit_parameters(card, ["C_VL", "C_SL", "C_TL"])`.

    names: parameters that are real numbers, with a dot inside a block ("Zp.g_X").  The others keep the card's values.
    form_factors, data: see `points.fit_card`.

    Raises InputError for a channel without likelihood, unknown parameters, parameters that the data do not determine,
    or more than one that must be scanned; RunError if an end of an interval cannot be found.
    """
    return _Fit(card, names, form_factors, data).result()


def quantities(result: ModelFit) -> list[Quantity]:
    """Values, intervals, covariances, BR(fit), -2 ln L of the fit and of the references, goodness of fit."""
    rows: list[Quantity] = []
    origin = source(result.minimum.signal)
    for one in result.parameters:
        rows.append(Quantity(one.name, one.value, one.unit, one.uncertainty, origin))
        for level, (low, high) in (("68", one.interval_68), ("95", one.interval_95)):
            if low is not None and high is not None:
                rows.append(Quantity(f"interval_{level}({one.name})", (low, high), one.unit, None, origin))
    if result.covariance is not None:
        for i, j in combinations(range(len(result.parameters)), 2):
            first, second = result.parameters[i], result.parameters[j]
            unit = " ".join(unit for unit in (first.unit, second.unit) if unit != "1") or "1"
            name = f"covariance({first.name}, {second.name})"
            rows.append(Quantity(name, float(result.covariance[i, j]), unit, None, origin))
    background, standard_model = result.references.background, result.references.standard_model
    values: list[tuple[str, float | bool]] = [
        ("BR(fit)", result.branching),
        ("twice_nll", result.twice_nll),
        ("twice_nll_background", background.twice_nll),
        ("twice_nll_sm", standard_model.twice_nll),
        ("z_background", signed_root(background.twice_nll - result.twice_nll)),
        ("z_sm", signed_root(standard_model.twice_nll - result.twice_nll)),
        ("twice_nll_saturated", result.goodness.twice_nll_saturated),
        ("p_value", result.goodness.p_value),
        ("converged", result.converged),
        ("edm", result.edm),
    ]
    return [*rows, *(Quantity(name, value, "1", None, origin) for name, value in values)]


def warnings(result: ModelFit) -> list[str]:
    """What a reader of the fit must know."""
    found = list(result.notes)
    if not result.converged:
        found.append(f"the fit did not converge: edm = {result.edm:.3g}")
    for one in result.parameters:
        for level, ends in (("68%", one.interval_68), ("95%", one.interval_95)):
            if None in ends:
                known = [f"{end:.6g}" for end in ends if end is not None]
                limit = f", its other end is {known[0]}" if known else ""
                found.append(f"the {level} interval of {one.name} is open on one side{limit}")
    return found


@dataclass(frozen=True, eq=False)
class _Step:
    """The fit of everything else at one value of the scanned parameter."""

    value: float
    card: Card
    model: Model
    best: Minimum


class _Fit:
    """One fit: classification of the parameters, minimisation, intervals."""

    def __init__(self, card: Card, names: Sequence[str], form_factors: str | None, data: Data | None) -> None:
        check_channel(card)
        if poi_of(card) == "sm":
            raise InputError(Problem(("poi",), "the SM has no parameters to fit, leave it out for the strength mu"))
        self._card, self._data = card, data
        self._choice = form_factor_choice(card, form_factors)
        self._templates = CardTemplates(card, self._choice, column_0_of(poi_of(card)))
        self._likelihood: Likelihood = official()
        self._known = references(data) if self._choice == "official" else refit_references(self._templates, data)
        wet = poi_of(card) == "wet"
        self._fixed: Part = self._templates.nothing() if wet else self._templates.standard_model()
        self._wanted = _parameters(card, names)
        self._scanned: Parameter | None = None
        self._build = self._classified()
        self._build(self._card)  # what cannot be fitted is refused here, the points of a scan are only left out

    def result(self) -> ModelFit:
        """The fit with its intervals."""
        steps = [self._step(self._card)] if self._scanned is None else self._scan(self._scanned)
        best = min(steps, key=lambda step: step.best.twice_nll)
        near = [step for step in steps if step.best.twice_nll - best.best.twice_nll < _KEPT]
        found = {
            coordinate.parameter.name: self._fitted(i, best, near)
            for i, coordinate in enumerate(best.model.coordinates)
        }
        if self._scanned is not None:
            found[self._scanned.name] = self._scanned_parameter(self._scanned, best, steps)
        values = {one.name: one.value for one in found.values()}
        infinite = [name for name, value in values.items() if not math.isfinite(value)]
        if infinite:
            raise RunError(f"the best fit has no signal: {infinite[0]} is infinite")
        return ModelFit(
            self._branching(best, values),
            tuple(found[one.name] for one in self._wanted),
            None if self._scanned is not None else self._covariance(best),
            best.best,
            self._known,
            self._choice,
            tuple(self._notes(best)),
            self._data,
        )

    def _branching(self, best: _Step, values: dict[str, float]) -> float:
        """BR at the best values; 0 where all couplings vanish, which a model may refuse."""
        try:
            card = best.card.with_model(values)
        except BkgenError as error:
            if best.model.coordinates and not any(values[c.parameter.name] for c in best.model.coordinates):
                return 0.0
            raise RunError(f"the model refuses the best values: {str(error).splitlines()[0]}") from error
        return branching_fractions(card, card.physics_inputs)[f"BR({CHANNEL} inv)"]

    def _classified(self) -> Callable[[Card], Model]:
        """How the signal of a card at a value of the scanned parameter is built."""
        quadratic = {one.name: couplings.is_quadratic(self._card, one, self._templates) for one in self._wanted}
        exponents = {
            one.name: None if quadratic[one.name] else couplings.power(self._card, one) for one in self._wanted
        }
        other = [one for one in self._wanted if not quadratic[one.name] and exponents[one.name] is None]
        if len(other) > 1:
            names = ", ".join(one.name for one in other)
            raise InputError(Problem(("poi",), "one parameter at most that is not a coupling can be fitted", names))
        coupled = [one for one in self._wanted if one not in other]
        self._scanned = other[0] if other else None
        if not coupled:
            return self._without_couplings
        if all(quadratic[one.name] for one in coupled):
            return functools.partial(self._quadratic, coupled)
        powers = [exponents[one.name] or couplings.power(self._card, one) for one in coupled]
        known = [exponent for exponent in powers if exponent is not None]
        if len(known) < len(coupled):
            names = ", ".join(one.name for one in coupled)
            raise InputError(Problem(("poi",), "these parameters cannot be fitted together", names))
        if len(coupled) > 1:
            self._refuse_equivalent(coupled)
        return lambda card: couplings.powers_of(card, coupled, known, self._templates, self._fixed)

    def _without_couplings(self, card: Card) -> Model:
        """Strength 1 held: only the nuisance parameters are fitted."""
        part = self._templates.part(card)
        signal = couplings.held(self._fixed, part, self._templates.pruned)
        return Model(signal, ())

    def _quadratic(self, coupled: Sequence[Parameter], card: Card) -> Model:
        model = couplings.polynomial(card, coupled, self._templates, self._fixed)
        if model is None:
            names = ", ".join(one.name for one in coupled)
            raise InputError(Problem(("poi",), "these parameters cannot be fitted together", names))
        return model

    def _refuse_equivalent(self, coupled: Sequence[Parameter]) -> None:
        """An error for couplings that change all bins alike: the data determine their product only."""
        here = self._templates.central(self._card)
        directions = []
        for one in coupled:
            there = self._templates.central(self._card.with_model({one.name: one.value * 1.01}))
            change = (there - here) * (self._known.background.evaluation.unit_signal > 0.0)
            directions.append(change / (np.linalg.norm(change) or 1.0))
        for (i, first), (j, second) in combinations(enumerate(directions), 2):
            if abs(float(first @ second)) > 1.0 - 1e-6:
                names = f"{coupled[i].name}, {coupled[j].name}"
                message = "the data depend on one combination of them only: fit one of them"
                raise InputError(Problem((names,), message))

    def _step(self, card: Card, value: float = 0.0) -> _Step:
        """The fit at a card, from the best of several starts."""
        model = self._build(card)
        start = self._start(model)
        held = {} if model.coordinates else {self._likelihood.poi: 1.0}
        best = minimise(self._likelihood, model.signal, start=start, data=self._data, held=held)
        return _Step(value, card, model, best)

    def _start(self, model: Model) -> Array:
        """The reference fit with the parameters of the card, the first of them at the best of many values."""
        likelihood, signal = self._likelihood, model.signal
        start = np.zeros(likelihood.free(signal).size)
        reference = self._known.background.parameters
        n_pyhf, n_pois = len(likelihood.names), len(signal.pois)
        start[:n_pyhf] = reference[:n_pyhf]
        start[n_pyhf + n_pois - 1 :] = reference[n_pyhf:]
        slots = likelihood.slots(signal)[:n_pois]
        if not model.coordinates:
            return start
        start[slots] = model.start
        if not isinstance(signal, Reevaluated):
            return start
        template = signal.slopes(start[likelihood.slots(signal)])[:, 0]
        events = float(np.sum(np.abs(template) * self._known.background.evaluation.unit_signal))
        scale = 1.0 if not events else self._sm_events / events
        candidates = []
        for first in (*(scale * _STARTS), model.start[0]):
            point = start.copy()
            point[slots[0]] = first
            candidates.append((likelihood.evaluate(point, signal, self._data).twice_nll, point))
        return min(candidates, key=lambda candidate: candidate[0])[1]

    @functools.cached_property
    def _sm_events(self) -> float:
        return float(np.sum(self._known.background.evaluation.unit_signal))

    def _at(self, scanned: Parameter, value: float) -> _Step | None:
        """The step at a value of the scanned parameter, None where the model refuses it or predicts no signal."""
        try:
            card = self._card.with_model({scanned.name: value})
            if not np.any(self._templates.central(card)):
                return None
            return self._step(card, value)
        except (BkgenError, ValueError, ArithmeticError):
            return None

    def _scan(self, scanned: Parameter) -> list[_Step]:
        """Steps in rising order, with the best of them refined."""
        steps = [step for value in self._grid(scanned) if (step := self._at(scanned, value)) is not None]
        if not steps:
            raise InputError(Problem((scanned.name,), "the model has no signal at any value of the scan"))
        k = int(np.argmin([step.best.twice_nll for step in steps]))
        low, high = steps[max(k - 1, 0)].value, steps[min(k + 1, len(steps) - 1)].value
        tried: dict[float, _Step] = {}

        def height(value: float) -> float:
            step = self._at(scanned, float(value))
            if step is None:
                return 1e6
            tried[step.value] = step
            return step.best.twice_nll

        if high > low:
            minimize_scalar(height, bounds=(low, high), method="bounded", options={"maxiter": 20})
        return sorted([*steps, *tried.values()], key=lambda step: step.value)

    def _grid(self, scanned: Parameter) -> Iterator[float]:
        """Square roots of the centres of the bins of true q2 for a mass, otherwise factors of the card's value."""
        values = {scanned.value}
        if scanned.unit == "GeV":
            edges = response().edges
            values.update(np.sqrt(0.5 * (edges[:-1] + edges[1:])).tolist())
            values.update((math.sqrt(edges[1]) * np.array(_LIGHT)).tolist())
        else:
            values.update((scanned.scale * _FACTORS).tolist())
        yield from sorted(values)

    def _fitted(self, i: int, best: _Step, near: Sequence[_Step]) -> FittedParameter:
        """A coupling; the profile over the scanned parameter is the lowest of all steps."""
        coordinate = best.model.coordinates[i]
        index = int(self._likelihood.slots(best.model.signal)[i])
        u = float(best.best.parameters[index])
        intervals = []
        for rise in (RISE_68, RISE_95):
            level = best.best.twice_nll + rise
            inside = [step for step in near if step.best.twice_nll < level]
            ends = [
                crossing(self._likelihood, step.best, index, side, level, self._data)
                for step in inside
                for side in (-1.0, 1.0)
            ]
            intervals.append(_ends(coordinate, min(ends), max(ends)))
        one = coordinate.parameter
        return FittedParameter(one.name, one.unit, coordinate.value_of(u), intervals[0], intervals[1])

    def _scanned_parameter(self, scanned: Parameter, best: _Step, steps: Sequence[_Step]) -> FittedParameter:
        """The scanned parameter: the connected interval around the minimum, its ends by halving."""
        k = list(steps).index(best)
        intervals = []
        for rise in (RISE_68, RISE_95):
            level = best.best.twice_nll + rise
            low = self._edge(scanned, list(reversed(steps[: k + 1])), level)
            intervals.append((low, self._edge(scanned, list(steps[k:]), level)))
        return FittedParameter(scanned.name, scanned.unit, best.value, intervals[0], intervals[1])

    def _edge(self, scanned: Parameter, outwards: Sequence[_Step], level: float) -> float:
        """The last value below the level, or the end of the scan."""
        inside = outwards[0].value
        for step in outwards[1:]:
            if step.best.twice_nll > level:
                outside = step.value
                break
            inside = step.value
        else:
            return inside
        for _ in range(_HALVINGS):
            middle = 0.5 * (inside + outside)
            found = self._at(scanned, middle)
            if found is not None and found.best.twice_nll <= level:
                inside = middle
            else:
                outside = middle
        return 0.5 * (inside + outside)

    def _covariance(self, best: _Step) -> Array:
        """(n, n) covariance of the parameters in their units."""
        n = len(best.model.coordinates)
        slots = self._likelihood.slots(best.model.signal)[:n]
        everything = covariance(self._likelihood, best.best, self._data)
        pairs = zip(best.model.coordinates, best.best.parameters[slots], strict=True)
        slopes = np.array([coordinate.slope_of(float(u)) for coordinate, u in pairs])
        return np.asarray(np.outer(slopes, slopes) * everything[np.ix_(slots, slots)])

    def _notes(self, best: _Step) -> Iterator[str]:
        slots = self._likelihood.slots(best.model.signal)
        for i, coordinate in enumerate(best.model.coordinates):
            note = coordinate.mirror(float(best.best.parameters[slots[i]]))
            if note:
                yield note


def _parameters(card: Card, names: Sequence[str]) -> list[Parameter]:
    """The parameters by name.  Raises InputError with every problem."""
    if not names:
        raise InputError(Problem(("poi",), "names no parameter"))
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(Problem(("poi",), "is given twice", ", ".join(sorted(repeated))))
    if len(names) > MAX_PARAMETERS:
        raise InputError(Problem(("poi",), f"{MAX_PARAMETERS} parameters at most can be fitted", len(names)))
    found: list[Parameter] = []
    problems: list[Problem] = []
    for name in names:
        try:
            found.append(couplings.parameter(card, name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def _ends(coordinate: Coordinate, low: float, high: float) -> tuple[float | None, float | None]:
    """The interval in the parameter: in rising order, None at infinity."""
    ends = sorted((coordinate.value_of(low), coordinate.value_of(high)))
    first, last = (end if math.isfinite(end) else None for end in ends)
    return first, last
