"""From a model and its settings to events: tables for the kernel, chunks, random streams, `EventBatch`.

Chunk k always holds events k * CHUNK ... (k + 1) * CHUNK - 1 and has its own random streams, so the result does not
depend on the number of workers, and a larger sample extends a smaller one.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .channels import Channel
from .dark_matter import DecayMode, Widths, invisible_fraction
from .detector import Response, detect, response
from .detector_presets import Detector
from .errors import InputError, Problem, RunError
from .formfactors import Inputs
from .kernels import Frame, Plan, Row, Topology, fill
from .kinematics import two_body_momentum
from .models.base import Model
from .spectrum import Spectrum, integrated
from .streams import Purpose, stream
from .units import width_from_lifetime
from .variations import Angles, Variations

if TYPE_CHECKING:
    import awkward
    import pandas

Array = NDArray[np.float64]
T = TypeVar("T")

CHUNK = 131_072
_GUIDE = 4  # entries of the guide table per cell: then the first guess is nearly always right
_PAD = 136  # keeps the rows of a chunk out of step with the sets of the processor's caches
_COMPONENTS = ("px", "py", "pz", "E")
_FRAMES = {"lab": Frame.LAB, "Y4S": Frame.Y4S, "B": Frame.B}
_TOPOLOGIES = {"none": Topology.NONE, "pair": Topology.PAIR, "cascade": Topology.CASCADE, "pole": Topology.POLE}
_VERTEX = ("X_decay_x", "X_decay_y", "X_decay_z", "X_decay_t")


@dataclass(frozen=True)
class Beam:
    """Production of the B: sqrt_s [GeV], beta gamma of the Y(4S) in the lab; at_rest: B at rest in the lab."""

    sqrt_s: float = 10.579
    boost: tuple[float, float, float] = (0.0, 0.0, 0.284)
    at_rest: bool = False


@dataclass(frozen=True)
class Job:
    """Everything that fixes a sample.  luminosity [fb^-1], None where the channel has no normalisation (Bs)."""

    model: Model
    channel: Channel
    inputs: Inputs
    events: int
    seed: int = 1
    luminosity: float | None = 362.0
    beam: Beam = field(default_factory=Beam)
    frame: Literal["lab", "Y4S", "B"] = "lab"
    detector: Detector = field(default_factory=Detector)
    dtype: Literal["float64", "float32"] = "float64"
    columns: Literal["all", "slim"] = "all"
    variations: dict[str, Inputs] = field(default_factory=dict)  # branch weight_<name> -> other inputs


@dataclass(frozen=True)
class EventBatch:
    """Consecutive events: columns by branch name, each (n,), in the order of the file; metadata if read from one."""

    columns: dict[str, NDArray[Any]]
    chunk: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def digest(self) -> bytes:
        """SHA-256 over (chunk, branch, little-endian values)."""
        sha = hashlib.sha256(f"chunk {self.chunk}".encode())
        for name, values in self.columns.items():
            sha.update(name.encode())
            sha.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
        return sha.digest()

    def numpy(self) -> dict[str, NDArray[Any]]:
        """Columns as numpy arrays (n,)."""
        return dict(self.columns)

    def awkward(self) -> awkward.Array:
        """Records (n,), one per event; four-momenta are vector's Momentum4D (events.K.pt, events.X.mass, ...)."""
        return to_awkward(self.columns)

    def pandas(self) -> pandas.DataFrame:
        """One row per event."""
        import pandas

        return pandas.DataFrame(self.columns)


def to_awkward(columns: dict[str, NDArray[Any]]) -> awkward.Array:
    """Flat columns (n,) as awkward records, with `<name>_px, _py, _pz, _E` joined to a Momentum4D `<name>`."""
    import awkward
    import vector

    vector.register_awkward()
    fields: dict[str, Any] = {}
    for name, values in columns.items():
        prefix, _, component = name.rpartition("_")
        if component not in _COMPONENTS:
            fields[name] = values
        elif component == "px":
            momenta = {c: columns[f"{prefix}_{c}"] for c in _COMPONENTS}
            fields[prefix] = awkward.zip(momenta, with_name="Momentum4D")
    return awkward.zip(fields, depth_limit=1)


