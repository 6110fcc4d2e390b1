"""Expected limits and significances at another integrated luminosity, from the published likelihood.

Approximations:

- All expected yields, signal and backgrounds, on and off resonance, are multiplied with L/L0, L0 = 0.362 ab^-1: the
  same selection, bins, efficiencies and beam backgrounds as in the published measurement.
- The expected data are the Asimov data at the nuisance parameters fitted to the published data with strength 0, that
  is background + SM for new physics, and background only for `sm` and `wet`; for the significance with the signal of
  the card added.
- `systematics`: with `constant` the widths of all nuisance parameters stay as they are, though many of them, such as
  those of the finite simulation, will shrink; with `sqrtL` all widths shrink with 1/sqrt(L/L0), the statistical ones
  and the theoretical ones alike, so that significances grow with sqrt(L); with `none` the nuisance parameters are
  known.  The truth is between `constant` and `sqrtL`.
- Asymptotic distributions (arXiv:1007.1727).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
from scipy.optimize import brentq

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.results import Quantity, number

from .fit import Poi
from .likelihood import Data, Evaluation, Likelihood
from .limits import Asymptotics, check_level
from .points import SOURCE, Point, poi_of, point
from .profiles import Profile
from .responses import Array
from .signals import SignalModel

Systematics: TypeAlias = Literal["constant", "sqrtL", "none"]

LUMINOSITY = 0.362
"""Integrated luminosity of the published data [ab^-1]."""

RANGE = (1e-3, 1e3)
"""Luminosities [ab^-1] that can be projected to, and between which a significance is looked for."""

EVIDENCE = (3.0, 5.0)
"""Significances whose luminosity is given."""


class ScaledLikelihood(Likelihood):
    """The published likelihood with all expected yields multiplied by a factor, interface as `Likelihood`.

    `Evaluation.background` and `unit_signal` stay those of the published luminosity.  -2 ln L is that of the scaled
    yields up to a constant.  null: (n_parameters,) values of the nuisance parameters where they are known.
    """

    def __init__(self, published: Likelihood, factor: float, systematics: Systematics, null: Array) -> None:
        """Share everything compiled with `published`."""
        vars(self).update(vars(copy.copy(published)))
        self._published, self._factor, self._known = published, factor, systematics == "none"
        self._constraint_scale = factor if systematics == "sqrtL" else 1.0
        self.curvature = published.curvature * self._constraint_scale
        self.observed = Data(published.observed.main * factor, published.observed.auxiliary)
        self._nuisances = np.arange(null.size) != published.poi
        if self._known:
            self.lower = np.where(self._nuisances, null, -np.inf)
            self.upper = np.where(self._nuisances, null, np.inf)

    def evaluate(self, parameters: Array, signal: SignalModel, data: Data | None = None) -> Evaluation:
        """-2 ln L and its gradient at `parameters` (n_parameters,).

        From n ln(k x) - k x = k (n/k ln x - x) + constant.
        """
        data = self.observed if data is None else data
        k = self._factor
        found = self._published.evaluate(parameters, signal, Data(data.main / k, data.auxiliary))
        distance = parameters[self._auxiliary_index] - data.auxiliary
        slope = self._published.curvature[self._auxiliary_index] * distance
        gradient = k * found.gradient
        gradient[self._auxiliary_index] += (self._constraint_scale - k) * slope
        twice_nll = k * found.twice_nll + (self._constraint_scale - k) * 0.5 * float(slope @ distance)
        return Evaluation(twice_nll, gradient, found.background, found.unit_signal)

    def jacobian(self, parameters: Array, signal: SignalModel) -> tuple[Array, Array]:
        """Expected events (n_bins,) and their derivatives (n_bins, n_parameters), scaled."""
        yields, jacobian = self._published.jacobian(parameters, signal)
        return self._factor * yields, self._factor * jacobian

    def gauss_newton(self, parameters: Array, signal: SignalModel, data: Data | None = None) -> Array:
        """Approximate Hessian (n_parameters, n_parameters); known nuisance parameters have no correlations."""
        hessian = super().gauss_newton(parameters, signal, data)
        if self._known:
            hessian = np.diag(np.diag(hessian))
        return hessian


@dataclass(frozen=True)
class Projection:
    """What is expected at one luminosity [ab^-1].

    exp: limits on the strength for the fluctuations `limits.BANDS` of data without signal; z: significance of the
    card's signal, strength 1.
    """

    luminosity: float
    exp: tuple[float, ...]
    z: float


@dataclass(frozen=True)
class SensitivityResult:
    """Projections, and the luminosity [ab^-1] at which the card's signal has a significance, None where never."""

    cl: float
    systematics: Systematics
    projections: tuple[Projection, ...]
    luminosity_for: dict[float, float | None]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "cl": self.cl,
            "systematics": self.systematics,
            "projections": [{**vars(found), "exp": list(found.exp)} for found in self.projections],
            "luminosity_for": {f"{z:g}": value for z, value in self.luminosity_for.items()},
        }


