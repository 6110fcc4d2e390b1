"""The public interface: load_card, rates, relic, constraints, solve, cite, generate, run and so on.

The command line only calls it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .card import Card, card_from_dict
from .card import load_card as _load_card
from .errors import InputError, Problem
from .results import Quantity
from .runs import RunResult

if TYPE_CHECKING:
    from .exclusions import Constraints
    from .generator import EventBatch, EventStream
    from .inversion import Solution
    from .io.merge import MergeResult
    from .relic_density import RelicDensity
    from .reweighting import Reweighted

__all__ = [
    "Card",
    "RunResult",
    "cite",
    "constraints",
    "generate",
    "load_card",
    "merge",
    "open",
    "rates",
    "relic",
    "resume",
    "reweight",
    "run",
    "run_all",
    "solve",
]


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


def constraints(card: Card) -> Constraints:
    """The card's point against every experimental limit that applies: `.checks`, `.excluded`, `.verdict`, `.warnings`.

    See `bkgen.exclusions`.
    """
    from .exclusions import constraints

    return constraints(card)


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


def run(
    card: Card,
    workers: int | None = None,
    force: bool = False,
    progress: bool = False,
    *,
    chunks: tuple[int, int | None] | None = None,
    resume: bool = False,
    scheduler: str | None = None,
) -> RunResult:
    """Generate the card's events into its output file.

    Parameters
    ----------
    chunks: (A, B) writes the chunks A ... B - 1 of the sample only, (A, None) those from A on; see `merge`.
    resume: go on with an interrupted run to the same file, if there is one.
    scheduler: address of a dask scheduler whose workers make the events, see `bkgen.cluster`.

    Raises InputError for an existing output without force (before any work), RunError for a point that cannot be
    generated.  The file appears when it is complete; a run to root that ends early keeps its finished chunks.
    """
    return next(run_all([card], workers, force, progress, chunks=chunks, resume=resume, scheduler=scheduler))


def run_all(
    cards: Sequence[Card],
    workers: int | None = None,
    force: bool = False,
    progress: bool = False,
    *,
    chunks: tuple[int, int | None] | None = None,
    resume: bool = False,
    scheduler: str | None = None,
) -> Iterator[RunResult]:
    """As `run` for several cards, one after the other: nothing is done unless all of them can be run.

    Raises InputError with the problems of all cards.
    """
    from .runs import execute, prepare

    threads = _workers(workers)
    tasks = prepare(cards, force, resume, chunks)
    return (execute(task, threads, scheduler, progress) for task in tasks)


def resume(
    path: str | Path, workers: int | None = None, progress: bool = False, *, scheduler: str | None = None
) -> RunResult:
    """Go on with the interrupted run that writes to `path`; the card is in what that run has left.

    Raises InputError if there is no such run, or if it was made by another version.
    """
    from .runs import resumed_card

    card, chunks = resumed_card(Path(path))
    return run(card, workers, progress=progress, chunks=chunks, resume=True, scheduler=scheduler)


def merge(
    output: str | Path,
    files: Sequence[str | Path],
    workers: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> MergeResult:
    """Join files of single chunks (`run(..., chunks=(A, B))`) into the file of the whole run, bit for bit.

    The order of the files does not matter.  Raises InputError with every problem: files of other cards, seeds or
    versions, chunks that are missing or there twice, files that are damaged.
    """
    from .io.merge import merge
    from .progress import progress as progress_bar

    target = _new_file(Path(output), force)
    with progress_bar(len(files), "files", show=progress) as advance:
        return merge(target, [Path(file) for file in files], _workers(workers), advance)


def reweight(
    file: str | Path,
    card: Card,
    output: str | Path,
    *,
    continuum: bool = False,
    workers: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> Reweighted:
    """Write the events of a file with weights that turn them into the model of a card, see `bkgen.reweighting`.

    continuum: without the narrow lines of the card's spectrum.
    Raises InputError, with every reason, where the file has no events for what the card predicts.
    """
    from .reweighting import reweight

    target = _new_file(Path(output), force)
    if target.resolve() == Path(file).resolve():
        raise InputError(f"{target}: is the file to be reweighted, give another name for the output")
    return reweight(Path(file), card, target, not continuum, _workers(workers), progress)


def open(path: str | Path) -> EventBatch:
    """Read an event file (ROOT or Parquet): `.awkward()`, `.numpy()`, `.pandas()`, `.metadata`.

    Raises InputError if it is not one.
    """
    from .generator import EventBatch
    from .io.reading import read

    columns, metadata = read(Path(path))
    return EventBatch(columns, metadata=metadata)


def _new_file(path: Path, force: bool) -> Path:
    """The path of a file to be written.  Raises InputError if something is there already."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, give the name of a file")
    if path.suffix != ".root":
        raise InputError(f"{path}: must end in .root")
    if path.exists() and not force:
        raise InputError(f"{path}: exists; use --force to replace it, or another name")
    return path


def _workers(workers: int | None) -> int:
    if workers is None:
        return os.cpu_count() or 1
    if workers < 1:
        raise InputError(Problem(("workers",), "must be at least 1", workers))
    return workers
