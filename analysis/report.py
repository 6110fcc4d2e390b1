"""The page of `bkgen report`: what a card predicts and how it compares with the data, in one HTML file.

The page is a list of sections, each made by one function of a `Subject` in `SECTIONS`; a section is a list of blocks,
which the template in `pages/` renders.  Text reaches the page through the template only, which escapes it.  A new
section is a new function in the list.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ruamel.yaml import YAML

from bkgen import __version__, api
from bkgen.card import Card, card_from_dict
from bkgen.citations import citations
from bkgen.errors import BkgenError, InputError, MissingExtra
from bkgen.exclusions import HEADER as LIMITS_HEADER
from bkgen.exclusions import table_rows
from bkgen.generator import EventBatch
from bkgen.io import EVENT_FILES
from bkgen.io.metadata import data_sha256, require_whole
from bkgen.relic_density import PLANCK
from bkgen.results import HEADER, Quantity, rows

from . import limits, plots, points, relic_plots, true_spectra
from .files import write_whole
from .regions import DataComparison, compare
from .responses import data_file
from .style import svg_source

try:
    from jinja2 import Environment, StrictUndefined
except ImportError as error:
    raise MissingExtra("analysis", "jinja2") from error

_EVENTS = 100_000
"""Most events that are generated for the pictures of a card."""

_PACKAGES = ("numpy", "scipy", "numba", "pyhf", "jax", "matplotlib")


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    warning: bool = False
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of a row is its heading."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """source: a data URI; alt: what is seen, in words."""

    source: str
    alt: str
    caption: str
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Code:
    """Text that is shown as it is written."""

    text: str
    label: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Items:
    """A list of texts, each with a link or an empty string."""

    entries: tuple[tuple[str, str], ...]
    warning: bool = False
    kind: ClassVar[str] = "list"


Block = Text | Table | Picture | Code | Items


@dataclass(frozen=True)
class Section:
    """key: the anchor of the section on the page."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(eq=False)
class Subject:
    """What a page is about: a card and, for an event file, its events.

    text: the card as it was written; warnings: collected while the sections are made.
    """

    source: Path
    card: Card
    text: str
    batch: EventBatch | None = None
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def comparison(self) -> DataComparison | None:
        """The fit to the data, or None for a channel without them."""
        if not plots.has_data(self.card):
            return None
        found = compare(self.card)
        self.warn(found.note)
        if found.here is not None:
            for text in points.warnings(found.result, found.here):
                self.warn(text)
        return found

    def warn(self, text: str) -> None:
        """Add a warning once; an empty text is none."""
        if text and text not in self.warnings:
            self.warnings.append(text)


def subject(source: Path) -> Subject:
    """Read a card or an event file (`*.root`, `*.parquet`).  Raises InputError if it is neither."""
    if source.suffix not in EVENT_FILES:
        card = api.load_card(source)
        found = Subject(source, card, source.read_text(encoding="utf-8"))
    else:
        batch = api.open(source)
        require_whole(batch.metadata, source)
        card = card_from_dict(batch.metadata["card"], str(source))
        found = Subject(source, card, _yaml(batch.metadata["card"]), batch)
    for text in card.warnings:
        found.warn(text)
    return found


def write(source: Path, target: Path) -> list[str]:
    """Write the page of a card or an event file; the file appears when it is complete.  Returns the warnings.

    Raises InputError if the source cannot be read, RunError if its rates cannot be computed.
    """
    found = subject(source)
    page = render(found, sections(found))
    write_whole(target, lambda file: file.write(page.encode("utf-8", "backslashreplace")))
    return found.warnings


def sections(about: Subject) -> list[Section]:
    """All sections; one that cannot be made says why and is listed under the warnings."""
    made: dict[str, Section] = {}
    for key, title, make in sorted(SECTIONS, key=lambda entry: entry[2] is _warnings):  # all others first
        try:
            blocks = tuple(make(about))
        except BkgenError as error:
            about.warn(f"{title}: {error}")
            blocks = (Text(str(error), warning=True),)
        if blocks:
            made[key] = Section(key, title, blocks)
    return [made[key] for key, _, _ in SECTIONS if key in made]


