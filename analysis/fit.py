"""Fits of the published likelihood: best strength, profile-likelihood interval, significances, post-fit
yields.

Parameter of interest (`poi`):

- ``sm``: mu_SM, the official template unchanged (mu_NP = 0);
- ``np``: mu_NP with mu_SM = 1 fixed; mu_NP = 1 is the prediction behind the template;
- ``wet``: the strength of a total amplitude that replaces the SM (mu_SM = 0; build the template with column_0
  = 1).

The strength may be negative, as in the published fit: then the data lie below what is held fixed, and the
interval is the plain likelihood interval.  Only strengths >= 0 are branching fractions.

`fit` takes a template; `fit_signal` any signal with one parameter of interest, for example with form factors as
nuisance parameters.  Several parameters of interest: `bkgen_analysis.model_fit`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bkgen.errors import InputError

from .goodness import GoodnessOfFit, goodness
from .intervals import RISE_68, RISE_95, covariance, interval
from .likelihood import BACKGROUND, STANDARD_MODEL, Data, Likelihood, Signal, SignalModel, official
from .minimise import Minimum, minimise
from .responses import Array

Poi: TypeAlias = Literal["sm", "np", "wet"]


@dataclass(frozen=True, eq=False)
class References:
    """Fits that do not depend on the model: no signal at all, and the SM with mu_SM = 1."""

    background: Minimum
    standard_model: Minimum


@dataclass(frozen=True, eq=False)
class FitResult:
    """Result of one fit.

    mu: best strength.  interval_68: strengths at which the profile of -2 ln L has risen by 1.  z_background,
    z_sm: root of the difference of -2 ln L to the reference fits, negative where the reference describes the
    data better (possible only where it is not a special case of the fit).  converged, edm: worst of the fit
    and its references. data: the fitted data, None for the observed ones.  What is a property with a cost is computed
    when it is asked for.
    """

    poi: Poi
    mu: float
    interval_68: tuple[float, float]
    twice_nll: float
    twice_nll_background: float
    twice_nll_sm: float
    z_background: float
    z_sm: float
    converged: bool
    edm: float
    minimum: Minimum
    data: Data | None

    @property
    def parameters(self) -> Array:
        """(n_parameters,) best-fit values in pyhf's order, the strength in its slot."""
        return self.minimum.parameters

    @property
    def background(self) -> Array:
        """(n_bins,) post-fit background in events."""
        return self.minimum.evaluation.background

    @property
    def standard_model(self) -> Array:
        """(n_bins,) post-fit SM signal in events: the fitted one for ``sm``, the fixed one otherwise."""
        values = self._values
        signal = self.minimum.signal
        strengths = signal.strengths(values) if self.poi == "sm" else signal.standard_model(values)
        return strengths * self.minimum.evaluation.unit_signal

    @property
    def new_physics(self) -> Array:
        """(n_bins,) post-fit signal of the template in events, zero for ``sm``."""
        if self.poi == "sm":
            return np.zeros_like(self.minimum.evaluation.unit_signal)
        signal = self.minimum.signal
        strengths = signal.strengths(self._values) - signal.standard_model(self._values)
        return strengths * self.minimum.evaluation.unit_signal

    @functools.cached_property
    def interval_95(self) -> tuple[float, float]:
        """Strengths at which the profile of -2 ln L has risen by 3.84 (10 ms)."""
        likelihood = official()
        return interval(likelihood, self.minimum, likelihood.poi, RISE_95, self.data)

    @functools.cached_property
    def goodness(self) -> GoodnessOfFit:
        """Comparison with the saturated model."""
        return goodness(official(), self.minimum, self.data)

    @property
    def twice_nll_saturated(self) -> float:
        """-2 ln L of the model whose yields are the data."""
        return self.goodness.twice_nll_saturated

    @property
    def p_value(self) -> float:
        """Asymptotic p-value of the goodness of fit; by toys: `goodness.toy_p_value`."""
        return self.goodness.p_value

    @property
    def z_discovery(self) -> float:
        """Significance [standard deviations] of the one-sided test of strength 0, 0 for a strength below 0.

        Strength 0 is the background alone for ``sm`` and ``wet``, the SM for ``np``.  Asymptotic: arXiv:1007.1727.
        """
        null = self.twice_nll_sm if self.poi == "np" else self.twice_nll_background
        return math.sqrt(max(null - self.twice_nll, 0.0)) if self.mu > 0.0 else 0.0

    @property
    def _values(self) -> Array:
        return self.parameters[official().slots(self.minimum.signal)]


