"""Tests that need a browser are deselected where there is none."""

from __future__ import annotations

import pytest
from browser import EXECUTABLE

_REASON = "no Chromium on PATH: tests marked `browser` are deselected"


def pytest_report_header() -> str | None:
    """Say in the first lines that tests are left out."""
    return None if EXECUTABLE is not None else _REASON


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `browser`, reported as deselected."""
    if EXECUTABLE is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
