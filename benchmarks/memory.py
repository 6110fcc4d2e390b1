"""Peak memory of whole runs in processes of their own, against the limit of 600 MiB."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from .common import CARDS, Row

LIMIT = 600.0  # MiB


def measure(null_events: int = 10**8, root_events: int = 10**7) -> list[Row]:
    """Largest resident size of `bkgen run` with formats null and root."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for format, events in (("null", null_events), ("root", root_events)):
            target = str(Path(folder) / "events.root")
            command = ["run", str(CARDS / "sm.yaml"), "-n", str(events), "--format", format, "-o", target]
            peak = peak_memory([sys.executable, "-m", "bkgen", *command])
            rows.append(Row(f"memory, {events:.0e} events, {format}", peak, "MiB", LIMIT, "limit", at_most=1.0))
    return rows


def peak_memory(command: list[str]) -> float:
    """Largest resident size [MiB] that a command reached."""
    watcher = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watcher, *command],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    kibibytes = float(done.stdout)
    return kibibytes / 1024.0
