"""What the command `fit` does with a card: the fit of a strength or of parameters, as named quantities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.results import Quantity

from . import event_templates, model_fit, points
from .goodness import toy_p_value
from .likelihood import official


def fitted(
    card: Card,
    poi: Sequence[str] = (),
    form_factors: str | None = None,
    toys: int = 0,
    response_errors: bool = False,
) -> tuple[list[Quantity], list[str]]:
    """Quantities and warnings of the fit of a card: of its strength, or of the parameters `poi`.

    response_errors: see `points.fit_card`, only without `poi`.  toys: adds `p_value(toys)` with its binomial
    uncertainty.  Raises InputError and RunError as `points.fit_card` and `model_fit.fit_parameters`.
    """
    if poi and response_errors:
        raise InputError(Problem(("response-errors",), "is for the fit of the strength, leave --poi out"))
    if poi:
        parameters = model_fit.fit_parameters(card, poi, form_factors)
        minimum, found, notes = parameters.minimum, model_fit.quantities(parameters), model_fit.warnings(parameters)
    else:
        strength, here = points.fit_card(card, form_factors, response_errors=response_errors)
        minimum, found, notes = strength.minimum, points.quantities(strength, here), points.warnings(strength, here)
    if toys:
        p, error = toy_p_value(official(), minimum, n=toys)
        found.append(Quantity("p_value(toys)", p, "1", error, points.source(minimum.signal)))
    return found, notes


def fitted_file(path: Path) -> tuple[Card, list[Quantity], list[str]]:
    """Card of an event file, quantities and warnings of the fit of its strength, the template counted from its events.

    Raises InputError as `event_templates.fit_file`.
    """
    card, result, here = event_templates.fit_file(path)
    found = [*points.quantities(result, here), *event_templates.quantities(here)]
    return card, found, [*points.warnings(result, here), *event_templates.warnings(here)]


def refuse_options_of_cards(
    poi: Sequence[str] | None, form_factors: str | None, toys: int, response_errors: bool
) -> None:
    """Raise InputError if one of these is given: they need a card, not events."""
    given = {"poi": poi, "form-factors": form_factors, "toys": toys, "response-errors": response_errors}
    if problems := [Problem((name,), "needs a card, not an event file") for name, value in given.items() if value]:
        raise InputError(problems)
