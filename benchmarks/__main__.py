"""Run the benchmarks: python -m benchmarks [NAME ...], names as the files of this folder.

Figures are meaningful on an otherwise idle machine.  `peer` needs the extra `bench`, `pythia` pythia8mc.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from .common import Row

NAMES = (
    "kernel",
    "threads",
    "root_output",
    "formats",
    "merge",
    "memory",
    "startup",
    "points",
    "relic",
    "likelihood",
    "coverage",
    "peer",
    "pythia",
)


def main() -> int:
    """Print one line for each figure; 1 if a limit is missed."""
    names = sys.argv[1:] or list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}, one of: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    rows = [row for name in names for row in _shown(name)]
    return 0 if all(row.met for row in rows) else 1


def _shown(name: str) -> list[Row]:
    rows: list[Row] = import_module(f".{name}", __package__).measure()
    for row in rows:
        verdict = "ok" if row.met else "MISSED"
        print(
            f"{row.what}: {row.measured:.4g} {row.unit}, {row.reference_is} {row.reference:.4g}, "
            f"ratio {row.ratio:.3f}  {verdict}",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
