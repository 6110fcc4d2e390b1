"""The only event loop: one compiled function for every model, hadron and topology.

`fill` writes one row per quantity (see `Row`).  It works in the B rest frame: hadron along an isotropic direction k,
pair frame reached by a boost along -k, K* frame along +k; every four-momentum is then boosted once more to the output
frame.  X = B - hadron and the second daughter of each decay are differences, so four-momentum is conserved exactly.
"""

from __future__ import annotations

from enum import IntEnum
from math import atan2, copysign, exp, inf, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .jit import njit
from .streams import State, uniform
from .units import M_TO_MM, S_TO_NS, C

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Vector = tuple[float, float, float, float]  # px, py, pz, E
Pair = tuple[float, float]
Triple = tuple[float, float, float]
Boost = tuple[float, float, float, float, float]  # beta gamma (3), gamma, 1 / (1 + gamma)
Basis = tuple[Triple, Triple, Triple]  # e1, e2, n with e1 x e2 = n

NS_PER_M = S_TO_NS / C
LARGEST_EXPONENT = 700.0  # exp(-x) is 0 in double precision beyond about 745
ALMOST_ONE = 1.0 - 2.0**-53


class Row(IntEnum):
    """Rows that every sample has; vectors take four rows (px, py, pz, E)."""

    Q2 = 0
    Q2_REC = 1
    COS_THETA = 2
    WEIGHT = 3
    EFFICIENCY = 4
    P_INVISIBLE = 5
    MODE = 6
    INVISIBLE = 7
    B = 8
    HADRON = 12
    X = 16
    OPTIONAL = 20


class Frame(IntEnum):
    """Frame of the written four-momenta."""

    LAB = 0
    Y4S = 1
    B = 2


class Topology(IntEnum):
    """Decay topologies, see `bkgen.dark_matter.Topology`."""

    NONE = 0
    PAIR = 1
    CASCADE = 2
    POLE = 3


class Plan(NamedTuple):
    """Everything `fill` needs, as scalars and contiguous arrays.

    Production: masses, B momentum in the Y(4S) frame (0 at rest), beta*gamma of the Y(4S) in the lab, output frame.
    Source: cumulative fractions of lines (n_lines,), cells (nodes, pdf at nodes, cumulative masses, guide table);
    coefficients (n_nodes + n_lines, 3|12).  Modes: one entry each; their cumulative fractions (n_nodes + n_lines,
    n_modes) and the invisible fraction, or a single row where they do not depend on q2.  Optional rows: first row, or
    -1 where absent.
    """

    m_B: float
    p_B: float
    sqrt_s: float
    boost: Array
    frame: int
    m_H: float
    hadron_daughters: Array
    spin: int
    line_masses: Array
    line_cumulative: Array
    nodes: Array
    pdf: Array
    cumulative: Array
    guide: IntArray
    coefficients: Array
    mode_cumulative: Array
    mode_topology: IntArray
    mode_invisible: IntArray
    mode_masses: Array
    mode_polar: Array
    mode_momenta: Array
    mode_pole: Array
    ctau: float
    br_invisible: Array
    L_det: float
    row_angles: int
    row_hadron_daughters: int
    row_daughters: int
    row_second: int
    row_vertex: int


@njit
def _direction(rng: State) -> tuple[float, float, float]:
    """Isotropic unit vector (Marsaglia, Ann. Math. Stat. 43 (1972) 645)."""
    while True:
        x = 2.0 * uniform(rng) - 1.0
        y = 2.0 * uniform(rng) - 1.0
        s = x * x + y * y
        if s < 1.0:
            r = 2.0 * sqrt(1.0 - s)
            return x * r, y * r, 1.0 - 2.0 * s


