"""Exports of a card: pyhf patch sets, ROOT and UHI histograms, NumPy arrays, tables to reweight events of EvtGen.

Nothing here is simulated: templates and spectra are exact bin integrals (`bkgen_analysis.templates`), so histograms of
predictions have no statistical error and variance 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import uproot

from bkgen import __version__
from bkgen.card import Card
from bkgen.errors import InputError, MissingExtra, Problem, suggestion
from bkgen.quantities import branching_fractions, invisible_branching
from bkgen.results import Quantity

from . import patchset, points, reweighting
from .files import complete, refuse_existing
from .fit import FitResult, PostFit, postfit
from .likelihood import STANDARD_MODEL
from .likelihood import official as official_likelihood
from .responses import CHANNELS, Q2_REC_EDGES, Array, official, q2_rec_projection

try:
    import hist
    import uhi.io.json
except ImportError as error:
    raise MissingExtra("analysis", "hist and uhi") from error

Histogram: TypeAlias = "hist.Hist[Any]"

FORMATS = {
    "pyhf": "_patchset.json",
    "root": "_export.root",
    "hist-json": "_hist.json",
    "numpy": ".npz",
    "evtgen": "_evtgen.txt",
}
"""Formats, and how the names of their files end by default."""

_FULL = "_workspace.json"
_SEVERAL = "cards"
_ONLY_SPECTRUM = "only the spectrum in true q2 is written"


@dataclass(frozen=True)
class Exported:
    """What `export` wrote: the file, numbers to compare with, and what a reader of the file must know."""

    path: Path
    quantities: list[Quantity]
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """True q2 of a card: exact branching fractions with X unseen.

    edges: (101,) [GeV^2], those of the published response; branching: (100,) one per bin; outside: above the last edge.
    """

    edges: Array
    branching: Array
    outside: float


@dataclass(frozen=True, eq=False)
class LikelihoodPart:
    """A card in the bins of the likelihood, in the order of `responses.CHANNELS`; all events (n_bins,) in 362 fb^-1.

    template: multiples of sm.  signal, sm, background: nominal nuisance parameters, signal and sm with strength 1 (for
    `wet` the signal is the total, for `sm` it is the SM).  result, after: fit of the card to the data and its yields.
    """

    template: Array
    signal: Array
    sm: Array
    background: Array
    data: Array
    result: FitResult
    after: PostFit

    def yields(self) -> dict[str, tuple[str, Array, Array]]:
        """By name: what it is, events (n_bins,) and covariance (n_bins, n_bins)."""
        exact = np.zeros((self.data.size, self.data.size))
        signal = self.result.standard_model if self.result.poi == "sm" else self.result.new_physics
        sm = np.zeros_like(signal) if self.result.poi == "sm" else self.result.standard_model
        return {
            "signal": ("signal of the card, mu = 1", self.signal, exact),
            "sm": ("SM signal, mu_SM = 1", self.sm, exact),
            "background": ("background before the fit", self.background, exact),
            "signal_postfit": ("fitted signal of the card", signal, exact),
            "sm_postfit": ("SM held fixed in the fit", sm, exact),
            "background_postfit": ("fitted background", self.after.background, self.after.background_covariance),
            "total_postfit": ("fitted total", self.after.total, self.after.total_covariance),
            "data": ("Belle II data", self.data, np.diag(self.data)),
        }


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that is exported of a card; likelihood: None where there is none."""

    spectrum: Spectrum
    likelihood: LikelihoodPart | None
    metadata: dict[str, Any]
    quantities: list[Quantity]
    warnings: list[str] = field(default_factory=list)