class Sensitivity:
    """One model point at any luminosity."""

    def __init__(self, template: Array | None, poi: Poi = "np", systematics: Systematics = "constant") -> None:
        """Arguments as `fit.fit`.

        Raises ValueError for a template that does not go with `poi`, InputError if it has no events.
        """
        self._published = Asymptotics.of(template, poi)
        self._systematics = systematics

    def project(self, luminosity: float, cl: float = 0.9) -> Projection:
        """Expected limits and significance at a luminosity [ab^-1]."""
        likelihood = self._scaled(luminosity)
        asymptotics = Asymptotics(likelihood, self._published.signal, None, self._published.null)
        return Projection(luminosity, asymptotics.expected_limits(cl), self.significance(luminosity))

    def significance(self, luminosity: float) -> float:
        """Median significance of the signal with strength 1, the root of q0 of its Asimov data."""
        likelihood, signal = self._scaled(luminosity), self._published.signal
        truth = self._published.null.copy()
        truth[likelihood.poi] = 1.0
        data = likelihood.asimov(truth, signal)
        smallest = likelihood.evaluate(truth, signal, data).twice_nll
        return math.sqrt(max(0.0, Profile(likelihood, signal, data, truth)(0.0) - smallest))

    def luminosity_for(self, z: float) -> float | None:
        """The luminosity [ab^-1] at which the significance is z, None if it is never within `RANGE`."""

        def excess(log_luminosity: float) -> float:
            return self.significance(math.exp(log_luminosity)) / z - 1.0

        low, high = map(math.log, RANGE)
        inside = math.log(LUMINOSITY)
        step = math.copysign(math.log(4.0), -excess(inside))
        while low < inside < high:
            outside = min(max(inside + step, low), high)
            if excess(outside) * step >= 0.0:
                return math.exp(float(brentq(excess, inside, outside, xtol=1e-5)))
            inside = outside
        return None

    def _scaled(self, luminosity: float) -> ScaledLikelihood:
        null = self._published.null
        return ScaledLikelihood(self._published.likelihood, luminosity / LUMINOSITY, self._systematics, null)


def sensitivity_card(
    card: Card, luminosities: tuple[float, ...], systematics: Systematics = "constant", cl: float = 0.9
) -> tuple[SensitivityResult, Point]:
    """Projections of a card; luminosities [ab^-1] replace that of the card.

    Raises InputError for a luminosity that is not positive, and as `limits.limit_card`.
    """
    check_level(cl)
    wrong = [value for value in luminosities if not RANGE[0] <= value <= RANGE[1]]
    if wrong:
        allowed = f"must be between {RANGE[0]:g} and {RANGE[1]:g} ab^-1"
        raise InputError([Problem(("--luminosity",), allowed, value) for value in wrong])
    poi, here = poi_of(card), point(card)
    study = Sensitivity(None if poi == "sm" else here.template, poi, systematics)
    projections = tuple(study.project(value, cl) for value in luminosities)
    reached = {z: study.luminosity_for(z) for z in EVIDENCE}
    return SensitivityResult(cl, systematics, projections, reached), here


def read_systematics(text: str) -> Systematics:
    """The treatment of systematic uncertainties, by name.  Raises InputError for an unknown one."""
    for systematics in get_args(Systematics):
        if text == systematics:
            return cast(Systematics, systematics)
    raise InputError(Problem(("--systematics",), f"must be one of: {', '.join(get_args(Systematics))}", text))


def read_luminosities(text: str) -> tuple[float, ...]:
    """Luminosities separated by commas.  Raises InputError for anything else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(Problem(("--luminosity",), "must be numbers in ab^-1 such as 1,5,10,50", text)) from None


def quantities(result: SensitivityResult, here: Point) -> list[Quantity]:
    """For each luminosity expected limits on mu and on the branching fraction, and the significance."""
    found = []
    for projection in result.projections:
        at = f"{projection.luminosity:g} ab^-1"
        branching = tuple(value * here.branching for value in projection.exp)
        found.append(Quantity(f"exp({at})", projection.exp, "1", None, SOURCE))
        found.append(Quantity(f"BR(exp)({at})", branching, "1", None, SOURCE))
        found.append(Quantity(f"z({at})", projection.z, "1", None, SOURCE))
    for z, luminosity in result.luminosity_for.items():
        if luminosity is not None:
            found.append(Quantity(f"luminosity({z:g} sigma)", luminosity, "ab^-1", None, SOURCE))
    return [*found, Quantity("cl", result.cl, "1", None, SOURCE)]


def warnings(result: SensitivityResult) -> list[str]:
    """Significances that are never reached."""
    where = f"between {number(RANGE[0])} and {number(RANGE[1])} ab^-1"
    return [f"no luminosity {where} gives {z:g} sigma" for z, value in result.luminosity_for.items() if value is None]
