"""The public interface: load_card, rates, relic, solve, cite, generate, run, open.  The command line only calls it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .card import Card, card_from_dict
from .card import load_card as _load_card
from .errors import InputError, Problem
from .results import Quantity

if TYPE_CHECKING:
    from .generator import EventBatch, EventStream
    from .inversion import Solution
    from .relic_density import RelicDensity

__all__ = ["Card", "RunResult", "cite", "generate", "load_card", "open", "rates", "relic", "run", "solve"]


@dataclass(frozen=True)
class RunResult:
    """What `run` did: the file (None for format null), its size in events, seconds, digest, rates and warnings."""

    path: Path | None
    events: int
    seconds: float
    content_sha256: str
    quantities: list[Quantity]
    warnings: list[str]


def load_card(card: str | Path | Mapping[str, Any]) -> Card:
    """A checked card from a YAML file or from a dictionary.  Raises InputError with every problem."""
    return card_from_dict(card) if isinstance(card, Mapping) else _load_card(card)


def rates(card: Card, uncertainties: bool = True) -> list[Quantity]:
    """Branching fractions, widths and lifetimes at the card's point, see `bkgen.quantities.rates`.

    For many points of a model: `rates(card.with_model(m_a=1.5))`.
    """
    from .quantities import rates

    return rates(card, uncertainties)


def solve(card: Card, parameter: str, value: float, quantity: str = "BR") -> Solution:
    """The model parameter for which a quantity has that value: `solve(card, "f_a", 7e-6)`, see `bkgen.inversion`.

    `solve(card, "f_a", 0.12, "Omega h2")` does it for the relic density.

    The answer has `.parameter` (name, value, unit), `.card` at that point and `.notes`.
    """
    from .inversion import solve

    return solve(card, parameter, value, quantity)


def relic(card: Card) -> RelicDensity:
    """Relic density of the card's dark matter: `.quantities`, `.history` (arrays by name) and `.warnings`.

    Raises InputError for a model without prediction, see `bkgen.relic_density`.
    """
    from .relic_density import relic

    return relic(card)


def cite(card: Card) -> str:
    """BibTeX of everything that results of a card rest on, see `bkgen.citations`."""
    from .citations import cite

    return cite(card)


def generate(card: Card, workers: int | None = None) -> EventStream:
    """The events of a card in memory.

    Iterate over the result for `EventBatch`es of up to 131,072 events, or call `.awkward()`, `.numpy()` or `.pandas()`
    on it if the sample is one chunk.
    """
    from .generator import EventStream
    from .jobs import sample_of

    return EventStream(sample_of(card), _workers(workers))


def run(card: Card, workers: int | None = None, force: bool = False, progress: bool = False) -> RunResult:
    """Generate the card's events into its output file.

    Raises InputError for an existing output without force (before any work), RunError for a point that cannot be
    generated.  The file appears when it is complete; an interrupted run leaves nothing.
    """
    path = Path(card.output.path) if card.output.format != "null" else None
    if path is not None and path.is_dir():
        raise InputError(Problem(("output", "path"), "is a folder, give the name of a file", path))
    if path is not None and path.exists() and not force:
        raise InputError(Problem(("output", "path"), "exists; use --force to replace it, or another name", path))
    from .io import FORMATS
    from .io.metadata import content_sha256, describe
    from .jobs import sample_of
    from .progress import progress as progress_bar
    from .quantities import rates

    quantities = rates(card)
    sample = sample_of(card)
    digests = []
    start = time.perf_counter()
    writer = FORMATS[card.output.format](path or Path(), sample)
    with writer, progress_bar(card.generate.events, "events", show=progress) as advance:
        for batch, digest in sample.stream_chunks(_workers(workers)):
            writer.write(batch)
            digests.append(digest)
            advance(len(batch))
        writer.finish(describe(sample, card.resolved(), digests))
    seconds = time.perf_counter() - start
    return RunResult(path, card.generate.events, seconds, content_sha256(digests), quantities, list(card.warnings))


def open(path: str | Path) -> EventBatch:
    """Read an event file: `.awkward()`, `.numpy()`, `.pandas()`, `.metadata`.  Raises InputError if it is not one."""
    from .generator import EventBatch
    from .io.root import read

    columns, metadata = read(Path(path))
    return EventBatch(columns, metadata=metadata)


def _workers(workers: int | None) -> int:
    if workers is None:
        return os.cpu_count() or 1
    if workers < 1:
        raise InputError(Problem(("workers",), "must be at least 1", workers))
    return workers
