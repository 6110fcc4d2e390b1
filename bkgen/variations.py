"""Weights of events for other inputs: the ratio of the angular densities at the event's own q2 and angles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .jit import njit
from .spectrum import Array, Spectrum, angular_functions


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


class Variations:
    """Several sets of other inputs, tabulated on the nodes and lines of the spectrum that events are made with."""

    def __init__(self, nominal: Spectrum, varied: Mapping[str, Spectrum]) -> None:
        self.names = tuple(varied)
        self._nominal = nominal
        self._tables = np.stack([table(nominal, spectrum) for spectrum in (nominal, *varied.values())])

    def ratios(self, events: Angles) -> dict[str, Array]:
        """(n,) varied over nominal differential width, by name."""
        rows, fraction = place(self._nominal, events.q2)
        densities = np.empty((len(self._tables), len(events.q2)))
        contract(self._tables, rows, fraction, angular_factors(events), densities)
        return dict(zip(self.names, densities[1:] / densities[0], strict=True))


def place(spectrum: Spectrum, q2: Array) -> tuple[NDArray[np.int64], Array]:
    """Row of a spectrum's table and fraction towards the next row, (n,) each, at q2 (n,) [GeV^2].

    A row is a cell of the continuum, or a line.
    """
    continuum = spectrum.continuum
    rows, fraction = np.zeros(len(q2), dtype=np.int64), np.zeros(len(q2))
    nodes = np.zeros(0) if continuum is None else continuum.nodes
    if continuum is not None:
        rows = np.clip(np.searchsorted(nodes, q2, side="right") - 1, 0, len(nodes) - 2)
        fraction = (q2 - nodes[rows]) / (nodes[rows + 1] - nodes[rows])
    for k, line in enumerate(spectrum.lines):
        on_line = q2 == line.q2
        rows[on_line], fraction[on_line] = len(nodes) + k, 0.0
    return rows, fraction


def table(nominal: Spectrum, spectrum: Spectrum) -> Array:
    """Coefficients (rows, 3|12) at the nominal nodes, then those of the lines, then a row of zeros behind the last."""
    rows = [np.zeros((1, nominal.n_angular))]
    if spectrum.lines:
        rows.insert(0, np.array([line.coefficients for line in spectrum.lines]))
    if nominal.continuum is not None and spectrum.continuum is not None:
        rows.insert(0, spectrum.continuum.at(nominal.continuum.nodes))
    return np.concatenate(rows)


def angular_factors(events: Angles) -> Array:
    """(n, 3|12) factors of the coefficients in the density; integrated over the pair where it has no free angle."""
    functions = angular_functions(events.c, events.c_K, events.phi)
    if events.c_K is None:
        marginal = np.broadcast_to([2.0, 0.0, 2.0 / 3.0], functions.shape)
    else:
        marginal = np.zeros_like(functions)
        sK2, cK2 = 1.0 - events.c_K**2, events.c_K**2
        marginal[:, :4] = np.stack([3.0 * sK2, 3.0 * cK2, -sK2, -cK2], axis=-1)
    return np.where(events.undefined[:, None], marginal, functions)


@njit
def contract(tables: Array, rows: NDArray[np.int64], fraction: Array, functions: Array, out: Array) -> None:
    """out[v, i] = sum_j functions[i, j] x table v, interpolated between rows[i] and the next as events are sampled.

    tables: (v, rows, j); rows, fraction: (n,), see `place`; functions: (n, j); out: (v, n), written.
    """
    for i in range(len(rows)):
        k, f = rows[i], fraction[i]
        for v in range(len(tables)):
            total = 0.0
            for j in range(functions.shape[1]):
                total += functions[i, j] * ((1.0 - f) * tables[v, k, j] + f * tables[v, k + 1, j])
            out[v, i] = total
