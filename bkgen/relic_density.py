"""The relic density of a card's dark matter as named quantities, with the history of its yield."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .card import Card
from .cosmology import DegreesOfFreedom, FrozenIn, Relic, Universe, channel_shares, relic_density
from .cosmology.dof import DofName
from .dark_matter import OMEGA_H2, DarkMatter, FreezeIn
from .errors import InputError, Problem
from .kinematics import FloatArray
from .results import Quantity
from .units import GEV_M2_TO_CM3_PER_S

PLANCK = 0.12
"""Observed density of cold dark matter over the critical one, times h^2.  Source: Planck 2018, arXiv:1807.06209."""


@dataclass(frozen=True)
class RelicDensity:
    """What `relic` found: quantities, the history of the yields, and one line for each thing to know.

    history: arrays (n,) by name.  Freeze-out: x = m/T, Y, Y_eq, of particles and antiparticles, nothing if there is no
    freeze-out.  Freeze-in: T [GeV], Y, Y_eq, Y_mediator, Y_mediator_eq.
    """

    quantities: list[Quantity]
    history: dict[str, FloatArray]
    warnings: tuple[str, ...]


def relic(card: Card, dof: DofName = "SS", shares: bool = True) -> RelicDensity:
    """Relic density of the card's dark matter.

    dof: degrees of freedom of the plasma, SS (arXiv:1803.01038) or WS (arXiv:0910.1066).
    shares: the part of each channel in <sigma v> at freeze-out too, which takes a few milliseconds.
    Raises InputError for a model without prediction, and for a point whose cross sections cannot be averaged.
    """
    universe = Universe(card.physics_inputs.constants, DegreesOfFreedom.named(dof))
    try:
        candidate = card.model.dark_matter(card.physics_inputs)
        found = None if candidate is None else relic_density(candidate, universe)
    except ValueError as error:
        raise InputError(Problem(("model",), str(error))) from error
    if candidate is None or found is None:
        raise InputError(Problem((), "this model has no relic prediction"))
    source = f"{card.model.describe_name()}, g* {dof}"
    values = [*(_frozen_in(found) if isinstance(found, FrozenIn) else _frozen_out(found, candidate))]
    if shares and isinstance(found, Relic) and found.x_f is not None and not isinstance(candidate, FreezeIn):
        values += [(f"share({name})", share, "1") for name, share in channel_shares(candidate, found.x_f).items()]
    quantities = [Quantity(name, value, unit, None, source) for name, value, unit in values]
    return RelicDensity(quantities, _history(found), found.warnings)


def _frozen_out(found: Relic, candidate: DarkMatter) -> Iterator[tuple[str, float | bool, str]]:
    yield OMEGA_H2, found.omega_h2, "1"
    yield "freezes out", found.kind == "cold", "1"
    if found.x_f is not None and found.sigma_v is not None:
        yield "x_f", found.x_f, "1"
        yield "T_f", candidate.mass / found.x_f, "GeV"
        yield "<sigma v>(x_f)", found.sigma_v * GEV_M2_TO_CM3_PER_S, "cm^3/s"
    yield "Y", found.yield_today, "1"


def _frozen_in(found: FrozenIn) -> Iterator[tuple[str, float | bool, str]]:
    yield OMEGA_H2, found.omega_h2, "1"
    yield "Y", found.yield_today, "1"
    yield "late fraction", found.late_fraction, "1"


def _history(found: Relic | FrozenIn) -> dict[str, FloatArray]:
    if isinstance(found, FrozenIn):
        h = found.history
        return {"T": h.T, "Y": h.Y, "Y_eq": h.Y_eq, "Y_mediator": h.Y_mediator, "Y_mediator_eq": h.Y_mediator_eq}
    return {} if found.history is None else {"x": found.history.x, "Y": found.history.Y, "Y_eq": found.history.Y_eq}
