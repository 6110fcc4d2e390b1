"""A model point in the Belle II likelihood: the template of a card, and its fit as named quantities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.quantities import branching_fractions, invisible_branching
from bkgen.results import Quantity

from .fit import FitResult, Poi, fit
from .responses import Array, official
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
    if card.channel != CHANNEL:
        raise InputError(Problem(("channel",), f"the published likelihood is for {CHANNEL} only", card.channel))
    bins = invisible_branching(card, official().edges)
    total = branching_fractions(card, card.physics_inputs)[f"BR({card.channel} inv)"]
    # a total amplitude replaces the SM, also in the events without a generated q2
    column_0 = 1.0 if poi_of(card) == "wet" else 0.0
    return Point(total, template(bins, column_0), max(0.0, 1.0 - float(np.sum(bins)) / total))


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


def fit_card(card: Card) -> tuple[FitResult, Point]:
    """Fit a card to the official data set of 362 fb^-1; the card's luminosity does not enter.

    Raises InputError for a channel or component without likelihood, or a model without selected events.
    """
    poi, here = poi_of(card), point(card)
    return fit(None if poi == "sm" else here.template, poi=poi), here


def quantities(result: FitResult, here: Point) -> list[Quantity]:
    """mu, BR(fit) = mu x BR(card), interval, -2 ln L of the fit and of the references, significances."""
    lower, upper = result.interval_68
    half = 0.5 * (upper - lower)
    rows: list[tuple[str, float | bool | tuple[float, ...], float | None]] = [
        ("mu", result.mu, half),
        ("BR(fit)", result.mu * here.branching, half * here.branching),
        ("interval_68", (lower, upper), None),
        ("twice_nll", result.twice_nll, None),
        ("twice_nll_background", result.twice_nll_background, None),
        ("twice_nll_sm", result.twice_nll_sm, None),
        ("z_background", result.z_background, None),
        ("z_sm", result.z_sm, None),
        ("converged", result.converged, None),
        ("edm", result.edm, None),
        ("fraction_outside", here.fraction_outside, None),
    ]
    return [Quantity(name, value, "1", error, SOURCE) for name, value, error in rows]


def warnings(result: FitResult, here: Point) -> list[str]:
    """What a reader of the fit must know."""
    failed = [] if result.converged else [_NOT_CONVERGED.format(result.edm)]
    return [*failed, *template_warnings(here)]


def template_warnings(here: Point) -> list[str]:
    """What a reader of anything made with the template must know."""
    if here.fraction_outside <= 1e-3:
        return []
    return [f"{here.fraction_outside:.2%} of the branching fraction is at q2 without a published efficiency"]
