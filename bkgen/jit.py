"""The one numba wrapper: typed, cached on disk, without the global interpreter lock."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def _use_writable_cache() -> None:
    """Point numba to a temporary folder where the installed package cannot be written (read-only site-packages)."""
    if numba.config.CACHE_DIR or os.access(Path(__file__).parent, os.W_OK):
        return
    folder = Path(tempfile.gettempdir()) / f"bkgen-numba-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    numba.config.CACHE_DIR = str(folder)


_use_writable_cache()


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel to machine code: cached, nogil, division by zero gives inf as in numpy."""
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(Callable[P, R], compiled)
