"""Weights that turn the events of a file into those of another card.

The weight of an event is the ratio of the two differential widths at its q2 and angles (cos_theta, and for K* and phi
cos_theta_K and azimuth), as both would be sampled.  Only decays in which X stays unseen count.  Four-momenta stay as
they are: those of B, hadron and X are right for any model, those of the daughters of X belong to the model of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import Card, card_from_dict
from .errors import InputError, Problem, RunError
from .generator import EventBatch, Sample, in_order
from .io import metadata as meta
from .io.root import RootReader, RootWriter
from .jobs import sample_of
from .progress import progress as progress_bar
from .results import Quantity
from .spectrum import Array, Continuum, Spectrum, integrated
from .variations import Angles, angular_factors, contract, place, table

ORIGINAL = "weight_original"
NOTE = (
    "weight is that of the card, for decays with X unseen; q2, angles, hadron and X are distributed as in it. mode, "
    "particles and the momenta of the daughters of X are those of the original model; weight_original is its weight"
)
_KEPT = ("generate", "luminosity", "beam", "frame", "detector")
_SAME_RATE = 1e-9  # relative: that the model of the file is what it was when the file was made
_FEW = 0.01  # share of the sum of weights in one event above which the errors of histograms mean nothing
_PROMPT = 1e-6  # c tau over the size of the detector below which no X leaves it
_FREE = ("pair", "cascade")


@dataclass(frozen=True)
class Reweighted:
    """What `reweight` did.

    events: in the file; effective_events: (sum w)^2 / sum w^2; total: sum of the weights, expected: what it is for
    infinitely many events; largest: largest weight over the sum.
    """

    path: Path
    card: Card
    events: int
    effective_events: float
    total: float
    expected: float
    largest: float
    content_sha256: str
    warnings: list[str]

    @property
    def quantities(self) -> list[Quantity]:
        """The numbers as named results."""
        unit = "1" if self.card.luminosity is None else "events"
        error = self.total / math.sqrt(self.effective_events) if self.effective_events > 0.0 else None
        source = f"{self.events} events reweighted"
        return [
            Quantity("effective_events", self.effective_events, "events", None, source),
            Quantity("largest_weight_share", self.largest, "1", None, source),
            Quantity("sum_of_weights", self.total, unit, error, source),
            Quantity("expected_sum", self.expected, unit, None, self.card.model.describe_name()),
        ]


class Source:
    """A model as its events are distributed: in q2 and angles, with X unseen.

    lines: False leaves out the narrow lines of the spectrum.
    """

    def __init__(self, sample: Sample, lines: bool = True) -> None:
        self.sample = sample
        self.lines = sample.spectrum.lines if lines else []
        self.spectrum = Spectrum(self.lines, sample.spectrum.continuum)
        self._table = table(sample.spectrum, sample.spectrum)[None]

    @property
    def continuum(self) -> Continuum | None:
        """The continuous part."""
        return self.spectrum.continuum

    @cached_property
    def _cell_factors(self) -> Array:
        """(rows + 1,) exact integral of each cell over that of the linear density inside it; 1 for lines."""
        factors = np.ones(self._table.shape[1])
        if self.continuum is not None:
            p = integrated(self.continuum.coefficients)
            linear = 0.5 * (p[1:] + p[:-1]) * np.diff(self.continuum.nodes)
            cells = np.divide(self.continuum.masses, linear, out=np.ones_like(linear), where=linear > 0.0)
            factors[: len(cells)] = cells
        return factors

    def density(self, events: Angles) -> Array:
        """(n,) differential width of decays with X unseen that events are sampled from: GeV^-1, on lines GeV."""
        rows, fraction = place(self.sample.spectrum, events.q2)
        values = np.empty((1, len(rows)))
        contract(self._table, rows, fraction, angular_factors(events), values)
        return np.asarray(values[0] * self._cell_factors[rows] * self._unseen(rows, fraction) * self._inside(events.q2))

    def _unseen(self, rows: NDArray[np.int64], fraction: Array) -> Array:
        """(n,) probability that X decays invisibly."""
        fractions = self.sample.mode_fractions
        if fractions.constant:
            return np.full(len(rows), fractions.invisible[0])
        invisible = np.append(fractions.invisible, 0.0)
        return np.asarray((1.0 - fraction) * invisible[rows] + fraction * invisible[rows + 1])

    def _inside(self, q2: Array) -> NDArray[np.bool_]:
        """(n,) whether this q2 occurs."""
        on_any = np.isin(q2, [line.q2 for line in self.sample.spectrum.lines])
        inside = np.isin(q2, [line.q2 for line in self.lines])
        if self.continuum is not None:
            nodes = self.continuum.nodes
            inside |= ~on_any & (q2 >= nodes[0]) & (q2 <= nodes[-1])
        return inside

    @property
    def mean_unseen(self) -> float:
        """Share of the width of `spectrum` with X unseen."""
        fractions = self.sample.mode_fractions
        if fractions.constant:
            return float(fractions.invisible[0])
        n_nodes = len(fractions.q2) - len(self.sample.spectrum.lines)
        rows = fractions.invisible if self.lines else fractions.invisible[:n_nodes]
        return float(self.spectrum.table_mean(rows))

    def topologies(self, line: int | None) -> set[str]:
        """Topologies of the invisible modes that occur on the continuum, or on that line."""
        fractions = self.sample.mode_fractions
        n_nodes = len(fractions.q2) - len(self.sample.spectrum.lines)
        piece = slice(n_nodes) if line is None else slice(n_nodes + line, n_nodes + line + 1)
        occurs = np.sum(fractions.table[slice(None) if fractions.constant else piece], axis=0) > 0.0
        return {mode.topology for k, mode in enumerate(self.sample.modes) if occurs[k] and mode.invisible}


def reweight(
    path: Path,
    card: Card,
    output: Path,
    lines: bool,
    workers: int,
    progress: bool = False,
) -> Reweighted:
    """Write the events of the file `path` to `output` with the weights of a card.

    lines: False leaves out the narrow lines of the card's spectrum.
    Raises InputError with every reason why the events cannot stand for the card, and for a chunk that does not have its
    digest; RunError for an event without density in its own model.
    """
    with RootReader(path) as file:
        original, single = file.metadata, "float32" in map(str, file.metadata.get("branches", {}).values())
    _refuse_file(path, original)
    theirs = card_from_dict(original["card"], str(path))
    target, warnings = _on_the_sample(card, theirs, output)
    old, new = Source(sample_of(theirs)), Source(sample_of(target), lines)
    problems = [*_changed_model(path, original, old.sample), *_other_kinematics(target, theirs), *_flying(old, new)]
    problems += _support(old, new, single)
    if problems:
        raise InputError(problems)
    work = Weighing(path, old, new, int(original["events"]))
    chunks = range(len(original["chunks"]))
    sums = np.zeros(3)  # of w, of w^2, largest w
    digests = []
    types = {name: np.dtype(dtype) for name, dtype in original["branches"].items()}
    branches = {name: values.dtype for name, values in _columns({n: np.empty(0, t) for n, t in types.items()}).items()}
    with (
        RootWriter(output, branches, len(chunks)) as writer,
        progress_bar(work.events, "events", show=progress) as advance,
    ):
        for batch, digest in in_order(work.chunk, chunks, workers):
            writer.write(batch)
            digests.append(digest)
            w = batch.columns["weight"].astype(np.float64)
            sums = np.array([sums[0] + w.sum(), sums[1] + (w**2).sum(), max(sums[2], w.max())])
            advance(len(batch))
        result = _result(output, target, work, sums, meta.content_sha256(digests), warnings)
        writer.finish(_metadata(original, target, new, result, branches, digests))
    return result


@dataclass(frozen=True)
class Weighing:
    """The work on the events of a file: `old` is how they are distributed, `new` how they shall be."""

    path: Path
    old: Source
    new: Source
    events: int

    @cached_property
    def per_width(self) -> float:
        """Decays (or branching fraction, without a luminosity) of the new model for each GeV of width."""
        sample = self.new.sample
        decays = sample.branching_fraction if sample.expected_decays is None else sample.expected_decays
        return decays / sample.spectrum.rate()

    def chunk(self, k: int) -> tuple[EventBatch, bytes]:
        """Chunk k with new weights, and its digest.  Raises InputError if the old one is damaged."""
        with RootReader(self.path) as file:
            columns = file.chunk(k).columns
        factor = self.per_width * self.old.sample.spectrum.rate() / self.events
        batch = EventBatch(_columns(columns, factor * self.ratio(columns)), k)
        return batch, batch.digest()

    def ratio(self, columns: dict[str, Any]) -> Array:
        """(n,) new over old differential width of each event, 0 where X is seen.

        Raises RunError where the old width vanishes and the new one does not.
        """
        names = ("q2", "cos_theta", "cos_theta_K", "azimuth")
        wide: dict[str, Array] = {name: columns[name].astype(np.float64) for name in names if name in columns}
        modes, mode = self.old.sample.modes, columns["mode"].astype(np.int64)
        free = np.array([item.topology in _FREE for item in modes])[mode]
        events = Angles(wide["q2"], wide["cos_theta"], wide.get("cos_theta_K"), wide.get("azimuth"), ~free)
        mine, theirs = self.new.density(events), self.old.density(events)
        counts = np.array([item.invisible for item in modes])[mode] & (mine > 0.0)
        if np.any(counts & ~(theirs > 0.0)):
            where = wide["q2"][counts & ~(theirs > 0.0)][0]
            raise RunError(f"{self.path}: an event at q2 = {where:.6g} GeV^2 has no density in the model of the file")
        return np.divide(mine, theirs, out=np.zeros_like(mine), where=counts)


def _columns(columns: dict[str, Any], weights: Array | None = None) -> dict[str, Any]:
    """The columns with new weights; the old ones are kept as `weight_original`, p_invisible is 1."""
    made: dict[str, Any] = {}
    for name, values in columns.items():
        if name == "weight":
            made[name] = values if weights is None else weights.astype(values.dtype)
        if name.startswith("weight"):
            made[ORIGINAL + name.removeprefix("weight")] = values
        else:
            made[name] = np.ones_like(values) if name == "p_invisible" else values
    return made


def _result(output: Path, card: Card, work: Weighing, sums: Array, content: str, warnings: list[str]) -> Reweighted:
    total, squares, largest = (float(value) for value in sums)
    effective = total**2 / squares if squares > 0.0 else 0.0
    share = largest / total if total > 0.0 else 0.0
    if share > _FEW:
        text = f"one event has {share:.1%} of the sum of weights: statistical errors of histograms are unreliable"
        warnings = [text, *warnings]
    expected = work.per_width * work.new.spectrum.rate() * work.new.mean_unseen
    return Reweighted(output, card, work.events, effective, total, expected, share, content, warnings)


def _metadata(
    original: dict[str, Any],
    card: Card,
    new: Source,
    result: Reweighted,
    branches: dict[str, np.dtype[Any]],
    digests: Sequence[bytes],
) -> dict[str, Any]:
    """The metadata of the file with rates and card of the new model, and where the events come from."""
    whole = meta.describe(new.sample, card.resolved(), list(digests))
    share = new.spectrum.rate() / new.sample.spectrum.rate()
    changed = {key: whole[key] for key in ("card", "inputs", "inputs_sha256", "chunks", "content_sha256", "written")}
    for key in ("rate", "branching_fraction", "n_expected", "weight"):
        changed[key] = None if whole[key] is None else share * whole[key]
    return (
        original
        | changed
        | {
            "br_invisible": new.mean_unseen,
            "branches": {name: str(dtype) for name, dtype in branches.items()},
            "warnings": [*whole["warnings"], *result.warnings],
            "notes": original["notes"] | {"weight": NOTE},
            "reweighted": {
                "from": {key: original[key] for key in ("card", "content_sha256", "rate", "weight", "inputs_sha256")},
                "lines": bool(new.lines) or not new.sample.spectrum.lines,
                "effective_events": result.effective_events,
                "largest_weight_share": result.largest,
                "sum_of_weights": result.total,
            },
        }
    )


def _refuse_file(path: Path, original: dict[str, Any]) -> None:
    """Raises InputError for a file that is reweighted already, or is a piece of a sample."""
    if "reweighted" in original:
        raise InputError(f"{path}: is reweighted already; reweight the original file")
    meta.require_whole(original, path)


def _on_the_sample(card: Card, theirs: Card, output: Path) -> tuple[Card, list[str]]:
    """The card with everything but the physics taken from the file, and a warning for each difference."""
    wanted, given = card.resolved(), theirs.resolved()
    differ = [key for key in _KEPT if key != "generate" and wanted[key] != given[key]]
    data = wanted | {key: given[key] for key in _KEPT}
    data |= {"output": {**given["output"], "path": str(output)}, "variations": "none"}
    if card.channel != theirs.channel:
        message = f"the file holds {theirs.channel}, events of another channel cannot stand for it"
        raise InputError(Problem(("channel",), message, card.channel))
    warnings = [f"{key} of the file is kept, that of the card does not matter" for key in differ]
    return card_from_dict(data), warnings


def _changed_model(path: Path, original: dict[str, Any], sample: Sample) -> Iterator[str]:
    """Whether the model of the file gives another rate than when the file was made."""
    then, now = float(original["rate"]), sample.spectrum.rate()
    if not math.isclose(then, now, rel_tol=_SAME_RATE):
        yield (
            f"{path}: its model has a width of {then:.6g} GeV in the file, made by version {original['bkgen']}, "
            f"and of {now:.6g} GeV in this one: generate it again"
        )


def _other_kinematics(mine: Card, theirs: Card) -> Iterator[str]:
    """Hadrons or masses that the momenta of the file do not have."""
    if mine.decay.decay != theirs.decay.decay:
        yield f"Kst_decay = {mine.Kst_decay}: the file holds {theirs.Kst_decay or 'the default decay'}"
    ours, given = mine.physics_inputs.constants, theirs.physics_inputs.constants
    masses = [
        ("m_B", mine.decay.m_B(ours), theirs.decay.m_B(given)),
        (f"m_{mine.decay.prefix}", mine.decay.m_H(ours), theirs.decay.m_H(given)),
    ]
    for name, own, other in masses:
        if own != other:
            yield f"inputs: {name} is {own} GeV in the card and {other} GeV in the file"


def _flying(old: Source, new: Source) -> Iterator[str]:
    """X that may be seen or not depending on where it decays."""
    for whose, source in (("file", old), ("card", new)):
        L_det = source.sample.job.detector.L_det
        if _PROMPT * L_det < source.sample.ctau < math.inf and source.mean_unseen < 1.0:
            yield (
                f"X of the {whose} flies {source.sample.ctau:.3g} m and has visible decays: whether it is seen depends "
                "on its flight, which a weight in q2 and angles does not describe"
            )


def _support(old: Source, new: Source, single: bool) -> Iterator[str]:
    """Where the card has events and the file can have none."""
    theirs = {line.q2: k for k, line in enumerate(old.lines) if line.rate() > 0.0}
    if single and (old.lines or new.lines):
        yield "the file has dtype: float32, in which lines and continuum cannot be told apart"
    pieces: list[tuple[str, int | None, int | None]] = []
    for k, line in enumerate(new.sample.spectrum.lines if new.lines else []):
        if line.rate() > 0.0 and line.q2 in theirs:
            pieces.append((f"on the line at {line.mass:.6g} GeV", theirs[line.q2], k))
        elif line.rate() > 0.0:
            hint = "; --continuum leaves the lines out" if new.continuum is not None else ""
            yield f"the card has a line at {line.mass:.6g} GeV, the file has none there{hint}"
    if new.continuum is not None and old.continuum is None:
        yield "the card has a continuum, the file has only lines"
    elif new.continuum is not None and old.continuum is not None:
        yield from _continua(old.continuum, new.continuum)
        pieces.append(("in the continuum", None, None))
    elif not new.lines:
        yield "the card has no continuum, nothing is left without its lines"
    for where, mine, other in pieces:
        yield from _pairs(where, old.topologies(mine), new.topologies(other))


def _continua(old: Continuum, new: Continuum) -> Iterator[str]:
    """q2 at which the card has a rate and the file none."""
    margin = 1e-12 * old.nodes[-1]
    if new.nodes[0] < old.nodes[0] - margin or new.nodes[-1] > old.nodes[-1] + margin:
        mine, theirs = (f"{c.nodes[0]:.6g} ... {c.nodes[-1]:.6g} GeV^2" for c in (new, old))
        yield f"the card has events at q2 = {mine}, the file only at {theirs}"
        return
    empty = np.flatnonzero(old.masses == 0.0)
    for k in empty[:1]:
        if np.any(new.bin_integrals(old.nodes[k : k + 2]) > 0.0):
            yield f"the file has no events at q2 = {old.nodes[k]:.6g} ... {old.nodes[k + 1]:.6g} GeV^2, the card has"


def _pairs(where: str, theirs: set[str], mine: set[str]) -> Iterator[str]:
    """An angle of the pair in the card that the events of the file do not have."""
    if "pole" in theirs | mine:
        yield f"{where} the angle of the pair is fixed by q2: such events cannot be reweighted"
    elif mine & set(_FREE) and theirs - set(_FREE):
        yield f"X of the file is no pair {where}, that of the card is: there is no angle to weight"
