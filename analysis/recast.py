"""Searches that assumed the kinematics of the SM, recast for other spectra: B -> K*0, K*+, K0 + invisible.

A search with efficiency eps_i in bin i of true q2 measures the number of its signal events.  With the shares f_i of the
spectrum in the bins, normalised to 1,

    omega = sum_i f_i^SM eps_i / sum_i f_i^NP eps_i,

and a limit BR_lim on the branching fraction that assumes the SM is a limit omega BR_lim for the new spectrum.  The
efficiencies of these searches are not published as a function of q2.  Without a table of the user omega is 1, and every
result is marked `indicative`.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError, Problem
from bkgen.quantities import branching_fractions, invisible_branching
from bkgen.results import Quantity

from .responses import Array

TOTAL_MODELS = ("sm", "wet")
"""Models whose prediction contains the SM already."""

VERIFIED = "verified"


@dataclass(frozen=True)
class Limit:
    """A published upper limit on BR(channel nu nubar) for the kinematics of the SM.

    value: the limit; cl: its confidence level; status: whether the number was verified.
    """

    name: str
    channel: str
    value: float
    cl: float
    arxiv: str
    status: str
    doi: str = ""

    @property
    def source(self) -> str:
        """Experiment, reference, confidence level and status in a line."""
        return f"{self.name}, arXiv:{self.arxiv}, {self.cl:.0%} CL, {self.status}"


@dataclass(frozen=True, eq=False)
class Efficiency:
    """Selection efficiency in bins of true q2: edges (n + 1,) in GeV^2, values (n,) up to a common factor.

    Raises ValueError for edges that do not rise, or values that are negative, not finite or all zero.
    """

    edges: Array
    values: Array

    def __post_init__(self) -> None:
        if self.edges.shape != (self.values.size + 1,) or self.values.ndim != 1 or not self.values.size:
            raise ValueError(f"{self.edges.size} edges do not go with {self.values.size} efficiencies")
        if not (np.all(np.isfinite(self.edges)) and np.all(np.diff(self.edges) > 0.0)):
            raise ValueError("the edges in q2 do not rise")
        if not (np.all(np.isfinite(self.values)) and np.all(self.values >= 0.0) and np.any(self.values > 0.0)):
            raise ValueError("efficiencies must be numbers >= 0, not all of them 0")


@dataclass(frozen=True, eq=False)
class Recast:
    """A card against the limits of its channel.

    branching: BR(channel inv) of the card; standard_model: that of the SM, 0 where the card contains it;
    omega: see `omega`; indicative: whether omega = 1 was assumed; limits: strongest first.
    """

    card: Card
    branching: float
    standard_model: float
    omega: float
    indicative: bool
    limits: tuple[Limit, ...]

    @property
    def limit(self) -> float:
        """Upper limit on the card's branching fraction: omega x the strongest limit; the SM is not subtracted."""
        return self.omega * self.limits[0].value

    @property
    def limit_beside_sm(self) -> float:
        """Upper limit on what the card adds to the SM decay: omega x (strongest limit - BR_SM), at least 0."""
        return self.omega * max(self.limits[0].value - self.standard_model, 0.0)

    @property
    def excluded(self) -> bool:
        """Whether the prediction alone is above the limit."""
        return self.branching > self.limit

    @property
    def log_likelihood(self) -> float:
        """ln L, 0 without any signal: Gaussian about 0 whose flat-prior limit is the published one.

        The equivalent branching fraction is that of the SM plus BR/omega.  A limit alone says no more than this; where
        a search saw an excess or a deficit, its likelihood is another one.
        """
        strongest = self.limits[0]
        sigma = strongest.value / float(ndtri(0.5 * (1.0 + strongest.cl)))
        return -0.5 * ((self.standard_model + self.branching / self.omega) / sigma) ** 2


def omega(f_SM: ArrayLike, f_NP: ArrayLike, efficiency: ArrayLike) -> float:
    """sum_i f_i^SM eps_i / sum_i f_i^NP eps_i with both f normalised to 1.

    f_SM, f_NP: (n,) rates in the bins, in any units: a coupling must not change omega; efficiency: (n,).  The true
    branching fraction is omega times the one that was measured assuming the SM.

    Raises ValueError for other shapes, negative or infinite numbers, or a spectrum without selected events.
    """
    sm, new, eps = (np.asarray(values, dtype=np.float64) for values in (f_SM, f_NP, efficiency))
    if not (sm.ndim == 1 and sm.shape == new.shape == eps.shape):
        raise ValueError(f"f_SM {sm.shape}, f_NP {new.shape} and efficiency {eps.shape} must be lists of one length")
    if not all(np.all(np.isfinite(values)) and np.all(values >= 0.0) for values in (sm, new, eps)):
        raise ValueError("rates and efficiencies must be numbers >= 0")
    selected = [float(values @ eps) for values in (sm, new)]
    if not min(selected) > 0.0:
        raise ValueError("a spectrum has no selected events")
    return selected[0] / float(sm.sum()) / (selected[1] / float(new.sum()))


