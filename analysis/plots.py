"""The figure of `bkgen spectrum`: q2_rec of a model and of the SM, beside the Belle II data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bkgen import api
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError, MissingExtra
from bkgen.generator import EventBatch
from bkgen.jobs import sample_of

from .fit import FitResult, fit, postfit
from .points import CHANNEL, poi_of, point
from .responses import Q2_REC_EDGES, Array, q2_rec_projection
from .style import plain_style

try:
    import hist
    import mplhep
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib, hist and mplhep") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SM_EVENTS = 200_000
_SM, _MODEL = "tab:blue", "tab:red"
_WIDTH = 0.5  # GeV^2, bins of the simulated spectrum
_PDF_WITHOUT_DATE = {"CreationDate": None}


@dataclass(frozen=True, eq=False)
class RegionA:
    """Belle II inclusive tag, signal region, in 3 bins of q2_rec summed over eta(BDT2); events in 362 fb^-1.

    data: observed; background: of the free fit of mu_SM; signal: its fitted signal; band: error of
    its total; sm: SM with mu = 1 on the fitted nuisance parameters; model: the card's prediction on the same, or None.
    """

    data: Array
    background: Array
    signal: Array
    band: Array
    sm: Array
    model: Array | None


@dataclass(frozen=True, eq=False)
class Spectra:
    """Expected selected events per bin of q2_rec with their statistical errors, for a card and for the SM."""

    card: Card
    model: hist.Hist[Any]
    sm: hist.Hist[Any] | None

    def selected(self) -> dict[str, tuple[float, float]]:
        """Expected selected events and the statistical error of the simulation, for each curve."""
        curves = {self.card.model.describe_name(): self.model} | ({} if self.sm is None else {"sm": self.sm})
        return {
            name: (float(h.values().sum()), float(np.sum(np.asarray(h.variances()))) ** 0.5)
            for name, h in curves.items()
        }


def spectra(source: Path) -> Spectra:
    """Spectrum of an event file (*.root), or of the events that a card describes.

    The SM (short distance) is generated with the card's settings.
    Raises InputError for a source that is neither a card nor an event file.
    """
    batches: Iterable[EventBatch]
    if source.suffix == ".root":
        batch = api.open(source)
        card, batches = card_from_dict(batch.metadata["card"], str(source)), [batch]
    else:
        card = api.load_card(source)
        batches = sample_of(card).chunks()
    model = _histogram(card, batches)
    if card.model.describe_name() == "sm":
        return Spectra(card, model, None)
    changes = {"model": {"name": "sm"}, "variation": [], "variations": "none"}
    standard = card_from_dict({**card.resolved(), **changes}, "sm").override(events=_SM_EVENTS)
    return Spectra(card, model, _histogram(standard, sample_of(standard).chunks()))


def _histogram(card: Card, batches: Iterable[EventBatch]) -> hist.Hist[Any]:
    """Sum of weight x p_invisible x efficiency of the events above the q2_rec cut."""
    axis = hist.axis.Regular(round(27.0 / _WIDTH), -2.0, 25.0, name="q2_rec")
    filled: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
    cut = -np.inf if card.detector.q2_rec_min is None else card.detector.q2_rec_min
    for batch in batches:
        c = batch.columns
        weight = np.where(c["q2_rec"] > cut, c["weight"] * c["p_invisible"] * c["efficiency"], 0.0)
        filled.fill(c["q2_rec"], weight=weight)
    return filled


def region_a(card: Card) -> RegionA:
    """Data and post-fit yields of region A, summed over eta."""
    P = q2_rec_projection()
    free: FitResult = fit(poi="sm")
    after = postfit(free)
    unit_signal = free.minimum.evaluation.unit_signal
    model = None
    if poi_of(card) != "sm":
        model = P @ (unit_signal * point(card).template)
    return RegionA(
        data=P @ _observed(),
        background=P @ after.background,
        signal=P @ free.standard_model,
        band=_errors(P, after.total_covariance),
        sm=P @ unit_signal,
        model=model,
    )


def _observed() -> Array:
    from .likelihood import official

    return official().observed.main


def _errors(P: Array, covariance: Array) -> Array:
    return np.asarray(np.sqrt(np.diag(P @ covariance @ P.T)))


def spectrum_figure(result: Spectra, data: RegionA | None) -> Figure:
    """Left: simulated, selected q2_rec of model and SM.  Right: region A, data minus post-fit background."""
    with plain_style():
        figure = Figure(figsize=(12.0, 4.8) if data is not None else (6.4, 4.8), layout="constrained")
        axes = figure.subplots(1, 2 if data is not None else 1, squeeze=False)[0]
        _draw_simulation(axes[0], result)
        if data is not None:
            _draw_region_a(axes[1], data, result.card.model.describe_name())
    return figure


def _draw_simulation(axes: Axes, result: Spectra) -> None:
    card = result.card
    name = card.model.describe_name()
    if result.sm is not None:
        mplhep.histplot(result.sm, ax=axes, label="SM, short distance", yerr=False, color=_SM)
    mplhep.histplot(result.model, ax=axes, label=name, yerr=True, color=_SM if name == "sm" else _MODEL)
    axes.set_xlabel(r"$q^2_\mathrm{rec}$ [GeV$^2$]")
    normalised = card.luminosity is not None
    axes.set_ylabel(f"expected events / {_WIDTH} GeV$^2$" if normalised else f"branching fraction / {_WIDTH} GeV$^2$")
    where = f", {card.luminosity:g} fb$^{{-1}}$" if normalised else ""
    axes.set_title(f"simulation, {card.detector.name}, selected{where}", fontsize="medium")
    axes.set_xlim(-2.0, 25.0)
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)


def _draw_region_a(axes: Axes, a: RegionA, name: str) -> None:
    """Bins of equal width on the page: the published ones are -1 to 4, 4 to 8 and 8 to 25 GeV^2."""
    x = np.arange(len(a.data))
    edges = np.arange(len(a.data) + 1) - 0.5
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.stairs(a.signal + a.band, edges, baseline=a.signal - a.band, fill=True, color="0.85", label="post-fit band")
    axes.stairs(a.signal, edges, color="0.4", label=r"SM $\times\ \mu$ (free fit)")
    axes.stairs(a.sm, edges, label=r"SM, $\mu = 1$", color=_SM)
    if a.model is not None:
        total = a.model if name == "wet" else a.sm + a.model
        axes.stairs(total, edges, label=name if name == "wet" else f"SM + {name}", color=_MODEL)
    axes.errorbar(x, a.data - a.background, np.sqrt(a.data), fmt="ko", capsize=2, label="data - post-fit background")
    pairs = pairwise(Q2_REC_EDGES)
    axes.set_xticks(x, [f"{lower:g} to {upper:g}" for lower, upper in pairs])
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(r"$q^2_\mathrm{rec}$ [GeV$^2$] (finer bins of the data are not published)")
    axes.set_ylabel("events / bin")
    axes.set_title(r"Belle II region A, $\eta(\mathrm{BDT}_2) > 0.94$, 362 fb$^{-1}$", fontsize="medium")
    axes.legend(frameon=False, fontsize="small")


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write stem.png and stem.pdf."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, pdf = targets(stem)
    with plain_style():
        figure.savefig(png, dpi=150)
        figure.savefig(pdf, metadata=_PDF_WITHOUT_DATE)
    return [png, pdf]


def targets(stem: Path) -> tuple[Path, Path]:
    """The two files of a figure."""
    return stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")


def refuse_existing(stem: Path, *, force: bool) -> None:
    """Raises InputError for files that exist, unless they may be replaced."""
    existing = [path for path in targets(stem) if path.exists() and not force]
    if existing:
        raise InputError([f"{path}: exists; use --force to replace it, or another name with -o" for path in existing])


def has_data(card: Card) -> bool:
    """Whether Belle II data can be shown beside a card."""
    return card.channel == CHANNEL