@njit
def _azimuth(rng: State) -> tuple[float, float]:
    """(cos, sin) of a uniform angle: twice the angle of a point in the unit disc."""
    while True:
        x = 2.0 * uniform(rng) - 1.0
        y = 2.0 * uniform(rng) - 1.0
        s = x * x + y * y
        if 0.0 < s < 1.0:
            inverse = 1.0 / s
            return (x * x - y * y) * inverse, 2.0 * x * y * inverse


@njit
def _sine_squared(rng: State) -> float:
    """c with density (3/4)(1 - c^2): the median of three uniform numbers."""
    a, b, c = uniform(rng), uniform(rng), uniform(rng)
    return 2.0 * max(min(a, b), min(max(a, b), c)) - 1.0


@njit
def _cosine_squared(rng: State) -> float:
    """c with density (3/2) c^2: the largest of three uniform numbers, with a random sign."""
    return copysign(max(uniform(rng), uniform(rng), uniform(rng)), uniform(rng) - 0.5)


@njit
def _quadratic(rng: State, h0: float, h1: float, h2: float) -> float:
    """c in [-1, 1] with density h0 + h1 c + h2 c^2.

    The density is alpha (1-c)^2 + beta (1-c^2) + gamma (1+c)^2, and these three are the densities of the smallest, the
    middle and the largest of three uniform numbers.  Where beta < 0: accept-reject under the exact maximum.
    """
    if h1 == 0.0 and h2 == 0.0:
        return 2.0 * uniform(rng) - 1.0
    if h1 == 0.0 and h0 + h2 == 0.0:
        return _sine_squared(rng)
    if h2 <= h0:
        a, b, c = uniform(rng), uniform(rng), uniform(rng)
        low, high = min(a, b), max(a, b)
        u = uniform(rng) * (2.0 * h0 + (2.0 / 3.0) * h2)
        middle = (2.0 / 3.0) * (h0 - h2)
        if u < middle:
            return 2.0 * max(low, min(high, c)) - 1.0
        if u < middle + (2.0 / 3.0) * (h0 + h2 + h1):
            return 2.0 * max(high, c) - 1.0
        return 2.0 * min(low, c) - 1.0
    maximum = h0 + h2 + abs(h1)
    while True:
        c = 2.0 * uniform(rng) - 1.0
        if uniform(rng) * maximum <= h0 + c * (h1 + h2 * c):
            return c


@njit
def _basis(n: Triple) -> Basis:
    """Right-handed orthonormal basis with n as third vector (Duff et al., JCGT 6 (2017) 1)."""
    x, y, z = n
    sign = copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    return (1.0 + sign * x * x * a, sign * b, -sign * x), (b, sign + y * y * a, -y), n


@njit
def _combine(basis: Basis, x: float, y: float, z: float) -> Triple:
    """The vector with those components in a basis."""
    e1, e2, n = basis
    return (
        x * e1[0] + y * e2[0] + z * n[0],
        x * e1[1] + y * e2[1] + z * n[1],
        x * e1[2] + y * e2[2] + z * n[2],
    )


@njit
def _boost(p: Vector, u: Boost) -> Vector:
    """p as seen where its present rest frame moves with the four-velocity of u."""
    along = p[0] * u[0] + p[1] * u[1] + p[2] * u[2]
    f = along * u[4] + p[3]
    return p[0] + u[0] * f, p[1] + u[1] * f, p[2] + u[2] * f, u[3] * p[3] + along


@njit
def _momentum(M: float, inverse_M: float, m1: float, m2: float) -> float:
    """Momentum of M -> m1 m2 in the rest frame of M, in the factored form that is accurate at threshold."""
    product = (M - m1 - m2) * (M + m1 + m2) * (M - m1 + m2) * (M + m1 - m2)
    return sqrt(max(product, 0.0)) * (0.5 * inverse_M)


@njit
def _four_velocity(p: Vector, inverse_m: float) -> Boost:
    """The boost from the rest frame of a particle to the frame in which its momentum is p."""
    gamma = p[3] * inverse_m
    return p[0] * inverse_m, p[1] * inverse_m, p[2] * inverse_m, gamma, 1.0 / (1.0 + gamma)


