"""Events per second of `null` against phasespace (TensorFlow) for the same chain B -> K X, X -> d1 d2."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

from bkgen import api

from .common import CARDS, Row, best_of

M_B, M_K, M_X, M_D = 5.27941, 0.493677, 2.0, 0.5
SCRIPT = """
import sys, time
from phasespace import GenParticle
m_B, m_K, m_X, m_d, n, repeats = *map(float, sys.argv[1:5]), *map(int, sys.argv[5:7])
X = GenParticle("X", m_X).set_children(GenParticle("d1", m_d), GenParticle("d2", m_d))
B = GenParticle("B", m_B).set_children(GenParticle("K", m_K), X)
B.generate(n)
times = []
for _ in range(repeats):
    start = time.perf_counter()
    weights, particles = B.generate(n)
    weights.numpy(), [p.numpy() for p in particles.values()]
    times.append(time.perf_counter() - start)
print(n / min(times))
"""


def measure(
    events: int = 160 * 131_072, peer_events: int = 500_000, repeats: int = 5, python: str | None = None
) -> list[Row]:
    """One row; phasespace runs in `python`, by default BKGEN_BENCH_PYTHON or this interpreter."""
    python = python or os.environ.get("BKGEN_BENCH_PYTHON", sys.executable)
    arguments = [str(value) for value in (M_B, M_K, M_X, M_D, peer_events, repeats)]
    done = subprocess.run([python, "-c", SCRIPT, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    peer = float(done.stdout)
    values = api.load_card(CARDS / "alp.yaml").resolved()
    values["model"] |= {"m_a": M_X, "m_chi": M_D, "C_chi": 100.0}
    values["output"]["format"] = "null"
    card = api.load_card(values).override(events=events)
    run = partial(api.run, card)
    run()
    return [
        Row("null", events / best_of(run, repeats) / 1e6, "million events/s", peer / 1e6, "phasespace", at_least=5.0)
    ]
