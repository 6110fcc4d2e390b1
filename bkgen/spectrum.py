"""`Spectrum`: rate, q2 shape and angular coefficients of B -> hadron X as one object.

A spectrum is a sum of narrow lines and one continuum.  Both are given by the angular coefficients of the differential
width, so rate, shape and angles are one formula and cannot disagree:

* spin-0 hadron, 3 coefficients:   d2Gamma/dq2 dc = G0 + G1 c + G2 c^2
* spin-1 hadron, 12 coefficients:  d4Gamma/dq2 dc dc_K dphi = 9/(32 pi) sum_i J_i f_i(c, c_K, phi),
  J = (1s, 1c, 2s, 2c, 3, 4, 5, 6s, 6c, 7, 8, 9) in the basis of arXiv:0811.1214 eqs. (3.9)-(3.10).

A line carries the same coefficients integrated over q2 [GeV]; those of the continuum are in GeV^-1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Density = Callable[[Array], Array]

MAX_CELLS = 4096
_CELLS = 1024
_PEAK_NODES = 1024
_GAUSS_X, _GAUSS_W = np.polynomial.legendre.leggauss(8)
_FAR = 0.05  # width of a cell over its distance to the ends of its segment below which a square root is smooth
_EDGE = 1e-13  # the density is never evaluated closer to an end point than this fraction of its segment


def integrated(coefficients: Array) -> Array:
    """Width after integration over all angles, of (..., 3) or (..., 12) angular coefficients.

    K: 2 G0 + (2/3) G2.  K*: (3/4)(2 J1s + J1c) - (1/4)(2 J2s + J2c), arXiv:0811.1214 eq. (3.21).
    """
    g = coefficients
    if g.shape[-1] == 3:
        return np.asarray(2.0 * g[..., 0] + (2.0 / 3.0) * g[..., 2])
    return np.asarray(0.75 * (2.0 * g[..., 0] + g[..., 1]) - 0.25 * (2.0 * g[..., 2] + g[..., 3]))


def angular_functions(c: Array, c_K: Array | None = None, phi: Array | None = None) -> Array:
    """(n, 3) powers of c, or (n, 12) functions f_i(c, c_K, phi): the density is their product with the coefficients.

    Source: arXiv:0811.1214 eq. (3.10), without the factor 9/(32 pi).
    """
    if c_K is None or phi is None:
        return np.stack([np.ones_like(c), c, c**2], axis=-1)
    s, s_K = np.sqrt(1.0 - c**2), np.sqrt(1.0 - c_K**2)
    sK2, cK2, cos_2 = s_K**2, c_K**2, 2.0 * c**2 - 1.0
    mixed = 2.0 * s_K * c_K * s
    J4, J5, J7, J8 = (
        2.0 * mixed * c * np.cos(phi),
        mixed * np.cos(phi),
        mixed * np.sin(phi),
        2.0 * mixed * c * np.sin(phi),
    )
    J3, J9 = sK2 * s**2 * np.cos(2.0 * phi), sK2 * s**2 * np.sin(2.0 * phi)
    return np.stack([sK2, cK2, sK2 * cos_2, cK2 * cos_2, J3, J4, J5, sK2 * c, cK2 * c, J7, J8, J9], axis=-1)


def isotropic(width: ArrayLike) -> Array:
    """Coefficients (..., 3) of a flat cos(theta) distribution with that width."""
    w = np.asarray(width, dtype=np.float64)
    coefficients = np.zeros((*w.shape, 3))
    coefficients[..., 0] = 0.5 * w
    return coefficients


def longitudinal(width: ArrayLike) -> Array:
    """Coefficients (..., 12) of a longitudinal K* (cos^2 theta_K) with a flat invisible pair, of that width."""
    w = np.asarray(width, dtype=np.float64)
    coefficients = np.zeros((*w.shape, 12))
    coefficients[..., 1] = (4.0 / 3.0) * w
    return coefficients


def transverse(width: ArrayLike) -> Array:
    """Coefficients (..., 12) of a transverse K* (sin^2 theta_K) with a flat invisible system, of that width."""
    w = np.asarray(width, dtype=np.float64)
    coefficients = np.zeros((*w.shape, 12))
    coefficients[..., 0] = (2.0 / 3.0) * w
    return coefficients


def _negative_angles(coefficients: Array) -> NDArray[np.bool_]:
    """(...,) whether the density in cos(theta) is negative somewhere, for K, or for transverse or longitudinal K*."""
    g = coefficients
    flat = 1 if g.shape[-1] == 3 else 2
    if not g[..., flat:].any():
        return np.asarray((g[..., :flat] < 0.0).any(axis=-1))
    if g.shape[-1] == 3:
        return _negative_quadratic(g[..., 0], g[..., 1], g[..., 2])
    transverse = _negative_quadratic(g[..., 0] - g[..., 2], g[..., 7], 2.0 * g[..., 2])
    longitudinal = _negative_quadratic(g[..., 1] - g[..., 3], g[..., 8], 2.0 * g[..., 3])
    return np.logical_or(transverse, longitudinal)


def _negative_quadratic(h0: Array, h1: Array, h2: Array) -> NDArray[np.bool_]:
    """Whether h0 + h1 c + h2 c^2 is negative, beyond rounding, at its minimum over [-1, 1]."""
    inside = (h2 > 0.0) & (np.abs(h1) < 2.0 * h2)
    vertex = h0 - 0.25 * h1**2 / np.where(inside, h2, 1.0)
    minimum = np.where(inside, vertex, h0 + h2 - np.abs(h1))
    return np.asarray(minimum < -1e-9 * (np.abs(h0) + np.abs(h1) + np.abs(h2)))


@dataclass(frozen=True)
class Line:
    """A narrow resonance: its mass [GeV] and its angular coefficients integrated over q2, shape (3,) or (12,) [GeV]."""

    mass: float
    coefficients: Array

    @property
    def q2(self) -> float:
        """Position of the line [GeV^2]."""
        return self.mass**2

    def rate(self) -> float:
        """Width [GeV]."""
        return self._rate

    @cached_property
    def _rate(self) -> float:
        return float(integrated(self.coefficients))


class Continuum:
    """A continuous spectrum, tabulated in cells whose integrals are exact.

    Attributes
    ----------
    nodes: (n+1,) q2 [GeV^2]; coefficients: (n+1, 3|12) angular coefficients at the nodes [GeV^-1];
    masses: (n,) integral of each cell [GeV]; density: the function itself.
    """

    def __init__(self, density: Density, segments: Array, nodes: Array) -> None:
        self.density = density
        self._segments = segments
        self.nodes = nodes
        self.coefficients = self.at(nodes)
        self.masses = self._integrate(nodes[:-1], nodes[1:])
        self._cumulative = np.concatenate([[0.0], np.cumsum(self.masses)])
        self._validate()

    def _validate(self) -> None:
        width = self.width(self.nodes)
        if not np.all(np.isfinite(self.coefficients)):
            bad = self.nodes[~np.isfinite(self.coefficients).all(axis=-1)][0]
            raise ValueError(f"the density of the spectrum is not finite at q2 = {bad:.6g} GeV^2")
        if np.any(width < 0.0) or np.any(self.masses < 0.0):
            bad = self.nodes[int(np.argmin(width))]
            raise ValueError(f"the density of the spectrum is negative at q2 = {bad:.6g} GeV^2")
        if np.any(_negative_angles(self.coefficients)):
            bad = self.nodes[_negative_angles(self.coefficients)][0]
            raise ValueError(f"the angular density is negative for some angle at q2 = {bad:.6g} GeV^2")

    def at(self, q2: Array) -> Array:
        """Coefficients (n, 3|12) [GeV^-1] at q2 (n,), kept off the end points where formulas may be 0/0."""
        return np.asarray(self.density(self.inside(q2)), dtype=np.float64)

    def inside(self, q2: Array) -> Array:
        """q2 (n,), moved off the end points by the margin that `at` keeps."""
        lower, upper = self._segments[0], self._segments[-1]
        margin = _EDGE * (upper - lower)
        # A margin below the rounding of the end points would leave q2 on them.
        first, last = max(lower + margin, np.nextafter(lower, upper)), min(upper - margin, np.nextafter(upper, lower))
        return np.clip(q2, first, last)

    def width(self, q2: Array) -> Array:
        """dGamma/dq2 [GeV^-1] at q2, 0 outside the range."""
        inside = (q2 >= self._segments[0]) & (q2 <= self._segments[-1])
        return np.where(inside, integrated(self.at(q2)), 0.0)

    def _integrate(self, a: Array, b: Array, weight: Density | None = None) -> Array:
        """Integral of dGamma/dq2 (times weight) over [a_i, b_i], each inside one segment.

        Near the ends of a segment q2 = lower + (upper - lower) sin^2(t/2), which turns square roots there into
        smooth functions of t; cells far from them are taken in q2 itself, which keeps their exact width.
        """
        k = np.clip(np.searchsorted(self._segments, 0.5 * (a + b), side="right") - 1, 0, len(self._segments) - 2)
        lower, upper = self._segments[k], self._segments[k + 1]
        span = upper - lower
        t_a, t_b = (2.0 * np.arcsin(np.sqrt(np.clip((edge - lower) / span, 0.0, 1.0))) for edge in (a, b))
        half_t = 0.5 * (t_b - t_a)
        t = (0.5 * (t_a + t_b))[:, None] + half_t[:, None] * _GAUSS_X
        far = (b - a < _FAR * np.minimum(a - lower, upper - b))[:, None]
        half = 0.5 * (b - a)[:, None]
        q2 = np.where(
            far, (0.5 * (a + b))[:, None] + half * _GAUSS_X, lower[:, None] + span[:, None] * np.sin(0.5 * t) ** 2
        )
        jacobian = np.where(far, half, half_t[:, None] * 0.5 * span[:, None] * np.sin(t))
        values = integrated(self.at(q2.ravel())).reshape(q2.shape) * jacobian
        if weight is not None:
            values = values * weight(q2.ravel()).reshape(q2.shape)
        return np.asarray(values @ _GAUSS_W)

    def integral_below(self, q2: Array) -> Array:
        """Integral of dGamma/dq2 from the lower end to q2 [GeV]."""
        x = np.clip(np.asarray(q2, dtype=np.float64), self.nodes[0], self.nodes[-1])
        k = np.clip(np.searchsorted(self.nodes, x, side="right") - 1, 0, len(self.masses) - 1)
        return np.asarray(self._cumulative[k] + self._integrate(self.nodes[k], x))

    def bin_integrals(self, edges: Array, weight: Density | None = None) -> Array:
        """Integral of dGamma/dq2 (times weight) over each bin [GeV], a sum over the cells and parts of cells in it."""
        x = np.clip(edges, self.nodes[0], self.nodes[-1])
        points = np.union1d(self.nodes, x)
        cells = self._integrate(points[:-1], points[1:], weight)
        return np.array([cells[i:j].sum() for i, j in pairwise(np.searchsorted(points, x))])

    @property
    def rate(self) -> float:
        """Integral of the continuum [GeV]."""
        return float(self._cumulative[-1])

    def ppf(self, u: Array) -> Array:
        """Inverse of the cumulative distribution as events are sampled: exact between cells, linear pdf inside."""
        target = u * self.rate
        k = np.clip(np.searchsorted(self._cumulative, target, side="right") - 1, 0, len(self.masses) - 1)
        mass = self.masses[k]
        v = np.clip(np.divide(target - self._cumulative[k], mass, out=np.zeros_like(mass), where=mass > 0.0), 0.0, 1.0)
        p = integrated(self.coefficients)
        a, b = p[k], p[k + 1]
        denominator = a + np.sqrt(a**2 + v * (b**2 - a**2))
        fraction = np.divide(v * (a + b), denominator, out=v.copy(), where=denominator > 0.0)
        q2 = self.nodes[k] + fraction * (self.nodes[k + 1] - self.nodes[k])
        return np.asarray(np.minimum(q2, self.nodes[k + 1]))  # rounding


def _chebyshev(lower: float, upper: float, n: int) -> Array:
    return lower + (upper - lower) * np.sin(0.25 * np.pi * np.linspace(0.0, 2.0, n + 1)) ** 2


def _peak_nodes(m: float, Gamma: float, lower: float, upper: float) -> Array:
    """Nodes for a Breit-Wigner, spaced like |pdf''|^(-1/3) ~ (1 + x^2)^(2/3) in x = (q2 - m^2)/(m Gamma).

    That spacing gives every cell the same error of the linear interpolation.
    """
    x_lower, x_upper = (np.array([lower, upper]) - m**2) / (m * Gamma)
    x = np.sinh(np.linspace(np.arcsinh(x_lower), np.arcsinh(x_upper), 8 * _PEAK_NODES))
    density = (1.0 + x**2) ** (-2.0 / 3.0)
    count = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
    nodes = np.interp(np.linspace(0.0, count[-1], _PEAK_NODES + 1)[1:-1], count, x)
    return np.asarray(m**2 + m * Gamma * nodes)


class Spectrum:
    """Narrow lines plus one continuum of B -> hadron X."""

    def __init__(self, lines: Sequence[Line] = (), continuum: Continuum | None = None) -> None:
        if not lines and continuum is None:
            raise ValueError("a spectrum needs a line or a continuum")
        self.lines = tuple(sorted(lines, key=lambda line: line.mass))
        self.continuum = continuum
        sizes = {len(line.coefficients) for line in self.lines}
        if continuum is not None:
            sizes.add(continuum.coefficients.shape[1])
        if len(sizes) != 1 or not sizes <= {3, 12}:
            raise ValueError(f"angular coefficients must be 3 or 12 throughout, found {sorted(sizes)}")
        self.n_angular = sizes.pop()
        if any(not line.rate() >= 0.0 or _negative_angles(line.coefficients) for line in self.lines):
            raise ValueError("a line has a negative or undefined rate, or a negative angular density")

    @classmethod
    def from_line(cls, mass: float, coefficients: ArrayLike) -> Spectrum:
        """A single narrow line of that mass [GeV] with (3,) or (12,) coefficients [GeV]."""
        return cls(lines=[Line(mass, np.asarray(coefficients, dtype=np.float64))])

    @classmethod
    def from_density(
        cls,
        density: Density,
        q2_min: float,
        q2_max: float,
        thresholds: Sequence[float] = (),
        peaks: Sequence[tuple[float, float]] = (),
    ) -> Spectrum:
        """Tabulate a continuum.

        Parameters
        ----------
        density: q2 (n,) [GeV^2] -> angular coefficients (n, 3) or (n, 12) [GeV^-1].
        q2_min, q2_max: range [GeV^2]; the density may vanish at its ends like a square root.
        thresholds: further q2 where it is not analytic; nodes are Chebyshev-spaced between them.
        peaks: (m, Gamma) [GeV] of resonances inside the range; nodes follow their phase.

        Raises
        ------
        ValueError for an empty range, a density that is negative or not finite.
        """
        if not q2_max > q2_min:
            raise ValueError(f"empty q2 range [{q2_min}, {q2_max}]")
        segments = np.unique([q2_min, q2_max, *(t for t in thresholds if q2_min < t < q2_max)])
        per_segment = max(_CELLS // (len(segments) - 1), 32)
        nodes = [_chebyshev(a, b, per_segment) for a, b in pairwise(segments)]
        nodes += [_peak_nodes(m, Gamma, q2_min, q2_max) for m, Gamma in peaks]
        merged = np.unique(np.concatenate([*nodes, segments]))
        merged = merged[np.concatenate([[True], np.diff(merged) > 1e-14 * (q2_max - q2_min)])]
        merged[-1] = q2_max
        if len(merged) - 1 > MAX_CELLS:
            raise ValueError(f"{len(merged) - 1} cells are needed for these thresholds and peaks, at most {MAX_CELLS}")
        return cls(continuum=Continuum(density, segments, merged))

    def __add__(self, other: Spectrum) -> Spectrum:
        """Sum of spectra of which at most one has a continuum."""
        if self.continuum is not None and other.continuum is not None:
            raise ValueError("two continua cannot be added: give the sum of their densities to from_density")
        return Spectrum([*self.lines, *other.lines], self.continuum or other.continuum)

    @property
    def table_q2(self) -> Array:
        """q2 (rows,) [GeV^2] of the table that events are sampled from: nodes inside the continuum, then lines."""
        nodes = self.continuum.inside(self.continuum.nodes) if self.continuum is not None else np.zeros(0)
        return np.concatenate([nodes, [line.q2 for line in self.lines]])

    def table_mean(self, values: Array) -> Array:
        """Mean over events of values (rows, ...) that are linear between the nodes of the table."""
        total = np.zeros(values.shape[1:])
        n_nodes = len(values) - len(self.lines)
        for line, value in zip(self.lines, values[n_nodes:], strict=True):
            total += line.rate() * value
        if self.continuum is not None:
            p = integrated(self.continuum.coefficients)
            a, b, masses = p[:-1], p[1:], self.continuum.masses
            x = np.divide(a + 2.0 * b, 3.0 * (a + b), out=np.full_like(a, 0.5), where=a + b > 0.0)  # mean in a cell
            total += (masses * (1.0 - x)) @ values[: n_nodes - 1] + (masses * x) @ values[1:n_nodes]
        return np.asarray(total / self.rate())

    @property
    def q2_range(self) -> tuple[float, float]:
        """Smallest and largest q2 [GeV^2] with events."""
        positions = [line.q2 for line in self.lines]
        if self.continuum is not None:
            positions += [float(self.continuum.nodes[0]), float(self.continuum.nodes[-1])]
        return min(positions), max(positions)

    def rate(self) -> float:
        """Total width [GeV]."""
        return sum(line.rate() for line in self.lines) + (self.continuum.rate if self.continuum else 0.0)

    def integral(self, weight: Density | None = None) -> float:
        """Total width [GeV] with an optional weight, a function of q2, e.g. the mean invisible probability."""
        total = 0.0
        if self.continuum is not None:
            total += float(self.continuum.bin_integrals(self.continuum.nodes[[0, -1]], weight)[0])
        for line in self.lines:
            total += line.rate() * (1.0 if weight is None else float(weight(np.array([line.q2]))[0]))
        return total

    def pdf(self, q2: ArrayLike) -> Array:
        """(1/Gamma) dGamma/dq2 [GeV^-2] of the continuum; lines are not part of it."""
        x = np.ravel(np.asarray(q2, dtype=np.float64))
        value = self.continuum.width(x) / self.rate() if self.continuum else np.zeros_like(x)
        return value.reshape(np.shape(q2))

    def cdf(self, q2: ArrayLike) -> Array:
        """Fraction of the width below or at q2, lines included, to 1e-10."""
        x = np.ravel(np.asarray(q2, dtype=np.float64))
        below = sum((line.rate() * (line.q2 <= x) for line in self.lines), start=np.zeros_like(x))
        if self.continuum is not None:
            below = below + self.continuum.integral_below(x)
        return np.asarray(below / self.rate()).reshape(np.shape(q2))

    def ppf(self, u: ArrayLike) -> Array:
        """Quantile [GeV^2] of u in [0, 1], from the table that events are sampled from; else raises ValueError."""
        target = np.atleast_1d(np.asarray(u, dtype=np.float64)) * self.rate()
        if np.any((target < 0.0) | (target > self.rate() * (1.0 + 1e-15))):
            raise ValueError("ppf needs probabilities in [0, 1]")
        result = np.full_like(target, np.nan)
        passed = np.zeros_like(target)
        for line in self.lines:
            start = passed + (self.continuum.integral_below(np.array([line.q2]))[0] if self.continuum else 0.0)
            on_line = (target >= start) & (target <= start + line.rate()) & np.isnan(result)
            result[on_line] = line.q2
            passed = passed + line.rate() * ((target > start + line.rate()) | on_line)
        rest = np.isnan(result)
        if self.continuum is not None and rest.any():
            result[rest] = self.continuum.ppf(np.clip((target - passed)[rest] / self.continuum.rate, 0.0, 1.0))
        elif rest.any():  # rounding at u = 1
            result[rest] = self.lines[-1].q2
        return result.reshape(np.shape(u))

    def bin_integrals(self, edges: ArrayLike, weight: Density | None = None) -> Array:
        """Width in each bin [GeV], from the density itself (relative accuracy 1e-8).

        Parameters
        ----------
        edges: (n+1,) increasing q2 [GeV^2]; a line counts in the bin [lower, upper) that holds it, the last is closed.
        weight: optional function of q2 that multiplies the density, e.g. the mean invisible probability.

        Raises ValueError for edges that do not increase.
        """
        x = np.asarray(edges, dtype=np.float64)
        if x.ndim != 1 or len(x) < 2 or not np.all(np.diff(x) > 0.0):
            raise ValueError("bin edges must increase")
        result = np.zeros(len(x) - 1)
        if self.continuum is not None:
            result += self.continuum.bin_integrals(x, weight)
        for line in self.lines:
            k = int(np.searchsorted(x, line.q2, side="right")) - 1
            k = k - 1 if line.q2 == x[-1] else k
            if 0 <= k < len(result):
                factor = 1.0 if weight is None else float(weight(np.array([line.q2]))[0])
                result[k] += line.rate() * factor
        return result