@njit
def _write(out: Array, row: int, i: int, p: Vector) -> None:
    out[row, i] = p[0]
    out[row + 1, i] = p[1]
    out[row + 2, i] = p[2]
    out[row + 3, i] = p[3]


@njit
def _minus(p: Vector, q: Vector) -> Vector:
    return p[0] - q[0], p[1] - q[1], p[2] - q[2], p[3] - q[3]


@njit
def _select(cumulative: Array, u: float) -> int:
    """Number of cumulative fractions at or below u, but never past the last entry (counting avoids a jump)."""
    k = 0
    for j in range(len(cumulative) - 1):
        k += u >= cumulative[j]
    return k


@njit
def _mode(rng: State, cumulative: Array, row: int, f: float) -> int:
    """Decay mode, from cumulative fractions between that row and the next; a single mode takes no random number."""
    last = cumulative.shape[1] - 1
    if last == 0:
        return 0
    u, mode = uniform(rng), 0
    for j in range(last):
        mode += u >= _between(cumulative[:, j], row, f)
    return mode


@njit
def _between(values: Array, row: int, f: float) -> float:
    """The value at the fraction f between that row and the next."""
    return float(values[row] if f == 0.0 else (1.0 - f) * values[row] + f * values[row + 1])


@njit
def _cell(cumulative: Array, guide: IntArray, u: float) -> int:
    """Cell of the continuum that holds the cumulative fraction u."""
    u = min(u, ALMOST_ONE)
    k = int(guide[int(u * len(guide))])
    while u >= cumulative[k + 1]:
        k += 1
    return k


@njit
def _linear(rng: State, a: float, b: float) -> float:
    """x in [0, 1] with density proportional to a (1 - x) + b x: a uniform x, mirrored with the right probability."""
    x = uniform(rng)
    return x if uniform(rng) * (a + b) <= a + x * (b - a) else 1.0 - x


@njit
def _interpolate(table: Array, k: int, f: float, J: Array) -> None:
    """Angular coefficients at the fraction f between nodes k and k + 1."""
    for j in range(len(J)):
        J[j] = (1.0 - f) * table[k, j] + f * table[k + 1, j]


@njit
def _line_coefficients(table: Array, row: int, J: Array) -> None:
    """Angular coefficients of a line."""
    for j in range(len(J)):
        J[j] = table[row, j]


@njit
def _kstar_angles(rng: State, J: Array, pair: bool) -> tuple[float, float, float, float]:
    """(cos theta, cos theta_K, cos phi, sin phi) of the 12 coefficients; without a pair only theta_K is drawn.

    Integrated over phi the density is a sum of a transverse (sin^2 theta_K) and a longitudinal (cos^2 theta_K) part.
    """
    transverse = 2.0 * (2.0 * J[0] - (2.0 / 3.0) * J[2])
    part = 0 if uniform(rng) * (transverse + 2.0 * J[1] - (2.0 / 3.0) * J[3]) < transverse else 1
    c_K = _sine_squared(rng) if part == 0 else _cosine_squared(rng)
    if not pair:
        return 0.0, c_K, 0.0, 0.0
    c = _quadratic(rng, J[part] - J[2 + part], J[7 + part], 2.0 * J[2 + part])
    s2, sK2 = 1.0 - c * c, 1.0 - c_K * c_K
    s, sin_2K = sqrt(s2), 2.0 * c_K * sqrt(sK2)
    cos_2 = 1.0 - 2.0 * s2
    flat = sK2 * (J[0] + J[2] * cos_2 + J[7] * c) + (1.0 - sK2) * (J[1] + J[3] * cos_2 + J[8] * c)
    c1 = sin_2K * s * (2.0 * c * J[5] + J[6])
    s1 = sin_2K * s * (2.0 * c * J[10] + J[9])
    c2 = sK2 * s2 * J[4]
    s2phi = sK2 * s2 * J[11]
    bound = flat + sqrt(c1 * c1 + s1 * s1) + sqrt(c2 * c2 + s2phi * s2phi)
    while True:
        x, y = _azimuth(rng)
        density = flat + c1 * x + s1 * y + c2 * (x * x - y * y) + s2phi * 2.0 * x * y
        if uniform(rng) * bound <= density or flat <= 0.0:  # flat < 0 by rounding only, where the density is 0
            return c, c_K, x, y


