"""Belle II response: q2_rec, efficiency, eta bin and acceptance of an event.

The detector never touches a four-momentum.  It needs the true q2, the q2_rec of a perfect detector (kaon energy in the
Y(4S) frame, as the event loop writes it) and whether X is invisible, and has its own random stream, so it can be
applied again to the events of a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .channels import Channel
from .constants import Constants, data_path
from .detector_presets import EFFICIENCY_OF, Detector, detector_table
from .errors import InputError, Problem
from .jit import njit
from .streams import State, normal_pair, uniform

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Efficiency:
    """Efficiency against true q2: nodes (n,) [GeV^2], values (n,), sigma (n,) of q2_rec [GeV^2] (0 if not given),
    eta (n, n_eta) share of each eta bin, with 0 columns if there are none."""

    q2: Array
    value: Array
    sigma: Array
    eta: Array = field(default_factory=lambda: np.zeros((0, 0)))


class Response(NamedTuple):
    """What the compiled `detect` needs.

    q2_rec = scale * (perfect q2_rec) + offset + slope * q2, or q2 itself if from_truth, plus a Gaussian; a fraction
    misreconstruction is flat in [flat_min, flat_max] instead.
    """

    scale: float
    offset: float
    slope: float
    from_truth: bool
    misreconstruction: float
    flat_min: float
    flat_max: float
    q2_rec_min: float
    q2: Array
    efficiency: Array
    sigma: Array
    eta_cumulative: Array


@cache
def _published_efficiency(tag: str) -> Efficiency:
    """Efficiency of the inclusive ('ita') or hadronic ('hta') tag, at the centres of the published true-q2 bins."""
    table = np.loadtxt(data_path("belle2_efficiency", f"belle2_efficiency_{tag}.csv"), delimiter=",", comments="#")
    n_eta = len(detector_table()[tag]["eta_edges"]) - 1
    eta = table[:, 4 : 4 + n_eta]
    filled = np.flatnonzero(eta.sum(axis=1) > 0.0)
    eta = eta[filled[np.argmin(np.abs(np.arange(len(eta))[:, None] - filled), axis=1)]]  # nearest bin with events
    centre = 0.5 * (table[:, 0] + table[:, 1])
    return Efficiency(centre, table[:, -1], np.zeros(len(table)), eta / eta.sum(axis=1, keepdims=True))


def read_efficiency(path: str) -> Efficiency:
    """Read a CSV table of a detector: columns true q2 [GeV^2], efficiency, and optionally sigma of q2_rec [GeV^2].

    Lines that start with # are comments.  Values between the nodes are interpolated linearly, constant outside.
    Raises InputError for a file that is missing, not numeric, not increasing in q2, or outside [0, 1].
    """

    def refuse(message: str) -> InputError:
        return InputError(Problem(("detector", "efficiency"), message, path))

    if not Path(path).is_file():
        raise refuse("no such file")
    try:
        table = np.loadtxt(path, delimiter=",", comments="#", ndmin=2)
    except ValueError as error:
        raise refuse(f"not a table of numbers: {error}") from None
    if table.shape[0] < 2 or table.shape[1] not in (2, 3):
        raise refuse("needs at least two rows of q2, efficiency[, sigma]")
    q2, value = table[:, 0], table[:, 1]
    sigma = table[:, 2] if table.shape[1] == 3 else np.zeros(len(q2))
    if not np.all(np.isfinite(table)):
        raise refuse("all values must be finite")
    if not np.all(np.diff(q2) > 0.0):
        raise refuse("q2 must increase from row to row")
    if np.any((value < 0.0) | (value > 1.0)) or np.any(sigma < 0.0):
        raise refuse("efficiencies must be in [0, 1] and sigma not negative")
    return Efficiency(q2, value, sigma)


def _efficiency(detector: Detector) -> Efficiency:
    if detector.efficiency is not None:
        return read_efficiency(detector.efficiency)
    if detector.name in EFFICIENCY_OF:
        return _published_efficiency(EFFICIENCY_OF[detector.name])
    return Efficiency(np.array([0.0, 1.0]), np.ones(2), np.zeros(2))


def _effective_momentum(p_B: float, sqrt_s: float, m_B: float, m_H: float) -> tuple[float, float, float]:
    """(scale, offset, slope) that replace p_B by an effective value inside q2_rec only.

    E_H* = (E_B E_H + p_B k cos theta')/m_B, with the event's own angle theta'.
    """
    p_true = sqrt(0.25 * sqrt_s**2 - m_B**2)
    scale = p_B / p_true
    E_B, E_B_true = sqrt(m_B**2 + p_B**2), 0.5 * sqrt_s
    per_E_H = -sqrt_s * (E_B - scale * E_B_true) / m_B
    offset = (1.0 - scale) * (0.25 * sqrt_s**2 + m_H**2) + per_E_H * (m_B**2 + m_H**2) / (2.0 * m_B)
    return scale, offset, -per_E_H / (2.0 * m_B)


def response(detector: Detector, channel: Channel, constants: Constants, sqrt_s: float) -> Response:
    """The compiled form of a detector for one channel, at centre-of-mass energy ``sqrt_s`` [GeV].

    Raises InputError for an unreadable efficiency table.
    """
    ita = detector_table()["ita"]
    scale, offset, slope = 1.0, 0.0, 0.0
    if detector.name == "belle2-ita":
        scale, offset, slope = _effective_momentum(ita["p_B"], sqrt_s, channel.m_B(constants), channel.m_H(constants))
        offset += ita["q2_rec_shift"]
    table = _efficiency(detector)
    sigma = table.sigma if detector.sigma_q2_rec is None else np.full_like(table.q2, detector.sigma_q2_rec)
    flat_min, flat_max = ita["misreconstruction_range"]
    return Response(
        scale=scale,
        offset=offset,
        slope=slope,
        from_truth=detector.name == "belle2-hta",
        misreconstruction=detector.misreconstruction,
        flat_min=flat_min,
        flat_max=flat_max,
        q2_rec_min=-np.inf if detector.q2_rec_min is None else detector.q2_rec_min,
        q2=np.ascontiguousarray(table.q2),
        efficiency=np.ascontiguousarray(table.value),
        sigma=np.ascontiguousarray(sigma),
        eta_cumulative=np.ascontiguousarray(np.cumsum(table.eta, axis=1)),
    )


def efficiency_at(r: Response, q2: Array) -> Array:
    """Efficiency (n,) at true q2 (n,) [GeV^2], without the cut on q2_rec."""
    return np.asarray(np.interp(q2, r.q2, r.efficiency))


@njit
def _locate(grid: Array, per_cell: Array, per_step: float, x: float) -> tuple[int, float]:
    """Cell of x and fraction inside it, both clamped to the grid; immediate on a uniform grid."""
    last = len(grid) - 2
    if x <= grid[0]:
        return 0, 0.0
    if x >= grid[last + 1]:
        return last, 1.0
    k = min(int((x - grid[0]) * per_step), last)
    while x < grid[k]:
        k -= 1
    while x >= grid[k + 1]:
        k += 1
    return k, (x - grid[k]) * per_cell[k]


@njit
def detect(
    rng: State,
    r: Response,
    q2: Array,
    q2_rec: Array,
    invisible: Array,
    efficiency: Array,
    eta_bin: NDArray[np.int8],
    accepted: NDArray[np.bool_],
) -> None:
    """Apply the detector to n events, all arrays (n,): q2_rec is replaced, efficiency, eta_bin, accepted are written.

    q2, q2_rec: true and reconstructed [GeV^2].
    accepted = invisible and (uniform < efficiency at true q2) and (q2_rec > q2_rec_min).
    """
    n_eta = r.eta_cumulative.shape[1]
    per_step = (len(r.q2) - 1) / (r.q2[-1] - r.q2[0])
    per_cell = 1.0 / (r.q2[1:] - r.q2[:-1])
    spare, has_spare = 0.0, False
    for i in range(len(q2)):
        k, f = _locate(r.q2, per_cell, per_step, q2[i])
        value = (1.0 - f) * r.efficiency[k] + f * r.efficiency[k + 1]
        sigma = (1.0 - f) * r.sigma[k] + f * r.sigma[k + 1]
        x = q2[i] if r.from_truth else r.scale * q2_rec[i] + r.offset + r.slope * q2[i]
        if sigma > 0.0:
            if has_spare:
                z = spare
            else:
                z, spare = normal_pair(rng)
            has_spare = not has_spare
            x += sigma * z
        if r.misreconstruction > 0.0 and uniform(rng) < r.misreconstruction:
            x = r.flat_min + (r.flat_max - r.flat_min) * uniform(rng)
        eta = -1
        if n_eta > 0:
            row = k + 1 if f >= 0.5 else k
            u = uniform(rng)
            eta = 0
            for j in range(n_eta - 1):
                eta += u >= r.eta_cumulative[row, j]
        q2_rec[i] = x
        efficiency[i] = value
        eta_bin[i] = eta
        accepted[i] = uniform(rng) < value and invisible[i] > 0.0 and x > r.q2_rec_min
