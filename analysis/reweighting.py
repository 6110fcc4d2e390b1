"""The spectrum of a card in fine bins of true q2, to reweight decays that another generator made flat in phase space.

EvtGen, whose models take no tables, is the case in mind: B -> hadron nu nubar with the model PHSP, each event weighted
with the ratio of the two spectra at its q2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bkgen.card import Card
from bkgen.errors import InputError
from bkgen.quantities import invisible_branching, unseen_probability
from bkgen.spectrum import Line, Spectrum, integrated
from bkgen.units import width_from_lifetime

from .responses import Array

N_BINS = 200
_LONGITUDINAL = [1, 3]  # J1c and J2c, the coefficients that the longitudinal width depends on


@dataclass(frozen=True, eq=False)
class Q2Table:
    """Bins of true q2 from 0 to the end point.

    edges: (n+1,) [GeV^2]; branching: (n,) branching fraction with X unseen; phase_space: (n,) fraction of the decays of
    B -> hadron and two massless particles that are flat in phase space; F_L: (n,) fraction of longitudinal K* or phi,
    0 in empty bins, None for a K.
    """

    edges: Array
    branching: Array
    phase_space: Array
    F_L: Array | None

    @property
    def density(self) -> Array:
        """(1/Gamma) dGamma/dq2 (n,) [GeV^-2], the mean in each bin."""
        return np.asarray(self.branching / (self.branching.sum() * np.diff(self.edges)))

    @property
    def weight(self) -> Array:
        """Weight (n,) of an event from flat phase space; its mean over such events is 1."""
        return np.asarray(self.branching / self.branching.sum() / self.phase_space)

    def columns(self) -> dict[str, Array]:
        """The columns (n,) of the text file by name."""
        found = {
            "q2_low": self.edges[:-1],
            "q2_high": self.edges[1:],
            "branching_fraction": self.branching,
            "density": self.density,
            "phase_space": self.phase_space,
            "weight": self.weight,
        }
        return found if self.F_L is None else {**found, "F_L": self.F_L}


def q2_table(card: Card) -> Q2Table:
    """Exact bin integrals of the card.

    Raises InputError for a rate without a known shape, and where X is always seen.
    """
    refusal = card.model.events_refused(card.decay)
    if refusal is not None:
        raise InputError(f"there is no spectrum to export: {refusal}")
    constants = card.physics_inputs.constants
    edges = np.linspace(0.0, card.decay.q2_max(constants), N_BINS + 1)
    branching = invisible_branching(card, edges)
    if not branching.sum() > 0.0:
        raise InputError("there is no spectrum to export: X is always seen")
    flat = np.diff(phase_space_integral(card.decay.m_B(constants), card.decay.m_H(constants), edges))
    F_L = None if card.decay.spin == 0 else _longitudinal_fraction(card, edges, branching)
    return Q2Table(edges, branching, flat / flat.sum(), F_L)


def phase_space_integral(m_B: float, m_H: float, q2: Array) -> Array:
    """Integral (n,) [GeV^4] of lambda^(1/2)(m_B^2, m_H^2, x) over x from q2 (n,) to the end point, with a minus sign.

    This is the q2 spectrum of B -> hadron and two massless particles flat in phase space.  lambda = u^2 - c^2 with
    u = m_B^2 + m_H^2 - x and c = 2 m_B m_H.  Source: PDG review "Kinematics".
    """
    c = 2.0 * m_B * m_H
    d = np.maximum((m_B - m_H) ** 2 - q2, 0.0)  # u - c, without its cancellation at the end point
    return np.asarray(-0.5 * ((c + d) * np.sqrt(d * (d + 2.0 * c)) - 2.0 * c * c * np.arcsinh(np.sqrt(d / (2.0 * c)))))


def warnings_of(card: Card) -> Iterator[str]:
    """Where weights in q2 do not give the decays of the card."""
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    for line in spectrum.lines:
        yield (
            f"narrow line at q2 = {line.q2:.6g} GeV^2: generate the two-body decay to a particle of "
            f"{line.mass:.6g} GeV instead of weights"
        )


def _longitudinal_fraction(card: Card, edges: Array, branching: Array) -> Array:
    inputs = card.physics_inputs
    spectrum = card.model.spectrum(card.decay, inputs)
    unseen = unseen_probability(card, inputs)
    lines = tuple(Line(line.mass, _longitudinal(line.coefficients)) for line in spectrum.lines)
    width = Spectrum(lines=lines).bin_integrals(edges, unseen) if lines else np.zeros_like(branching)
    if (continuum := spectrum.continuum) is not None:

        def weight(q2: Array) -> Array:
            coefficients = continuum.at(q2)
            total = integrated(coefficients)
            share = np.divide(
                integrated(_longitudinal(coefficients)), total, out=np.zeros_like(total), where=total > 0.0
            )
            return share if unseen is None else share * unseen(q2)

        width = width + continuum.bin_integrals(edges, weight)
    total = branching * width_from_lifetime(card.decay.tau_B(inputs.constants))
    return np.divide(width, total, out=np.zeros_like(width), where=total > 0.0)


def _longitudinal(coefficients: Array) -> Array:
    """The coefficients (..., 12) with those of a transverse K* set to 0."""
    kept = np.zeros_like(coefficients)
    kept[..., _LONGITUDINAL] = coefficients[..., _LONGITUDINAL]
    return kept