@njit
def _pole_angle(m_B: float, m_H: float, m_X: float, k_B: float, p: float, m2: float, M: float) -> float:
    """cos(theta) of d1 at which (p_hadron + p_d2)^2 = M^2; p is the momentum of d1 in the pair frame."""
    E2 = sqrt(p * p + m2 * m2)
    k_pair = k_B * m_B / m_X
    E_H = sqrt(k_pair * k_pair + m_H * m_H)
    c = (M * M - m_H * m_H - m2 * m2 - 2.0 * E_H * E2) / (2.0 * k_pair * p)
    return min(max(c, -1.0), 1.0)


@njit
def _along(basis: Basis, p: float, E: float, c: float, cos_phi: float, sin_phi: float, u: Pair) -> Vector:
    """Momentum p at angle c to the third vector of the basis, after a boost along it with u = (gamma, beta gamma)."""
    p_T = p * sqrt(1.0 - c * c)
    v = _combine(basis, p_T * cos_phi, p_T * sin_phi, u[0] * p * c + u[1] * E)
    return v[0], v[1], v[2], u[0] * E + u[1] * p * c


@njit
def _second_step(rng: State, basis: Basis, c: float, direction: float, u: Pair, p: float, m: float) -> Vector:
    """First daughter, of mass m and momentum p at angle c to the flight of its parent, as seen in the X frame.

    The parent flies along the third vector of the basis (direction = 1) or against it (-1), u = (gamma, beta gamma).
    """
    cos_phi, sin_phi = _azimuth(rng)
    return _along(basis, p, sqrt(p * p + m * m), direction * c, cos_phi, sin_phi, (u[0], direction * u[1]))


@njit
def _p_invisible(br_invisible: float, L_det: float, length: float) -> float:
    """Probability that X is not seen, for its mean decay length in the lab [m]."""
    if length * LARGEST_EXPONENT < L_det:
        return br_invisible
    return br_invisible + (1.0 - br_invisible) * exp(-L_det / length)


