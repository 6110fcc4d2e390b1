"""The command `bkgen` as a process, with limits: set inside it, since a fork of a process that has JAX is a warning."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

LIMITED = """
import json, resource, signal, sys
limits, *words = sys.argv[1:]
for name, limit in json.loads(limits).items():
    resource.setrlimit(getattr(resource, name), (limit, limit))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
sys.argv = ["bkgen", *words]
from bkgen.cli import main
main()
"""


def bkgen(words: Iterable[str], **limits: int) -> list[str]:
    """What to start for `bkgen WORDS`.  limits: e.g. RLIMIT_FSIZE=2_000_000 in bytes, see `resource.setrlimit`."""
    return [sys.executable, "-c", LIMITED, json.dumps(limits), *words]
