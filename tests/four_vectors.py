"""Samples, four-vector arithmetic and binned tests for the physics tests of the event generator.

Angles are worked out from the written four-momenta alone, with boosts of their own: nothing here is shared with the
event loop.  Conventions: theta between d1 and the hadron in the frame of the invisible pair; theta_K between the first
hadron daughter and the direction opposite to the B in the frame of the K*; azimuth as in arXiv:0811.1214, the angle
between the normals n_l ~ p_d1 x p_d2 and n_K ~ p_K x p_pi in the B frame, positive along the K* direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bkgen.channels import CHANNELS
from bkgen.formfactors import Inputs
from bkgen.generator import Job, Sample
from bkgen.models.base import Model

Array = NDArray[np.float64]
Counts = NDArray[np.float64] | NDArray[np.int64]
Mask = NDArray[np.bool_]
Columns = dict[str, NDArray[Any]]

INPUTS = Inputs.default()
MILLION = 1_000_000
ACCEPT = 1e-6
"""A test fails below this p-value; a wrong sampler must fall below it."""


def sample_of(model: Model, channel: str = "B+ -> K+", events: int = 20_000, **settings: Any) -> Sample:
    """A sample of that model; further settings as in `Job`."""
    return Sample(Job(model, CHANNELS[channel], INPUTS, events, **settings))


def columns_of(sample: Sample, names: Iterable[str] | None = None) -> Columns:
    """The columns of a whole sample, or the named ones."""
    wanted = list(sample.branches if names is None else names)
    parts = [[batch.columns[name] for name in wanted] for batch in sample.chunks(workers=2)]
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(wanted)}


def momentum_columns(*prefixes: str) -> list[str]:
    """Branch names of the four-momenta with those prefixes."""
    return [f"{prefix}_{component}" for prefix in prefixes for component in ("px", "py", "pz", "E")]


def four(columns: Columns, prefix: str) -> Array:
    """Four-momenta (n, 4) as (px, py, pz, E)."""
    return np.stack([columns[name] for name in momentum_columns(prefix)], axis=-1)


def dot(a: Array, b: Array) -> Array:
    """Scalar products of three-vectors (..., 3)."""
    return np.asarray(np.einsum("...i,...i->...", a, b))


def mass_squared(p: Array) -> Array:
    """E^2 - p^2 of four-momenta (n, 4)."""
    return np.asarray(p[:, 3] ** 2 - dot(p[:, :3], p[:, :3]))


def boosted(p: Array, u: Array) -> Array:
    """Four-momenta seen where their present rest frame moves with beta gamma u, (n, 3) or (3,)."""
    gamma = np.sqrt(1.0 + dot(u, u))
    along = dot(p[:, :3], np.broadcast_to(u, p[:, :3].shape))
    scale = along / (1.0 + gamma) + p[:, 3]
    momentum = p[:, :3] + np.atleast_2d(u) * scale[:, None]
    return np.concatenate([momentum, (gamma * p[:, 3] + along)[:, None]], axis=1)


def in_rest_frame(p: Array, frame: Array, mass: Array | float) -> Array:
    """Four-momenta p in the rest frame of the particle with four-momentum `frame` and that mass."""
    return boosted(p, -frame[:, :3] / np.asarray(mass)[..., None])


def unit(p: Array) -> Array:
    """Directions (n, 3) of vectors (n, 3) or four-momenta (n, 4)."""
    return np.asarray(p[:, :3] / np.linalg.norm(p[:, :3], axis=1, keepdims=True))


def cos_theta(columns: Columns, hadron: str) -> Array:
    """Cosine between d1 and the hadron in the frame of the pair."""
    X, mass = four(columns, "X"), np.sqrt(columns["q2"])
    d1, H = (in_rest_frame(four(columns, name), X, mass) for name in ("d1", hadron))
    return dot(unit(d1), unit(H))


def cos_theta_K(columns: Columns, hadron: str, first: str, m_H: float) -> Array:
    """Cosine between the first hadron daughter and the direction opposite to the B, in the hadron's frame."""
    H = four(columns, hadron)
    K, B = (in_rest_frame(four(columns, name), H, m_H) for name in (first, "B"))
    return -dot(unit(K), unit(B))


