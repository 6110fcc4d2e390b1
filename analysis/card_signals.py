"""From cards to signals: templates with the form factors of the card as nuisance parameters.

`official`: the published corr_ff_c1..3 act on the signal, which is exact for the shape of the SM.  `refit`: they are
held at 0 without constraint, and the eigen-directions of the card's form-factor set act on the template and on the SM
alike, to first order.  The SM is then the one of the card's inputs.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError, Problem, suggestion
from bkgen.quantities import invisible_branching

from .responses import N_BINS, Array, official
from .signals import Polynomial
from .templates import template

FormFactors: TypeAlias = Literal["official", "refit"]

PRUNED = ("corr_ff_c1", "corr_ff_c2", "corr_ff_c3")
"""Form-factor parameters of the published likelihood."""

Part: TypeAlias = tuple[Array, Array]
"""R (n_bins,) and its shifts D (n_nuisances, n_bins) per unit of each nuisance parameter."""


def form_factor_choice(card: Card, choice: str | None) -> FormFactors:
    """The treatment of form factors: `refit` for `wet` and `official` otherwise, unless it is given.

    Raises InputError for another word, and for `refit` with a set of form factors without covariance.
    """
    allowed = get_args(FormFactors)
    if choice is None:
        published = card.model.describe_name() != "wet" or not _has_covariance(card)
        return "official" if published else "refit"
    if choice not in allowed:
        hint = suggestion(choice, allowed)
        raise InputError(Problem(("form-factors",), f"must be {' | '.join(allowed)}{hint}", choice))
    if choice == "official":
        return "official"
    if not _has_covariance(card):
        name = card.form_factors.sets()[card.decay.transition]
        raise InputError(Problem(("form-factors",), f"the form factors {name} have no covariance to refit", choice))
    return "refit"


class CardTemplates:
    """Templates of one card and of other points of its model, with the shifts of the form factors."""

    def __init__(self, card: Card, form_factors: FormFactors, column_0: float) -> None:
        self._card, self._column_0 = card, column_0
        self._shifts: Array = np.zeros((0, 0))
        if form_factors == "refit":
            self._shifts = card.physics_inputs.form_factor(card.decay.transition).eigen_shifts()
        self.pruned: tuple[str, ...] = PRUNED if form_factors == "refit" else ()

    @property
    def n_nuisances(self) -> int:
        """Number of eigen-directions, 0 for `official`."""
        return len(self._shifts)

    def central(self, card: Card) -> Array:
        """(n_bins,) template of a card."""
        return template(invisible_branching(card, official().edges), self._column_0)

    def shifted(self, card: Card) -> Array:
        """(n_nuisances, n_bins) half differences of the templates one sigma up and down each eigen-direction."""
        return self._half_differences(card, self._column_0)

    def part(self, card: Card) -> Part:
        """Template and shifts of a card."""
        return self.central(card), self.shifted(card)

    def standard_model(self) -> Part:
        """The SM: the official template, or that of the card's inputs with its shifts for `refit`."""
        if not self.n_nuisances:
            return np.ones(N_BINS), np.zeros((0, N_BINS))
        card = standard_model_card(self._card)
        return template(invisible_branching(card, official().edges), 1.0), self._half_differences(card, 1.0)

    def nothing(self) -> Part:
        """No signal."""
        return np.zeros(N_BINS), np.zeros((self.n_nuisances, N_BINS))

    def _half_differences(self, card: Card, column_0: float) -> Array:
        if not card.model.uses_form_factors or not self.n_nuisances:
            return np.zeros((self.n_nuisances, N_BINS))
        inputs, transition, edges = card.physics_inputs, card.decay.transition, official().edges
        found = []
        for shift in self._shifts:
            up, down = (
                template(invisible_branching(card, edges, inputs.with_shift(transition, sign * shift)), column_0)
                for sign in (1.0, -1.0)
            )
            found.append(0.5 * (up - down))
        return np.array(found)


def standard_model_card(card: Card) -> Card:
    """The card with the short-distance SM in the place of its model."""
    if card.model.describe_name() == "sm":
        return card
    return card_from_dict({**card.resolved(), "model": {"name": "sm"}, "variations": "none"})


def strength_signal(templates: CardTemplates, fixed: Part, part: Part) -> Polynomial:
    """fixed + mu * part, unbounded."""
    return Polynomial.linear(("mu",), fixed, [part], pruned=templates.pruned)


def _has_covariance(card: Card) -> bool:
    form_factors = card.physics_inputs.form_factors.get(card.decay.transition)
    return form_factors is not None and form_factors.covariance is not None
