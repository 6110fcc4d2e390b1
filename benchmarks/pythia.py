"""Events per second of `null` against a particle gun of Pythia 8 that lets B+ -> K+ nu nubar decay, one thread each.

Pythia runs in the interpreter BKGEN_BENCH_PYTHON, or this one; `pip install pythia8mc==8.315` has wheels.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

from bkgen import api

from .common import Row, best_of, chain_card

SCRIPT = """
import sys, time
from pythia8mc import Pythia
n = int(sys.argv[1])
pythia = Pythia("", False)
for setting in ("ProcessLevel:all = off", "Print:quiet = on", "521:oneChannel = 1 1.0 0 321 14 -14",
                "511:mayDecay = off"):
    pythia.readString(setting)
pythia.init()
E, p, m = 5.64, (5.64**2 - 5.27941**2) ** 0.5, 5.27941
start = time.perf_counter()
for _ in range(n):
    pythia.event.reset()
    pythia.event.append(521, 1, 0, 0, 0.0, 0.0, p, E, m)
    pythia.next()
seconds = time.perf_counter() - start
assert pythia.event.size() == 5, pythia.event.size()
print(n / seconds)
"""


def measure(events: int = 10_000_000, peer_events: int = 200_000, repeats: int = 3) -> list[Row]:
    """One row.  Raises CalledProcessError without Pythia."""
    python = os.environ.get("BKGEN_BENCH_PYTHON", sys.executable)
    done = subprocess.run([python, "-c", SCRIPT, str(peer_events)], check=True, stdout=subprocess.PIPE, text=True)
    card = chain_card("K + X(-> 2)", events, format="null", path="unused.root")
    ours = events / best_of(partial(api.run, card), repeats)
    return [Row("null", ours / 1e6, "million events/s", float(done.stdout) / 1e6, "Pythia 8", at_least=50.0)]