def render(about: Subject, parts: list[Section]) -> str:
    """The page as HTML."""
    card = about.card
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("bkgen_analysis") / "pages" / "report.html").read_text(encoding="utf-8"))
    return template.render(
        title=about.source.name,
        subtitle=f"{card.model.describe_name()} in {card.channel}",
        sections=parts,
        version=__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


# --- sections


def _card(about: Subject) -> Iterator[Block]:
    kind = "The card of the file, every default filled in" if about.batch is not None else "As written"
    yield Text(f"{kind}.")
    yield Code(about.text.rstrip("\n"), "run card, YAML")


def _model(about: Subject) -> Iterator[Block]:
    model = type(about.card.model)
    description = inspect.cleandoc(model.__doc__ or "").replace("`", "")
    body, _, source = description.partition("\nSource:")
    for paragraph in re.split(r"\n\s*\n", body):
        yield Text(paragraph)
    if source.strip():
        yield Text(f"Source: {source.strip()}")


def _events(about: Subject) -> Iterator[Block]:
    if about.batch is None:
        return
    meta = about.batch.metadata
    accepted = about.batch.columns["accepted"]
    expected = meta.get("n_expected")
    written = meta.get("written", {})
    facts = (
        ("events", f"{len(accepted):,}"),
        ("accepted", f"{int(np.count_nonzero(accepted)):,}"),
        ("branching fraction", f"{meta['branching_fraction']:.6g}"),
        ("invisible branching fraction of X", f"{meta['br_invisible']:.6g}"),
        ("expected decays", "no luminosity" if expected is None else f"{expected:,.1f}"),
        ("weight of an event", f"{meta['weight']:.6g}"),
        ("seed", str(meta["seed"])),
        ("content SHA-256", str(meta["content_sha256"])),
        ("written by", f"bkgen {meta['bkgen']}"),
        ("written", str(written.get("time", "unknown"))),
    )
    yield Table("The event file", ("fact", "value"), facts)
    modes = tuple(
        (mode["name"], f"{mode['branching_fraction']:.6g}", "yes" if mode["invisible"] else "no")
        for mode in meta["modes"]
    )
    yield Table("Decay modes of X", ("mode", "branching fraction", "invisible"), modes)


def _rates(about: Subject) -> Iterator[Block]:
    yield _quantities("Branching fractions, widths and lifetimes", api.rates(about.card))
    yield Text("Uncertainties are those of the form factors.")


def _true_spectrum(about: Subject) -> Iterator[Block]:
    card, name = about.card, about.card.model.describe_name()
    shown = {name: card}
    if name != "sm":
        shown["SM, short distance"] = plots.standard_model(card)
    events = None
    if about.batch is not None:
        columns = about.batch.columns
        events = true_spectra.histogram_of(columns["q2"], columns["weight"], card, "events of the file")
    figure = true_spectra.true_spectra(shown, normalised=events is not None, events=events)
    words = "; ".join(f"{label}: {true_spectra.describe(entry)}" for label, entry in shown.items())
    yield Picture(svg_source(figure), f"Spectra in true q2. {words}", f"Spectrum in true q2. {words}.")


def _reconstructed(about: Subject) -> Iterator[Block]:
    card = about.card
    if about.batch is not None:
        result = plots.spectra_of(card, [about.batch])
        made = f"the {len(about.batch):,} events of the file"
    else:
        count = min(card.generate.events, _EVENTS)
        result = plots.spectra_of(card.override(events=count))
        made = f"{count:,} generated events"
    selected = result.selected()
    unit = "1" if card.luminosity is None else "events"
    words = ", ".join(f"{name} {value:.4g}" for name, (value, _) in selected.items())
    counted = "branching fraction" if card.luminosity is None else "expected events"
    yield Picture(
        svg_source(plots.simulation_figure(result)),
        f"Simulated, selected spectra in reconstructed q2; {counted}: {words}.",
        f"Reconstructed q2 after the selection, from {made}; {counted}: {words}.",
    )
    yield _quantities(
        "Selected by the simulation",
        [
            Quantity(f"selected({name})", value, unit, error, f"simulation, {card.detector.name}")
            for name, (value, error) in selected.items()
        ],
    )


def _fit(about: Subject) -> Iterator[Block]:
    comparison = about.comparison
    if comparison is None:
        yield Text(
            f"The published likelihood is for {points.CHANNEL} only: no data are shown for {about.card.channel}."
        )
        return
    yield Text(
        "Belle II, 362 fb^-1, whatever the luminosity of the card. mu = 1 is the prediction of the card; for new "
        "physics the Standard Model is fixed."
    )
    if comparison.here is not None:
        yield _quantities("Fit of the published likelihood", points.quantities(comparison.result, comparison.here))
    else:
        yield Text(comparison.note, warning=True)
    for region in comparison.regions:
        pairs = zip(region.layout.bins, region.data, region.total, strict=True)
        words = "; ".join(f"{label}: {data:.0f} observed, {total:.0f} fitted" for label, data, total in pairs)
        yield Picture(
            svg_source(plots.region_figure(region, about.card, comparison)),
            f"Data and fit in {region.layout.name}. {words}",
            f"{region.layout.name}: data and fit by components, data minus background, pulls with the Poisson error.",
        )


def _limits(about: Subject) -> Iterator[Block]:
    if about.comparison is None or about.comparison.here is None:
        return
    result, here = limits.limit_card(about.card)
    yield Text(
        f"Upper limits at {100.0 * result.cl:g}% confidence level (CLs, asymptotic). The expected ones are for "
        f"fluctuations of {limits.BANDS[0]} to {limits.BANDS[-1]} standard deviations without a signal."
    )
    yield _quantities("Limits and significance", limits.quantities(result, here))


def _relic(about: Subject) -> Iterator[Block]:
    card = about.card
    try:
        if card.model.dark_matter(card.physics_inputs) is None:
            return
    except InputError as error:  # this point has no relic density, or lacks a parameter for it
        yield Text(str(error))
        return
    found = api.relic(card)
    for text in found.warnings:
        about.warn(text)
    yield Text(f"The observed density is {PLANCK:g}. share: part of a channel in <sigma v> at freeze-out.")
    yield _quantities("Relic density of dark matter", found.quantities)
    if found.history:
        yield Picture(
            svg_source(relic_plots.yields_of(found, card.model.describe_name())),
            "Yield of dark matter as the universe cools, beside its equilibrium",
            "Number of dark-matter particles per entropy as the universe cools.",
        )


def _constraints(about: Subject) -> Iterator[Block]:
    found = api.constraints(about.card)
    yield Text(f"This point is {found.verdict}.", warning=found.excluded)
    for text in found.warnings:
        yield Text(f"Note: {text}.".replace("`", ""))
    yield Text(
        "A limit decides if its number was verified; ratio is prediction over limit, above 1 the point is beyond it. "
        "Limits that newer ones from the same data supersede are left out."
    )
    yield _table("Predictions and limits", LIMITS_HEADER, table_rows(found.current))


def _warnings(about: Subject) -> Iterator[Block]:
    if about.warnings:
        yield Items(tuple((text, "") for text in about.warnings), warning=True)
    else:
        yield Text("None.")


def _provenance(about: Subject) -> Iterator[Block]:
    card = about.card
    form_factors = card.physics_inputs.form_factors.get(card.decay.transition)
    likelihood = hashlib.sha256(data_file("likelihood.json").read_bytes()).hexdigest()
    facts = [
        ("source", str(about.source)),
        ("bkgen", __version__),
        ("inputs SHA-256", card.physics_inputs.sha256),
        ("tables of bkgen, SHA-256", data_sha256()),
        ("form factors", "none" if form_factors is None else form_factors.name),
        ("detector", card.detector.name),
    ]
    if plots.has_data(card):
        facts.append(("likelihood", "arXiv:2507.12393, doi:10.17182/hepdata.166082"))
        facts.append(("likelihood, SHA-256", likelihood))
    facts.append(("Python", platform.python_version()))
    facts += [(name, installed_version(name)) for name in _PACKAGES]
    yield Table("Where the numbers come from", ("what", "value"), tuple(facts))


def _citations(about: Subject) -> Iterator[Block]:
    cited = citations(about.card)
    yield Items(tuple((f"{found.reason}: {found.key}", found.url) for found in cited))
    yield Code("\n".join(found.bibtex for found in cited), "BibTeX")


SECTIONS: list[tuple[str, str, Callable[[Subject], Iterator[Block]]]] = [
    ("warnings", "Warnings", _warnings),
    ("card", "Run card", _card),
    ("model", "Model", _model),
    ("events", "Events", _events),
    ("rates", "Rates", _rates),
    ("spectrum", "Spectrum in true q2", _true_spectrum),
    ("reconstructed", "Reconstructed q2", _reconstructed),
    ("fit", "Data and fit", _fit),
    ("limits", "Limits", _limits),
    ("relic", "Relic density", _relic),
    ("constraints", "Other experiments", _constraints),
    ("provenance", "Provenance", _provenance),
    ("cite", "How to cite", _citations),
]
"""Anchor, title and function of each section in the order of the page; one without blocks is left out."""


def _quantities(caption: str, quantities: list[Quantity]) -> Table:
    """A table of results."""
    return _table(caption, HEADER, rows(quantities))


def _table(caption: str, header: tuple[str, ...], cells: list[tuple[str, ...]]) -> Table:
    """A table; columns that are empty everywhere are left out."""
    used = [i for i in range(len(header)) if any(row[i] for row in cells)]
    return Table(caption, tuple(header[i] for i in used), tuple(tuple(row[i] for i in used) for row in cells))


def _yaml(data: dict[str, Any]) -> str:
    writer = YAML()
    writer.default_flow_style = False
    buffer = io.StringIO()
    writer.dump(data, buffer)
    return buffer.getvalue()
