"""Compiled integrators of the Boltzmann equations: implicit Runge-Kutta steps of a fixed size in ln x or ln(1/T).

The equations, those of docs/relic.md, are stiff in equilibrium, where the rate is many orders above the Hubble rate.
SDIRK4 of E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, table 6.5, has order 4 and is L-stable; each
stage is one Newton iteration for one or two numbers.  The steps are fixed, so that results are smooth functions of
every parameter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import njit

Array = NDArray[np.float64]

STAGES = np.array([1.0 / 4.0, 3.0 / 4.0, 11.0 / 20.0, 1.0 / 2.0, 1.0])
"""Positions of the stages in a step, at which coefficients are needed."""

DIAGONAL = 0.25
COEFFICIENTS = np.array(
    [
        [0.0, 0.0, 0.0, 0.0],
        [1.0 / 2.0, 0.0, 0.0, 0.0],
        [17.0 / 50.0, -1.0 / 25.0, 0.0, 0.0],
        [371.0 / 1360.0, -137.0 / 2720.0, 15.0 / 544.0, 0.0],
        [25.0 / 24.0, -49.0 / 48.0, 125.0 / 16.0, -85.0 / 12.0],
    ]
)
_ITERATIONS = 60
_CONVERGED = 1e-13
_LONGEST = 2.0  # step of Newton's method in D; exp(D) must not overflow


@njit
def deviations(
    pair: Array, semi: Array, slope: Array, h: float, stop: float, coefficients: Array, diagonal: float
) -> Array:
    """D = ln(Y/Y_eq), (n+1,), from D = 0 in steps of h: dD/dl = -2 pair sinh D - semi (e^D - 1) - slope.

    pair, semi, slope: (n, 5), at the `STAGES` of each step; slope = dln Y_eq/dl.  After D > ``stop`` the last D is
    repeated.
    """
    n, stages = pair.shape
    D = np.zeros(n + 1)
    k = np.zeros(stages)
    for i in range(n):
        value = D[i]
        if value > stop:
            D[i + 1 :] = value
            break
        for j in range(stages):
            start = D[i]
            for m in range(j):
                start += h * coefficients[j, m] * k[m]
            known = start - h * diagonal * slope[i, j]
            a, b = h * diagonal * pair[i, j], h * diagonal * semi[i, j]
            for _ in range(_ITERATIONS):
                up, down = math.expm1(value), math.expm1(-value)
                residual = value + a * (up - down) + b * up - known
                change = residual / (1.0 + a * (up + down + 2.0) + b * (up + 1.0))
                value -= max(-_LONGEST, min(_LONGEST, change))
                if abs(change) <= _CONVERGED * max(1.0, abs(value)):
                    break
            k[j] = (value - start) / (h * diagonal)
        D[i + 1] = value
    return D


@njit
def mediated(
    produced: Array, decayed: Array, equilibrium: Array, back: Array, h: float, coefficients: Array, diagonal: float
) -> Array:
    """Yields (n+1, 2) of a mediator, u, and of dark matter, w, from 0 in steps of h.

    du/dl = produced (equilibrium - u) - flow, dw/dl = 2 flow, flow = decayed (u - back w^2).
    produced, decayed: rates over H; equilibrium: yield of the mediator; back: equilibrium/(equilibrium of w)^2;
    each (n, 5), at the `STAGES` of each step.
    """
    n, stages = produced.shape
    result = np.zeros((n + 1, 2))
    k = np.zeros((stages, 2))
    for i in range(n):
        u, w = result[i, 0], result[i, 1]
        for j in range(stages):
            u_known, w_known = result[i, 0], result[i, 1]
            for m in range(j):
                u_known += h * coefficients[j, m] * k[m, 0]
                w_known += h * coefficients[j, m] * k[m, 1]
            p, q = h * diagonal * produced[i, j], h * diagonal * decayed[i, j]
            e, r = equilibrium[i, j], back[i, j]
            for _ in range(_ITERATIONS):
                flow = q * (u - r * w * w)
                f_u = u - u_known - p * (e - u) + flow
                f_w = w - w_known - 2.0 * flow
                # [[1 + p + q, -2 q r w], [-2 q, 1 + 4 q r w]]
                loss = 2.0 * q * r * w
                determinant = (1.0 + p) * (1.0 + 2.0 * loss) + q
                du = ((1.0 + 2.0 * loss) * f_u + loss * f_w) / determinant
                dw = (2.0 * q * f_u + (1.0 + p + q) * f_w) / determinant
                u -= du
                w -= dw
                if abs(du) <= _CONVERGED * abs(u) and abs(dw) <= _CONVERGED * abs(w):
                    break
            k[j, 0] = (u - u_known) / (h * diagonal)
            k[j, 1] = (w - w_known) / (h * diagonal)
        result[i + 1, 0], result[i + 1, 1] = u, w
    return result
