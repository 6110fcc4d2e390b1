"""Workers of dask.distributed in the place of threads: chunks of events, rows of scans.

Every worker needs the same version of bkgen, and the files that a card names.  A task whose worker is lost is given to
another one; results arrive in order, and only this process writes, so that a run gives what it gives without a cluster.
"""

from __future__ import annotations

import json
import logging
import platform
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import __version__
from .card import Card, card_from_dict
from .errors import InputError, MissingExtra, Problem, RunError
from .generator import EventBatch, Sample
from .io.metadata import data_sha256
from .jobs import sample_of

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

ANSWER_WITHIN = 10.0  # s, for a scheduler
RETRIES = 3  # of a task that fails on its worker; lost workers are the scheduler's business
CHUNKS_IN_FLIGHT = 16  # results wait on their workers: 16 chunks of 131,072 events keep any single file busy
_PER_THREAD = 2  # tasks in flight for each thread of the cluster, so that none waits for this process


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of the scheduler at that address, or in that JSON file.

    Raises MissingExtra without dask.distributed, InputError if nothing answers, RunError if a worker has not the
    same bkgen.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra("dask", "distributed") from error
    if address.endswith(".json") and not Path(address).is_file():
        raise InputError(Problem(("--scheduler",), "no such file", address))
    where = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        client = Client(**where, timeout=ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(Problem(("--scheduler",), f"no dask scheduler answers there ({reason})", address)) from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what goes wrong is raised, one line of it
    try:
        _check_versions(client)
        if not client.nthreads():
            warnings.warn(f"{address} has no workers yet, waiting for the first one", stacklevel=3)
        yield client
    finally:
        client.close()
        log.setLevel(level)


def _check_versions(client: Client) -> None:
    """Raises RunError if a worker has no bkgen, which would leave its tasks without an answer, or another one."""
    try:
        found = client.run(version, "bkgen")
    except PackageNotFoundError:
        raise RunError("a worker of the cluster has no bkgen: install it there") from None
    for worker, there in found.items():
        if there != __version__:
            raise RunError(f"the worker {worker} has bkgen {there}, this process {__version__}: install the same")


def in_order(
    client: Client, work: Callable[[Any, int], T], common: object, items: Sequence[int], at_most: int | None = None
) -> Iterator[T]:
    """work(common, k) of every item k in order, computed by the workers of the cluster.

    at_most: tasks in flight; by default two for each thread of the cluster.
    Raises RunError for a worker with another version of bkgen, for a task that loses worker after worker, and if the
    scheduler is gone.
    """
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    origin = (__version__, data_sha256())
    pending: deque[Any] = deque()
    try:
        for k in items:
            pending.append(client.submit(_on_worker, origin, work, common, k, pure=False, retries=RETRIES))
            while len(pending) >= (at_most or _PER_THREAD * max(1, sum(client.nthreads().values()))):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except KilledWorker as error:
        raise RunError(f"task after task loses its worker, out of memory? ({str(error).splitlines()[0]})") from error
    except CommClosedError as error:
        raise RunError("the connection to the dask scheduler is lost") from error
    except CancelledError as error:
        reason = str(error).splitlines()[0].rpartition("reason: ")[2]
        raise RunError(f"the dask scheduler is gone or has cancelled the work ({reason.rstrip('.')})") from error
    finally:
        client.cancel(list(pending))


def _on_worker(origin: tuple[str, str], work: Callable[[Any, int], T], common: object, k: int) -> T:
    """A task, refused on a worker with another bkgen than the process that wants it."""
    here = (__version__, data_sha256())
    if here != origin:
        raise RunError(
            f"the worker on {platform.node()} has bkgen {here[0]} with data {here[1][:8]}, "
            f"this process {origin[0]} with {origin[1][:8]}: install the same everywhere"
        )
    return work(common, k)


def stream_chunks(client: Client, card: Card, numbers: Sequence[int]) -> Generator[tuple[EventBatch, bytes]]:
    """As `Sample.stream_chunks`, made by the workers of a cluster."""
    text = json.dumps(card.resolved())
    for k, (columns, digest) in zip(numbers, in_order(client, _chunk, text, numbers, CHUNKS_IN_FLIGHT), strict=True):
        yield EventBatch(columns, k), digest


def _chunk(card: str, k: int) -> tuple[dict[str, Any], bytes]:
    """Columns and digest of a chunk."""
    batch = _sample(card).chunk(k)
    return batch.columns, batch.digest()


@lru_cache(maxsize=4)
def _sample(card: str) -> Sample:
    """The sample of a card, evaluated once by each worker."""
    return sample_of(card_from_dict(json.loads(card)))