def export(
    cards: Mapping[str, Card], to: str, path: Path | None = None, *, full: bool = False, force: bool = False
) -> Exported:
    """Write cards, by name, in one of `FORMATS`.

    path: outputs/NAME with the ending of the format by default; evtgen writes histograms instead of a text to a path
    that ends in .root.  full: for pyhf, the patched workspace in place of the
    patch set.  An existing file is refused without force before any work; the file appears when it is complete.

    Raises InputError for an unknown format, an existing file, several cards in a format that holds one, and cards
    that have no likelihood where one is needed.
    """
    _check(cards, to, full)
    stem = next(iter(cards)) if len(cards) == 1 else _SEVERAL
    path = path or Path("outputs") / f"{stem}{_FULL if full else FORMATS[to]}"
    refuse_existing(path, force=force)
    if to == "pyhf":
        return _export_pyhf(cards, path, full)
    if to == "evtgen":
        return _export_reweighting(*next(iter(cards.items())), path)
    contents = contents_of(next(iter(cards.values())))
    with complete(path) as part:
        _WRITERS[to](contents, part)
    return Exported(path, contents.quantities, contents.warnings)


def contents_of(card: Card) -> Contents:
    """Spectrum of a card and, for B+ -> K+, its yields in the likelihood (first call of a process: some seconds).

    Raises InputError as `spectrum_of`; a card without likelihood is a warning.
    """
    spectrum = spectrum_of(card)
    total = float(spectrum.branching.sum()) + spectrum.outside
    quantities = [Quantity(f"BR({card.channel} inv)", total, "1", None, "exact bin integrals")]
    metadata: dict[str, Any] = {
        "bkgen": __version__,
        "card": card.resolved(),
        "inputs_sha256": card.physics_inputs.sha256,
        "branching_fraction": total,
    }
    try:
        likelihood, here = _likelihood_part(card)
    except InputError as error:
        warnings = [f"{problem}: {_ONLY_SPECTRUM}" for problem in error.problems]
        return Contents(spectrum, None, metadata, quantities, warnings)
    metadata["likelihood"] = "arXiv:2507.12393, doi:10.17182/hepdata.166082, 362 fb^-1"
    metadata["poi"] = likelihood.result.poi
    fitted = {quantity.name: quantity.value for quantity in points.quantities(likelihood.result, here)}
    metadata["fit"] = fitted
    first = 0
    for channel in CHANNELS:
        events = float(likelihood.signal[first : first + channel.n_bins].sum())
        first += channel.n_bins
        if channel.density is not None:
            quantities.append(Quantity(f"signal({channel.prefix})", events, "events", None, points.SOURCE))
    return Contents(spectrum, likelihood, metadata, quantities, points.warnings(likelihood.result, here))


def spectrum_of(card: Card) -> Spectrum:
    """Branching fraction with X unseen in the published bins of true q2, for any channel.

    Raises InputError for a rate without a known shape: the tau long-distance part of B+ -> K*+.
    """
    refusal = card.model.events_refused(card.decay)
    if refusal is not None:
        raise InputError(f"there is no spectrum to export: {refusal}")
    edges = official().edges
    branching = invisible_branching(card, edges)
    total = branching_fractions(card, card.physics_inputs)[f"BR({card.channel} inv)"]
    outside = total - float(branching.sum())
    return Spectrum(edges, branching, outside if outside > 1e-9 * total else 0.0)


