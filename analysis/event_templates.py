"""Templates from event files: the signal of a model in the Belle II likelihood, counted from generated events.

The events are counted in bins of true q2 with weight x p_invisible.  Neither `accepted` nor `efficiency` enters: the
published response holds the efficiency.  Only three branches are read, a part of the file at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError
from bkgen.io import reading
from bkgen.io.metadata import require_whole
from bkgen.results import Quantity

from .fit import FitResult, fit
from .points import CHANNEL, Point, poi_of
from .responses import Array, official
from .templates import template

TEMPLATE_ERROR_TOLERANCE = 0.01
"""Relative statistical error of a template above which a fit warns."""

_STEP = 1 << 19  # events in memory at a time
_SMALL = 0.01  # bins with less than this share of the model's events do not count for `template_error`


class Columns(NamedTuple):
    """Part of a sample: true q2 [GeV^2], weight and p_invisible of each event, (n,) each."""

    q2: Array
    weight: Array
    p_invisible: Array


@dataclass(frozen=True, eq=False)
class Counted:
    """Branching fractions with X unseen, counted from events.

    bins: (100,) per bin of true q2; covariance: (100, 100) of the bins; total: of all events, beyond the last edge
    included; events: how many were read.
    """

    bins: Array
    covariance: Array
    total: float
    events: int


@dataclass(frozen=True, eq=False)
class EventPoint(Point):
    """A sample as the likelihood sees it.

    covariance: (n_bins, n_bins) statistical covariance of the template; template_error: largest relative statistical
    error of the template in the bins that hold at least 1% of the model's selected events; events: size of the sample.
    """

    covariance: Array
    template_error: float
    events: int


def count(parts: Iterable[Columns], unit: float) -> Counted:
    """Branching fraction in each bin of true q2 of the response: sum of weight x p_invisible x unit.

    unit: branching fraction per unit of weight.  The number of generated events is fixed, not their number in a bin:
    covariance_ij = delta_ij sum w^2 - (sum_i w)(sum_j w)/n, which is multinomial for equal weights.

    Raises ValueError for a q2, weight or p_invisible that is not finite.
    """
    edges = official().edges
    n_bins = edges.size - 1
    sums, squares = np.zeros(n_bins + 2), np.zeros(n_bins + 2)  # the first and the last hold what lies outside
    events = 0
    for part in parts:
        weight = part.weight.astype(np.float64) * part.p_invisible * unit
        if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(part.q2))):
            raise ValueError("a q2, weight or p_invisible is not finite")
        where = np.searchsorted(edges, part.q2.astype(np.float64), side="right")
        sums += np.bincount(where, weight, n_bins + 2)
        squares += np.bincount(where, weight**2, n_bins + 2)
        events += part.q2.size
    bins = sums[1:-1]
    covariance = np.diag(squares[1:-1]) - np.outer(bins, bins) / max(events, 1)
    return Counted(bins, covariance, float(sums.sum()), events)


def template_from_events(counted: Counted, column_0: float = 0.0) -> tuple[Array, Array]:
    """Template (n_bins,) and its statistical covariance (n_bins, n_bins).  column_0: see `templates.template`."""
    slopes = official().per_branching
    return template(counted.bins, column_0), slopes @ counted.covariance @ slopes.T


def point_of_file(path: str | Path) -> tuple[Card, EventPoint]:
    """The card of an event file and its template, counted from the events.

    Raises InputError for a file that is not an event file of bkgen, has no events with X unseen, or holds another
    channel than B+ -> K+.
    """
    path = Path(path)
    metadata = _metadata(path)
    card = card_from_dict(metadata["card"], str(path))
    if card.channel != CHANNEL:
        raise InputError(f"{path}: holds {card.channel}, the published likelihood is for {CHANNEL} only")
    column_0 = 1.0 if poi_of(card) == "wet" else 0.0
    try:
        unit = float(metadata["branching_fraction"]) / (float(metadata["weight"]) * float(metadata["events"]))
        counted = count(_parts(path), unit)
    except InputError:
        raise
    except Exception as error:  # numbers of a damaged file, and keys of its metadata
        raise InputError(f"{path}: cannot be read as an event file ({type(error).__name__}: {error})") from None
    if not counted.total > 0.0:
        raise InputError(f"{path}: no events in which X stays unseen")
    values, covariance = template_from_events(counted, column_0)
    outside = max(0.0, 1.0 - float(np.sum(counted.bins)) / counted.total)
    relative = _relative_error(values, covariance)
    return card, EventPoint(counted.total, values, outside, covariance, relative, counted.events)


def fit_file(path: str | Path) -> tuple[Card, FitResult, EventPoint]:
    """Fit the sample of an event file to the official data set of 362 fb^-1, as `points.fit_card` fits a card.

    Raises InputError as `point_of_file`, and for a sample without selected events.
    """
    card, here = point_of_file(path)
    poi = poi_of(card)
    return card, fit(None if poi == "sm" else here.template, poi=poi), here


def quantities(here: EventPoint) -> list[Quantity]:
    """template_error, and the branching fraction of the sample with X unseen."""
    source = f"{here.events} events"
    return [
        Quantity("template_error", here.template_error, "1", None, source),
        Quantity(f"BR({CHANNEL} inv)", here.branching, "1", None, source),
    ]


def warnings(here: EventPoint) -> list[str]:
    """What a reader of a fit of events must know beside `points.warnings`."""
    if here.template_error <= TEMPLATE_ERROR_TOLERANCE:
        return []
    text = f"the template has a statistical error of {here.template_error:.1%} ({here.events} events)"
    return [f"{text}, which is not part of the fit: generate more events, or fit the card"]


def _relative_error(values: Array, covariance: Array) -> float:
    selected = values * official().expected
    large = selected > _SMALL * selected.sum()
    if not np.any(large):
        return 0.0
    variances = np.maximum(np.diag(covariance)[large], 0.0)  # rounding, where all events share one bin
    return float(np.max(np.sqrt(variances) / values[large]))


def _metadata(path: Path) -> Mapping[str, Any]:
    metadata, _ = reading.read_metadata(path)
    require_whole(metadata, path)
    return metadata


def _parts(path: Path) -> Iterator[Columns]:
    for columns in reading.parts(path, Columns._fields, _STEP):
        yield Columns(**columns)
