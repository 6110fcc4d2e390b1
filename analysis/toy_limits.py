"""CLs limits from pseudo-experiments, where the asymptotic distributions cannot be trusted.

As `pyhf.infer.hypotest(calctype="toybased")`: toys at the tested strength and at 0, with the nuisance parameters as
fitted to the data there, auxiliary measurements included, and qtilde_mu of every toy from its own fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter

import numpy as np
from scipy.special import ndtr

from bkgen.card import Card
from bkgen.errors import InputError, Problem, RunError

from .fit import Poi
from .likelihood import Data, Likelihood, Signal
from .limits import BANDS, Asymptotics, LimitResult, check_level
from .minimise import descend
from .points import Point, poi_of, point
from .profiles import Profile
from .responses import Array
from .toys import Fluctuations, data_sets, fluctuations

MIN_TOYS = 20
USUAL_STRENGTHS = 8
"""Strengths at which a limit usually needs toys, for a progress bar."""
_MAX_EXTENSIONS = 12
_STEP = 1.5
_FEW = 5  # toys with signal behind an expected limit

Advance = Callable[[int], None]


@dataclass(frozen=True)
class ToyCls:
    """CLs of one strength from toys: observed with its statistical error, and expected for `limits.BANDS`."""

    observed: float
    error: float
    expected: tuple[float, ...]


class Ensemble:
    """Pseudo-experiments for one generated strength, each with its free fit."""

    def __init__(self, likelihood: Likelihood, signal: Signal, truth: Array, random: Fluctuations) -> None:
        """Draw and fit.  truth: (n_parameters,) the generated point, from which every fit starts."""
        self._likelihood, self._signal = likelihood, signal
        self._data = data_sets(likelihood, truth, signal, random)
        hessian = likelihood.gauss_newton(truth, signal, likelihood.asimov(truth, signal))
        self._metric: Array = np.asarray(np.linalg.inv(hessian))
        free = np.ones(truth.size, dtype=np.bool_)
        fits = (descend(likelihood, signal, truth, self._metric, free, data) for data in self._data)
        self._best = [(fit.parameters, fit.evaluation.twice_nll) for fit in fits]
        if not all(math.isfinite(value) for _, value in self._best):
            raise RunError(f"toys at mu = {truth[likelihood.poi]:.6g}: the expected yields are not all positive")
        self._null: list[float | None] = [None] * len(self._data)

    def q(self, strength: float) -> Array:
        """(n,) qtilde of every toy."""
        return np.asarray([self._q(k, data, strength) for k, data in enumerate(self._data)])

    def q0(self) -> Array:
        """(n,) q0 of every toy: rise of -2 ln L from its best strength to 0, 0 where that is negative."""
        mu = (float(parameters[self._likelihood.poi]) for parameters, _ in self._best)
        found = [
            max(0.0, self._at_zero(k, self._profile(k)) - self._best[k][1]) if value > 0.0 else 0.0
            for k, value in enumerate(mu)
        ]
        return np.asarray(found)

    def _q(self, k: int, data: Data, strength: float) -> float:
        parameters, smallest = self._best[k]
        mu = parameters[self._likelihood.poi]
        if mu >= strength:
            return 0.0
        profile = self._profile(k)
        if mu < 0.0:
            smallest = self._at_zero(k, profile)
        return max(0.0, profile(strength) - smallest)

    def _profile(self, k: int) -> Profile:
        return Profile(self._likelihood, self._signal, self._data[k], self._best[k][0], self._metric)

    def _at_zero(self, k: int, profile: Profile) -> float:
        known = self._null[k]
        if known is None:
            known = self._null[k] = profile(0.0)
        return known


class ToyLimits:
    """CLs from toys for one model point; the same seed gives the same toys at every strength."""

    def __init__(self, asymptotics: Asymptotics, toys: int, seed: int, advance: Advance | None = None) -> None:
        """Draw and fit the toys without signal.  advance: called with the number of fitted toys."""
        if toys < MIN_TOYS:
            raise InputError(Problem(("--toys",), f"must be at least {MIN_TOYS}", toys))
        self._asymptotics, self._toys = asymptotics, toys
        self._advance: Advance = advance or (lambda n: None)
        a = asymptotics
        # shared by the toys with and without signal, so that CLs tends to 1 for a vanishing strength
        self._random = fluctuations(a.likelihood, toys, seed)
        self._without = Ensemble(a.likelihood, a.signal, a.null, self._random)
        self._known: dict[float, ToyCls] = {}

    def cls(self, strength: float) -> ToyCls:
        """CLs of a strength > 0."""
        if strength not in self._known:
            self._known[strength] = self._cls(strength)
        return self._known[strength]

    def _cls(self, strength: float) -> ToyCls:
        a = self._asymptotics
        truth = a.profile.at(strength).parameters
        q_signal = Ensemble(a.likelihood, a.signal, truth, self._random).q(strength)
        q_background = self._without.q(strength)
        self._advance(self._toys)
        observed, error = _ratio(q_signal, q_background, a.q(strength))
        quantiles = np.quantile(q_background, ndtr(-np.asarray(BANDS, dtype=np.float64)))
        expected = tuple(_ratio(q_signal, q_background, float(q))[0] for q in quantiles)
        return ToyCls(observed, error, expected)

    def result(self, cl: float) -> LimitResult:
        """Observed and expected limits, CLs interpolated between strengths near the asymptotic limits.

        Raises RunError if CLs from toys does not cross 1 - cl near them.
        """
        asymptotic = self._asymptotics.result(cl)
        for strength in sorted({asymptotic.obs, *asymptotic.exp}):
            self.cls(strength)
        obs, obs_error = self._crossing(attrgetter("observed"), 1.0 - cl)
        curves = [partial(_expected, band) for band in range(len(BANDS))]
        exp = tuple(self._crossing(curve, 1.0 - cl)[0] for curve in curves)
        return replace(asymptotic, obs=obs, exp=exp, obs_error=obs_error, toys=self._toys)

    def _crossing(self, value: Callable[[ToyCls], float], level: float) -> tuple[float, float]:
        """Where log CLs crosses the level, linear between two strengths, and the error of that from the number of toys.

        CLs below half a toy counts as half a toy.
        """

        def height(strength: float) -> float:
            return math.log(max(value(self.cls(strength)), 0.5 / self._toys) / level)

        for _ in range(_MAX_EXTENSIONS):
            above = [strength for strength in self._known if height(strength) > 0.0]
            if above and any(strength > max(above) for strength in self._known):
                break
            self.cls(_STEP * max(self._known) if above else min(self._known) / _STEP)
        else:
            raise RunError(f"CLs from toys does not cross {level:.6g} near the asymptotic limit")
        low = max(above)
        high = min(strength for strength in self._known if strength > low)
        slope = (height(high) - height(low)) / (high - low)
        crossing = low - height(low) / slope
        nearest = self.cls(min(low, high, key=lambda strength: abs(strength - crossing)))
        relative = nearest.error / nearest.observed if nearest.observed > 0.0 else 1.0
        return crossing, relative / abs(slope)


def limit_from_toys(
    template: Array | None, *, poi: Poi = "np", cl: float = 0.9, toys: int, seed: int, advance: Advance | None = None
) -> LimitResult:
    """CLs limits of one model point from toys; template (n_bins,), arguments as `limits.limit`.

    toys: number at every strength, with and without signal; about 30 ms each and strength.  Raises as
    `limits.limit`, InputError also for less than `MIN_TOYS` toys.
    """
    check_level(cl)
    return ToyLimits(Asymptotics.of(template, poi), toys, seed, advance).result(cl)


def limit_card_from_toys(
    card: Card, cl: float, toys: int, seed: int, advance: Advance | None = None
) -> tuple[LimitResult, Point]:
    """Limits on a card's strength from toys, as `limits.limit_card`."""
    check_level(cl)
    poi, here = poi_of(card), point(card)
    template = None if poi == "sm" else here.template
    return limit_from_toys(template, poi=poi, cl=cl, toys=toys, seed=seed, advance=advance), here


