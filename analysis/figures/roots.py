"""Roots along a curve: the coupling that gives a relic density, from a guess nearby."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

from bkgen.card import Card
from bkgen.dark_matter import OMEGA_H2
from bkgen.errors import InputError
from bkgen.relic_density import PLANCK, relic

_FACTOR = 2.0  # of the coupling, from one trial to the next
_TRIALS = 60


def root_near(f: Callable[[float], float], guess: float, tolerance: float = 1e-4) -> float:
    """The x > 0 near ``guess`` at which f, which falls with x, is 0; NaN if there is none where f is defined.

    f raises InputError or ValueError where it is not defined.
    """

    def value(u: float) -> float:
        try:
            return f(math.exp(u))
        except (InputError, ValueError):
            return math.nan

    u = math.log(guess)
    here = value(u)
    step = math.copysign(math.log(_FACTOR), here)
    for _ in range(_TRIALS):
        if math.isnan(here) or here == 0.0:
            break
        there = value(u + step)
        if math.isnan(there):  # beyond the end of the range
            step *= 0.5
        elif there * here < 0.0:
            return math.exp(brentq(lambda x: f(math.exp(x)), min(u, u + step), max(u, u + step), xtol=tolerance))
        else:
            u, here = u + step, there
    return math.exp(u) if here == 0.0 else math.nan


def relic_coupling(card: Card, parameter: str, guess: float) -> float:
    """The value of a coupling of the card near ``guess`` that gives the observed density; NaN without a prediction."""
    return root_near(lambda value: math.log(density(card, parameter, value) / PLANCK), guess)


def density(card: Card, parameter: str, value: float) -> float:
    """Omega h2 of the card with that value of a parameter.  Raises InputError as `relic`."""
    found = relic(card.with_model({parameter: value}), shares=False)
    return next(float(q.value) for q in found.quantities if q.name == OMEGA_H2 and isinstance(q.value, float))
