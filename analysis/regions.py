"""Belle II data beside the fit of a card, in the regions that figures show.

Published: the sample names and expected events of the likelihood (arXiv:2507.12393); the bins of eta(BDT2), q2_rec
and eta(BDTh) (arXiv:2311.14647).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bkgen.card import Card
from bkgen.errors import InputError, RunError

from .fit import FitResult, Poi, fit, postfit
from .likelihood import official
from .points import Point, fit_card, poi_of
from .responses import CHANNELS, N_BINS, Q2_REC_EDGES, Array, q2_rec_projection

GROUPS: dict[str, tuple[str, ...]] = {
    "B Bbar": ("charged", "mixed", "bbbar_1_had"),
    "c cbar": ("ccbar", "ccbar_1_had"),
    "u, d, s, tau": ("uubar", "ddbar", "ssbar", "qqbar_1_had", "taupair"),
}
"""Backgrounds that are shown as one, by the names of their samples in the workspace."""

_ETA_EDGES = (0.92, 0.94, 0.96, 0.98, 1.0)  # eta(BDT2), first bin: region B
_HTA_EDGES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # eta(BDTh)


@dataclass(frozen=True, eq=False)
class Layout:
    """Which bins of the likelihood a region shows.

    projection: (n, n_bins), yields of the region = projection @ yields; bins: n labels on the axis; axis: what they
    are; groups: label and number of bins of each group of neighbouring bins, empty for a region without groups.
    """

    name: str
    title: str
    axis: str
    projection: Array
    bins: tuple[str, ...]
    groups: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Region:
    """Events of one region in 362 fb^-1, all (n,) after the fit.

    data: observed; backgrounds: by group (`GROUPS`); sm: the SM with mu = 1; sm_fitted: the SM part of the fit
    (mu_SM = 1 beside new physics, 0 below a total amplitude); signal: the fitted model; prediction: signal and SM for
    the card's own strength; band: error of the fitted total.
    """

    layout: Layout
    data: Array
    backgrounds: dict[str, Array]
    sm: Array
    sm_fitted: Array
    signal: Array
    prediction: Array
    band: Array

    @property
    def background(self) -> Array:
        """(n,) all backgrounds."""
        return np.asarray(sum(self.backgrounds.values()))

    @property
    def total(self) -> Array:
        """(n,) everything that was fitted to the data."""
        return self.background + self.sm_fitted + self.signal

    @property
    def pulls(self) -> Array:
        """(n,) (data - total)/sqrt(total): the Poisson error of the data only, the bins share the fit's errors."""
        return (self.data - self.total) / np.sqrt(self.total)


@dataclass(frozen=True, eq=False)
class DataComparison:
    """The fit behind the regions.  note: why it is the fit of the SM and not of the card, or empty."""

    poi: Poi
    result: FitResult
    here: Point | None
    regions: tuple[Region, ...]
    note: str = ""


def compare(card: Card) -> DataComparison:
    """Fit a card of B+ -> K+ and show every region; a card that cannot be fitted is shown with the fit of the SM.

    Raises RunError if the fit of the SM fails.
    """
    try:
        result, here = fit_card(card)
    except (InputError, RunError) as error:
        free = fit(poi="sm")
        return DataComparison("sm", free, None, regions_of(free), f"shown with the fit of the SM: {error}")
    return DataComparison(poi_of(card), result, here, regions_of(result))


def regions_of(result: FitResult) -> tuple[Region, ...]:
    """Region A, regions A and B bin by bin, and the hadronic tag, after this fit."""
    likelihood = official()
    unit = result.minimum.evaluation.unit_signal
    samples = likelihood.backgrounds(result.parameters)
    covariance = postfit(result).total_covariance
    observed = likelihood.observed.main if result.data is None else result.data.main
    if result.poi == "sm":
        sm_fitted, signal, prediction = np.zeros_like(unit), result.standard_model, unit
    else:
        sm_fitted, signal = result.standard_model, result.new_physics
        values = result.parameters[likelihood.slots(result.minimum.signal)]
        values[0] = 1.0
        prediction = unit * result.minimum.signal.strengths(values)
    found = []
    for layout in layouts():
        P = layout.projection
        found.append(
            Region(
                layout=layout,
                data=P @ observed,
                backgrounds={name: P @ total for name, total in _grouped(samples).items()},
                sm=P @ unit,
                sm_fitted=P @ sm_fitted,
                signal=P @ signal,
                prediction=P @ prediction,
                band=np.sqrt(np.diag(P @ covariance @ P.T)),
            )
        )
    return tuple(found)


def layouts() -> tuple[Layout, Layout, Layout]:
    """The regions in the order in which they are shown."""
    q2_rec = tuple(f"{low:g} to {high:g}" for low, high in pairwise(Q2_REC_EDGES))
    eta = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(_ETA_EDGES)]
    n_a, n_b, n_hta = CHANNELS[0].n_bins, CHANNELS[1].n_bins, CHANNELS[4].n_bins
    both = np.eye(N_BINS)[[*range(n_a, n_a + n_b), *range(n_a)]]  # B is the lowest bin of eta
    q2_rec_axis = r"$q^2_\mathrm{rec}$ [GeV$^2$]"
    return (
        Layout(
            "region A", r"inclusive tag, region A, $\eta(\mathrm{BDT}_2) > 0.94$", q2_rec_axis,
            q2_rec_projection(), q2_rec,
        ),
        Layout(
            "regions A and B", r"inclusive tag, bins of $\eta(\mathrm{BDT}_2)$, lowest: region B", q2_rec_axis,
            both, q2_rec * len(eta), tuple((text, len(q2_rec)) for text in eta),
        ),
        Layout(
            "hadronic tag", "hadronic tag", r"$\eta(\mathrm{BDTh})$", np.eye(N_BINS)[-n_hta:],
            tuple(f"{low:g} to {high:g}" for low, high in pairwise(_HTA_EDGES)),
        ),
    )  # fmt: skip


def _grouped(samples: dict[str, Array]) -> dict[str, Array]:
    """Sums over the samples of each group.  Raises ValueError for a sample that is in no group."""
    known = {sample for group in GROUPS.values() for sample in group}
    if unknown := samples.keys() - known:
        raise ValueError(f"samples of the workspace without a group: {', '.join(sorted(unknown))}")
    return {
        name: np.asarray(sum(samples[sample] for sample in group if sample in samples))
        for name, group in GROUPS.items()
    }