def warnings(result: LimitResult) -> list[str]:
    """Names the expected limits that rest on a handful of toys."""
    share = (1.0 - result.cl) * ndtr(np.asarray(BANDS, dtype=np.float64))
    poor = [f"{band:+d}" for band, tail in zip(BANDS, share, strict=True) if result.toys * tail < _FEW]
    needed = math.ceil(_FEW / float(share.min()))
    if not (poor and result.toys):
        return []
    return [f"expected limits at {', '.join(poor)} sigma: fewer than {_FEW} toys in the tail, --toys {needed} for all"]


def _expected(band: int, known: ToyCls) -> float:
    return known.expected[band]


def _ratio(signal: Array, background: Array, q: float) -> tuple[float, float]:
    """CLs = CLs+b/CLb of an observed q, and its binomial error as if both sets of toys were independent."""
    p_signal, p_background = float(np.mean(signal >= q)), float(np.mean(background >= q))
    if p_background == 0.0:
        return 1.0, 1.0
    ratio = p_signal / p_background
    n = signal.size
    # at least one toy, so that the error of no toys is not zero
    seen = max(p_signal, 1.0 / n)
    variance = (1.0 - seen) / (n * seen) + (1.0 - p_background) / (n * p_background)
    return ratio, seen / p_background * math.sqrt(variance)
