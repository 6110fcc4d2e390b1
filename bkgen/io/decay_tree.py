"""Events as decay trees, for formats that record particles: e+ e- -> Y(4S) -> B Bbar, B -> hadron X and what follows.

With `beam: rest`, and in the frame of the B, where the direction of the Y(4S) is not known, the tree begins with the B.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dark_matter import DecayMode
from ..generator import Array, EventBatch, Job, Sample
from ..kinematics import boost
from ..units import FB_TO_PB, M_TO_MM, S_TO_NS, C

ELECTRON, UPSILON_4S = 11, 300553
UNNAMED = 100
"""PDG code of an X without one of its own, from those that are free for the internal use of generators (81-100)."""

BEAMS = ("e-", "e+")
RECOIL = "recoil B"
_UPSILON = "Y(4S)"
_COMPONENTS = ("px", "py", "pz", "E")
_CT_PER_NS = C * M_TO_MM / S_TO_NS  # mm of c t in a nanosecond
_BLOCK = 4096  # events whose trees are in memory at a time


class Particle(NamedTuple):
    """One line of a record: its name (the prefix of its columns), PDG code, rows of its mothers, whether it decays."""

    name: str
    pdg: int
    mothers: tuple[int, ...]
    decays: bool


@dataclass(frozen=True)
class DecayTree:
    """The particles of all events of one decay mode, mothers first; those of one vertex follow each other."""

    particles: tuple[Particle, ...]

    def index(self, name: str) -> int | None:
        """Row of the particle of that name, or None."""
        return next((i for i, particle in enumerate(self.particles) if particle.name == name), None)


class Event(NamedTuple):
    """One event: rows px, py, pz, E, m [GeV] of its particles; production points (4, k) as (x, y, z, ct) [mm].

    production: None where everything happens at the origin.  ctau: proper time of X until its decay times c [mm].
    """

    row: int
    tree: DecayTree
    momenta: Array
    production: Array | None
    ctau: float


class DecayTrees:
    """Turns the columns of a sample into trees.  `has_beams`: they begin with e+ e-, not with the B."""

    def __init__(self, sample: Sample) -> None:
        self._job = sample.job
        self._beams = beam_momenta(sample.job)
        self.has_beams = bool(self._beams)
        self.beam_energies = tuple(float(self._beams[name][3]) for name in BEAMS) if self.has_beams else ()
        self._X_pdg = _code_of_X(sample)
        self._trees = [self._tree(mode, sample.widths is not None) for mode in sample.modes]
        self._masses = [self._fixed_masses(mode) for mode in sample.modes]

    def events(self, batch: EventBatch) -> Iterator[Event]:
        """The events of a batch in their order."""
        for start in range(0, len(batch), _BLOCK):
            columns = {name: values[start : start + _BLOCK] for name, values in batch.columns.items()}
            yield from self._block(columns, start)

    def _block(self, columns: Mapping[str, NDArray[Any]], start: int) -> list[Event]:
        mode_of = columns["mode"]
        events: list[Any] = [None] * len(mode_of)
        for mode in np.unique(mode_of):
            rows = np.flatnonzero(mode_of == mode)
            tree = self._trees[mode]
            own = {name: values[rows] for name, values in columns.items()}
            momenta = self._momenta(tree, own, self._masses[mode])
            production, ctau = self._flight(tree, own)
            for i, row in enumerate(rows.tolist()):
                where = None if production is None else production[i]
                events[row] = Event(start + row, tree, momenta[i], where, float(ctau[i]))
        return events

    def _tree(self, mode: DecayMode, X_is_particle: bool) -> DecayTree:
        """The particles of a mode.  X stands in it if it is a particle, or if nothing is known of its decay."""
        channel = self._job.channel
        made: list[Particle] = []

        def add(name: str, pdg: int, *mothers: int, decays: bool = False) -> int:
            made.append(Particle(name, pdg, mothers, decays))
            return len(made) - 1

        origin: tuple[int, ...] = ()
        if self.has_beams:
            beams = add(BEAMS[0], ELECTRON, decays=True), add(BEAMS[1], -ELECTRON, decays=True)
            origin = (add(_UPSILON, UPSILON_4S, *beams, decays=True),)
        B = add("B", channel.B_pdg, *origin, decays=True)
        if self.has_beams:
            add(RECOIL, -channel.B_pdg, *origin)
        hadron = add(channel.prefix, channel.hadron_pdg, B, decays=bool(channel.daughters))
        mother = B
        if X_is_particle or not mode.pdg:
            mother = add("X", self._X_pdg, B, decays=bool(mode.pdg))
        cascade = mode.topology == "cascade"
        pair = [add(name, pdg, mother, decays=cascade) for name, pdg in zip(("d1", "d2"), mode.pdg, strict=False)]
        for daughter in channel.daughters:
            add(daughter.prefix, daughter.pdg, hadron)
        if cascade:
            for name, pdg in zip(("d11", "d12", "d21", "d22"), mode.pdg[2:], strict=True):
                add(name, pdg, pair[0 if name.startswith("d1") else 1])
        return DecayTree(tuple(made))

    def _fixed_masses(self, mode: DecayMode) -> dict[str, float]:
        """Masses [GeV] by name of the particle; that of X is sqrt(q2)."""
        job = self._job
        constants, channel = job.inputs.constants, job.channel
        m_B = channel.m_B(constants)
        masses = {**dict.fromkeys(BEAMS, constants.m_e), _UPSILON: job.beam.sqrt_s, "B": m_B, RECOIL: m_B}
        masses[channel.prefix] = channel.m_H(constants)
        prefixes = (daughter.prefix for daughter in channel.daughters)
        masses.update(zip(prefixes, channel.daughter_masses(constants), strict=True))
        return masses | dict(zip(("d1", "d2", "d11", "d12", "d21", "d22"), mode.masses, strict=False))

    def _momenta(self, tree: DecayTree, columns: Mapping[str, NDArray[Any]], masses: Mapping[str, float]) -> Array:
        """px, py, pz, E, m [GeV] as (n, 5, k)."""
        momenta = np.empty((len(columns["q2"]), 5, len(tree.particles)))
        for k, particle in enumerate(tree.particles):
            for j, component in enumerate(_COMPONENTS):
                if particle.name in self._beams:
                    momenta[:, j, k] = self._beams[particle.name][j]
                elif particle.name == RECOIL:
                    momenta[:, j, k] = self._beams[_UPSILON][j] - columns[f"B_{component}"]
                else:
                    momenta[:, j, k] = columns[f"{particle.name}_{component}"]
            momenta[:, 4, k] = np.sqrt(columns["q2"]) if particle.name == "X" else masses[particle.name]
        return momenta

    def _flight(self, tree: DecayTree, columns: Mapping[str, NDArray[Any]]) -> tuple[Array | None, Array]:
        """Production points (n, 4, k) as (x, y, z, ct) [mm], None if all at the origin, and c tau (n,) of X [mm]."""
        n, X = len(columns["q2"]), tree.index("X")
        if "X_decay_t" not in columns or X is None:
            return None, np.zeros(n)
        ct = columns["X_decay_t"] * _CT_PER_NS
        ctau = ct * np.sqrt(columns["q2"]) / columns["X_E"]
        if not tree.particles[X].decays:
            return None, ctau
        below = [k for k, particle in enumerate(tree.particles) if particle.name[0] == "d"]
        production = np.zeros((n, 4, len(tree.particles)))
        for j, values in enumerate((columns["X_decay_x"], columns["X_decay_y"], columns["X_decay_z"], ct)):
            production[:, j, below] = values[:, None]
        return production, ctau


def beam_momenta(job: Job) -> dict[str, Array]:
    """Four-momenta (px, py, pz, E) [GeV] of e-, e+ and Y(4S) in the output frame; none if the tree begins with the B.

    In the Y(4S) frame the e- flies along +z, the axis of the distribution of the B.
    """
    if job.beam.at_rest or job.frame == "B":
        return {}
    E, m_e = 0.5 * job.beam.sqrt_s, job.inputs.constants.m_e
    p = math.sqrt((E - m_e) * (E + m_e))
    momenta = np.array([[0.0, 0.0, p, E], [0.0, 0.0, -p, E]])
    if job.frame == "lab":
        u = np.array(job.beam.boost)
        momenta = boost(momenta, u / np.sqrt(1.0 + u @ u))
    return {BEAMS[0]: momenta[0], BEAMS[1]: momenta[1], _UPSILON: momenta.sum(axis=0)}


def cross_section(sample: Sample) -> float | None:
    """Cross section of e+ e- -> B Bbar with B -> hadron X, expected decays over luminosity [pb]; None without one."""
    if sample.expected_decays is None or sample.job.luminosity is None:
        return None
    return sample.expected_decays / sample.job.luminosity * FB_TO_PB


def weights(sample: Sample) -> list[str]:
    """Columns that are weights, the nominal one first."""
    return ["weight", *(f"weight_{name}" for name in sample.job.variations)]


def scalars(sample: Sample) -> list[str]:
    """Columns that belong to the event as a whole: all but four-momenta, decay points and weights."""
    particles = {name for name in sample.branches if name.rpartition("_")[2] in _COMPONENTS}
    return [
        name
        for name in sample.branches
        if name not in particles and not name.startswith("X_decay_") and name not in weights(sample)
    ]


def _code_of_X(sample: Sample) -> int:
    code = sample.widths.pdg if sample.widths is not None else sample.job.model.mediator_pdg
    return code or UNNAMED