def limits(channel: str) -> tuple[Limit, ...]:
    """The verified limits of a channel, strongest first; empty where there is none."""
    return tuple(sorted((x for x in _table() if x.channel == channel), key=lambda x: x.value))


def recast(card: Card, efficiency: Efficiency | None = None) -> Recast:
    """The prediction of a card against the limits of its channel.

    efficiency: of the search, in bins of true q2; None: omega = 1, and the result is `indicative`.
    Raises InputError for a channel without limits (B+ -> K+ has a likelihood: `fit`), or a spectrum without any event
    in the bins of the efficiency.
    """
    found = limits(card.channel)
    if not found:
        known = ", ".join(sorted({x.channel for x in _table()}))
        hint = ", use `bkgen fit`: it has a published likelihood" if card.channel == "B+ -> K+" else ""
        raise InputError(Problem(("channel",), f"limits are known for {known}{hint}", card.channel))
    standard = card_from_dict({**card.resolved(), "model": {"name": "sm"}, "variation": [], "variations": "none"}, "sm")
    total = card.model.describe_name() in TOTAL_MODELS
    factor = 1.0
    if efficiency is not None:
        sm, new = (_with_rest(invisible_branching(c, efficiency.edges), _invisible(c)) for c in (standard, card))
        try:
            factor = omega(sm, new, np.append(efficiency.values, 0.0))
        except ValueError as error:
            raise InputError(f"the efficiency cannot be used: {error}") from None
    return Recast(
        card=card,
        branching=_invisible(card),
        standard_model=0.0 if total else _invisible(standard),
        omega=factor,
        indicative=efficiency is None,
        limits=found,
    )


def in_channel(card: Card, channel: str) -> Card:
    """The card in another channel, with the detector `ideal`.  Raises InputError as a card in a file."""
    changes: dict[str, object] = {
        "channel": channel,
        "detector": "ideal",
        "Kst_decay": None,
        "variation": [],
        "variations": "none",
    }
    return card_from_dict({**card.resolved(), **changes}, "command line")


def excluded(card: Card, efficiency: Efficiency | None = None) -> bool:
    """Whether the card alone is above the strongest limit of its channel, see `recast`."""
    return recast(card, efficiency).excluded


def log_likelihood(card: Card, efficiency: Efficiency | None = None) -> float:
    """ln L of a card for scans, see `Recast.log_likelihood`."""
    return recast(card, efficiency).log_likelihood


def read_efficiency(path: Path) -> Efficiency:
    """A table with the columns q2_lo, q2_hi [GeV^2] and efficiency, separated by commas; # starts a comment.

    Raises InputError for a file that is not such a table.
    """
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2, comments="#", encoding="utf-8")
        if table.shape[1] != 3 or not table.size:
            raise ValueError("it needs the three columns q2_lo, q2_hi, efficiency")
        if np.any(table[1:, 0] != table[:-1, 1]):
            raise ValueError("the bins do not follow each other")
        return Efficiency(np.append(table[:, 0], table[-1, 1]), table[:, 2])
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}") from None


def quantities(result: Recast) -> list[Quantity]:
    """Prediction, limit, omega and verdict, then every published limit."""
    strongest = result.limits[0]
    assumed = "omega = 1 assumed" if result.indicative else "efficiency of the user"
    rows = [
        Quantity(f"BR({result.card.channel} inv)", result.branching, "1", None, result.card.model.describe_name()),
        Quantity("limit", result.limit, "1", None, f"omega x {strongest.source}"),
        Quantity("omega", result.omega, "1", None, assumed),
        Quantity("ratio", result.branching / result.limit, "1", None, "prediction/limit"),
        Quantity("excluded", result.excluded, "1", None, strongest.source),
    ]
    if result.standard_model > 0.0:
        above = result.branching > result.limit_beside_sm
        rows += [
            Quantity("limit_beside_sm", result.limit_beside_sm, "1", None, "omega x (limit - BR of the SM)"),
            Quantity("excluded_beside_sm", above, "1", None, "prediction and SM together"),
        ]
    rows += [
        Quantity("log_likelihood", result.log_likelihood, "1", None, "Gaussian about 0 with the published limit"),
        Quantity("indicative", result.indicative, "1", None, assumed),
    ]
    return rows + [Quantity(f"published({x.name})", x.value, "1", None, x.source) for x in result.limits]


def warnings(result: Recast) -> list[str]:
    """What a reader of a recast must know."""
    if not result.indicative:
        return []
    return ["indicative: the search has no published efficiency in q2, that of the SM is assumed (omega = 1)"]


def _invisible(card: Card) -> float:
    return branching_fractions(card, card.physics_inputs)[f"BR({card.channel} inv)"]


def _with_rest(bins: Array, total: float) -> Array:
    """The bins, and what lies outside of them as one more, so that the fractions are those of the whole spectrum."""
    return np.append(bins, max(total - float(bins.sum()), 0.0))


@functools.cache
def _table() -> tuple[Limit, ...]:
    data = files("bkgen_analysis") / "data" / "invisible_limits" / "limits.toml"
    rows = tomllib.loads(data.read_text(encoding="utf-8"))["limit"]
    return tuple(limit for limit in (Limit(**row) for row in rows) if limit.status == VERIFIED)