@dataclass(frozen=True, eq=False)
class PostFit:
    """Post-fit yields in events (n_bins,) and their covariances (n_bins, n_bins).

    For bins summed with a projection P (`responses.q2_rec_projection`) use P @ yields and P @ covariance @
    P.T. parameter_covariance: (n_parameters, n_parameters), inverse of the Hessian of -ln L at the minimum.
    """

    background: Array
    background_covariance: Array
    total: Array
    total_covariance: Array
    parameter_covariance: Array


def fit(template: Array | None = None, *, poi: Poi = "np", data: Data | None = None) -> FitResult:
    """Fit one model point to the published likelihood.

    template: (n_bins,) from `templates.template`; None for ``sm``, required otherwise.  data: observed by
    default.

    Raises ValueError for a template that does not go with `poi` or has the wrong shape, InputError if the
    template vanishes in every bin with signal, RunError if an end of the interval cannot be found.
    """
    known = references(data)
    signal = _signal(poi, template, known.standard_model.evaluation.unit_signal)
    return fit_signal(signal, known, poi=poi, data=data)


def fit_signal(signal: SignalModel, known: References, *, poi: Poi = "np", data: Data | None = None) -> FitResult:
    """Fit a signal with one parameter of interest; `known` are the reference fits with the same form factors.

    Raises RunError if an end of the interval cannot be found.
    """
    likelihood = official()
    reference = known.standard_model if poi != "wet" else known.background
    best = minimise(likelihood, signal, start=_started(likelihood, signal, reference, poi), data=data)
    background, standard_model = known.background, known.standard_model
    return FitResult(
        poi=poi,
        mu=float(best.parameters[likelihood.poi]),
        interval_68=interval(likelihood, best, likelihood.poi, RISE_68, data),
        twice_nll=best.twice_nll,
        twice_nll_background=background.twice_nll,
        twice_nll_sm=standard_model.twice_nll,
        z_background=signed_root(background.twice_nll - best.twice_nll),
        z_sm=signed_root(standard_model.twice_nll - best.twice_nll),
        converged=best.converged and background.converged and standard_model.converged,
        edm=max(best.edm, background.edm, standard_model.edm),
        minimum=best,
        data=data,
    )


def references(data: Data | None = None) -> References:
    """The reference fits; those to the observed data are done once per process."""
    return _official_references() if data is None else _references(data)


def signal_references(standard_model: SignalModel, data: Data | None = None) -> References:
    """Reference fits of a signal with the strength of the SM as its only parameter of interest."""
    likelihood = official()
    with_signal = minimise(likelihood, standard_model, strength=1.0, data=data)
    background = minimise(likelihood, standard_model, strength=0.0, start=with_signal.parameters, data=data)
    return References(background, with_signal)


def postfit(result: FitResult) -> PostFit:
    """Post-fit yields with uncertainties: full Hessian, propagated with the Jacobian of the yields (0.4 s).

    Raises RunError if the Hessian is not positive definite at the minimum.
    """
    likelihood, signal = official(), result.minimum.signal
    everything = covariance(likelihood, result.minimum, result.data)
    n_pyhf = len(likelihood.names)
    background, background_slopes = likelihood.jacobian(result.parameters[:n_pyhf], BACKGROUND)
    total, total_slopes = likelihood.jacobian(result.parameters, signal)
    return PostFit(
        background=background,
        background_covariance=background_slopes @ everything[:n_pyhf, :n_pyhf] @ background_slopes.T,
        total=total,
        total_covariance=total_slopes @ everything @ total_slopes.T,
        parameter_covariance=everything,
    )


def signed_root(difference: float) -> float:
    """Root with the sign of its argument."""
    return math.copysign(math.sqrt(abs(difference)), difference)


@functools.cache
def _official_references() -> References:
    return _references(None)


def _references(data: Data | None) -> References:
    return signal_references(STANDARD_MODEL, data)


def _signal(poi: Poi, template: Array | None, unit_signal: Array) -> Signal:
    if poi == "sm":
        if template is not None:
            raise ValueError("poi 'sm' fits the official template: no template can be given")
        return STANDARD_MODEL
    if template is None:
        raise ValueError(f"poi {poi!r} needs a template")
    signal = Signal(1.0 if poi == "np" else 0.0, np.asarray(template, dtype=np.float64))
    if not np.any(signal.template * unit_signal):
        raise InputError("the model predicts no events in any bin of the likelihood: there is nothing to fit")
    return signal


def _started(likelihood: Likelihood, signal: SignalModel, reference: Minimum, poi: Poi) -> Array:
    """The reference point as a point of the new fit: new physics starts at strength 0, mu_SM at 1."""
    start = likelihood.first_point(signal)
    start[: reference.parameters.size] = reference.parameters
    start[likelihood.poi] = 1.0 if poi == "sm" else 0.0
    return start