@njit
def fill(rng: State, plan: Plan, out: Array) -> None:
    """Generate out.shape[1] events into the rows of out (weight, efficiency and smearing are not its business)."""
    b, m_B, m_H = plan.boost, plan.m_B, plan.m_H
    per_m_B, per_m_H = 1.0 / m_B, 1.0 / m_H
    u_Y = _four_velocity((b[0], b[1], b[2], sqrt(1.0 + b[0] * b[0] + b[1] * b[1] + b[2] * b[2])), 1.0)
    E_B = sqrt(m_B * m_B + plan.p_B * plan.p_B)
    q2_rec_at_rest = 0.25 * plan.sqrt_s * plan.sqrt_s + m_H * m_H
    n_lines = len(plan.line_masses)
    p_lines = min(plan.line_cumulative[n_lines - 1], 1.0) if n_lines > 0 else 0.0
    per_continuum = 1.0 / (1.0 - p_lines)
    m_K = plan.hadron_daughters[0]
    p_K = _momentum(m_H, per_m_H, m_K, plan.hadron_daughters[1])
    E_K = sqrt(p_K * p_K + m_K * m_K)
    J = np.zeros(plan.coefficients.shape[1])
    zero = (0.0, 0.0, 0.0, 0.0)

    for i in range(out.shape[1]):
        # q2 and the angular coefficients there
        u = uniform(rng)
        if u < p_lines:
            k = _select(plan.line_cumulative, u)
            m_X = plan.line_masses[k]
            q2 = m_X * m_X
            row, f = len(plan.nodes) + k, 0.0
            _line_coefficients(plan.coefficients, row, J)
        else:
            k = _cell(plan.cumulative, plan.guide, (u - p_lines) * per_continuum)
            row, f = k, _linear(rng, plan.pdf[k], plan.pdf[k + 1])
            q2 = plan.nodes[k] + f * (plan.nodes[k + 1] - plan.nodes[k])
            m_X = sqrt(q2)
            _interpolate(plan.coefficients, k, f, J)
        if len(plan.br_invisible) == 1:  # the decay of X does not depend on q2
            row, f = 0, 0.0
        mode = _mode(rng, plan.mode_cumulative, row, f)
        per_m_X = 1.0 / m_X
        topology = plan.mode_topology[mode]
        pair = topology != Topology.NONE

        # B rest frame: hadron along the third vector of the basis, X against it
        basis = _basis(_direction(rng))
        k_hat = basis[2]
        k_B = _momentum(m_B, per_m_B, m_H, m_X)
        E_H = 0.5 * (m_B * m_B + m_H * m_H - q2) * per_m_B
        hadron = (k_B * k_hat[0], k_B * k_hat[1], k_B * k_hat[2], E_H)

        # B in the Y(4S) frame and in the output frame, where u_B is its four-velocity
        c_B = _sine_squared(rng)
        cos_phi, sin_phi = _azimuth(rng)
        p_T = plan.p_B * sqrt(1.0 - c_B * c_B)
        B_Y4S = (p_T * cos_phi, p_T * sin_phi, plan.p_B * c_B, E_B)
        B = B_Y4S
        if plan.frame == Frame.LAB:
            B = _boost(B_Y4S, u_Y)
        elif plan.frame == Frame.B:
            B = (0.0, 0.0, 0.0, m_B)
        u_B = _four_velocity(B, per_m_B)
        H = _boost(hadron, u_B)
        X = _minus(B, H)

        # energies in the Y(4S) frame for q2_rec, in the lab for the flight of X
        E_H_Y4S, E_X_lab = H[3], X[3]
        if plan.frame == Frame.LAB:
            E_H_Y4S = u_Y[3] * H[3] - u_Y[0] * H[0] - u_Y[1] * H[1] - u_Y[2] * H[2]
        elif plan.frame == Frame.Y4S:
            E_X_lab = _boost(X, u_Y)[3]
        else:
            to_Y4S = _four_velocity(B_Y4S, per_m_B)
            E_H_Y4S = _boost(H, to_Y4S)[3]
            E_X_lab = _boost(_boost(X, to_Y4S), u_Y)[3]

        # decay of X: d1 at angle c to the hadron in the pair frame, which moves along -k_hat
        c, c_K, cos_az, sin_az = 0.0, 0.0, 0.0, 0.0
        m1, m2 = plan.mode_masses[mode, 0], plan.mode_masses[mode, 1]
        p = _momentum(m_X, per_m_X, m1, m2)
        if plan.spin == 1:
            c, c_K, cos_az, sin_az = _kstar_angles(rng, J, pair)
        elif topology == Topology.POLE:
            c = _pole_angle(m_B, m_H, m_X, k_B, p, m2, plan.mode_pole[mode])
        elif pair:
            c = _quadratic(rng, J[0], J[1], J[2])
        cos_1, sin_1 = _azimuth(rng)
        if pair:
            E1 = 0.5 * (m_X + (m1 - m2) * (m1 + m2) * per_m_X)
            gamma, beta_gamma = (m_B - E_H) * per_m_X, k_B * per_m_X
            d1 = _boost(_along(basis, p, E1, c, cos_1, sin_1, (gamma, -beta_gamma)), u_B)
            d2 = _minus(X, d1)
            _write(out, plan.row_daughters, i, d1)
            _write(out, plan.row_daughters + 4, i, d2)
            if topology == Topology.CASCADE:
                s = sqrt(1.0 - c * c)
                along_d1 = _basis(_combine(basis, s * cos_1, s * sin_1, c))
                back = -beta_gamma
                u_X = _four_velocity((back * k_hat[0], back * k_hat[1], back * k_hat[2], gamma), 1.0)
                # scalars, because a view of an array would be reference-counted for every event
                E2, per_m1, per_m2 = m_X - E1, 1.0 / m1, 1.0 / m2
                h, p_step, m = plan.mode_polar, plan.mode_momenta, plan.mode_masses
                c1 = _quadratic(rng, h[mode, 0, 0], h[mode, 0, 1], h[mode, 0, 2])
                c2 = _quadratic(rng, h[mode, 1, 0], h[mode, 1, 1], h[mode, 1, 2])
                d11 = _second_step(rng, along_d1, c1, 1.0, (E1 * per_m1, p * per_m1), p_step[mode, 0], m[mode, 2])
                d21 = _second_step(rng, along_d1, c2, -1.0, (E2 * per_m2, p * per_m2), p_step[mode, 1], m[mode, 4])
                d11 = _boost(_boost(d11, u_X), u_B)
                d21 = _boost(_boost(d21, u_X), u_B)
                _write(out, plan.row_second, i, d11)
                _write(out, plan.row_second + 4, i, _minus(d1, d11))
                _write(out, plan.row_second + 8, i, d21)
                _write(out, plan.row_second + 12, i, _minus(d2, d21))
        elif plan.row_daughters >= 0:
            _write(out, plan.row_daughters, i, zero)
            _write(out, plan.row_daughters + 4, i, zero)
        if plan.row_second >= 0 and topology != Topology.CASCADE:
            for j in range(4):
                _write(out, plan.row_second + 4 * j, i, zero)

        # decay of the hadron; the decay planes enclose phi = phi_K - phi_1 + pi (phi_K is uniform without a pair)
        if plan.row_hadron_daughters >= 0:
            cos_K, sin_K = cos_1, sin_1
            if pair:
                cos_K, sin_K = sin_1 * sin_az - cos_1 * cos_az, -sin_1 * cos_az - cos_1 * sin_az
            in_B = _along(basis, p_K, E_K, c_K, cos_K, sin_K, (E_H * per_m_H, k_B * per_m_H))
            K = _boost(in_B, u_B)
            out[plan.row_angles, i] = c_K
            out[plan.row_angles + 1, i] = atan2(sin_az, cos_az) if pair else 0.0
            _write(out, plan.row_hadron_daughters, i, K)
            _write(out, plan.row_hadron_daughters + 4, i, _minus(H, K))

        # flight of X
        invisible, p_invisible = plan.mode_invisible[mode], 1.0
        if plan.ctau < inf:
            mean_flight = sqrt(max(E_X_lab * E_X_lab - q2, 0.0)) * per_m_X * plan.ctau
            p_invisible = _p_invisible(_between(plan.br_invisible, row, f), plan.L_det, mean_flight)
            lifetimes = -log(1.0 - uniform(rng))
            if lifetimes * mean_flight > plan.L_det:
                invisible = 1
            if plan.row_vertex >= 0:
                flight = lifetimes * plan.ctau * per_m_X
                mm = M_TO_MM * flight
                _write(out, plan.row_vertex, i, (mm * X[0], mm * X[1], mm * X[2], flight * X[3] * NS_PER_M))

        out[Row.Q2, i] = q2
        out[Row.Q2_REC, i] = q2_rec_at_rest - plan.sqrt_s * E_H_Y4S
        out[Row.COS_THETA, i] = c
        out[Row.P_INVISIBLE, i] = p_invisible
        out[Row.MODE, i] = mode
        out[Row.INVISIBLE, i] = invisible
        _write(out, Row.B, i, B)
        _write(out, Row.HADRON, i, H)
        _write(out, Row.X, i, X)
