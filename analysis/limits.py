"""Upper limits on the strength with the CLs method, and the significance of a signal.

Test statistic: qtilde_mu of arXiv:1007.1727 eq. (16), as `pyhf.infer.hypotest(test_stat="qtilde")`: the best strength
is bounded by 0 from below, and a best strength above the tested one is no evidence against it.  Asymptotic
distributions: eqs. (64) to (66) there, with the Asimov data set at strength 0 and nuisance parameters as fitted to the
data at strength 0.  What strength 0 means depends on the parameter of interest (`fit.Poi`): the SM for ``np``, only
background for ``sm`` and ``wet``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from bkgen.card import Card
from bkgen.errors import InputError, Problem, RunError
from bkgen.results import Quantity

from .fit import Poi, references
from .likelihood import STANDARD_MODEL, Data, Likelihood, Signal, official
from .minimise import Minimum, minimise
from .points import SOURCE, Point, poi_of, point
from .profiles import Profile, rising_root
from .responses import Array

BANDS = (-2, -1, 0, 1, 2)
"""Fluctuations of background-only data, in standard deviations, for which expected limits are given."""

_TOLERANCE = 1e-5  # of sqrt(q), so of a limit in units of its standard deviation


@dataclass(frozen=True)
class Cls:
    """CLs of one strength: observed, and expected for the fluctuations `BANDS` of data without signal."""

    observed: float
    expected: tuple[float, ...]


@dataclass(frozen=True)
class LimitResult:
    """Upper limits on the strength at confidence level `cl`, and the significance of the observed signal.

    obs: observed limit; exp: expected ones for the fluctuations `BANDS`; mu: best strength, may be negative.
    z_one_sided: sqrt(q0) of arXiv:1007.1727 eq. (12), 0 for mu < 0; p_discovery: its p-value.  z_two_sided: root of
    the rise of -2 ln L from mu to 0, with the sign of mu; p_two_sided: its p-value with both signs counted.
    obs_error: statistical error of the observed limit from toys, None for the asymptotic one; toys: their number.
    """

    cl: float
    obs: float
    exp: tuple[float, ...]
    mu: float
    z_one_sided: float
    p_discovery: float
    z_two_sided: float
    p_two_sided: float
    obs_error: float | None = None
    toys: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {**vars(self), "exp": list(self.exp)}


class Asymptotics:
    """Profiles of one signal in the data and in the Asimov data, and what follows from them.

    null: (n_parameters,) minimum of -2 ln L in the data at strength 0.
    """

    def __init__(self, likelihood: Likelihood, signal: Signal, data: Data | None, null: Array) -> None:
        """Nothing is fitted yet."""
        self.likelihood, self.signal, self.data, self.null = likelihood, signal, data, null

    @classmethod
    def of(cls, template: Array | None, poi: Poi = "np", data: Data | None = None) -> Asymptotics:
        """One model point in the published likelihood, arguments as `fit.fit`: template (n_bins,).

        Raises ValueError for a template that does not go with `poi`, InputError if it has no events.
        """
        known = references(data)
        reference = known.standard_model if poi == "np" else known.background
        null = reference.parameters.copy()
        likelihood = official()
        null[likelihood.poi] = 0.0
        return cls(likelihood, signal_of(template, poi, reference.evaluation.unit_signal), data, null)

    @cached_property
    def best(self) -> Minimum:
        """The free fit.  Raises RunError if it does not converge."""
        best = minimise(self.likelihood, self.signal, start=self.null, data=self.data)
        if not best.converged:
            raise RunError(f"the fit did not converge: edm = {best.edm:.3g}")
        return best

    @cached_property
    def mu(self) -> float:
        """Best strength, may be negative."""
        return float(self.best.parameters[self.likelihood.poi])

    @cached_property
    def profile(self) -> Profile:
        """-2 ln L of the data along the strength."""
        return Profile(self.likelihood, self.signal, self.data, self.best.parameters, self.best.metric)

    @cached_property
    def asimov(self) -> Profile:
        """-2 ln L of the Asimov data for strength 0 along the strength."""
        data = self.likelihood.asimov(self.null, self.signal)
        return Profile(self.likelihood, self.signal, data, self.null)

    @cached_property
    def _asimov_minimum(self) -> float:
        data = self.likelihood.asimov(self.null, self.signal)
        return self.likelihood.evaluate(self.null, self.signal, data).twice_nll

    @cached_property
    def _bounded_minimum(self) -> float:
        return self.best.twice_nll if self.mu >= 0.0 else self.profile(0.0)

    def q(self, strength: float) -> float:
        """qtilde_mu of the data."""
        return 0.0 if self.mu >= strength else max(0.0, self.profile(strength) - self._bounded_minimum)

    def q_asimov(self, strength: float) -> float:
        """qtilde_mu of the Asimov data without signal: (mu/sigma)^2 for a Gaussian measurement."""
        return max(0.0, self.asimov(strength) - self._asimov_minimum)

    def cls(self, strength: float) -> Cls:
        """CLs of a strength > 0."""
        log_sb, log_b = self._log_tails(strength)
        root = math.sqrt(self.q_asimov(strength))
        expected = (math.exp(log_ndtr(n - root) - log_ndtr(n)) for n in BANDS)
        return Cls(math.exp(log_sb - log_b), tuple(expected))

    def observed_limit(self, cl: float) -> float:
        """The strength with CLs = 1 - cl.

        Solved for the number of standard deviations to which CLs+b corresponds, nearly linear in the strength.
        """
        mu = max(self.mu, 0.0)

        def excess(strength: float) -> float:
            log_sb, log_b = self._log_tails(strength)
            return float(-_deviation(log_sb) + ndtri((1.0 - cl) * math.exp(log_b)))

        wanted = -float(ndtri((1.0 - cl) * ndtr(self.mu / self.profile.sigma)))
        guess = max(self.mu + wanted * self.profile.sigma, mu + 0.3 * self.profile.sigma)
        return rising_root(excess, mu, guess, 1.0 / self.profile.sigma, _TOLERANCE)

    def expected_limit(self, cl: float, fluctuation: float) -> float:
        """The strength with CLs = 1 - cl for data without signal that fluctuate up by so many standard deviations."""
        wanted = fluctuation - float(ndtri((1.0 - cl) * ndtr(fluctuation)))
        sigma = self.asimov.sigma
        return rising_root(
            lambda strength: math.sqrt(self.q_asimov(strength)) - wanted, 0.0, wanted * sigma, 1.0 / sigma, _TOLERANCE
        )

    def expected_limits(self, cl: float) -> tuple[float, ...]:
        """Expected limits for the fluctuations `BANDS`."""
        return tuple(self.expected_limit(cl, fluctuation) for fluctuation in BANDS)

    def result(self, cl: float) -> LimitResult:
        """Limits and significances."""
        rise = max(0.0, self.profile(0.0) - self.best.twice_nll)
        z = math.copysign(math.sqrt(rise), self.mu)
        one_sided = max(z, 0.0)
        return LimitResult(
            cl=cl,
            obs=self.observed_limit(cl),
            exp=self.expected_limits(cl),
            mu=self.mu,
            z_one_sided=one_sided,
            p_discovery=float(ndtr(-one_sided)),
            z_two_sided=z,
            p_two_sided=2.0 * float(ndtr(-abs(z))),
        )

    def _log_tails(self, strength: float) -> tuple[float, float]:
        """log CLs+b and log CLb of the observed qtilde, arXiv:1007.1727 eq. (66)."""
        q, asimov = self.q(strength), math.sqrt(self.q_asimov(strength))
        distance = math.sqrt(q) - asimov if q <= asimov**2 else (q - asimov**2) / (2.0 * asimov)
        return float(log_ndtr(-(distance + asimov))), float(log_ndtr(-distance))


def limit(template: Array | None = None, *, poi: Poi = "np", cl: float = 0.9, data: Data | None = None) -> LimitResult:
    """Asymptotic CLs limits of one model point; template (n_bins,), arguments as `fit.fit`, cl between 0.5 and 1.

    Raises InputError for a confidence level out of range or a template without events, ValueError for a template
    that does not go with `poi`, RunError if a fit or a search fails.
    """
    check_level(cl)
    return Asymptotics.of(template, poi, data).result(cl)


def limit_card(card: Card, cl: float = 0.9) -> tuple[LimitResult, Point]:
    """Limits on a card's strength; the data set is 362 fb^-1 whatever the card's luminosity.

    Raises InputError for a channel or component without likelihood, or a model without selected events.
    """
    check_level(cl)
    poi, here = poi_of(card), point(card)
    return limit(None if poi == "sm" else here.template, poi=poi, cl=cl), here


def quantities(result: LimitResult, here: Point) -> list[Quantity]:
    """Limits on mu and on the branching fraction mu x BR(card), and the significances."""
    br = here.branching
    error = result.obs_error
    rows: list[tuple[str, float | tuple[float, ...], float | None]] = [
        ("obs", result.obs, error),
        ("exp", result.exp, None),
        ("cl", result.cl, None),
        ("BR(obs)", result.obs * br, None if error is None else error * br),
        ("BR(exp)", tuple(value * br for value in result.exp), None),
        ("mu", result.mu, None),
        ("z_one_sided", result.z_one_sided, None),
        ("p_discovery", result.p_discovery, None),
        ("z_two_sided", result.z_two_sided, None),
        ("p_two_sided", result.p_two_sided, None),
        ("fraction_outside", here.fraction_outside, None),
    ]
    return [Quantity(name, value, "1", uncertainty, SOURCE) for name, value, uncertainty in rows]


def check_level(cl: float) -> None:
    """Raises InputError for a confidence level that is not between 0.5 and 1."""
    if not 0.5 < cl < 1.0:
        raise InputError(Problem(("--cl",), "must be between 0.5 and 1, e.g. 0.9", cl))


def signal_of(template: Array | None, poi: Poi, unit_signal: Array) -> Signal:
    """What the strength multiplies, as in `fit.fit`; unit_signal: (n_bins,) official signal in events.

    Raises ValueError for a template that does not go with `poi`, InputError if it has no events.
    """
    if poi == "sm":
        if template is not None:
            raise ValueError("poi 'sm' tests the official template: no template can be given")
        return STANDARD_MODEL
    if template is None:
        raise ValueError(f"poi {poi!r} needs a template")
    signal = Signal(1.0 if poi == "np" else 0.0, np.asarray(template, dtype=np.float64))
    if not np.any(signal.template * unit_signal):
        raise InputError("the model predicts no events in any bin of the likelihood: there is nothing to test")
    return signal


def _deviation(log_probability: float) -> float:
    """The number of standard deviations below which a normal variable lies with that probability, also a tiny one."""
    if log_probability > -500.0:
        return float(ndtri(math.exp(log_probability)))
    return -math.sqrt(-2.0 * log_probability)
