"""A model point in the Belle II likelihood: the template of a card, and its fit as named quantities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.quantities import branching_fractions, invisible_branching
from bkgen.results import Quantity

from .card_signals import CardTemplates, form_factor_choice, strength_signal
from .fit import FitResult, Poi, References, fit, fit_signal, references, signal_references
from .likelihood import Data
from .response_errors import template_shifts
from .responses import Array, official
from .signals import SignalModel
from .templates import template

CHANNEL = "B+ -> K+"
SOURCE = "Belle II likelihood, arXiv:2507.12393"
_NOT_CONVERGED = "the fit did not converge: edm = {:.3g}"


@dataclass(frozen=True, eq=False)
class Point:
    """A card as the likelihood sees it.

    branching: BR of the channel with X unseen; template: (n_bins,) multiples of the official SM signal;
    fraction_outside: share of the branching fraction at true q2 without a published efficiency.
    """

    branching: float
    template: Array
    fraction_outside: float


def point(card: Card) -> Point:
    """The template of a card.  Raises InputError for a channel other than B+ -> K+."""
    check_channel(card)
    bins = invisible_branching(card, official().edges)
    total = branching_fractions(card, card.physics_inputs)[f"BR({card.channel} inv)"]
    # a total amplitude replaces the SM, also in the events without a generated q2
    column_0 = 1.0 if poi_of(card) == "wet" else 0.0
    return Point(total, template(bins, column_0), max(0.0, 1.0 - float(np.sum(bins)) / total))


def check_channel(card: Card) -> None:
    """Raises InputError for a channel other than B+ -> K+."""
    if card.channel != CHANNEL:
        raise InputError(Problem(("channel",), f"the published likelihood is for {CHANNEL} only", card.channel))


def poi_of(card: Card) -> Poi:
    """What is fitted: mu_SM for `sm`, the strength of the total for `wet`, mu_NP on top of the SM otherwise.

    Raises InputError for the tau long-distance part, which the likelihood holds in its background.
    """
    name = card.model.describe_name()
    if name == "wet":
        return "wet"
    if name != "sm":
        return "np"
    if getattr(card.model, "component", None) == "long_distance":
        message = "the likelihood holds the tau long-distance part in its background: it cannot be fitted"
        raise InputError(Problem(("model", "component"), message, "long_distance"))
    return "sm"


def fit_card(
    card: Card, form_factors: str | None = None, data: Data | None = None, *, response_errors: bool = False
) -> tuple[FitResult, Point]:
    """Fit the strength of a card to the official data set of 362 fb^-1; the card's luminosity does not enter.

    form_factors: `official`, or `refit` with the eigen-directions of the card's set as nuisance parameters; by default
    `refit` for `wet` and `official` otherwise.  data: the observed data by default.  response_errors: with the
    statistical uncertainty of the published response (`bkgen_analysis.response_errors`), not for `sm`, which has none
    beyond that of the likelihood.

    Raises InputError for a channel or component without likelihood, or a model without selected events.
    """
    poi, here = poi_of(card), point(card)
    choice = form_factor_choice(card, form_factors)
    further = response_errors and poi != "sm"
    if choice == "official" and not further:
        return fit(None if poi == "sm" else here.template, poi=poi, data=data), here
    templates = CardTemplates(card, choice, column_0_of(poi))
    known = references(data) if choice == "official" else refit_references(templates, data)
    standard_model = templates.standard_model()
    if poi == "sm":
        signal = strength_signal(templates, templates.nothing(), standard_model)
        return fit_signal(signal, known, poi=poi, data=data), here
    if not np.any(here.template):
        raise InputError("the model predicts no events in any bin of the likelihood: there is nothing to fit")
    fixed = standard_model if poi == "np" else templates.nothing()
    part = here.template, templates.shifted(card)
    if further:
        own = template_shifts(invisible_branching(card, official().edges), column_0_of(poi))
        fixed = fixed[0], np.vstack([fixed[1], np.zeros_like(own)])
        part = part[0], np.vstack([part[1], own])
    return fit_signal(strength_signal(templates, fixed, part), known, poi=poi, data=data), here


def refit_references(templates: CardTemplates, data: Data | None = None) -> References:
    """The reference fits with the form factors of the card as nuisance parameters."""
    return signal_references(strength_signal(templates, templates.nothing(), templates.standard_model()), data)


def column_0_of(poi: Poi) -> float:
    """Weight of the events without a generated q2: 1 for a total that replaces the SM."""
    return 0.0 if poi == "np" else 1.0


def quantities(result: FitResult, here: Point) -> list[Quantity]:
    """mu, BR(fit) = mu x BR(card), intervals, -2 ln L of the fit and of the references, significances, goodness."""
    lower, upper = result.interval_68
    half = 0.5 * (upper - lower)
    rows: list[tuple[str, float | bool | tuple[float, ...], float | None]] = [
        ("mu", result.mu, half),
        ("BR(fit)", result.mu * here.branching, half * here.branching),
        ("interval_68", (lower, upper), None),
        ("interval_95", result.interval_95, None),
        ("twice_nll", result.twice_nll, None),
        ("twice_nll_background", result.twice_nll_background, None),
        ("twice_nll_sm", result.twice_nll_sm, None),
        ("z_background", result.z_background, None),
        ("z_sm", result.z_sm, None),
        ("z_discovery", result.z_discovery, None),
        ("twice_nll_saturated", result.twice_nll_saturated, None),
        ("p_value", result.p_value, None),
        ("converged", result.converged, None),
        ("edm", result.edm, None),
        ("fraction_outside", here.fraction_outside, None),
    ]
    return [Quantity(name, value, "1", error, source(result.minimum.signal)) for name, value, error in rows]


def source(signal: SignalModel) -> str:
    """Source of fitted numbers, with the treatment of form factors where it is not the published one."""
    return f"{SOURCE}, form factors refitted" if signal.pruned else SOURCE


def warnings(result: FitResult, here: Point) -> list[str]:
    """What a reader of the fit must know."""
    failed = [] if result.converged else [_NOT_CONVERGED.format(result.edm)]
    return [*failed, *template_warnings(here)]


def template_warnings(here: Point) -> list[str]:
    """What a reader of anything made with the template must know."""
    if here.fraction_outside <= 1e-3:
        return []
    return [f"{here.fraction_outside:.2%} of the branching fraction is at q2 without a published efficiency"]