def histograms(contents: Contents) -> dict[str, Histogram]:
    """The histograms of ROOT and UHI files by name: true_q2/NAME, CHANNEL/NAME and A_q2_rec/NAME.

    Weighted storage; variances are 0 for predictions, the counts for data, those of the fit for `background_postfit`
    and `total_postfit`.
    """
    spectrum = contents.spectrum
    q2 = "true q^{2} [GeV^{2}]"
    exact = np.zeros(spectrum.branching.size)
    density = spectrum.branching / np.diff(spectrum.edges)
    made = {
        "true_q2/dBR_dq2": _histogram(spectrum.edges, q2, "dBR/dq^{2}, X unseen [GeV^{-2}]", density, exact),
        "true_q2/branching_fraction": _histogram(
            spectrum.edges, q2, "branching fraction per bin, X unseen", spectrum.branching, exact, spectrum.outside
        ),
    }
    if contents.likelihood is None:
        return made
    P = q2_rec_projection()
    yields = contents.likelihood.yields()
    first = 0
    for channel in CHANNELS:
        here = slice(first, first + channel.n_bins)
        first += channel.n_bins
        axis = np.arange(channel.n_bins + 1.0)
        for name, (title, events, covariance) in yields.items():
            made[f"{channel.prefix}/{name}"] = _histogram(
                axis, _BIN_LABELS[channel.prefix], f"{title} [events]", events[here], np.diag(covariance)[here]
            )
    for name, (title, events, covariance) in yields.items():
        made[f"A_q2_rec/{name}"] = _histogram(
            np.asarray(Q2_REC_EDGES),
            "q^{2}_{rec} [GeV^{2}]",
            f"{title} [events]",
            P @ events,
            np.diag(P @ covariance @ P.T),
        )
    return made


_ETA_Q2_REC = "bin 3 i + j: i of #eta(BDT_{2}), j of q^{2}_{rec}"
_BIN_LABELS = {
    "A": _ETA_Q2_REC,
    "B": "bin of q^{2}_{rec}",
    "C": _ETA_Q2_REC,
    "D": "bin of q^{2}_{rec}",
    "sgn1_had": "bin of #eta(BDTh)",
}


def arrays(contents: Contents) -> dict[str, Any]:
    """The arrays of the NumPy export by name; shapes and units are in the documentation."""
    spectrum = contents.spectrum
    found: dict[str, Any] = {
        "q2_edges": spectrum.edges,
        "branching_fraction": spectrum.branching,
        "branching_fraction_outside": np.float64(spectrum.outside),
        "metadata": np.str_(json.dumps(contents.metadata, allow_nan=False)),
    }
    if contents.likelihood is None:
        return found
    likelihood, response = contents.likelihood, official()
    names = [channel.prefix for channel in CHANNELS for _ in range(channel.n_bins)]
    return {
        **found,
        "channel": np.array(names),
        "template": likelihood.template,
        **{name: events for name, (_, events, _) in likelihood.yields().items()},
        "background_postfit_covariance": likelihood.after.background_covariance,
        "total_postfit_covariance": likelihood.after.total_covariance,
        "response": response.density,
        "branching_fraction_null": response.null,
        "q2_rec_edges": np.asarray(Q2_REC_EDGES),
        "q2_rec_projection": q2_rec_projection(),
    }


def _likelihood_part(card: Card) -> tuple[LikelihoodPart, points.Point]:
    """Raises InputError for a card without a likelihood."""
    result, here = points.fit_card(card, "official")
    likelihood = official_likelihood()
    nominal = likelihood.evaluate(likelihood.start, STANDARD_MODEL)
    ratio = np.ones_like(here.template) if result.poi == "sm" else here.template
    part = LikelihoodPart(
        template=ratio,
        signal=ratio * nominal.unit_signal,
        sm=nominal.unit_signal,
        background=nominal.background,
        data=likelihood.observed.main,
        result=result,
        after=postfit(result),
    )
    return part, here


def _histogram(
    edges: Array, label: str, title: str, values: Array, variances: Array, overflow: float = 0.0
) -> Histogram:
    axis = hist.axis.Variable(edges, name="x", label=label)
    made: Histogram = hist.Hist(axis, storage=hist.storage.Weight(), label=title)
    with_flow = np.zeros((values.size + 2, 2))
    with_flow[1:-1, 0], with_flow[1:-1, 1], with_flow[-1, 0] = values, variances, overflow
    made[...] = with_flow
    return made


def _write_root(contents: Contents, part: Path) -> None:
    with uproot.recreate(part) as file:
        for name, made in histograms(contents).items():
            file[name] = _th1d(made)
        file["metadata"] = json.dumps(contents.metadata, allow_nan=False)


