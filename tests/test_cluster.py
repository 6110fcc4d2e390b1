"""Runs and scans on a cluster of dask.distributed: the same content as without, also if a worker dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from bkgen_analysis import scan as scans
from distributed import Client, LocalCluster

from bkgen import api, cluster
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError, MissingExtra, RunError
from bkgen.generator import CHUNK
from bkgen.io.root import RootWriter

SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
ALP = {**SM, "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8}}


def card_to(path: Path, chunks: int) -> Card:
    output = {"path": str(path), "columns": "slim"}
    return card_from_dict({**SM, "generate": {"events": chunks * CHUNK, "seed": 3}, "output": output})


def cluster_of(**settings: Any) -> LocalCluster:
    return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50, **settings)


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCluster]:
    """Two workers in this process, which need not import anything."""
    with cluster_of(processes=False) as it:
        yield it


def test_a_run_survives_the_loss_of_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two worker processes is killed in the middle; the content is that of a run with threads.

    Before, a task is refused by workers that have another version than the process that wants it.
    """
    written: list[int] = []
    whole = RootWriter.write

    def kill_and_write(self: RootWriter, batch: Any) -> None:
        written.append(batch.chunk)
        if batch.chunk == 1:
            os.kill(next(iter(pids.values())), signal.SIGKILL)
        whole(self, batch)

    with cluster_of(processes=True) as processes:
        with Client(processes, set_as_default=False) as client:
            pids = client.run(os.getpid)
            with monkeypatch.context() as other:
                other.setattr(cluster, "__version__", "9")
                with pytest.raises(RunError, match="this process 9 with"):
                    list(cluster.in_order(client, int, "7", [0]))
        with monkeypatch.context() as watched:
            watched.setattr(RootWriter, "write", kill_and_write)
            far = api.run(card_to(tmp_path / "far.root", 12), scheduler=processes.scheduler_address)
    assert written == list(range(12))
    assert far.content_sha256 == api.run(card_to(tmp_path / "near.root", 12), workers=2).content_sha256


def test_rows_of_a_scan(local: LocalCluster) -> None:
    axis = scans.read_axis("m_a=0.5:5.5:11")
    scan = scans.Scan(card_from_dict(ALP), (axis,), "rates")
    far, near = scans.run(scan, scheduler=local.scheduler_address), scans.run(scan)
    assert far.to_dict() == near.to_dict()
    assert far.warnings == near.warnings != []


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_WITHIN", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense://", str(tmp_path / "none.json")):
        with pytest.raises(
            InputError, match=r"--scheduler = .*: no (dask scheduler answers there|such file)"
        ) as caught:
            api.run(card_to(tmp_path / "a.root", 1), scheduler=address)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bkgen\[dask\]'"):
        api.run(card_to(tmp_path / "a.root", 1), scheduler="tcp://localhost:8786")
    assert not list(tmp_path.iterdir())


def test_no_part_of_dask_is_imported_for_a_local_run() -> None:
    script = "import sys, bkgen.runs, bkgen.cluster; print('distributed' in sys.modules, 'dask' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]


def _none(name: str) -> str:
    raise PackageNotFoundError(name)


def _old(name: str) -> str:
    return "0.0.1"


@pytest.mark.parametrize(("found", "problem"), [(_none, "has no bkgen"), (_old, "has bkgen 0.0.1, this process")])
def test_workers_without_the_same_bkgen_are_refused_at_once(
    found: Any, problem: str, local: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that a worker cannot even read would never be answered."""
    monkeypatch.setattr(cluster, "version", found)
    with pytest.raises(RunError, match=problem):
        api.run(card_to(tmp_path / "a.root", 1), scheduler=local.scheduler_address)
    assert not list(tmp_path.iterdir())
