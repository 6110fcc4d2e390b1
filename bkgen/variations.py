"""Weights of events for other inputs: the ratio of the angular densities at the event's own q2 and angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spectrum import Array, Spectrum, angular_functions, integrated


@dataclass(frozen=True)
class Angles:
    """q2 [GeV^2] and angles of n events, each (n,); c_K and phi are None for a spin-0 hadron.

    undefined: whether the event has no free angle of the pair (X not decayed, or the angle fixed by q2).
    """

    q2: Array
    c: Array
    c_K: Array | None
    phi: Array | None
    undefined: Array


class Variation:
    """One set of other inputs, tabulated on the nodes of the spectrum that events are made with."""

    def __init__(self, nominal: Spectrum, varied: Spectrum) -> None:
        self._nominal = nominal
        self._lines = [line.coefficients for line in varied.lines]
        self._nodes: Array | None = None
        if nominal.continuum is not None and varied.continuum is not None:
            self._nodes = varied.continuum.at(nominal.continuum.nodes)

    def ratio(self, events: Angles) -> Array:
        """(n,) varied over nominal differential width."""
        before, after = self._coefficients(events.q2)
        return np.where(
            events.undefined,
            _marginal(after, events) / _marginal(before, events),
            _density(after, events) / _density(before, events),
        )

    def _coefficients(self, q2: Array) -> tuple[Array, Array]:
        """Nominal and varied coefficients (n, 3|12) at each event, interpolated as they are sampled."""
        shape = (len(q2), self._nominal.n_angular)
        before, after = np.zeros(shape), np.zeros(shape)
        continuum = self._nominal.continuum
        if continuum is not None and self._nodes is not None:
            k = np.clip(np.searchsorted(continuum.nodes, q2, side="right") - 1, 0, len(continuum.nodes) - 2)
            f = ((q2 - continuum.nodes[k]) / (continuum.nodes[k + 1] - continuum.nodes[k]))[:, None]
            before = (1.0 - f) * continuum.coefficients[k] + f * continuum.coefficients[k + 1]
            after = (1.0 - f) * self._nodes[k] + f * self._nodes[k + 1]
        for line, varied in zip(self._nominal.lines, self._lines, strict=True):
            on_line = q2 == line.q2
            before[on_line], after[on_line] = line.coefficients, varied
        return before, after


def _density(coefficients: Array, events: Angles) -> Array:
    return np.asarray(np.sum(coefficients * angular_functions(events.c, events.c_K, events.phi), axis=-1))


def _marginal(coefficients: Array, events: Angles) -> Array:
    """Density integrated over the pair's angles (up to a constant): all that a pair without free angle depends on."""
    if events.c_K is None:
        return integrated(coefficients)
    J = coefficients
    transverse, longitudinal = 3.0 * J[:, 0] - J[:, 2], 3.0 * J[:, 1] - J[:, 3]
    return np.asarray(transverse * (1.0 - events.c_K**2) + longitudinal * events.c_K**2)