@dataclass(frozen=True)
class Buffer:
    """Memory for one chunk, used again: the kernel's rows (rows, n), and columns (branches, n) of a narrower type."""

    rows: Array
    narrow: NDArray[Any]


@dataclass(frozen=True)
class EventStream:
    """The events of a sample: iterate over its chunks, or convert it whole if it is a single chunk."""

    sample: Sample
    workers: int = 1

    def __iter__(self) -> Iterator[EventBatch]:
        return self.sample.chunks(self.workers)

    def __len__(self) -> int:
        return self.sample.job.events

    def _only_chunk(self) -> EventBatch:
        if self.sample.n_chunks > 1:
            raise InputError(
                f"{len(self)} events are {self.sample.n_chunks} chunks: iterate over them, or write a file"
            )
        return next(iter(self))

    def numpy(self) -> dict[str, NDArray[Any]]:
        """As `EventBatch.numpy`, arrays (n,); raises InputError for more than one chunk."""
        return self._only_chunk().numpy()

    def awkward(self) -> awkward.Array:
        """As `EventBatch.awkward`, records (n,); raises InputError for more than one chunk."""
        return self._only_chunk().awkward()

    def pandas(self) -> pandas.DataFrame:
        """As `EventBatch.pandas`; raises InputError for more than one chunk."""
        return self._only_chunk().pandas()


