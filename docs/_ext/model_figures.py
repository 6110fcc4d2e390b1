"""What a shipped card predicts in every channel of its model: a figure of the continuum, a sentence on the lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bkgen.card import Card, load_card
from bkgen.channels import Channel, channel
from bkgen.models import Model
from bkgen.spectrum import Continuum, Spectrum, integrated
from bkgen.units import width_from_lifetime

_LINES = ("-", "--", "-", "--", "-.")


def predictions(model: type[Model], cards: Path, folder: Path, link: str) -> Iterator[str]:
    """Markdown on the shipped card of a model, nothing if there is none; the figure is written to the folder.

    link: path of the folder as the page sees it.
    """
    path = cards / f"{model.describe_name()}.yaml"
    if not path.exists():
        return
    card = load_card(path)
    spectra = dict(_spectra(card))
    yield f"At the parameters of `cards/{path.name}`:\n"
    yield from _branching_fractions(card, spectra)
    yield from _figure(card, spectra, folder, link)


def _spectra(card: Card) -> Iterator[tuple[Channel, Spectrum]]:
    """The spectrum in every channel in which the point of the card is possible."""
    for name in card.model.channels:
        decay = channel(name)
        if not any(card.model.check(decay, card.physics_inputs)):
            yield decay, card.model.spectrum(decay, card.physics_inputs)


def _branching_fractions(card: Card, spectra: Mapping[Channel, Spectrum]) -> Iterator[str]:
    """One item per channel: the branching fraction of the continuum, and each line with its mass."""
    constants = card.physics_inputs.constants
    for decay, spectrum in spectra.items():
        total = width_from_lifetime(decay.tau_B(constants))
        parts = [f"a line at {line.mass:g} GeV, BR {line.rate() / total:.3g}" for line in spectrum.lines]
        if spectrum.continuum is not None:
            low, high = spectrum.continuum.nodes[0], spectrum.continuum.nodes[-1]
            range_ = f"q2 from {low:.3g} to {high:.4g} GeV²"
            parts.append(f"continuum, {range_}, BR {spectrum.continuum.rate / total:.3g}")
        form_factors = card.physics_inputs.form_factor(decay.transition).name
        yield f"- `{decay.name}` ({form_factors}): {'; '.join(parts)}"
    yield ""


def _figure(card: Card, spectra: Mapping[Channel, Spectrum], folder: Path, link: str) -> Iterator[str]:
    """The figure of the continua with its alternative text; nothing without a continuum or without matplotlib."""
    name = card.model.describe_name()
    shown = {decay: s.continuum for decay, s in spectra.items() if s.continuum is not None}
    if not shown:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not _draw(shown, folder / f"q2_{name}.svg"):
        return
    peaks = ", ".join(f"{_peak(continuum):.2g} GeV² in {decay.name}" for decay, continuum in shown.items())
    text = f"Normalised spectra of {name} in true q2, largest at {peaks}".replace("*", r"\*").replace("_", r"\_")
    yield f"![{text}](<{link}/q2_{name}.svg>)\n"


def _peak(continuum: Continuum) -> float:
    """q2 of the largest density [GeV^2]."""
    return float(continuum.nodes[integrated(continuum.coefficients).argmax()])


def _draw(continua: Mapping[Channel, Continuum], path: Path) -> bool:
    """(1/Gamma) dGamma/dq2 of each channel, on the nodes of its table; False if matplotlib is not installed."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return False
    with rc_context({"svg.hashsalt": "bkgen", "font.size": 9.0}):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for (decay, continuum), style in zip(continua.items(), _LINES, strict=False):
            density = integrated(continuum.coefficients) / continuum.rate
            axes.plot(continuum.nodes, density, style, linewidth=1.3, label=_label(decay.name))
        axes.set(xlabel=r"true $q^2$ [GeV$^2$]", ylabel=r"$(1/\Gamma)\,d\Gamma/dq^2$ [GeV$^{-2}$]")
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
    return True


def _label(name: str) -> str:
    """B+ -> K*+ in the mathematics of matplotlib."""
    words = [re.sub(r"[*+0]+$", lambda found: f"^{{{found[0]}}}", word) for word in name.split(" -> ")]
    return "$" + r" \to ".join(words).replace("Bs", "B_s").replace("phi", r"\phi") + "$"