def _th1d(made: Histogram) -> Any:
    """The histogram as a TH1D with titles."""
    values, variances = made.values(flow=True), np.asarray(made.variances(flow=True))
    edges, centres = made.axes[0].edges, made.axes[0].centers
    inside = made.values()
    identify = uproot.writing.identify
    axis = identify.to_TAxis("xaxis", made.axes[0].label, inside.size, edges[0], edges[-1], edges)
    return identify.to_TH1x(
        fName=None,
        fTitle=made.label,
        data=values,
        fEntries=float(inside.size),
        fTsumw=float(inside.sum()),
        fTsumw2=float(np.sum(variances[1:-1])),
        fTsumwx=float(inside @ centres),
        fTsumwx2=float(inside @ centres**2),
        fSumw2=variances,
        fXaxis=axis,
    )


def _write_hist_json(contents: Contents, part: Path) -> None:
    made = histograms(contents)
    described = json.dumps(contents.metadata, allow_nan=False)
    for histogram in made.values():
        histogram.metadata = described
    part.write_text(json.dumps(made, default=uhi.io.json.default, allow_nan=False), encoding="utf-8")


def _write_numpy(contents: Contents, part: Path) -> None:
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays(contents))


_WRITERS: dict[str, Callable[[Contents, Path], None]] = {
    "root": _write_root,
    "hist-json": _write_hist_json,
    "numpy": _write_numpy,
}


def _export_pyhf(cards: Mapping[str, Card], path: Path, full: bool) -> Exported:
    document, warnings = patchset.patched_workspace(*next(iter(cards.items()))) if full else patchset.patch_set(cards)
    with complete(path) as part:
        part.write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    quantities = [
        Quantity(f"BR({card.channel} inv)" if len(cards) == 1 else f"BR({name})", points.point(card).branching)
        for name, card in cards.items()
    ]
    return Exported(path, quantities, warnings)


def _export_reweighting(name: str, card: Card, path: Path) -> Exported:
    table = reweighting.q2_table(card)
    with complete(path) as part:
        if path.suffix == ".root":
            _write_reweighting_root(table, card, part)
        else:
            columns = table.columns()
            header = (
                f"bkgen {__version__}, card {name}, {card.channel} inv with X unseen, q2 in GeV^2, density in GeV^-2\n"
                f"inputs sha256 {card.physics_inputs.sha256}\n{' '.join(columns)}"
            )
            np.savetxt(part, np.column_stack(list(columns.values())), fmt="%.12e", header=header, encoding="utf-8")
    total = Quantity(f"BR({card.channel} inv)", float(table.branching.sum()), "1", None, "exact bin integrals")
    return Exported(path, [total], list(reweighting.warnings_of(card)))


def _write_reweighting_root(table: reweighting.Q2Table, card: Card, part: Path) -> None:
    """A TH1D for each column of the text file, and the metadata."""
    q2 = "true q^{2} [GeV^{2}]"
    metadata = {"bkgen": __version__, "card": card.resolved(), "inputs_sha256": card.physics_inputs.sha256}
    with uproot.recreate(part) as file:
        for column, values in list(table.columns().items())[2:]:
            file[column] = _th1d(_histogram(table.edges, q2, column, values, np.zeros_like(values)))
        file["metadata"] = json.dumps(metadata, allow_nan=False)


def _check(cards: Mapping[str, Card], to: str, full: bool) -> None:
    problems = []
    if to not in FORMATS:
        message = f"unknown format{suggestion(to, FORMATS)}, one of: {' | '.join(FORMATS)}"
        problems.append(Problem(("--to",), message, to))
    elif full and to != "pyhf":
        problems.append(Problem(("--full",), f"there is no workspace in the format {to}, only in pyhf"))
    if len(cards) > 1 and (to != "pyhf" or full):
        what = "a workspace" if full else "this format"
        problems.append(Problem((), f"{what} holds one card, {len(cards)} are given: {', '.join(cards)}"))
    if problems:
        raise InputError(problems)
