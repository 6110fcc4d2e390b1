"""JSROOT under Node, a reader of ROOT files that shares no code with the writer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("BKGEN_JSROOT") or Path(__file__).parent / "jsroot")
NODE = shutil.which("node") if (FOLDER / "node_modules" / "jsroot").is_dir() else None
"""None where the reader is not installed: npm ci --ignore-scripts --omit=optional, in its folder."""


def read(path: Path, first: int, count: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Columns of those events, and the metadata."""
    command = [str(NODE), str(FOLDER / "read.mjs"), str(path), str(first), str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    return seen["columns"], json.loads(seen["metadata"])