def _four(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{component}" for component in _COMPONENTS)


@dataclass(frozen=True)
class Layout:
    """Which row of the kernel goes to which branch."""

    floats: dict[str, int]  # branch -> row
    rows: int
    angles: int
    hadron_daughters: int
    daughters: int
    second: int
    vertex: int


def _layout(channel: Channel, modes: tuple[DecayMode, ...], ctau: float) -> Layout:
    """Rows and branches; the branch set is fixed by the card, not by the events."""
    floats: dict[str, int] = {
        "q2": Row.Q2,
        "q2_rec": Row.Q2_REC,
        "cos_theta": Row.COS_THETA,
        "weight": Row.WEIGHT,
        "efficiency": Row.EFFICIENCY,
        "p_invisible": Row.P_INVISIBLE,
    }
    rows = dict.fromkeys(("angles", "hadron_daughters", "daughters", "second", "vertex"), -1)
    next_row = int(Row.OPTIONAL)
    optional = (
        ("angles", ("cos_theta_K", "azimuth"), channel.spin == 1),
        ("hadron_daughters", [n for d in channel.daughters for n in _four(d.prefix)], channel.spin == 1),
        ("daughters", [*_four("d1"), *_four("d2")], any(m.pdg for m in modes)),
        (
            "second",
            [n for d in ("d11", "d12", "d21", "d22") for n in _four(d)],
            any(m.topology == "cascade" for m in modes),
        ),
        ("vertex", _VERTEX, 0.0 < ctau < math.inf),
    )
    later: dict[str, int] = {}
    for block, names, present in optional:
        if present:
            rows[block] = next_row
            target = floats if block == "angles" else later
            target.update((name, next_row + j) for j, name in enumerate(names))
            next_row += len(names)
    for prefix, row in (("B", Row.B), (channel.prefix, Row.HADRON), ("X", Row.X)):
        floats.update((name, row + j) for j, name in enumerate(_four(prefix)))
    return Layout(floats={**floats, **later}, rows=next_row, **rows)


def _narrowed(values: Array, into: NDArray[Any]) -> NDArray[Any]:
    """The values (n,) in the memory and type of another array."""
    into[:] = values
    return into


def _source_tables(spectrum: Spectrum) -> dict[str, Any]:
    """Lines and cells of a spectrum as the kernel reads them; fractions are of the total width."""
    rate = spectrum.rate()
    k = spectrum.n_angular
    line_coefficients = np.array([line.coefficients for line in spectrum.lines]).reshape(-1, k)
    continuum = spectrum.continuum
    if continuum is None:
        # the last line takes the rounding, so that no event can fall through to the empty continuum
        fractions = np.cumsum([line.rate() for line in spectrum.lines]) / rate
        fractions[-1] = 2.0
        nodes = pdf = cumulative = np.zeros(0)
        guide = np.zeros(0, dtype=np.int64)
        coefficients = line_coefficients
    else:
        fractions = np.cumsum([line.rate() for line in spectrum.lines]) / rate if spectrum.lines else np.zeros(0)
        nodes = continuum.nodes
        pdf = integrated(continuum.coefficients)
        cumulative = np.concatenate([[0.0], np.cumsum(continuum.masses)]) / continuum.rate
        cumulative[-1] = 1.0
        start = np.arange(_GUIDE * len(nodes)) / (_GUIDE * len(nodes))
        guide = np.clip(np.searchsorted(cumulative, start, side="right") - 1, 0, len(nodes) - 2).astype(np.int64)
        coefficients = np.concatenate([continuum.coefficients, line_coefficients])
    return {
        "line_masses": np.array([line.mass for line in spectrum.lines], dtype=np.float64),
        "line_cumulative": np.asarray(fractions, dtype=np.float64),
        "nodes": np.ascontiguousarray(nodes),
        "pdf": np.ascontiguousarray(pdf),
        "cumulative": cumulative,
        "guide": guide,
        "coefficients": np.ascontiguousarray(coefficients),
    }


def _mode_tables(modes: tuple[DecayMode, ...]) -> dict[str, Any]:
    """Decay modes as the kernel reads them."""
    masses = np.zeros((len(modes), 6))
    momenta = np.zeros((len(modes), 2))
    for i, mode in enumerate(modes):
        masses[i, : len(mode.masses)] = mode.masses
        if mode.topology == "cascade":
            m1, m2, *rest = mode.masses
            momenta[i] = two_body_momentum(m1, *rest[:2]), two_body_momentum(m2, *rest[2:])
    return {
        "mode_topology": np.array([_TOPOLOGIES[mode.topology] for mode in modes], dtype=np.int64),
        "mode_invisible": np.array([mode.invisible for mode in modes], dtype=np.int64),
        "mode_masses": masses,
        "mode_polar": np.array([mode.polar for mode in modes], dtype=np.float64),
        "mode_momenta": momenta,
        "mode_pole": np.array([mode.pole_mass for mode in modes], dtype=np.float64),
    }


class ModeFractions:
    """Branching fractions of the decay modes over a spectrum.

    modes: those that occur; q2 (rows,) [GeV^2]: the nodes of the continuum, then the lines, or a single one where no
    fraction depends on q2; table (rows, n_modes).  Raises RunError for fractions that are no probabilities.
    """

    def __init__(self, modes: tuple[DecayMode, ...], spectrum: Spectrum) -> None:
        self.constant = not any(callable(mode.branching_fraction) for mode in modes)
        self.q2 = np.array([spectrum.q2_range[0]]) if self.constant else spectrum.table_q2
        table = np.stack([mode.fraction(self.q2) for mode in modes], axis=-1)
        occurs = [not callable(mode.branching_fraction) or bool(table[:, i].any()) for i, mode in enumerate(modes)]
        self.modes = tuple(mode for mode, kept in zip(modes, occurs, strict=True) if kept)
        self.table: Array = table[:, occurs]
        self._validate()
        self.means: Array = self.table[0] if self.constant else spectrum.table_mean(self.table)

    def _validate(self) -> None:
        total = self.table.sum(axis=1)
        if not np.allclose(total, 1.0, rtol=0.0, atol=1e-9) or np.any(self.table < 0.0):
            bad = int(np.argmax(np.abs(total - 1.0)))
            raise RunError(f"the branching fractions at q2 = {self.q2[bad]:.6g} sum to {total[bad]}, not 1")
        for mode, fractions in zip(self.modes, self.table.T, strict=True):
            below = self.q2[(fractions > 0.0) & (self.q2 * (1.0 + 1e-9) < mode.threshold**2)]
            if len(below):
                raise RunError(f"mode {mode.name} needs q2 > {mode.threshold**2:.6g}, it occurs at {below[0]:.6g}")

    @property
    def cumulative(self) -> Array:
        """Cumulative fractions (rows, n_modes), exactly 1 from the last mode that occurs in a row on."""
        cumulative = np.cumsum(self.table, axis=1)
        last = self.table.shape[1] - 1 - np.argmax(self.table[:, ::-1] > 0.0, axis=1)
        return np.where(np.arange(self.table.shape[1]) >= last[:, None], 1.0, cumulative)

    @property
    def invisible(self) -> Array:
        """Fraction (rows,) that no detector sees."""
        return invisible_fraction(self.modes, self.q2)

    @property
    def mean_invisible(self) -> float:
        """Mean fraction that no detector sees."""
        return float(min(sum(mean for mode, mean in zip(self.modes, self.means, strict=True) if mode.invisible), 1.0))


class Sample:
    """A job with its physics evaluated: spectrum, modes, widths, normalisation and the tables of the kernel."""

    def __init__(self, job: Job) -> None:
        self.job = job
        refusal = job.model.events_refused(job.channel)
        if refusal is not None:
            raise InputError(Problem(("model",), refusal))
        self.spectrum = job.model.spectrum(job.channel, job.inputs)
        self.mode_fractions = ModeFractions(job.model.modes(job.inputs), self.spectrum)
        self.widths: Widths | None = job.model.widths(job.inputs)
        self._validate()

    def _validate(self) -> None:
        if not 0.0 < self.spectrum.rate() < math.inf:
            raise RunError(f"the rate of this model is {self.spectrum.rate()} GeV: there is nothing to generate")
        if self.spectrum.n_angular != self.job.channel.n_angular:
            raise RunError(f"the model gives {self.spectrum.n_angular} angular coefficients in {self.job.channel.name}")
        if not math.isfinite(self.ctau) and any(not mode.invisible for mode in self.modes):
            raise RunError("the model has visible decay modes but gives no width for X")
        _, q2_max = self.spectrum.q2_range
        for mode in self.modes:
            if mode.topology == "pole" and self.job.channel.spin == 1:
                raise RunError(f"mode {mode.name}: a pole decay is defined for a spin-0 hadron only")
            if mode.topology == "cascade" and (
                mode.masses[0] < sum(mode.masses[2:4]) or mode.masses[1] < sum(mode.masses[4:6])
            ):
                raise RunError(f"mode {mode.name}: a second step is above threshold")
        if q2_max > self.job.channel.q2_max(self.job.inputs.constants) * (1.0 + 1e-12):
            raise RunError(
                f"the spectrum extends to q2 = {q2_max:.6g}, beyond the end point of {self.job.channel.name}"
            )

    @property
    def modes(self) -> tuple[DecayMode, ...]:
        """The decay modes that occur."""
        return self.mode_fractions.modes

    @property
    def ctau(self) -> float:
        """Proper decay length of X [m]; infinite if stable, 0 if X is no particle that flies."""
        return self.widths.ctau if self.widths is not None else math.inf

    @property
    def branching_fraction(self) -> float:
        """BR(B -> hadron X), whatever X does."""
        return self.spectrum.rate() / width_from_lifetime(self.job.channel.tau_B(self.job.inputs.constants))

    @property
    def br_invisible(self) -> float:
        """Sum of the branching fractions of the invisible modes, their mean if they depend on q2."""
        return self.mode_fractions.mean_invisible

    @property
    def expected_decays(self) -> float | None:
        """N_B x luminosity x BR, or None without a luminosity."""
        channel, constants = self.job.channel, self.job.inputs.constants
        if self.job.luminosity is None or channel.production is None:
            return None
        fraction = float(getattr(constants, channel.production))
        return 2.0 * fraction * constants.N_BB_per_fb * self.job.luminosity * self.branching_fraction

    @property
    def weight(self) -> float:
        """Weight of every event: expected decays (or BR without a luminosity) over the number of events of the card."""
        expected = self.expected_decays
        return (self.branching_fraction if expected is None else expected) / self.job.events

    @cached_property
    def layout(self) -> Layout:
        """Rows of the kernel and their branches."""
        return _layout(self.job.channel, self.modes, self.ctau)

    @cached_property
    def response(self) -> Response:
        """The detector in compiled form."""
        job = self.job
        return response(job.detector, job.channel, job.inputs.constants, self._sqrt_s)

    @property
    def _sqrt_s(self) -> float:
        """sqrt(s) in the q2_rec formula; 2 m_B for a B at rest, where q2_rec is then q2."""
        job = self.job
        return 2.0 * job.channel.m_B(job.inputs.constants) if job.beam.at_rest else job.beam.sqrt_s

    @cached_property
    def plan(self) -> Plan:
        """The tables of the event loop."""
        job, layout, constants = self.job, self.layout, self.job.inputs.constants
        m_B = job.channel.m_B(constants)
        daughters = job.channel.daughter_masses(constants)
        at_rest = job.beam.at_rest
        return Plan(
            m_B=m_B,
            p_B=0.0 if at_rest else math.sqrt(0.25 * job.beam.sqrt_s**2 - m_B**2),
            sqrt_s=self._sqrt_s,
            boost=np.zeros(3) if at_rest else np.array(job.beam.boost, dtype=np.float64),
            frame=int(_FRAMES[job.frame]),
            m_H=job.channel.m_H(constants),
            hadron_daughters=np.array(daughters or (0.0, 0.0)),
            spin=job.channel.spin,
            **_source_tables(self.spectrum),
            **_mode_tables(self.modes),
            mode_cumulative=self.mode_fractions.cumulative,
            br_invisible=self.mode_fractions.invisible,
            ctau=self.ctau,
            L_det=job.detector.L_det,
            row_angles=layout.angles,
            row_hadron_daughters=layout.hadron_daughters,
            row_daughters=layout.daughters,
            row_second=layout.second,
            row_vertex=layout.vertex,
        )

    @cached_property
    def variations(self) -> Variations:
        """Other inputs, by the name of their weight branch."""
        job = self.job
        spectra = {name: job.model.spectrum(job.channel, inputs) for name, inputs in job.variations.items()}
        return Variations(self.spectrum, {f"weight_{name}": spectrum for name, spectrum in spectra.items()})

    @property
    def n_chunks(self) -> int:
        """Number of chunks of the sample."""
        return -(-self.job.events // CHUNK)

    def chunk_events(self, k: int) -> int:
        """Number of events of chunk k."""
        return min(CHUNK, self.job.events - k * CHUNK)

    @cached_property
    def branches(self) -> dict[str, np.dtype[Any]]:
        """Branch names and types in file order."""
        floats = list(self.layout.floats)
        if self.job.columns == "slim":
            floats = [n for n in floats if n.rpartition("_")[2] not in _COMPONENTS and n not in _VERTEX]
        scalars = [n for n in floats if n.rpartition("_")[2] not in _COMPONENTS and n not in _VERTEX]
        wide = np.dtype(self.job.dtype)
        types: dict[str, np.dtype[Any]] = dict.fromkeys(scalars, wide)
        types |= dict.fromkeys((f"weight_{name}" for name in self.job.variations), wide)
        types |= {"accepted": np.dtype(np.bool_), "mode": np.dtype(np.int16), "eta_bin": np.dtype(np.int8)}
        return types | dict.fromkeys((n for n in floats if n not in types), wide)

    def chunk(self, k: int, buffer: Buffer | None = None) -> EventBatch:
        """Chunk k of the sample; its columns are in the memory of the buffer if one is given (see `new_buffer`)."""
        n = self.chunk_events(k)
        buffer = self.new_buffer() if buffer is None else buffer
        rows = buffer.rows[:, :n]
        fill(stream(self.job.seed, k, Purpose.EVENTS), self.plan, rows)
        eta_bin, accepted = np.empty(n, dtype=np.int8), np.empty(n, dtype=np.bool_)
        rows[Row.WEIGHT] = self.weight
        detect(
            stream(self.job.seed, k, Purpose.DETECTOR), self.response,
            rows[Row.Q2], rows[Row.Q2_REC], rows[Row.INVISIBLE], rows[Row.EFFICIENCY], eta_bin, accepted,
        )  # fmt: skip
        integers = {"accepted": accepted, "mode": rows[Row.MODE].astype(np.int16), "eta_bin": eta_bin}
        made = {**integers, **self._variation_weights(rows)}
        columns: dict[str, NDArray[Any]] = {}
        for position, (name, dtype) in enumerate(self.branches.items()):
            values = made[name] if name in made else rows[self.layout.floats[name]]
            columns[name] = values if values.dtype == dtype else _narrowed(values, buffer.narrow[position][:n])
        return EventBatch(columns, k)

    def _variation_weights(self, rows: Array) -> dict[str, Array]:
        if not self.job.variations:
            return {}
        free = np.array([mode.topology in ("pair", "cascade") for mode in self.modes])
        row = self.layout.angles
        events = Angles(
            q2=rows[Row.Q2],
            c=rows[Row.COS_THETA],
            c_K=rows[row] if row >= 0 else None,
            phi=rows[row + 1] if row >= 0 else None,
            undefined=~free[rows[Row.MODE].astype(np.int64)],
        )
        return {name: self.weight * ratio for name, ratio in self.variations.ratios(events).items()}

    def new_buffer(self) -> Buffer:
        """Memory for one chunk."""
        length = min(CHUNK, self.job.events) + _PAD
        narrow = np.dtype(self.job.dtype) != np.float64
        return Buffer(
            rows=np.empty((self.layout.rows, length)),
            narrow=np.empty((len(self.branches) if narrow else 0, length), dtype=self.job.dtype),
        )

    def chunks(self, workers: int = 1) -> Iterator[EventBatch]:
        """All chunks in order, generated by that many threads; at most workers + 1 are in memory at once."""
        return in_order(self.chunk, range(self.n_chunks), workers)

    def stream_chunks(
        self,
        workers: int = 1,
        numbers: Sequence[int] | None = None,
        prepare: Callable[[EventBatch], EventBatch] = lambda batch: batch,
        hashed: bool = True,
    ) -> Generator[tuple[EventBatch, bytes]]:
        """As `chunks`, each with its digest, in memory that is used again: a batch is valid until the next one.

        numbers: of the chunks wanted, all by default; prepare: what the threads do to a chunk after its digest;
        hashed: whether a digest is wanted, else it is empty.
        """
        _ = self.plan, self.response, self.variations  # evaluated once, before the threads
        free: deque[Buffer] = deque()

        def work(k: int) -> tuple[EventBatch, bytes, Buffer]:
            buffer = free.pop() if free else self.new_buffer()
            batch = self.chunk(k, buffer)
            digest = batch.digest() if hashed else b""
            return prepare(batch), digest, buffer

        for batch, digest, buffer in in_order(work, range(self.n_chunks) if numbers is None else numbers, workers):
            yield batch, digest
            free.append(buffer)


def in_order(work: Callable[[int], T], items: Sequence[int], workers: int) -> Iterator[T]:
    """work(k) of every item in order, computed by that many threads, never more than workers + 1 ahead."""
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="bkgen")
    pending: deque[Future[T]] = deque()
    try:
        for k in items:
            pending.append(pool.submit(work, k))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
