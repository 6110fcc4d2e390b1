"""What the command `fit` does with a card: the fit of a strength or of parameters, as named quantities."""

from __future__ import annotations

from collections.abc import Sequence

from bkgen.card import Card
from bkgen.errors import InputError, Problem
from bkgen.results import Quantity

from . import model_fit, points
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
