"""Random streams: one SFC64 generator per (seed, chunk, purpose), drawn from inside compiled loops.

The state is numpy's own (`SeedSequence(seed, spawn_key=(chunk, purpose))`) and `uniform` continues exactly the stream
of `numpy.random.Generator(SFC64(...)).random()`; stepping it inline is four times faster than calling the Generator.
"""

from __future__ import annotations

from enum import IntEnum
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from .jit import njit

State = NDArray[np.uint64]
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


class Purpose(IntEnum):
    """What a stream is for; streams of different purpose are independent."""

    EVENTS = 0
    DETECTOR = 1


def stream(seed: int, chunk: int, purpose: Purpose) -> State:
    """State (4,) of the stream of that chunk and purpose."""
    generator = np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(chunk, int(purpose))))
    return np.array(generator.state["state"]["state"], dtype=np.uint64)


@njit
def uniform(state: State) -> float:
    """Next uniform number in [0, 1)."""
    result = state[0] + state[1] + state[3]
    state[3] += np.uint64(1)
    state[0] = state[1] ^ (state[1] >> np.uint64(11))
    state[1] = state[2] + (state[2] << np.uint64(3))
    state[2] = ((state[2] << np.uint64(24)) | (state[2] >> np.uint64(40))) + result
    return float(result >> np.uint64(11)) * _TO_UNIT


@njit
def normal_pair(state: State) -> tuple[float, float]:
    """Next two standard normal numbers (polar method, Marsaglia and Bray, SIAM Rev. 6 (1964) 260)."""
    while True:
        x = 2.0 * uniform(state) - 1.0
        y = 2.0 * uniform(state) - 1.0
        s = x * x + y * y
        if 0.0 < s < 1.0:
            factor = sqrt(-2.0 * log(s) / s)
            return x * factor, y * factor
