"""Tests that need a program which is not there are deselected."""

from __future__ import annotations

import browser
import jsroot_reader
import pytest

_MISSING = {
    marker: f"no {what}: tests marked `{marker}` are deselected"
    for marker, what, found in (
        ("browser", "Chromium on PATH", browser.EXECUTABLE),
        ("jsroot", "JSROOT (npm ci --ignore-scripts --omit=optional, in tests/jsroot)", jsroot_reader.NODE),
    )
    if found is None
}


def pytest_report_header() -> list[str]:
    """Say in the first lines that tests are left out."""
    return list(_MISSING.values())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of missing programs, reported as deselected."""
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in _MISSING)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