def azimuth(columns: Columns, hadron: str, daughters: tuple[str, str], m_B: float) -> Array:
    """Angle between the decay planes of pair and hadron in the B frame, in (-pi, pi]."""
    B = four(columns, "B")
    H, K, pi, d1, d2 = (in_rest_frame(four(columns, name), B, m_B) for name in (hadron, *daughters, "d1", "d2"))
    n_l, n_K = np.cross(d1[:, :3], d2[:, :3]), np.cross(K[:, :3], pi[:, :3])
    return np.arctan2(dot(np.cross(n_l, n_K), unit(H)), dot(n_l, n_K))


def to_Y4S(p: Array, boost: Sequence[float]) -> Array:
    """Lab four-momenta in the Y(4S) frame, whose beta gamma in the lab is `boost`."""
    return boosted(p, -np.asarray(boost, dtype=np.float64))


def chi2_p(observed: Counts, expected: Counts, least: float = 20.0) -> float:
    """p-value of a chi2 of counts against expectations, the latter scaled to the sum of the former.

    Neighbouring bins are merged until each expects at least that many events; 0 if an event is where none can be.
    """
    o, e = np.ravel(observed).astype(np.float64), np.ravel(expected).astype(np.float64)
    if np.any(e < -1e-9 * e.sum()) or np.any(o[e <= 0.0] > 0.0):
        return 0.0
    e = e * (o.sum() / e.sum())
    group = np.minimum(np.floor(np.cumsum(e) / least), np.floor(e.sum() / least) - 1.0).astype(np.int64)
    merged_o, merged_e = np.bincount(group, o), np.bincount(group, e)
    filled = merged_e > 0.0
    pulls = (merged_o - merged_e)[filled] ** 2 / merged_e[filled]
    return float(stats.chi2.sf(pulls.sum(), len(pulls) - 1))


def kolmogorov_p(values: Array, cdf: Callable[[Array], Array], every: int = 1) -> float:
    """p-value of Kolmogorov's test of values against a continuous distribution.

    With `every`, the distance is looked for at every so many-th value only, where the cdf is expensive.
    """
    n = len(values)
    F = np.asarray(cdf(np.sort(values)[::every]))
    steps = np.arange(n)[::every] / n
    distance = max(float((steps + 1.0 / n - F).max()), float((F - steps).max()))
    return float(stats.kstwobign.sf(distance * math.sqrt(n)))


def counts_in(values: Sequence[Array], edges: Sequence[Array]) -> Array:
    """Counts in bins of equal width, in as many dimensions as there are values; a value outside raises an error."""
    shape = tuple(len(axis) - 1 for axis in edges)
    indices = []
    for x, axis, n in zip(values, edges, shape, strict=True):
        slack = 1e-9 * (axis[-1] - axis[0])
        if x.min() < axis[0] - slack or x.max() > axis[-1] + slack:
            raise ValueError(f"values outside [{axis[0]}, {axis[-1]}]")
        position = (x - axis[0]) * (n / (axis[-1] - axis[0]))
        indices.append(np.clip(position.astype(np.int64), 0, n - 1))
    flat = np.ravel_multi_index(tuple(indices), shape)
    return np.bincount(flat, minlength=math.prod(shape)).reshape(shape).astype(np.float64)


def flat_p(values: Array, lower: float, upper: float, bins: int = 100) -> float:
    """p-value of a flat distribution between two limits."""
    return chi2_p(counts_in([values], [np.linspace(lower, upper, bins + 1)]), np.ones(bins))


def quadratic_p(cosines: Array, h: tuple[float, float, float], bins: int = 50) -> float:
    """p-value of the density h0 + h1 c + h2 c^2 on [-1, 1], in bins of c."""
    c = np.linspace(-1.0, 1.0, bins + 1)
    integral = c * (h[0] + c * (h[1] / 2.0 + c * h[2] / 3.0))
    return chi2_p(counts_in([cosines], [c]), np.diff(integral))


def product_p(x: Array, y: Array, x_edges: Array, y_edges: Array, x_integral: Array, y_integral: Array) -> float:
    """p-value of a product of two densities, from a chi2 in two dimensions; the integrals are those of the bins."""
    return chi2_p(counts_in([x, y], [x_edges, y_edges]), np.outer(x_integral, y_integral))
