"""The benchmarks run, at a hundredth of their size; their limits are judged on an idle machine only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import common, coverage, formats, kernel, likelihood, memory, merge, points, relic, root_output, threads


def test_kernel() -> None:
    """One positive figure for each chain."""
    rows = kernel.measure(events=1300)
    assert len(rows) == len(common.CHAINS)
    assert all(row.measured > 0.0 for row in rows)


def test_root_output() -> None:
    """End to end cannot be faster than writing alone by much."""
    rows = root_output.measure(events=52_000, repeats=1)
    assert len(rows) == len(root_output.LIMITS)
    assert all(0.0 < row.ratio < 2.0 for row in rows)


def test_formats() -> None:
    """Every format with one and two workers, and null by size."""
    rows = formats.measure(events=40_000, records=500, sizes=(10_000, 20_000), repeats=1)
    assert len(rows) == 2 * (len(formats.TABLES) + len(formats.RECORDS)) + 1
    assert all(row.measured > 0.0 and row.met for row in rows)


def test_threads() -> None:
    """One figure for each chain, of a single chunk: nothing to gain there."""
    rows = threads.measure(events=1300, repeats=1)
    assert len(rows) == len(common.CHAINS)
    assert all(row.measured > 0.0 for row in rows)


def test_merge() -> None:
    """Two files stay below both limits."""
    rows = merge.measure(files=2, repeats=1)
    assert all(row.met for row in rows)


def test_memory() -> None:
    """A small run stays below the limit."""
    rows = memory.measure(null_events=10**6, root_events=10**5)
    assert all(row.met for row in rows)


def test_points() -> None:
    """A hundred points of each model, scaled to ten thousand."""
    rows = points.measure(points=points.POINTS // 100)
    assert len(rows) == len(points.MASSES) + 1
    assert all(row.measured > 0.0 for row in rows)


def test_likelihood() -> None:
    """One mass and a scan of 4 x 4 points, scaled; agreement with pyhf is tested with the limits."""
    rows = likelihood.measure(masses=1, grid=4, templates=0)
    assert len(rows) == 3
    assert all(row.measured > 0.0 for row in rows)


def test_coverage() -> None:
    """Five toys; their own spread decides."""
    (row,) = coverage.measure(toys=5)
    assert 0.0 <= row.measured <= 1.0
    assert row.met


def test_relic() -> None:
    """One point of each way of production."""
    rows = relic.measure(points=relic.POINTS // 100)
    assert [row.reference for row in rows] == list(relic.LIMITS.values())
    assert all(row.measured > 0.0 for row in rows)


@pytest.mark.parametrize(("ratio", "met"), [(0.5, True), (2.0, False)])
def test_verdict(ratio: float, met: bool) -> None:
    """A figure above its limit is missed."""
    assert common.Row("a", ratio, "s", 1.0, "limit", at_most=1.0).met is met
